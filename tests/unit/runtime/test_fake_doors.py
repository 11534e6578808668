from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import pytest

from memstored.domain.ports import DoorTrouble, Holdings, Identity, Link, LinkTrouble, Target
from memstored.domain.words import NodeId, SetId
from memstored.runtime.fake import FakeDoors, FakeRuntime, FakeWire
from memstored.runtime.protocol import LaunchOrder
from memstored.runtime.simulated_node import KEY_BYTES

if TYPE_CHECKING:
    from memstored.domain.ports import Door

NODE = NodeId("a")
HOST = "127.0.0.1"
REPLICATION = Identity(user="memstored-replication", secret="one set's secret")
KEYS = ("one", "two", "three")


async def linked(runtime: FakeRuntime, node: NodeId = NODE) -> Link:
    """A launched node that has the set's replication identity."""
    order = LaunchOrder(
        node=node, set_id=SetId("set"), subnet_id="subnet", version="7.0.15", port=6379, directives=()
    )
    placement = await runtime.launch(order)
    assert placement.address is not None
    target = Target(node=node, host=placement.address, port=6379, version="7.0.15", control=REPLICATION)
    link = FakeWire(runtime).open(target, lambda _: None)
    await link.equip(REPLICATION)
    return link


async def data(*chunks: bytes) -> AsyncIterator[bytes]:
    """Some bytes, in parts."""
    for chunk in chunks:
        yield chunk


class Progress(list[int]):
    """Collects what it is told."""

    def __call__(self, count: int) -> None:
        """So many bytes were handed over."""
        self.append(count)


def doors_to(runtime: FakeRuntime, writes: Sequence[str] = KEYS) -> FakeDoors:
    """Doors whose loads hold these keys."""
    doors = FakeDoors(runtime)
    doors.writes = tuple(writes)
    return doors


async def test_a_node_takes_in_what_the_door_gives() -> None:
    """After the load the link is up, the keys are there, and the history is the door's (H23)."""
    runtime = FakeRuntime()
    link, progress = await linked(runtime), Progress()

    async with doors_to(runtime)(HOST, size=5, deadline=1.0) as opened:
        door: Door = opened
        await link.take_in(HOST, door.port, door.identity)
        await door.feed(data(b"abc", b"de"), progress)
        await link.refresh()

        assert link.replication is not None
        assert (link.replication.link_up, link.replication.replid) == (True, door.replid)
        assert link.replication.agrees
        assert not link.equipped_as(REPLICATION)
        assert await link.holdings() == Holdings(keys=3, evicted=0, used_memory=3 * KEY_BYTES, maxmemory=0)
    assert progress == [3, 5]


async def test_a_node_is_seen_loading_while_it_takes_in() -> None:
    """Between the file's arrival and the end of the load the node says that it is loading."""
    runtime = FakeRuntime()
    link = await linked(runtime)
    door = runtime.fleet.open_door(HOST, REPLICATION, KEYS)
    await link.take_in(HOST, door.port, REPLICATION)
    seen = []

    door.given = True
    for _ in range(4):
        link.probe()
        seen.append(link.loading)

    assert seen == [False, True, False, False]
    assert door.taken


async def test_nothing_comes_before_it_is_given() -> None:
    """A node at the door waits, empty, as long as nothing is fed."""
    runtime = FakeRuntime()
    link = await linked(runtime)

    async with doors_to(runtime)(HOST, size=0, deadline=1.0) as door:
        await link.take_in(HOST, door.port, door.identity)
        runtime.fleet.settle()
        await link.refresh()

    assert link.replication is not None
    assert (link.replication.syncing, link.replication.link_up) == (True, False)


