"""Loads over the simulated fleet, a real store and real objects in a folder."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from fleet_ground import IDENTITIES, SET, Ground, planned, running
from looking import DEADLINE, eventually
from structlog.testing import capture_logs

from memstored.control import loading
from memstored.control.fleet import Fleet
from memstored.domain.loading import MOST_DELIVERIES
from memstored.domain.model import InstanceSet, Source
from memstored.domain.naming import node_id
from memstored.domain.ports import DoorTrouble, Incomplete, Papers
from memstored.domain.words import SetId, SetState
from memstored.objects.storage import ObjectTrouble
from memstored.runtime.fake import FakeDoor, FakeDoors, FakeEndpoints, FakeRuntime, Mishap
from memstored.store.errors import Stale, StoreBusy

KEY = "backups/p/saved.rdb"
DATA = b"REDIS0010" + bytes(range(256)) * 4000
SAVED = ("one", "two", "three")
CHECKSUM = hashlib.sha256(DATA).hexdigest()
FIRST = node_id(SET, 1)


async def saved(ground: Ground) -> Source:
    """An object in storage, and what the request to restore it knows of it."""
    stored = await ground.objects.put(KEY, iter((DATA,)))
    ground.doors.writes = SAVED
    return Source(key=KEY, name="nightly", size=stored.size, checksum=stored.checksum, keys=len(SAVED))


async def ordered(ground: Ground, fleet: Fleet, replicas: int, source: Source) -> None:
    """Ask for a set that begins with it."""
    await ground.order(replicas, source)
    fleet.wake(SET)


def other_id(number: int) -> SetId:
    """The id of one of several sets."""
    return SetId(f"{number}{SET[1:]}")


async def other_set(ground: Ground, number: int, source: Source) -> SetId:
    """Ask for one more set that begins with it; returns its id."""
    set_id, one = other_id(number), planned(1, source)
    node = replace(one.nodes[0], id=node_id(set_id, 1))
    operation = replace(one.operation, id=f"{number}{one.operation.id[1:]}") if one.operation else None
    ordered = replace(one, id=set_id, name=f"orders-{number}", nodes=(node,), operation=operation)
    await ground.sets.add(ordered, IDENTITIES, (), node_quota=60)
    return set_id


async def waiting(ground: Ground) -> int:
    """How many of the sets say that they wait for their turn."""
    reasons = [s.reason.message for s in await ground.sets.load_all() if s.reason is not None]
    return sum("as soon as its turn comes" in message for message in reasons)


async def delete(ground: Ground) -> None:
    """Write that the set is to go, between two records of the loop."""
    while (stored := await ground.sets.load(SET)) is not None:
        with suppress(Stale):
            await ground.sets.commit(stored, replace(stored, status=SetState.TERMINATING))
            return


def file_of(ground: Ground, folder: Path) -> Path:
    """Where the object lies."""
    return folder / "objects" / KEY


def failed(stored: InstanceSet) -> bool:
    """Whether the set is given up."""
    return stored.status is SetState.FAILED


class HeldDoors(FakeDoors):
    """Doors that hand nothing over until they are told to."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground.runtime)
        self.writes = SAVED
        self.go_on = asyncio.Event()
        self.feeding = 0
        self.broken_off = 0

    def __call__(self, host: str, *, size: int, deadline: float, papers: Papers | None = None) -> FakeDoor:
        """A door that holds what comes until it may go on."""
        door = super().__call__(host, size=size, deadline=deadline, papers=papers)
        hand_over = door.feed

        async def feed(chunks: AsyncIterable[bytes], progress: Callable[[int], None]) -> None:
            self.feeding += 1
            try:
                await self.go_on.wait()
                await hand_over(chunks, progress)
            except asyncio.CancelledError:
                self.broken_off += 1
                raise
            finally:
                self.feeding -= 1

        door.feed = feed  # type: ignore[method-assign]
        return door


class DeafDoors(FakeDoors):
    """Doors of which the first `deaf` ones end with that trouble, whatever the node does."""

    def __init__(self, ground: Ground, deaf: int, trouble: DoorTrouble) -> None:
        super().__init__(ground.runtime)
        self.writes = SAVED
        self.deaf = deaf
        self.trouble = trouble

    def __call__(self, host: str, *, size: int, deadline: float, papers: Papers | None = None) -> FakeDoor:
        """A door, deaf or not."""
        door = super().__call__(host, size=size, deadline=deadline, papers=papers)
        if self.opened > self.deaf:
            return door

        async def feed(_chunks: AsyncIterable[bytes], _progress: Callable[[int], None]) -> None:
            raise self.trouble

        door.feed = feed  # type: ignore[method-assign]
        return door


