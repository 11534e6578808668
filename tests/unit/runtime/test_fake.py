import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from memstored.domain.facts import EndpointFacts
from memstored.domain.model import TenantUser
from memstored.domain.ports import Identity, Link, LinkTrouble, Target, Wire
from memstored.domain.words import NodeId, SetId
from memstored.runtime.fake import FakeEndpoints, FakeRuntime, FakeWire, ManualClock, Mishap
from memstored.runtime.protocol import Endpoints, EngineUnknown, LaunchFailed, LaunchOrder, Runtime
from memstored.runtime.simulated import CONTROLLER
from memstored.runtime.simulated_node import Reply

if TYPE_CHECKING:
    from memstored.domain.clock import Clock

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
SET = SetId("set")
PORT = 6379
IDENTITY = Identity(user="memstored-replication", secret="one set's secret")
USER = TenantUser(name="tenant", password_hash=hashlib.sha256(b"tenant").hexdigest())


def order(node: NodeId, *, version: str = "7.0.15") -> LaunchOrder:
    """An order for a node of the one set."""
    return LaunchOrder(
        node=node, set_id=SET, subnet_id="subnet", version=version, port=PORT, directives=(("save", ""),)
    )


async def linked(runtime: FakeRuntime, node: NodeId, heard: list[NodeId] | None = None) -> Link:
    """Launch a node and open a link to it; `heard` collects the calls of `changed`."""
    placement = await runtime.launch(order(node))
    assert placement.address is not None
    target = Target(
        node=node,
        host=placement.address,
        port=PORT,
        version="7.0.15",
        control=Identity(user="memstored-control", secret="ours"),
    )
    return FakeWire(runtime).open(target, (heard if heard is not None else []).append)


async def running(runtime: FakeRuntime, *nodes: NodeId) -> dict[NodeId, Link]:
    """A set at rest: the first node is the primary, all are admitted, the replicas are proven whole."""
    links = {node: await linked(runtime, node) for node in nodes}
    for node, link in links.items():
        await link.equip(IDENTITY)
        await link.admit(USER)
        if node != nodes[0]:
            await link.follow(address(runtime, nodes[0]), PORT)
    runtime.fleet.settle()
    for link in links.values():
        await link.refresh()
    return links


def address(runtime: FakeRuntime, node: NodeId) -> str:
    """Where a launched node answers."""
    placement = runtime.placement(node)
    assert placement is not None
    assert placement.address is not None
    return placement.address


def test_the_fakes_are_what_the_control_loop_asks_for() -> None:
    """Each fake is its port; the type checker holds these assignments."""
    fake = FakeRuntime()
    runtime: Runtime = fake
    endpoints: Endpoints = FakeEndpoints(fake)
    wire: Wire = FakeWire(fake)
    clock: Clock = ManualClock()

    assert (runtime.placements(), endpoints.owners(), clock.monotonic()) == ([], (), 0.0)
    assert callable(wire.open)


def test_a_manual_clock_moves_only_forward_and_only_when_told() -> None:
    """Both readings move by the same seconds."""
    clock = ManualClock(wall=100.0)

    clock.advance(2.5)

    assert (clock.wall(), clock.monotonic()) == (102.5, 2.5)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


async def test_launching_is_idempotent_and_never_revives() -> None:
    """S2: the same id gives the same placement, dead or alive, and a destroyed id is refused."""
    runtime = FakeRuntime()
    first = await runtime.launch(order(A))
    again = await runtime.launch(order(A))
    runtime.fleet.crash(A)
    dead = await runtime.launch(order(A))
    await runtime.destroy(A)

    with pytest.raises(LaunchFailed):
        await runtime.launch(order(A))

    assert again == first
    assert (dead.gone, dead.process_id) == (True, first.process_id)
    assert runtime.placements() == []


async def test_a_node_is_born_fenced() -> None:
    """S1: no tenant gets in and the node has no replication identity."""
    runtime = FakeRuntime()
    link = await linked(runtime, A)

    reply = runtime.fleet.client_write(address(runtime, A), "x", PORT)

    assert reply is Reply.NOT_ADMITTED
    assert (link.connected, link.equipped_as(IDENTITY), link.admitted) == (True, False, False)
    assert link.bound == {address(runtime, A)}


