"""The whole service makes sets of callers' files while it, or a node of theirs, is killed."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from bare import PLAIN, Start
from live_set import FLAVOR, LiveSet, Row
from servers import Engine
from service_process import ServiceProcess, chance, kill, wait_for

KEYS = 40_000
VALUE = "x" * 2000
pytestmark = pytest.mark.able("acl")
"""Orders of sets without users differ; `tests/faults/test_fault_without_users.py` restores those."""
ROUNDS = range(3)
"""Times that the service is killed at a moment that nobody chose."""


@pytest.fixture
def bucket(service: ServiceProcess) -> Iterator[Path]:
    """A bucket of the first project, in the storage that is there by default; nothing of it is left."""
    project = service.client.get("/v1/credentials")["credentials"][0]["projectId"]
    folder = service.data_dir / "objects" / "buckets" / project / "mine"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(service.data_dir / "objects")


@pytest.fixture
def saved(start: Start, bucket: Path) -> Path:
    """A file with many keys in the bucket."""
    server = start((*PLAIN, ("rdbcompression", "no")))
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for number in range(KEYS):
            pipe.set(f"key:{number}", f"{number}{VALUE}")
        pipe.execute()
        client.save()
    file = bucket / "saved.rdb"
    (server.folder / "dump.rdb").rename(file)
    return file


def restored(service: ServiceProcess, engine: Engine, nodes: int) -> LiveSet:
    """A set that was ordered just now, made of the file."""
    source = {"files": ["mine/saved.rdb"]}
    return LiveSet.ordered(service, engine.version, nodes, flavorId=FLAVOR, restoreSource=source)


def await_transfer(made: LiveSet) -> Row:
    """The set, once some of the file is loaded; fails when it is `Running` before that is seen."""

    def look() -> Row | None:
        row = made.show()
        assert row["status"] != "Running", "it was loaded between two looks"
        operation = row["operation"]
        return row if operation is not None and operation["transferredBytes"] else None

    return wait_for(look, what="a part of the load", instead=made.account)


def missing(made: LiveSet) -> list[int]:
    """How many of the keys each node does not have, or has with another value."""
    gone = []
    for row in made.rows():
        with redis.Redis(row["endpoint"], 6379, decode_responses=True) as client:
            values = client.mget([f"key:{number}" for number in range(KEYS)])
            gone.append(sum(value != f"{number}{VALUE}" for number, value in enumerate(values)))
    return gone


def test_a_killed_service_begins_the_load_anew(service: ServiceProcess, engine: Engine, saved: Path) -> None:
    """It dies in the middle of a load; the next one finds the node and gives it everything."""
    made = restored(service, engine, 2)
    row = await_transfer(made)
    before = made.ids()

    service.kill()
    service.start()
    made.await_whole(2)

    assert "load" in [step["name"] for step in row["operation"]["steps"] if step["startedAt"]]
    assert row["operation"]["totalBytes"] == saved.stat().st_size
    assert missing(made) == [0, 0]
    assert made.ids() == before


@pytest.mark.parametrize("turn", ROUNDS)
def test_a_service_killed_at_any_moment_of_a_restore_finishes_it(
    service: ServiceProcess, engine: Engine, saved: Path, turn: int
) -> None:
    """Wherever it was: every key is there, on every node, and nothing is left over."""
    made = restored(service, engine, 2)
    time.sleep(chance.uniform(0, 3))

    service.kill()
    service.start()
    made.await_whole(2)

    assert missing(made) == [0, 0]
    assert set(service.servers().values()) == made.ids()


def test_a_killed_node_is_replaced_and_its_load_begun_anew(
    service: ServiceProcess, engine: Engine, saved: Path
) -> None:
    """The set says of the first try that it failed, and is what was asked for in the end."""
    made = restored(service, engine, 2)
    await_transfer(made)
    first = made.primary()

    kill(service.server_of(first["objectId"]))
    made.await_whole(2)

    assert first["objectId"] not in made.ids()
    assert missing(made) == [0, 0]
    assert "Cluster Node Down" in made.event_names()
    assert "Cluster Create Complete" in made.event_names()


def test_a_damaged_file_fails_the_set_and_leaves_nothing_running(
    service: ServiceProcess, engine: Engine, saved: Path
) -> None:
    """The engine's words are the reason; the set can be deleted, and the file is as it was."""
    data = bytearray(saved.read_bytes())
    data[-1] ^= 1
    saved.write_bytes(data)

    made = restored(service, engine, 3)
    row = made.await_status("Failed", deadline=60)
    wait_for(lambda: not service.servers(), what="the end of its nodes")

    assert row["reason"]["code"] == "restore_failed"
    assert "Wrong RDB checksum" in row["reason"]["message"]
    told = made.events("Cluster Create Failed")
    assert [(event["outcome"], "Wrong RDB checksum" in event["message"]) for event in told] == [
        ("failure", True)
    ]
    assert made.operations()[0]["state"] == "failed"
    assert saved.read_bytes() == bytes(data)


def test_a_set_that_is_deleted_while_it_loads_is_gone_soon(
    service: ServiceProcess, engine: Engine, saved: Path
) -> None:
    """Nothing of it is left: no node, no address."""
    made = restored(service, engine, 2)
    await_transfer(made)

    made.delete()
    wait_for(lambda: not service.sets(), what="the end of the set")
    wait_for(lambda: not service.addresses_of(made.id), what="its addresses being given back")

    assert service.servers() == {}
