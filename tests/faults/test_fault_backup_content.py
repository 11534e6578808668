"""What comes back out of a backup is, key by key, what was there at one moment while writes went on.

`make test` takes some thousand keys of each type, and this takes a million:

    BACKUP_KEYS=1000000 make test PYTEST_ARGS=tests/faults/test_fault_backup_content.py
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import redis
from keyspace import DATABASES, LIBRARY, differences, fill
from live_backup import LiveBackup, delete_all
from live_set import LiveSet
from service_process import ServiceProcess, wait_for

KEYS = int(os.environ.get("BACKUP_KEYS", "8000"))
WRITERS = 4
DEADLINE = 60.0 + KEYS / 5000
"""Seconds for a backup or a restore, on a machine that many tests share."""

pytestmark = pytest.mark.timeout(120 + KEYS / 1000)


def raw(host: str) -> redis.Redis:
    """A client that gets bytes as they are."""
    return redis.Redis(host, 6379, socket_timeout=60)


@contextmanager
def journals(made: LiveSet) -> Iterator[list[int]]:
    """Writers that each keep a list of numbers and, in one transaction with it, the last of them.

    Yields how far each was acknowledged.
    """
    ended, written = threading.Event(), [0] * WRITERS

    def write(number: int) -> None:
        with closing(raw(made.address())) as client:
            while not ended.is_set():
                pipeline = client.pipeline(transaction=True)
                pipeline.rpush(f"journal:{number}", written[number] + 1)
                pipeline.set(f"last:{number}", written[number] + 1)
                pipeline.execute()
                written[number] += 1

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def in_journals(client: redis.Redis) -> list[int]:
    """How far each journal goes; fails for one with a gap, or that goes further than its last number."""
    ends = []
    for number in range(WRITERS):
        lines = [int(line) for line in client.lrange(f"journal:{number}", 0, -1)]
        last = int(client.get(f"last:{number}") or 0)
        assert lines == list(range(1, last + 1)), f"journal {number} is not of one moment"
        ends.append(last)
    return ends


def functions_of(client: redis.Redis, version: str) -> object:
    """The libraries of an engine that has such."""
    return client.function_list(withcode=True) if version >= "7" else None


def counts(client: redis.Redis) -> dict[str, int]:
    """The keys of each database."""
    return {name: row["keys"] for name, row in client.info("keyspace").items()}


@pytest.fixture
def made(service: ServiceProcess, version: str) -> Iterator[LiveSet]:
    """A set of two nodes with a keyspace of every type; the backups of it are deleted in the end."""
    made = LiveSet.running(service, version, 2)
    with closing(raw(made.address())) as client:
        fill(client, KEYS, int(time.time() * 1000))
        if version >= "7":
            client.function_load(LIBRARY)
        wait_for(lambda: client.wait(1, 30_000) >= 1, what="the replica having all of it")
    yield made
    delete_all(service)


def test_what_comes_back_is_what_was_there_at_one_moment(
    service: ServiceProcess, made: LiveSet, version: str
) -> None:
    """Every type, every database, expiries, functions; and of what was being written one moment."""
    with journals(made) as written:
        wait_for(lambda: min(written) > 10, what="writes that go on")
        before = list(written)
        backup = LiveBackup.asked(made)
        row = backup.await_status("Available", "Error", deadline=DEADLINE)
        after = list(written)
    assert row["reason"] is None
    restored = LiveSet.ordered(service, version, 3, restoreSource={"backupName": row["name"]})
    restored.await_whole(3, deadline=DEADLINE)
    backup.await_status("Available")

    with closing(raw(made.address())) as source, closing(raw(restored.address())) as copy:
        assert differences(source, copy, KEYS) == []
        assert functions_of(source, version) == functions_of(copy, version)
        held = in_journals(copy)
        assert all(a <= h <= b for a, h, b in zip(before, held, after, strict=True)), (before, held, after)
        assert sum(counts(copy).values()) == row["keys"] == KEYS + 2 * WRITERS
        assert set(counts(copy)) == {f"db{number}" for number in DATABASES}
        for replica in restored.replicas():
            with closing(raw(replica["endpoint"])) as other:
                assert counts(other) == counts(copy)
                assert differences(copy, other, KEYS) == []