async def test_launches_fail_as_told_and_then_nothing_runs() -> None:
    """An injected failure carries the engine's words; the same node may be tried again."""
    runtime = FakeRuntime()
    runtime.refuse_launches("Out of memory allocating 1 bytes")

    with pytest.raises(LaunchFailed, match="Out of memory"):
        await runtime.launch(order(A))
    nothing = runtime.placement(A)
    placed = await runtime.launch(order(A))

    assert nothing is None
    assert not placed.gone


async def test_an_engine_that_is_not_here_is_refused() -> None:
    """Only the versions of `engines` can be launched."""
    runtime = FakeRuntime()

    with pytest.raises(EngineUnknown):
        await runtime.launch(order(A, version="7.2.7"))

    assert [engine.version for engine in runtime.engines()] == ["7.0.15", "6.2.5", "5.0.6"]


async def test_exits_are_told_once_each_until_the_runtime_is_closed() -> None:
    """A crash and a fence are exits; fencing a dead node, or a stranger at its address, tells nothing new."""
    runtime = FakeRuntime()
    for node in (A, B):
        await runtime.launch(order(node))

    runtime.fleet.crash(A)
    runtime.fleet.restart_empty(A)
    proven = await runtime.fence(A), await runtime.fence(B), await runtime.fence(C)
    await runtime.close()

    assert [node async for node in runtime.exits()] == [A, B]
    assert proven == (True, True, True)


async def test_a_node_whose_end_can_not_be_proven_is_not_gone() -> None:
    """S3: fencing says no, the placement does not say gone, no exit is told and nothing is removed."""
    runtime = FakeRuntime()
    await runtime.launch(order(A))
    runtime.unprovable.add(A)
    runtime.fleet.crash(A)

    fenced = await runtime.fence(A)
    await runtime.destroy(A)
    await runtime.close()

    assert not fenced
    assert [placement.gone for placement in runtime.placements()] == [False]
    assert [node async for node in runtime.exits()] == []


async def test_a_link_tells_at_once_that_its_node_ended() -> None:
    """The end of the stream calls `changed` without a probe; a refused probe is not silence (H15)."""
    runtime = FakeRuntime()
    heard: list[NodeId] = []
    link = await linked(runtime, A, heard)
    heard.clear()

    runtime.fleet.crash(A)
    link.probe()

    assert heard == [A]
    assert (link.connected, link.unanswered) == (False, 0)
    with pytest.raises(LinkTrouble):
        await link.refresh()


async def test_probes_of_a_silent_node_are_counted() -> None:
    """Each that comes while an answer is owed, by a hung node or a cut-off one; one answer ends the count."""
    runtime = FakeRuntime()
    link = await linked(runtime, A)

    runtime.fleet.hang(A)
    link.probe()
    link.probe()
    runtime.fleet.wake(A)
    runtime.fleet.partition(CONTROLLER, A)
    link.probe()
    silent = link.unanswered
    runtime.fleet.heal()
    link.probe()

    assert (silent, link.unanswered) == (2, 0)
    assert link.connected


async def test_a_probe_without_news_calls_nobody() -> None:
    """`changed` is for changes: at rest the loop is left in peace."""
    runtime = FakeRuntime()
    heard: list[NodeId] = []
    link = await linked(runtime, A, heard)
    heard.clear()

    link.probe()

    assert heard == []


async def test_readings_carry_the_time_they_were_asked_for() -> None:
    """`read_at` is the injected clock's, and silence does not renew it."""
    clock = ManualClock()
    runtime = FakeRuntime(clock=clock)
    link = await linked(runtime, A)
    clock.advance(5)

    async def let_time_pass() -> None:
        clock.advance(5)

    async with asyncio.TaskGroup() as group:
        group.create_task(let_time_pass())
        await link.refresh()
    runtime.fleet.hang(A)
    link.probe()

    assert (link.read_at, clock.monotonic()) == (5, 10)