NEVER_CAME = DoorTrouble("the node did not come for its data within 60.0 s")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(loading, "PAUSES", (0.01,))


async def test_a_set_begins_with_what_was_saved(ground: Ground) -> None:
    """Every node holds it when the set is running; one door was enough."""
    source = await saved(ground)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 3, source)

        stored = await ground.until(running)

    assert [ground.runtime.fleet.node(n.id).writes for n in stored.nodes] == [list(SAVED)] * 3
    assert ground.doors.opened == 1


async def test_a_load_is_begun_anew_by_the_next_controller(ground: Ground) -> None:
    """What the first had handed over does not count."""
    source = await saved(ground)
    ready, ground.doors = ground.doors, HeldDoors(ground)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)
        await eventually(lambda: ground.doors.feeding == 1)
    assert ground.doors.broken_off == 1

    ground.doors = ready
    async with ground.fleet():
        stored = await ground.until(running)

    assert ground.runtime.fleet.node(stored.nodes[0].id).writes == list(SAVED)


async def test_a_set_deleted_while_it_loads_is_gone(ground: Ground) -> None:
    """The load ends at once and keeps nothing from being removed."""
    source = await saved(ground)
    ground.doors = HeldDoors(ground)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)
        await eventually(lambda: ground.doors.feeding == 1)

        await delete(ground)
        fleet.wake(SET)
        await eventually(lambda: not ground.runtime.fleet.nodes)

    assert ground.doors.broken_off == 1


async def test_a_node_that_dies_while_loading_is_replaced(ground: Ground) -> None:
    """The load into it ends at once; another node loads in its place."""
    source = await saved(ground)
    ready, ground.doors = ground.doors, HeldDoors(ground)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)
        await eventually(lambda: ground.doors.feeding == 1)
        ground.runtime.fleet.crash(FIRST)
        await eventually(lambda: ground.doors.broken_off == 1)
        ground.doors.go_on.set()

        stored = await ground.until(running)

    assert [n.number for n in stored.nodes] == [2]
    assert stored.source is not None
    assert stored.source.refusals[0].startswith("orders-1 ended before the set was open")
    assert ready.opened == 0


async def test_what_engines_refuse_is_tried_on_two_and_shown_in_their_words(ground: Ground) -> None:
    """Then the set is failed, and none of its nodes is left (H28)."""
    source = await saved(ground)
    ground.doors.complaint = "Internal error in RDB reading offset 17"
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 3, source)

        stored = await ground.until(failed)
        await eventually(lambda: not ground.runtime.fleet.nodes)

    assert ground.doors.opened == 2
    assert stored.reason is not None
    assert stored.reason.code == "restore_failed"
    assert "Internal error in RDB reading offset 17" in stored.reason.message


@pytest.mark.usefixtures("impatient")
async def test_a_node_that_did_not_come_for_its_data_is_no_fault_of_the_data(ground: Ground) -> None:
    """As on a starved machine: the same node is asked again, and the restore goes on."""
    source = await saved(ground)
    ground.doors = DeafDoors(ground, MOST_DELIVERIES - 1, NEVER_CAME)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        stored = await ground.until(running)

    assert ground.doors.opened == MOST_DELIVERIES
    assert stored.source is not None
    assert stored.source.refusals == ()
    assert ground.runtime.fleet.node(FIRST).writes == list(SAVED)


@pytest.mark.usefixtures("impatient")
async def test_a_delivery_that_never_succeeds_ends_with_the_reason(ground: Ground) -> None:
    """After several tries on each of two nodes; the data is where it was."""
    source = await saved(ground)
    ground.doors = DeafDoors(ground, 100, NEVER_CAME)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        stored = await ground.until(failed)

    assert ground.doors.opened == 2 * MOST_DELIVERIES
    assert stored.reason is not None
    assert str(NEVER_CAME) in stored.reason.message


