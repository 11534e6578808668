"""Two services over the same nodes, which no lock keeps apart: the later one acts, the other can not (S7).

They work on copies of one state, as after `memstored state restore` into another folder, or on one folder
whose lock was removed.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import redis
from control import control_user
from live_set import LiveSet
from service_fixtures import ROOM
from service_process import START_DEADLINE, ServiceProcess, kill, versions, wait_for

from memstored.cli.serve import SUPERSEDED
from memstored.client import ServiceFault
from memstored.domain.engine import capabilities_of
from memstored.redis.acl import acting_rules
from writers import Writers

ENGINES = [version for version in versions() if capabilities_of(version).acl]
STATE = ("memstored.db", "secret.key", "credentials.json")


@pytest.fixture
def first(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A running service of this test's own."""
    service = ServiceProcess(tmp_path / "first", ROOM)
    service.start()
    yield service
    service.purge()


@contextmanager
def another(first: ServiceProcess, data_dir: Path) -> Iterator[ServiceProcess]:
    """A service on that folder, not started yet, for the nodes of the first."""
    second = ServiceProcess(first.place.with_name("second"), ROOM)
    second.data_dir, second.catalogue = data_dir, first.catalogue
    try:
        yield second
    finally:
        if second.running:
            second.kill()
        second.range.give_back()


def copied(first: ServiceProcess, to: Path) -> Path:
    """A copy of the state, made while the service runs or stands still."""
    done = first.run("state", "backup", str(to), "--data-dir", str(first.data_dir))
    assert done.returncode == 0, done.stderr
    return to


def adopted(first: ServiceProcess, copy: Path, data_dir: Path) -> Path:
    """A data folder of that state, as files are copied, with the nodes of the first."""
    data_dir.mkdir(mode=0o700)
    for name in STATE:
        shutil.copy(copy / name, data_dir / name)
    (data_dir / "runtime").symlink_to(first.data_dir / "runtime")
    return data_dir


def superseded(service: ServiceProcess) -> bool:
    """Whether the service has ended because another one took over, and said so."""
    wait_for(lambda: not service.running, deadline=START_DEADLINE, what="the end of the service")
    return service.stop() == SUPERSEDED and bool(service.said("superseded"))


@contextmanager
def tenant(made: LiveSet) -> Iterator[redis.Redis]:
    """A tenant with one connection, none of whose commands may fail."""
    with made.at(made.address()) as client:
        client.ping()
        yield client


@pytest.mark.parametrize("version", ENGINES)
def test_s07_a_service_that_wakes_up_after_another_took_over_acts_no_more(
    first: ServiceProcess, version: str, tmp_path: Path
) -> None:
    """It was frozen while one on a copy of its state began: it ends, says why, and can not come back. The
    other one heals the set; no connection of a tenant ended, no write is lost.
    """
    made = LiveSet.running(first, version, 3)
    with Writers(made, copies=1) as writers, tenant(made) as client:
        ours = client.client_id()
        first.freeze()
        folder = adopted(first, copied(first, tmp_path / "copy"), tmp_path / "data")
        with another(first, folder) as second:
            second.start()
            taken = LiveSet(second, made.id)
            taken.await_whole(3)
            servers, told = first.servers(), taken.event_names()

            first.thaw()
            assert superseded(first)
            writers.await_more()
            assert client.client_id() == ours
            assert writers.refused == 0
            assert (first.servers(), taken.event_names()) == (servers, told)

            lost = taken.primary()
            kill(first.server_of(lost["objectId"]))
            taken.await_replaced(lost)
            told = taken.event_names()
            first.begin()
            assert superseded(first)
            writers.await_more()
            assert second.running
            assert taken.event_names() == told
            assert second.stop() == 0

    assert writers.missing() == []


