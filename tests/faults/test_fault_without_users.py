"""Sets of an engine without users, over the real service: every operation, with writers all the while."""

import os

import pytest
import redis
from guarded_set import BUILT, PASSWORD, VERSION, GuardedSet, guarded_user
from live_backup import LiveBackup
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, stopped, wait_for

from memstored.redis.renaming import KEPT, REMOVED
from writers import Writers

pytestmark = pytest.mark.skipif(not BUILT.exists(), reason=f"no Redis {VERSION} here")
WRITERS = 8
KEYS = 500


def running(service: ServiceProcess, nodes: int, **changes: object) -> GuardedSet:
    """A set that is `Running`."""
    return GuardedSet.running(service, VERSION, nodes, user=guarded_user(service), **changes)


def fill(made: LiveSet) -> None:
    """Write some keys, and have them on all nodes."""
    with made.at(made.address()) as client, client.pipeline(transaction=False) as pipe:
        for number in range(KEYS):
            pipe.set(f"key:{number}", f"value {number}")
        pipe.execute()
        assert client.execute_command("WAIT", len(made.rows()) - 1, 5000) == len(made.rows()) - 1


def holds_all(made: LiveSet, host: str) -> bool:
    """Whether whoever answers there has those keys."""
    with made.at(host) as client:
        values = client.mget([f"key:{number}" for number in range(KEYS)])
    return values == [f"value {number}" for number in range(KEYS)]


def test_a_killed_primary_costs_no_acknowledged_write(old_service: ServiceProcess) -> None:
    """Another takes over and the set heals, while clients write through the same address (S3, S4)."""
    made = running(old_service, 3)

    with Writers(made, copies=1) as writers:
        lost = made.kill_primary()
        made.await_replaced(lost)
        writers.await_more()

    assert writers.missing() == []
    assert made.addresses_lead_home()


def test_h12_a_promotion_under_writers_costs_none_of_them(old_service: ServiceProcess) -> None:
    """The address is taken away first; either all goes well, or all is as it was, and its reason is told."""
    made = running(old_service, 3, recoveryEnabled=False)
    outcomes = []

    with Writers(made, writers=WRITERS) as writers:
        for _ in range(5):
            made.promote(made.freshest_replica())
            outcomes.append(made.await_operation("promote"))
            made.await_whole(3)
            writers.await_more()

    assert writers.missing() == []
    assert any(outcome["state"] == "succeeded" for outcome in outcomes)
    assert all(outcome["state"] == "succeeded" or outcome["error"] for outcome in outcomes)
    assert made.addresses_lead_home()


def test_h12_a_target_that_stands_still_is_not_promoted(old_service: ServiceProcess) -> None:
    """The primary has its address back and goes on."""
    made = running(old_service, 3, recoveryEnabled=False)
    primary, target = made.primary()["objectId"], made.replicas()[0]

    with Writers(made) as writers:
        with stopped(made.server_of(target)):
            made.promote(target["objectId"])
            refused = made.await_operation("promote")
            writers.await_more()
        made.await_whole(3)

    assert (refused["state"], bool(refused["error"])) == ("failed", True)
    assert made.primary()["objectId"] == primary
    assert writers.missing() == []


def test_a_replica_is_added_and_another_deleted(old_service: ServiceProcess) -> None:
    """The new one holds all; nothing of its copy stays on the disk (H21)."""
    made = running(old_service, 2)
    fill(made)

    made.add_replica()
    made.await_operation("add_replica")
    made.await_whole(3)
    added = max(made.replicas(), key=lambda row: int(row["instanceName"].rsplit("-", 1)[1]))
    leaving = next(row for row in made.replicas() if row["objectId"] != added["objectId"])
    made.delete_node(leaving["objectId"])
    made.await_operation("delete_node")
    made.await_whole(2)

    assert holds_all(made, added["endpoint"])
    nodes = old_service.data_dir / "runtime" / "nodes"
    wait_for(lambda: not list(nodes.glob("*/*.rdb")), what="no file of the data on a disk")