@pytest.mark.usefixtures("impatient")
async def test_a_delivery_that_never_succeeds_ends_also_where_storage_fails_in_between(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What object storage does says nothing for the node that does not come."""
    source = await saved(ground)
    ground.doors = DeafDoors(ground, 100, NEVER_CAME)
    head, asked = ground.objects.head, 0

    async def away_after_each_delivery(key: str) -> object:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            raise ObjectTrouble("The bucket does not answer.")
        return await head(key)

    monkeypatch.setattr(ground.objects, "head", away_after_each_delivery)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        stored = await ground.until(failed)

    assert ground.doors.opened == 2 * MOST_DELIVERIES
    assert stored.reason is not None
    assert str(NEVER_CAME) in stored.reason.message


async def test_data_that_is_cut_off_is_given_to_two_nodes_only(ground: Ground) -> None:
    """No node has to say a word against it."""
    source = await saved(ground)
    ground.doors = DeafDoors(ground, 100, Incomplete("the data is cut off"))
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        await ground.until(failed)

    assert ground.doors.opened == 2


@pytest.mark.usefixtures("impatient")
async def test_h25_a_trial_that_came_to_nothing_is_tried_again(ground: Ground) -> None:
    """The newer engine said nothing against the data."""
    source = await saved(ground)
    ground.doors = DeafDoors(ground, 2, NEVER_CAME)
    async with ground.fleet() as fleet:
        await ground.order(1, source, version="5.0.6")
        fleet.wake(SET)
        stored = await ground.until(running)

    assert stored.source is not None
    assert stored.source.refusals == ()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"size": 17}, "bytes in object storage now, not 17"),
        ({"checksum": "0" * 64}, f"SHA-256 {CHECKSUM}"),
        ({"etag": "another"}, "replaced in object storage"),
        ({"key": "backups/p/never.rdb"}, "not in object storage any more"),
    ],
)
async def test_another_object_than_the_chosen_one_is_not_taken(
    ground: Ground, known: dict[str, object], words: str
) -> None:
    """Whatever differs is said, and it is not tried again."""
    source = replace(await saved(ground), **known)  # type: ignore[arg-type]
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 2, source)

        stored = await ground.until(failed)
        await eventually(lambda: not ground.runtime.fleet.nodes)

    assert stored.reason is not None
    assert words in stored.reason.message
    assert stored.source is not None
    assert len(stored.source.refusals) == 1


async def test_a_damaged_object_is_named_when_the_engine_refuses_it(ground: Ground, tmp_path: Path) -> None:
    """Its size is right and its content is not: that the engine complains is then no wonder."""
    source = await saved(ground)
    file = file_of(ground, tmp_path)
    file.write_bytes(DATA[:-1] + b"\x00")
    ground.doors.complaint = "Wrong signature"
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        stored = await ground.until(failed)

    assert stored.reason is not None
    assert "its content changed in object storage" in stored.reason.message
    assert "Wrong signature" in stored.reason.message
    assert ground.doors.opened == 1


async def test_a_node_that_holds_something_else_is_not_taken(ground: Ground) -> None:
    """The engine was content, but keys are missing (H29)."""
    source = await saved(ground)
    ground.doors.writes = SAVED[:2]
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        stored = await ground.until(failed)

    assert stored.reason is not None
    assert "2 keys were loaded, not the 3 that were saved." in stored.reason.message


@pytest.mark.parametrize(
    ("limit", "words"),
    [(17, "The node's maxmemory is 17 bytes, not"), (0, "The node's maxmemory is 0 bytes, not")],
)
async def test_a_node_that_would_not_keep_it_is_not_taken(ground: Ground, limit: int, words: str) -> None:
    """A replica evicts nothing; what is too much for it goes when it is promoted (H29)."""
    source = await saved(ground)
    ground.doors = held = HeldDoors(ground)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)
        await eventually(lambda: held.feeding == 1)
        server = ground.runtime.fleet.node(FIRST)
        server.settings["maxmemory"] = str(limit)
        server.complaints["maxmemory"] = "ERR no"
        held.go_on.set()

        stored = await ground.until(running)

    assert stored.source is not None
    assert stored.source.refusals[0].startswith(words)
    assert [n.number for n in stored.nodes] == [2]


async def test_object_storage_that_is_away_is_waited_for(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason says so meanwhile; the set comes about as soon as it is back."""
    source = await saved(ground)
    away = True
    head = ground.objects.head

    async def asked(key: str) -> object:
        if away:
            raise ObjectTrouble("The bucket does not answer.")
        return await head(key)

    monkeypatch.setattr(ground.objects, "head", asked)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)
        waiting = await ground.until(lambda s: s.reason is not None and s.reason.code.startswith("object"))
        away = False

        stored = await ground.until(running)

    assert waiting.reason is not None
    assert "The bucket does not answer." in waiting.reason.message
    assert waiting.status is SetState.PROVISIONING
    assert stored.source is not None
    assert stored.source.refusals == ()


