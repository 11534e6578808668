"""The store can not be written for a while: held by another process, on a full disk, on a disk that refuses.

What a disk that turns read-only looks like to a service that has its files open, is a write that fails: so
the limit on the size of files stands for it, which any user can set and take back.
"""

import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, wait_for

from writers import Writers

SMALL = "24m"
"""The size of the disk that gets full."""
WATCHED = 2.0
"""Seconds for which nobody may be promoted; a failover takes a twentieth of one."""
CALLERS = 4
PATIENCE = 5.0
"""Seconds that a call waits for another process to let go of the store."""
ANSWER = 0.8 * CALLERS * PATIENCE
"""Seconds within which every call is answered: less than it takes when they wait one after the other."""
LIMIT = 200 * 1024
"""Bytes; the log of the service stays below, the store's has passed it."""


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service on a small disk of its own where we may mount one, else in a folder like any other."""
    with small_disk(tmp_path / "disk") as disk:
        service = ServiceProcess(disk / "service")
        service.log = tmp_path / "service.log"
        service.start()
        try:
            yield service
        finally:
            service.purge()


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A disk that can be filled without harm to anybody."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "memstored-test", str(place)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield place
    finally:
        if mounted:
            subprocess.run(["umount", str(place)], check=True)


@contextmanager
def held_by_another(service: ServiceProcess) -> Iterator[None]:
    """Somebody else's transaction on the store, as of a backup tool or a curious person."""
    other = sqlite3.connect(service.data_dir / "memstored.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def log_begun_anew(service: ServiceProcess) -> Path:
    """The store's log, written back and cut to nothing: from now on each change needs new room in it, until
    it is a thousand pages long. A longer one could take changes again from its beginning, on a full disk,
    too, and the store would rightly be said to be well.
    """
    with closing(sqlite3.connect(service.data_dir / "memstored.db", isolation_level=None)) as other:
        wait_for(lambda: other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, what="the cut")
    return service.data_dir / "memstored.db-wal"


@contextmanager
def full(service: ServiceProcess) -> Iterator[None]:
    """No room is left on the disk; where it is everybody's disk, none for this service."""
    if not service.place.parent.is_mount():
        with refusing(service):
            yield
        return
    log_begun_anew(service)
    filler = service.place / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 10, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def refusing(service: ServiceProcess) -> Iterator[None]:
    """The disk refuses what the store writes."""
    assert service.process is not None
    log = log_begun_anew(service)
    wait_for(lambda: grown(service, log), what="a log of the store longer than the limit")
    before = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, before)


def grown(service: ServiceProcess, log: Path) -> bool:
    """Whether the store's log passed the limit; one more change is made when it did not."""
    service.sets()
    service.client.new_token()
    return log.stat().st_size > LIMIT


def ready(service: ServiceProcess) -> tuple[int, str | None]:
    """What `/readyz` says."""
    answer = httpx.get(f"{service.url}/readyz", timeout=ANSWER)
    return answer.status_code, answer.json()["reason"]


def changed(url: str, token: str) -> tuple[httpx.Response, float]:
    """The answer to a change of a set, and the seconds it took."""
    began = time.monotonic()
    answer = httpx.patch(url, json={"description": "in trouble"}, headers={"X-Auth-Token": token}, timeout=60)
    return answer, time.monotonic() - began


def changed_at_once(service: ServiceProcess, made: LiveSet, token: str) -> list[tuple[httpx.Response, float]]:
    """The answers to callers who want to change a set at the same time."""
    with ThreadPoolExecutor(CALLERS) as callers:
        asked = [callers.submit(changed, f"{service.url}{made.path}", token) for _ in range(CALLERS)]
    return [call.result() for call in asked]


def masters(made: LiveSet, replicas: list[str]) -> list[str]:
    """Those of these addresses at which a master answers."""
    found = []
    for host in replicas:
        with made.at(host) as client:
            found += [host] if client.info("replication")["role"] == "master" else []
    return found


@pytest.mark.parametrize("trouble", [held_by_another, full, refusing])
def test_nothing_happens_that_can_not_be_recorded_and_all_goes_on_afterwards(
    tried: ServiceProcess, trouble: Callable[[ServiceProcess], object]
) -> None:
    """It is said, changes are refused, reading goes on; the failover comes afterwards, not before (S7)."""
    made = LiveSet.running(tried, NEWEST, 3)
    other, token = LiveSet.running(tried, NEWEST, 1, recoveryEnabled=False), tried.client.new_token().value
    hosts, rows = [row["endpoint"] for row in made.replicas()], {row["objectId"] for row in tried.sets()}
    with Writers(made, copies=2) as writers:
        writers.await_more()

    with trouble(tried):
        wait_for(lambda: ready(tried)[0] == 503, what="the trouble being said")
        refusals = changed_at_once(tried, other, token)
        readable = made.show()["status"]
        lost = made.kill_primary()
        until = time.monotonic() + WATCHED
        promoted = []
        while time.monotonic() < until:
            promoted += masters(made, hosts)
        wait_for(lambda: tried.said("store_trouble", made.id), what="the log saying that the set waits")
        kept = {row["objectId"] for row in tried.sets()}
        told = ready(tried)
    made.await_replaced(lost)
    wait_for(lambda: ready(tried) == (200, None), what="the service being ready again")
    other.patch(description="over it")

    assert [answer.json()["error"]["code"] for answer, _ in refusals] == ["store_unavailable"] * CALLERS
    assert all(answer.status_code == 500 and answer.headers["Retry-After"] for answer, _ in refusals)
    assert max(took for _, took in refusals) < ANSWER
    assert readable == "Running"
    assert promoted == []
    assert told[0] == 503
    assert told[1]
    assert kept == rows == {row["objectId"] for row in tried.sets()}
    assert writers.missing() == []
    assert made.addresses_lead_home()
    assert made.event_names().count("Cluster Failover") == 1
    assert len(tried.said("store_trouble", made.id)) == 1