async def test_another_server_at_the_address_shows_another_run_id() -> None:
    """A restart that the runtime did not notice is seen by `run_id`, `process_id` and the lost identity."""
    runtime = FakeRuntime()
    links = await running(runtime, A)
    link, placed = links[A], runtime.placement(A)
    before = link.run_id

    runtime.fleet.restart_empty(A)
    await link.refresh()

    assert placed is not None
    assert link.run_id != before
    assert link.process_id != placed.process_id
    assert (link.equipped_as(IDENTITY), link.admitted) == (False, False)
    assert runtime.placement(A) == placed


@pytest.mark.parametrize(("mishap", "promoted"), [(Mishap.LOST, False), (Mishap.UNANSWERED, True)])
async def test_a_command_may_be_lost_or_its_answer(mishap: Mishap, promoted: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """H9: the caller sees the same trouble whether or not the command was carried out; only once."""
    runtime = FakeRuntime()
    links = await running(runtime, A, B)
    runtime.spoil(B, "promote", mishap)

    with pytest.raises(LinkTrouble):
        await links[B].promote()
    carried_out = runtime.fleet.facts(B).is_master
    await links[B].promote()

    assert carried_out is promoted
    assert runtime.fleet.facts(B).is_master


async def test_a_pause_ends_by_itself_or_when_told() -> None:
    """H8: writes are held back for the milliseconds given, by the injected clock."""
    clock = ManualClock()
    runtime = FakeRuntime(clock=clock)
    link = (await running(runtime, A))[A]
    await link.pause(1000)
    held, paused = runtime.fleet.client_write(address(runtime, A), "x", PORT), link.paused

    clock.advance(1)
    link.probe()
    passed = runtime.fleet.client_write(address(runtime, A), "y", PORT)
    await link.pause(1000)
    await link.unpause()

    assert (held, paused, passed) == (Reply.HELD, True, Reply.OK)
    assert not link.paused
    assert runtime.fleet.client_write(address(runtime, A), "z", PORT) is Reply.OK


async def test_a_closed_link_does_nothing_more() -> None:
    """After `close` commands fail, probes do nothing and nobody is called."""
    runtime = FakeRuntime()
    heard: list[NodeId] = []
    link = await linked(runtime, A, heard)
    heard.clear()

    link.close()
    link.close()
    link.probe()
    runtime.fleet.crash(A)

    assert (heard, link.connected) == ([], False)
    with pytest.raises(LinkTrouble, match="closed"):
        await link.detach()


async def test_commands_let_others_run() -> None:
    """Nothing waits for real, but each command gives way once, so the loop never starves its siblings."""
    runtime = FakeRuntime()
    link = await linked(runtime, A)
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        await link.refresh()
        turns.append("refreshed")

    assert turns == ["other", "refreshed"]


async def test_a_busy_silence_is_told_from_a_hang() -> None:
    """H16: `burning` is what the simulated node says, and false for one that is not here."""
    runtime = FakeRuntime()
    await runtime.launch(order(A))
    runtime.fleet.hang(A)
    before = runtime.burning(A)

    runtime.fleet.node(A).burning = True

    assert (before, runtime.burning(A), runtime.burning(B)) == (False, True, False)


async def test_addresses_are_reserved_once_and_never_given_again() -> None:
    """H22: a released address does not come back for another set."""
    endpoints = FakeEndpoints(FakeRuntime())
    first = await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=True)
    again = await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=True)
    await endpoints.release(SET)
    other = await endpoints.reserve(SetId("other"), "subnet", PORT, version="7.0.15", with_reader=False)

    assert again == first
    assert endpoints.reserved(SET) is None
    assert endpoints.owners() == (SetId("other"),)
    assert other.reader is None
    assert other.primary not in (first.primary, first.reader)


async def test_a_reservation_may_fail_as_told() -> None:
    """An exhausted range shows as `LaunchFailed` with its words, once."""
    endpoints = FakeEndpoints(FakeRuntime())
    endpoints.refuse_reservations("no address is free")

    with pytest.raises(LaunchFailed, match="no address is free"):
        await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=True)

    assert (await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=True)).primary


