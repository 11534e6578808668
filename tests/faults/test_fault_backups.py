"""Backups that meet with faults, over the real service: each ends whole or with a reason, the set unharmed.

A set of two nodes has one replica, so it is known who gives the backup. Enough data is written that it is
still under way when the fault comes.
"""

import asyncio
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from live_backup import LiveBackup, delete_all, fill, unfinished
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, kill, wait_for

from memstored.client.errors import ApiFault
from memstored.runtime.engines import offered, take_inventory

MEGABYTES = 200
LIMIT = 50 * 1024 * 1024
"""Bytes that a file may have, for a service whose disk is full."""


@pytest.fixture
def filled(service: ServiceProcess) -> Iterator[LiveSet]:
    """A set of two nodes with data; the backups of it are deleted in the end."""
    made = LiveSet.running(service, NEWEST, 2)
    fill(made, MEGABYTES)
    yield made
    if not service.running:
        service.start()
    delete_all(service)
    assert unfinished(service) == []


def giver(made_of: LiveSet) -> int:
    """The process of the one replica."""
    return made_of.server_of(made_of.replicas()[0])


def await_failed(backup: LiveBackup) -> str:
    """Its reason, once it has failed with nothing left of it."""
    row = backup.await_status("Error")
    assert backup.object() is None
    assert unfinished(backup.service) == []
    assert row["reason"]
    return str(row["reason"])


def require_new_backup(made_of: LiveSet) -> None:
    """The set is free and whole: another backup of it comes to be."""
    made_of.await_whole(2)
    again = LiveBackup.asked(made_of)
    assert again.await_status("Available", "Error")["reason"] is None