async def test_only_two_sets_load_at_the_same_time(ground: Ground) -> None:
    """The third says that it waits, and loads when one of them is done."""
    source = await saved(ground)
    ground.doors = held = HeldDoors(ground)
    async with ground.fleet() as fleet:
        for number in (1, 2, 3):
            fleet.wake(await other_set(ground, number, source))
        await eventually(lambda: held.feeding == 2)
        async with asyncio.timeout(DEADLINE):
            while await waiting(ground) != 1:  # noqa: ASYNC110 - what is waited for is seen, not announced
                await asyncio.sleep(0.01)
        opened = held.opened
        held.go_on.set()

        await eventually(lambda: held.opened == 3 and held.feeding == 0)

    assert opened == 2


async def test_a_command_that_is_lost_only_delays(ground: Ground) -> None:
    """It is not the data's fault."""
    source = await saved(ground)
    for command in ("take_in", "holdings", "equip"):
        ground.runtime.spoil(FIRST, command, Mishap.UNANSWERED)
    async with ground.fleet() as fleet:
        await ordered(ground, fleet, 1, source)

        stored = await ground.until(running)

    assert stored.source is not None
    assert stored.source.refusals == ()
    assert ground.runtime.fleet.node(FIRST).writes == list(SAVED)


async def test_h25_an_engine_that_checks_nothing_gets_what_a_newer_one_took(ground: Ground) -> None:
    """The data is loaded twice: for a trial into a node that is thrown away, then into the set's own."""
    source = await saved(ground)
    async with ground.fleet() as fleet:
        await ground.order(2, source, version="5.0.6")
        fleet.wake(SET)
        await ground.until(running)

    versions = [order.version for order in ground.runtime.orders.values()]
    assert (ground.doors.opened, versions) == (2, ["5.0.6", "5.0.6", "6.2.5"])
    assert {placement.set_id for placement in ground.runtime.placements()} == {SET}
    assert ground.runtime.fleet.node(FIRST).writes == list(SAVED)


async def test_a_store_that_can_not_be_written_holds_the_trial_up(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an authority there is no node for the trial: nothing of the try counts, and the set goes on."""
    source, refusals = await saved(ground), 2
    require = ground.authorities.require

    async def busy() -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise StoreBusy("somebody has it")
        await require()

    ground.runtime = FakeRuntime(ground.clock, [e for e in ground.runtime.engines() if e.version != "6.2.5"])
    ground.endpoints, ground.doors = FakeEndpoints(ground.runtime), FakeDoors(ground.runtime)
    ground.doors.writes = SAVED
    monkeypatch.setattr(ground.authorities, "require", busy)
    with capture_logs() as logs:
        async with ground.fleet() as fleet:
            await ground.order(1, source, version="5.0.6")
            fleet.wake(SET)
            stored = await ground.until(running)

    assert not [entry for entry in logs if entry["event"] == "worker_failed"]
    assert (refusals, stored.source and stored.source.refusals) == (0, ())
    assert ground.runtime.fleet.node(FIRST).writes == list(SAVED)


async def test_h25_what_the_newer_one_refuses_is_never_given_to_the_set(ground: Ground) -> None:
    """The restore ends in that engine's words, and nothing is left of the trials."""
    source = await saved(ground)
    ground.doors.complaint = "Internal error in RDB reading: integrity check failed"
    async with ground.fleet() as fleet:
        await ground.order(1, source, version="5.0.6")
        fleet.wake(SET)
        stored = await ground.until(lambda now: now.status is SetState.FAILED)
        await eventually(lambda: not ground.runtime.placements())

    assert stored.reason is not None
    assert "integrity check failed" in stored.reason.message
    tried = [order.version for order in ground.runtime.orders.values() if order.set_id != SET]
    assert (ground.doors.opened, tried) == (2, ["6.2.5"] * 2)


async def test_h25_without_a_newer_engine_nothing_is_loaded(ground: Ground) -> None:
    """It went away after the order: the restore ends with the reason, and no data was given to anybody."""
    source = await saved(ground)
    old = [engine for engine in ground.runtime.engines() if engine.version == "5.0.6"]
    ground.runtime = FakeRuntime(ground.clock, old)
    ground.endpoints = FakeEndpoints(ground.runtime)
    async with ground.fleet() as fleet:
        await ground.order(1, source, version="5.0.6")
        fleet.wake(SET)
        stored = await ground.until(lambda now: now.status is SetState.FAILED)

    assert stored.reason is not None
    assert "no Redis of version 5.0.6 or later is here to load it, and to check it" in stored.reason.message
    assert ground.doors.opened == 0