async def test_an_address_moves_and_the_old_connections_end() -> None:
    """S8: the address is taken from the one before, what came through it is closed, then it is given."""
    runtime = FakeRuntime()
    endpoints = FakeEndpoints(runtime)
    links = await running(runtime, A, B)
    vips = await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=True)
    await endpoints.point(SET, PORT, links, primary=A, reader=B)
    client = runtime.fleet.connect(vips.primary, PORT)
    before = endpoints.seen(SET, links)

    await endpoints.point(SET, PORT, links, primary=B, reader=B)

    after = endpoints.seen(SET, links)
    assert not isinstance(client, Reply)
    assert client.write("stale") is Reply.CLOSED
    assert (before.primary_at, before.reader_at) == (A, B)
    assert (after.primary_at, after.reader_at) == (B, B)
    assert runtime.fleet.listening(vips.primary, PORT) is runtime.fleet.node(B)


async def test_an_address_can_lead_to_nobody() -> None:
    """None takes the address away from everyone; an unreserved set has nothing to show."""
    runtime = FakeRuntime()
    endpoints = FakeEndpoints(runtime)
    links = await running(runtime, A)
    vips = await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=False)
    await endpoints.point(SET, PORT, links, primary=A, reader=None)

    await endpoints.point(SET, PORT, links, primary=None, reader=None)

    assert runtime.fleet.client_write(vips.primary, "x", PORT) is Reply.REFUSED
    assert endpoints.seen(SET, links).primary_at is None
    assert endpoints.seen(SetId("other"), links) == EndpointFacts()


async def test_an_address_that_can_not_be_bound_is_a_reason_shown() -> None:
    """S8: while a hung node holds the address, `point` fails and `seen` says why, until it works."""
    runtime = FakeRuntime()
    endpoints = FakeEndpoints(runtime)
    links = await running(runtime, A, B)
    await endpoints.reserve(SET, "subnet", PORT, version="7.0.15", with_reader=False)
    await endpoints.point(SET, PORT, links, primary=A, reader=None)
    runtime.fleet.hang(A)
    survivors = {B: links[B]}

    with pytest.raises(LinkTrouble):
        await endpoints.point(SET, PORT, survivors, primary=B, reader=None)
    reason = endpoints.seen(SET, survivors).error
    await runtime.fence(A)
    await endpoints.point(SET, PORT, survivors, primary=B, reader=None)

    assert reason is not None
    assert "in use" in reason
    assert endpoints.seen(SET, survivors).error is None
    assert endpoints.seen(SET, survivors).primary_at == B


async def test_a_set_lives_through_the_loss_of_its_primary() -> None:
    """The whole life by the ports: launch, follow, stamp, write, kill, detach, promote, re-point."""
    runtime = FakeRuntime()
    links = await running(runtime, A, B, C)
    stamp = await links[A].stamp()
    while not all(_reached(links[node], stamp) for node in (B, C)):
        await links[B].refresh()
        await links[C].refresh()
    runtime.fleet.client_write(address(runtime, A), "kept", PORT)

    assert await runtime.fence(A)
    while any(_link_up(links[node]) for node in (B, C)):
        await links[B].refresh()
        await links[C].refresh()
    for node in (B, C):
        await links[node].detach()
    await links[B].promote()
    await links[C].follow(address(runtime, B), PORT)
    while not _link_up(links[C]):
        await links[C].refresh()
    after = runtime.fleet.client_write(address(runtime, B), "after", PORT)
    runtime.fleet.settle()

    assert after is Reply.OK
    assert runtime.fleet.acknowledged == ["kept", "after"]
    assert runtime.fleet.holders("kept") == runtime.fleet.holders("after") == {B, C}


def _reached(link: Link, stamp: int) -> bool:
    assert link.replication is not None
    return link.replication.offset >= stamp


def _link_up(link: Link) -> bool:
    assert link.replication is not None
    return link.replication.link_up