def test_recovery_is_switched_off_and_on(old_service: ServiceProcess) -> None:
    """Off, a dead replica stays dead; on again, it is replaced."""
    made = running(old_service, 3)
    made.patch("/recovery", enabled=False)
    made.patch("/recovery", enabled=True)
    lost = made.replicas()[0]

    os.kill(made.server_of(lost), 9)
    made.await_replaced(lost)

    assert made.primary()["objectId"] in made.ids()


@pytest.mark.parametrize("version", [VERSION, NEWEST])
def test_a_backup_comes_back(old_service: ServiceProcess, version: str) -> None:
    """In a set of the same engine, after a trial in a newer one (H25), and in a newer one."""
    made = running(old_service, 2)
    fill(made)
    backup = LiveBackup.asked(made, "nightly")
    assert backup.await_status("Available", "Error")["reason"] is None
    source = {"backupName": "nightly"}

    back: LiveSet
    if version == VERSION:
        back = running(old_service, 2, restoreSource=source)
    else:
        back = LiveSet.running(old_service, version, 2, restoreSource=source)

    backup.await_status("Available")
    assert all(holds_all(back, row["endpoint"]) for row in back.rows())
    nodes = old_service.data_dir / "runtime" / "nodes"
    wait_for(lambda: not list(nodes.glob("*/*.rdb")), what="no file of the data on a disk")


def test_a_service_that_starts_anew_finds_its_nodes(old_service: ServiceProcess) -> None:
    """They serve on meanwhile, and are watched again: by the fence's password or the tenants'."""
    made = running(old_service, 3)
    servers = made.servers()

    with Writers(made) as writers:
        old_service.kill()
        writers.await_more()
        old_service.start()
        lost = made.kill_primary()
        made.await_replaced(lost)

    assert set(made.servers()) & set(servers) == set(servers) - {lost["objectId"]}


def test_h19_nothing_secret_lies_on_a_disk(old_service: ServiceProcess) -> None:
    """No configuration is written; neither password nor a command's name is in any file or argument."""
    made = running(old_service, 2)
    folders = list((old_service.data_dir / "runtime" / "nodes").iterdir())
    written = b"".join(
        file.read_bytes()
        for file in old_service.place.rglob("*")
        if file.is_file() and file.suffix != ".sock"
    )

    assert len(folders) == 2
    assert not [folder for folder in folders if (folder / "redis.conf").exists()]
    assert PASSWORD.encode() not in written
    assert b"rename-command" not in written
    for number in made.servers().values():
        with open(f"/proc/{number}/cmdline", "rb") as arguments:  # noqa: PTH123 - a file of the kernel
            assert PASSWORD.encode() not in arguments.read()


def test_what_tenants_may_not_run_does_not_exist_for_them(old_service: ServiceProcess) -> None:
    """Each refused command is answered as one that the engine does not have (API.md 5)."""
    made = running(old_service, 1, recoveryEnabled=False)

    with made.at(made.address()) as client:
        answers = {command: refusal(client, command) for command in (*KEPT, *REMOVED)}

    assert {command for command, words in answers.items() if "unknown command" not in words} == set()


def refusal(client: redis.Redis, command: str) -> str:
    """The words with which a command is refused; none when it is not."""
    try:
        client.execute_command(command, "GET", "x")
    except redis.ResponseError as error:
        return str(error)
    return ""


def test_who_does_not_know_the_password_gets_nothing(old_service: ServiceProcess) -> None:
    """Neither at the address nor at a node's own, with a wrong one or none."""
    made = running(old_service, 1, recoveryEnabled=False)

    for host in (made.address(), made.primary()["endpoint"]):
        for password in ("wrong", ""):
            with made.at(host, password=password) as client, pytest.raises(redis.AuthenticationError):
                client.get("key")