def test_s10_a_copy_of_a_whole_data_folder_touches_no_node_and_says_so(
    first: ServiceProcess, tmp_path: Path
) -> None:
    """The processes run in a folder that is not the copy's: it leaves them, shows why, and is ready to."""
    made = LiveSet.running(first, ENGINES[0], 2)
    servers = first.servers()
    first.freeze()
    shutil.copytree(first.data_dir, tmp_path / "data", ignore=shutil.ignore_patterns("lock", "server.json"))
    first.thaw()

    with Writers(made) as writers, another(first, tmp_path / "data") as second:
        second.start()
        row = wait_for(lambda: next((s for s in second.sets() if s["reason"]), None), what="a reason")
        ready = httpx.get(f"{second.url}/readyz", timeout=30)
        writers.await_more()
        assert second.stop() == 0

    assert (row["status"], row["reason"]["code"]) == ("Warning", "node_in_doubt")
    assert "the log says why" in row["reason"]["message"]
    assert str(tmp_path) not in row["reason"]["message"]
    assert (ready.status_code, ready.json()["reason"]) == (200, "sets_neglected")
    assert writers.missing() == []
    assert first.servers() == servers
    assert made.status == "Running"


def test_s07_who_loses_the_lock_of_its_folder_ends(first: ServiceProcess) -> None:
    """Somebody removed it and started another one: the one before records nothing more and ends."""
    made = LiveSet.running(first, ENGINES[0], 2)
    (first.data_dir / "lock").unlink()

    with Writers(made) as writers, another(first, first.data_dir) as second:
        second.start()
        assert superseded(first)
        taken = LiveSet(second, made.id)
        taken.await_whole(2)
        writers.await_more()
        assert second.stop() == 0

    assert writers.missing() == []


def test_s07_who_loses_the_lock_of_a_folder_without_sets_ends_with_the_next_change(
    first: ServiceProcess,
) -> None:
    """There is no node to tell it, so the store does; nothing of the change is recorded."""
    (first.data_dir / "lock").unlink()
    with another(first, first.data_dir) as second:
        url = first.url
        second.start()
        assert second.url != url

        with pytest.raises(ServiceFault, match="store"):
            LiveSet.ordered(first, ENGINES[0], 1)

        assert superseded(first)
        assert second.sets() == []
        assert second.stop() == 0


def test_s07_a_state_from_before_gives_way_until_it_is_put_back(
    first: ServiceProcess, tmp_path: Path
) -> None:
    """A copy of the files that does not know the controller at work must not act on what it knows; one that
    was restored is said to be the right one, and takes over.
    """
    made = LiveSet.running(first, ENGINES[0], 2)
    copy = copied(first, tmp_path / "copy")
    first.stop()
    first.start()
    made.await_whole(2)

    with Writers(made) as writers:
        with another(first, adopted(first, copy, tmp_path / "files")) as outdated:
            outdated.begin()
            assert superseded(outdated)
        assert first.running
        made.await_whole(2)

        folder = tmp_path / "restored"
        folder.mkdir(mode=0o700)
        (folder / "runtime").symlink_to(first.data_dir / "runtime")
        done = first.run("state", "restore", str(copy), "--data-dir", str(folder), "--yes")
        assert done.returncode == 0, done.stderr
        with another(first, folder) as restored:
            restored.start()
            assert superseded(first)
            LiveSet(restored, made.id).await_whole(2)
            writers.await_more()
            assert restored.stop() == 0

    assert writers.missing() == []


@pytest.mark.parametrize("version", ENGINES)
def test_h14_nodes_of_an_older_service_are_taken_over(first: ServiceProcess, version: str) -> None:
    """All its starts had one user on the nodes, which might do everything: no node is started anew for it."""
    made = LiveSet.running(first, version, 3)
    servers, addresses = first.servers(), [row["endpoint"] for row in made.rows()]
    control = control_user(made)
    with Writers(made) as writers, tenant(made) as client:
        ours = client.client_id()
        first.stop()
        _age(first.data_dir / "memstored.db")
        for address in addresses:
            with made.control_client(address, control) as node:
                node.execute_command("ACL", "SETUSER", *acting_rules(control))
                node.acl_deluser(*[u for u in node.acl_users() if u.startswith(f"{control.user}-")])

        first.start()
        made.await_whole(3)
        writers.await_more()
        assert client.client_id() == ours

    assert writers.missing() == []
    assert first.servers() == servers
    for address in addresses:
        with made.control_client(address, control) as node:
            rules = {line.split()[1]: line for line in node.acl_list()}
        assert "+@all" not in rules[control.user]
        assert len([user for user in rules if user.startswith(f"{control.user}-")]) == 1


def _age(store: Path) -> None:
    """No start is written there, as after the upgrade from a release that wrote none."""
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("DELETE FROM controllers")