def test_a_backup_of_a_set_can_be_verified_and_damage_is_found(filled: LiveSet) -> None:
    """By the command, with its exit code; one byte is enough."""
    backup = LiveBackup.asked(filled)
    row = backup.await_status("Available")
    nodes = filled.service.node_folders()

    whole = filled.service.run("backup", "verify", backup.id, "--data-dir", str(filled.service.data_dir))
    stored = backup.object()
    assert stored is not None
    with stored.open("r+b") as file:
        file.seek(row["size"] // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    damaged = filled.service.run("backup", "verify", backup.id, "--data-dir", str(filled.service.data_dir))

    assert row["keys"] == MEGABYTES
    assert (whole.returncode, damaged.returncode) == (0, 1), (whole.stderr, damaged.stderr)
    assert f"{MEGABYTES} keys" in whole.stdout
    assert "SHA-256" in damaged.stderr
    assert filled.service.node_folders() == nodes


def test_a_stored_backup_is_a_file_that_redis_itself_finds_whole(filled: LiveSet) -> None:
    """As its own checker says."""
    backup = LiveBackup.asked(filled)
    backup.await_status("Available")

    stored = backup.object()
    assert stored is not None
    # The server's program is the checker when it is started under that name.
    program = offered(asyncio.run(take_inventory()))[0].program
    found = subprocess.run(
        ["redis-check-rdb", str(stored)], executable=program, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stdout
    assert f"{MEGABYTES} keys read" in found.stdout


def test_a_replica_that_dies_mid_stream_ends_its_backup(filled: LiveSet) -> None:
    """The set heals, and the next backup is whole."""
    replica = filled.replicas()[0]
    backup = LiveBackup.asked(filled)
    backup.await_moving()
    kill(giver(filled))

    reason = await_failed(backup)

    assert replica["instanceName"] in reason
    filled.await_replaced(replica)
    require_new_backup(filled)


def test_a_failover_mid_stream_ends_the_backup_and_not_the_set(filled: LiveSet) -> None:
    """The replica that gives it becomes primary at once; its data is all there."""
    backup = LiveBackup.asked(filled)
    backup.await_moving()
    lost = filled.kill_primary()

    reason = await_failed(backup)

    filled.await_replaced(lost)
    assert reason == "The set changed its primary while its backup was being made."
    with filled.at(filled.address()) as client:
        assert client.dbsize() == MEGABYTES
    require_new_backup(filled)


def test_a_set_that_is_deleted_mid_stream_ends_its_backup(filled: LiveSet) -> None:
    """The backup stays to be seen, with its reason."""
    backup = LiveBackup.asked(filled)
    backup.await_moving()
    filled.delete()

    reason = await_failed(backup)

    assert reason == "The set was deleted while its backup was being made."
    filled.await_gone()


def test_a_service_that_is_killed_mid_upload_leaves_nothing_half(filled: LiveSet) -> None:
    """Its next start says what happened and sweeps."""
    backup = LiveBackup.asked(filled)
    backup.await_moving()
    filled.service.kill()
    filled.service.start()

    reason = await_failed(backup)

    assert reason == "The service was restarted while it was being made."
    require_new_backup(filled)


def test_a_replica_that_hangs_mid_stream_ends_its_backup(filled: LiveSet) -> None:
    """It is replaced like any other that is silent; nothing waits for it for ever."""
    replica = filled.replicas()[0]
    backup = LiveBackup.asked(filled)
    backup.await_moving()
    os.kill(filled.server_of(replica), signal.SIGSTOP)

    await_failed(backup)

    filled.await_replaced(replica)
    require_new_backup(filled)


@contextmanager
def small_files(service: ServiceProcess) -> Iterator[None]:
    """What the disk of objects does when it is full: from some size on it takes no more."""
    assert service.process is not None
    before = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, before)


def test_object_storage_that_takes_no_more_ends_the_backup(filled: LiveSet) -> None:
    """What was written so far is given back."""
    with small_files(filled.service):
        reason = await_failed(LiveBackup.asked(filled))

    assert reason.startswith("It could not be stored: ")
    require_new_backup(filled)


def test_two_at_once_are_one_and_no_node_goes_meanwhile(filled: LiveSet) -> None:
    """Nothing takes the replica away under its backup."""
    backup = LiveBackup.asked(filled)
    backup.await_moving()

    with pytest.raises(ApiFault) as second:
        LiveBackup.asked(filled)
    with pytest.raises(ApiFault) as grown:
        filled.add_replica()

    assert backup.await_status("Available", "Error")["reason"] is None
    assert [fault.value.details[0].code for fault in (second, grown)] == ["backup_under_way"] * 2


def test_writes_go_on_while_a_backup_is_made_and_are_not_in_it(filled: LiveSet) -> None:
    """It is of the moment it began, by count."""
    backup = LiveBackup.asked(filled)
    written = 0
    with filled.at(filled.address()) as client:
        while backup.show()["status"] in ("Pending", "Creating"):
            written += bool(client.set(f"later-{written}", "x"))
        total = client.dbsize()

    row = backup.await_status("Available")
    assert MEGABYTES <= row["keys"] < total


def test_a_backup_is_not_deleted_while_a_set_is_made_of_it(filled: LiveSet) -> None:
    """It is free again once the set has the data; then it goes, and the set has all of it."""
    service = filled.service
    backup = LiveBackup.asked(filled)
    name = backup.await_status("Available")["name"]

    restored = LiveSet.ordered(service, NEWEST, 2, restoreSource={"backupName": name})
    with pytest.raises(ApiFault) as refused:
        service.client.delete(backup.path)
    shown = backup.show()["status"]
    restored.await_whole(2, deadline=60)
    backup.await_status("Available")
    service.client.delete(backup.path)

    assert (shown, refused.value.details[0].code) == ("Restoring", "backup_in_use")
    with restored.at(restored.address()) as client:
        assert client.dbsize() == MEGABYTES


def test_a_backup_is_free_again_when_the_set_that_is_made_of_it_is_deleted(filled: LiveSet) -> None:
    """Both are deleted, one right after the other: until the service saw the first, the other is in use."""
    service = filled.service
    backup = LiveBackup.asked(filled)
    name = backup.await_status("Available")["name"]
    restored = LiveSet.ordered(service, NEWEST, 2, restoreSource={"backupName": name})
    assert backup.show()["status"] == "Restoring"
    refusals: list[str] = []

    def deleted() -> bool:
        try:
            service.client.delete(backup.path)
        except ApiFault as fault:
            refusals.append(fault.details[0].code)
            return False
        return True

    restored.delete()
    wait_for(deleted, what="a backup that can be deleted", instead=backup.show)

    assert set(refusals) <= {"backup_in_use"}
    filled.await_whole(2)


def test_a_trial_that_is_cut_off_by_a_kill_leaves_no_node_and_is_taken_up_again(filled: LiveSet) -> None:
    """The next start ends the node of the run before and proves the backup anew."""
    service = filled.service
    backup = LiveBackup.asked(filled)
    backup.await_status("Available")
    nodes = service.node_folders()
    service.client.post(f"{backup.path}/verify", {})
    wait_for(lambda: service.node_folders() - nodes, what="the node of the trial")
    service.kill()
    service.start()

    row = wait_for(lambda: (r := backup.show())["verifiedAt"] and r, what="a verdict", instead=backup.show)

    assert row["damage"] is None
    assert service.node_folders() == nodes
