"""Random faults at random moments of a backup: whatever happens, nothing is half, stuck or lost.

`make test` takes a few of each kind, and this takes three hundred:

    BACKUP_TRIALS=300 make test TEST_WORKERS=2 PYTEST_ARGS=tests/faults/test_fault_backup_trials.py
"""

import hashlib
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest
from live_backup import LiveBackup, delete_all, fill, unfinished
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, chance, kill, wait_for

from memstored.client.errors import ApiFault

MEGABYTES = 40
NODES = 3
SMALL = 10 * 1024 * 1024
"""Bytes that a file may have while the disk takes no more."""
HELD = 2.0
"""Seconds for which somebody else holds the store."""


@dataclass
class Trial:
    """A set with data, a backup of it that was asked for, and what else was asked for."""

    set: LiveSet
    backup: LiveBackup
    also: list[LiveBackup] = field(default_factory=list)
    deleted: bool = False

    @property
    def service(self) -> ServiceProcess:
        """The service of both."""
        return self.set.service


def refusal(call: Callable[[], object]) -> ApiFault | None:
    """Why the service refused; None when it did not."""
    try:
        call()
    except ApiFault as fault:
        return fault
    return None


def nothing(_trial: Trial) -> None:
    """No fault at all."""


def replica_dies(trial: Trial) -> None:
    """One of the two that may give it."""
    kill(trial.set.server_of(chance.choice(trial.set.replicas())))


def replica_hangs(trial: Trial) -> None:
    """The same, but only its silence tells."""
    os.kill(trial.set.server_of(chance.choice(trial.set.replicas())), signal.SIGSTOP)


def primary_dies(trial: Trial) -> None:
    """A failover under the backup."""
    trial.set.kill_primary()


def service_dies(trial: Trial) -> None:
    """It is started again at once."""
    trial.service.kill()
    trial.service.start()


def set_is_deleted(trial: Trial) -> None:
    """While it is being made."""
    trial.set.delete()
    trial.deleted = True


def disk_is_full(trial: Trial) -> None:
    """Object storage takes no more until the backup has ended."""
    assert trial.service.process is not None
    process = trial.service.process.pid
    before = resource.prlimit(process, resource.RLIMIT_FSIZE, (SMALL, resource.RLIM_INFINITY))
    try:
        trial.backup.await_status("Available", "Error")
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def store_is_held(trial: Trial) -> None:
    """Somebody else's transaction on the database."""
    file = trial.service.data_dir / "memstored.db"
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(HELD)
        other.execute("ROLLBACK")


def asked_twice(trial: Trial) -> None:
    """Another one of the same set, and one of the same name: each is refused, or comes after it."""
    name = trial.backup.show()["name"]
    for wanted in (None, name):
        fault = refusal(lambda wanted=wanted: trial.also.append(LiveBackup.asked(trial.set, wanted)))
        assert fault is None or fault.status in (400, 409), fault


def deleted_in_use(trial: Trial) -> None:
    """Verified and deleted at the same time: it stays until that is over."""
    if trial.backup.await_status("Available", "Error")["status"] == "Error":
        return
    trial.service.client.post(f"{trial.backup.path}/verify", {})
    fault = refusal(lambda: trial.service.client.delete(trial.backup.path))
    assert fault is not None
    assert fault.details[0].code == "backup_in_use"
    wait_for(lambda: not trial.backup.show()["verifying"], what="the end of the trial")
    assert trial.backup.show()["damage"] is None


FAULTS: Mapping[str, Callable[[Trial], None]] = {
    fault.__name__: fault
    for fault in (
        nothing,
        replica_dies,
        replica_hangs,
        primary_dies,
        service_dies,
        set_is_deleted,
        disk_is_full,
        store_is_held,
        asked_twice,
        deleted_in_use,
    )
}
ROUNDS = range(max(1, int(os.environ.get("BACKUP_TRIALS", len(FAULTS))) // len(FAULTS)))


@contextmanager
def tried(service: ServiceProcess) -> Iterator[Trial]:
    """A backup under way; every backup is deleted in the end."""
    made = LiveSet.running(service, NEWEST, NODES)
    fill(made, MEGABYTES)
    yield Trial(made, LiveBackup.asked(made))
    delete_all(service)


def require_ended(backup: LiveBackup) -> None:
    """Whole with an object that is what was recorded, or failed with a reason and no object."""
    row = backup.await_status("Available", "Error")
    stored = backup.object()
    if row["status"] == "Error":
        assert row["reason"]
        assert stored is None
    else:
        assert stored is not None
        assert hashlib.sha256(stored.read_bytes()).hexdigest() == row["checksum"]
        assert (stored.stat().st_size, row["keys"]) == (row["size"], MEGABYTES)


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_a_backup_ends_and_its_set_is_unharmed(
    service: ServiceProcess, fault: str, number: int
) -> None:
    """At any moment of it."""
    with tried(service) as trial:
        moment = 10 ** chance.uniform(-3, 0)
        print(f"round {number}: {fault} after {moment * 1000:.0f} ms")  # noqa: T201 - tells a failing moment
        time.sleep(moment)

        FAULTS[fault](trial)

        for backup in (trial.backup, *trial.also):
            require_ended(backup)
        wait_for(lambda: unfinished(service) == [], what="the end of every upload")
        if trial.deleted:
            trial.set.await_gone()
        else:
            trial.set.await_whole(NODES)
            with trial.set.at(trial.set.address()) as client:
                assert client.dbsize() == MEGABYTES