async def test_the_data_stays_when_the_door_closes_and_the_node_is_equipped_again() -> None:
    """Detached and equipped, the node keeps keys, replid and offset, and others may follow it."""
    runtime = FakeRuntime()
    link = await linked(runtime)
    async with doors_to(runtime)(HOST, size=0, deadline=1.0) as door:
        await link.take_in(HOST, door.port, door.identity)
        await door.feed(data(), Progress())
        await link.detach()

    await link.equip(REPLICATION)
    await link.promote()
    other = await linked(runtime, NodeId("b"))
    await other.follow(runtime.fleet.node(NODE).host, 6379)
    runtime.fleet.settle()

    assert link.equipped_as(REPLICATION)
    assert runtime.fleet.node(NodeId("b")).writes == list(KEYS)


async def test_a_load_that_fails_leaves_the_node_empty_and_its_words_in_the_log() -> None:
    """The door tells that it was not accepted; the node comes again and is turned away (H28)."""
    runtime = FakeRuntime()
    link, doors = await linked(runtime), doors_to(runtime)
    doors.complaint = "Internal error in RDB reading offset 42"

    async with doors(HOST, size=0, deadline=1.0) as door:
        await link.take_in(HOST, door.port, door.identity)
        with pytest.raises(DoorTrouble, match="did not accept"):
            await door.feed(data(), Progress())
        runtime.fleet.settle()
        await link.refresh()

    assert runtime.last_words(NODE) == "Internal error in RDB reading offset 42"
    assert (await link.holdings()).keys == 0
    assert link.replication is not None
    assert not link.replication.agrees


async def test_a_node_without_the_identity_gets_nothing() -> None:
    """Whoever logs in as another is turned away, and the door waits in vain (H24)."""
    runtime = FakeRuntime()
    link = await linked(runtime)

    async with doors_to(runtime)(HOST, size=0, deadline=1.0) as door:
        await link.follow(HOST, door.port)
        with pytest.raises(DoorTrouble, match="did not come"):
            await door.feed(data(), Progress())

    assert runtime.fleet.node(NODE).writes == []


async def test_data_of_another_size_is_not_given() -> None:
    """What is shorter than announced is trouble at the door, and the node loads none of it."""
    runtime = FakeRuntime()
    link = await linked(runtime)

    async with doors_to(runtime)(HOST, size=3, deadline=1.0) as door:
        await link.take_in(HOST, door.port, door.identity)
        with pytest.raises(DoorTrouble, match="2 bytes, not the 3"):
            await door.feed(data(b"ab"), Progress())

    assert runtime.fleet.node(NODE).writes == []


async def test_a_node_that_dies_while_loading_is_trouble() -> None:
    """The door sees its node go, and does not wait for another."""
    runtime = FakeRuntime()
    link = await linked(runtime)

    async with doors_to(runtime)(HOST, size=0, deadline=1.0) as door:
        await link.take_in(HOST, door.port, door.identity)
        runtime.fleet.step()
        runtime.fleet.crash(NODE)
        with pytest.raises(DoorTrouble, match="did not accept"):
            await door.feed(data(), Progress())


async def test_evicted_keys_are_counted() -> None:
    """Keys that a node had no room for are gone, and its holdings tell (H29)."""
    runtime = FakeRuntime()
    link = await linked(runtime)
    runtime.fleet.node(NODE).writes = list(KEYS)

    runtime.fleet.evict(NODE, 2)
    holdings = await link.holdings()

    assert (holdings.keys, holdings.evicted) == (1, 2)


async def test_a_loading_node_takes_in_nothing_else() -> None:
    """While it loads a node refuses to be sent elsewhere, like the real one."""
    runtime = FakeRuntime()
    link = await linked(runtime)
    door = runtime.fleet.open_door(HOST, REPLICATION, KEYS)
    door.given = True
    await link.take_in(HOST, door.port, REPLICATION)
    runtime.fleet.settle(2)
    assert runtime.fleet.node(NODE).loading

    with pytest.raises(LinkTrouble, match="LOADING"):
        await link.take_in(HOST, 1, REPLICATION)


async def test_a_node_without_troubles_has_no_last_words() -> None:
    """There is nothing to tell of a node that is well, nor of one that is unknown."""
    runtime = FakeRuntime()
    await linked(runtime)

    assert (runtime.last_words(NODE), runtime.last_words(NodeId("nobody"))) == ("", "")
