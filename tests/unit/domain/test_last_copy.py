"""S6 to its end: what a replica had copied so far is taken when nothing better is left, never thrown away."""

from dataclasses import replace

import pytest
from world import SET, World, ask_replica

from memstored.domain import actions as do
from memstored.domain.facts import Life, SetFacts
from memstored.domain.naming import node_id
from memstored.domain.plan import decide
from memstored.domain.requests.change import Call
from memstored.domain.requests.promotion import promote
from memstored.domain.requests.removal import delete_node
from memstored.domain.settings import FailoverSettings
from memstored.domain.turn import Decision
from memstored.domain.words import EventName, NodeState, OperationState, SetState
from memstored.runtime.simulated_node import Reply


def with_copy_under_way(*, recovery_enabled: bool) -> World:
    """A set whose third node has taken in the snapshot but has not proven its copy, and the only other
    replica is gone.
    """
    world = World.running(replicas=2, recovery_enabled=recovery_enabled)
    ask_replica(world)
    world.turns_until(lambda: node_id(SET, 3) in world.fleet.nodes and world.server(3).loading)
    world.kill(2)
    return world


def test_s6_a_copy_that_was_not_proven_takes_over_when_none_that_was_is_left() -> None:
    """The write it took in with its snapshot is not lost, and the event says what is not known."""
    world = with_copy_under_way(recovery_enabled=True)
    world.kill(1)

    world.turns(300)

    assert world.set.status is SetState.RUNNING
    assert world.set.primary is not None
    assert world.set.primary.number == 3
    assert world.lost_writes == []
    told = next(e.message for e in world.events if e.name is EventName.FAILOVER)
    assert "had not proven" in told


def test_s6_a_replica_that_still_loads_is_waited_for() -> None:
    """Nothing is said to be lost while a finished file is being read in."""
    world = with_copy_under_way(recovery_enabled=True)
    world.turns_until(lambda: world.set.node(node_id(SET, 2)) is None or world.set.nodes[1].lost)
    world.kill(1)
    facts = world.look()
    loading = replace(facts.of(node_id(SET, 3)), life=Life.LOADING)

    decision = decide(world.set, replace(facts, nodes={**facts.nodes, node_id(SET, 3): loading}), world.rules)

    assert decision.after.status is SetState.RECOVERING


def test_s6_an_unproven_copy_that_hangs_is_waited_for() -> None:
    """It may be all that is left, however long it takes."""
    world = with_copy_under_way(recovery_enabled=True)
    world.fleet.hang(node_id(SET, 3))
    world.kill(1)
    world.turns(300)
    assert world.set.status is SetState.RECOVERING

    world.fleet.wake(node_id(SET, 3))
    world.turns(300)

    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []


def test_s6_a_replica_that_never_copied_anything_does_not_take_over() -> None:
    """An empty node would be promoted over nothing: the set says that all copies are lost."""
    world = World.running(replicas=2)
    ask_replica(world)
    world.turns_until(lambda: node_id(SET, 3) in world.fleet.nodes)
    world.kill(2)
    world.kill(1)

    world.turns()

    assert world.set.status is SetState.FAILED
    assert not any(isinstance(act, do.Promote) and act.node == node_id(SET, 3) for act in world.acts)


def test_s6_with_high_availability_off_the_owner_may_promote_what_was_copied() -> None:
    """The replica that was being added is not taken back when it may be the last copy."""
    world = with_copy_under_way(recovery_enabled=False)
    world.kill(1)
    world.turns()
    assert world.set.status is SetState.WARNING
    assert world.server(3).admitted

    call = Call(actor="owner", request_id=None, at=world.now)
    world.set = promote(world.set, node_id(SET, 3), call, world.look()).after
    world.turns()

    assert world.set.primary is not None
    assert world.set.primary.number == 3
    assert world.lost_writes == []
    assert world.write("again") is Reply.OK


def test_s6_a_removal_is_held_until_it_is_known_whether_it_would_end_the_last_copy() -> None:
    """High availability off: the primary dies while its only replica, unproven, is on its way out."""
    world = with_copy_under_way(recovery_enabled=False)
    world.turns_until(lambda: not world.server(3).loading)
    leaving = replace(world.set.nodes[-1], removing=True, whole=False)
    world.set = replace(world.set.with_node(leaving), replicas=2, operation=None)
    world.kill(1)

    world.turns()

    assert world.fleet.holders("first") == {node_id(SET, 3)}


def test_s6_of_two_unproven_copies_the_one_that_hangs_does_not_hold_the_other_for_ever() -> None:
    """It is waited for, then ended, since another has what there is."""
    world = World.running(replicas=3)
    for node in world.set.nodes[1:]:
        world.set = world.set.with_node(replace(node, whole=False))
    world.fleet.hang(node_id(SET, 3))
    world.kill(1)

    world.turns(600)

    assert world.set.primary is not None
    assert world.set.primary.number == 2
    assert world.lost_writes == []


def test_with_high_availability_off_a_dead_replica_is_no_failed_launch() -> None:
    """Nothing takes its place, so nothing is said of starting another."""
    world = World.running(replicas=2, recovery_enabled=False)
    world.set = world.set.with_node(replace(world.set.nodes[1], whole=False))
    world.kill(2)

    world.turns(4)

    assert world.set.reason is not None
    assert world.set.reason.code == "node_failed"
    assert world.set.launches.failures == 0


def test_s5_a_busy_copy_is_given_longer_than_a_silent_one() -> None:
    """It may hold what only it confirmed: a command that takes long is no death (H16)."""
    world = World.running()
    world.rules = FailoverSettings(failure_detection=1.0, busy_detection=6.0, brake_count=1000)
    world.fleet.keep_busy(node_id(SET, 3), wrote=True)
    world.kill(1)

    world.turns(160)
    waited = do.Fence(node_id(SET, 3)) not in world.acts
    world.turns(160)

    assert waited
    assert world.set.primary is not None
    assert world.set.primary.number == 2


def test_s6_a_silent_copy_is_waited_for_and_the_reason_says_so() -> None:
    """It may be the only one: the set does not give up, and names the node that it waits for."""
    world = World.running(replicas=2)
    world.fleet.hang(node_id(SET, 2))
    world.kill(1)
    world.turns(600)
    assert world.set.status is SetState.RECOVERING
    assert world.set.reason is not None
    assert "orders-2 hangs" in world.set.reason.message

    world.fleet.wake(node_id(SET, 2))
    world.turns()

    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []


def test_a_failover_tells_how_much_no_copy_has() -> None:
    """What the primary was seen to have beyond its best replica is said in bytes."""
    world = World.running(replicas=2)
    world.fleet.sever(node_id(SET, 2))
    world.fleet.partition(node_id(SET, 1), node_id(SET, 2))
    world.write("only on the primary")
    world.turns(2)
    reached = world.server(1).offset
    world.kill(1)

    world.turns()

    told = next(e.message for e in world.events if e.name is EventName.FAILOVER)
    missing = reached - (world.set.lineage.fork if world.set.lineage else 0)
    assert missing > 0
    assert f"{missing} bytes behind what the primary was seen to have" in told


def test_a_replica_that_copies_anew_is_shut_until_it_is_whole() -> None:
    """Nobody reads from a half copy, not even who was connected; the state says what goes on (S1)."""
    world = World.running(replicas=2)
    replica = world.server(2)
    world.fleet.sever(replica.id)
    replica.offset += 10_000
    world.turns_until(lambda: replica.syncing or replica.loading)
    world.turns_until(lambda: not replica.loading)
    world.turns_until(lambda: do.Shut(replica.id) in world.acts, most=20)
    assert not replica.admitted
    assert world.set.reason is not None
    assert world.set.reason.code == "replica_copies_again"

    world.turns()

    assert replica.admitted
    assert world.set.status is SetState.RUNNING


def test_a_replica_that_can_not_be_started_is_given_up_in_the_end() -> None:
    """The operation fails with the engine's words, the set is as it was, and takes other requests."""
    world = World.running(replicas=2)
    world.refuse_launches = 100
    ask_replica(world)
    asked = world.set.operation

    world.turns_until(lambda: world.set.operation is None, most=4000)

    assert asked is not None
    failed = [e for e in world.events if e.name is EventName.NODE_ADD]
    assert [e.outcome for e in failed] == ["failure"]
    assert "no memory left" in failed[0].message
    world.turns(40)
    assert world.set.replicas == 2
    assert [n.number for n in world.set.nodes] == [1, 2]
    assert world.set.status is SetState.RUNNING


def test_a_replica_that_can_not_copy_is_given_up_in_the_end() -> None:
    """Its copies failed time and again: whoever asked for it is told."""
    world = World.running(replicas=2)
    ask_replica(world)
    world.turns_until(lambda: node_id(SET, 3) in world.fleet.nodes)
    world.turns(2)
    world.memory[node_id(SET, 3)].copies_failed = 5
    operation = world.set.operation
    assert operation is not None

    world.turn()

    assert world.set.operation is not None
    assert world.set.operation.state is OperationState.FAILED
    world.turns()
    assert [n.number for n in world.set.nodes] == [1, 2]
    assert world.set.status is SetState.RUNNING


def test_a_replacement_that_dies_before_it_held_a_copy_is_not_repeated_in_a_rush() -> None:
    """Whatever kills it, the primary does not pay for one copy after the other."""
    world = World.running(replicas=2)
    world.kill(2)
    for _ in range(2):
        world.turns_until(lambda: world.set.nodes[-1].status is NodeState.STARTING)
        world.kill(world.set.nodes[-1].number)
        world.turn()
    killed_at = world.now

    world.turns_until(lambda: node_id(SET, 5) in world.fleet.nodes)

    assert world.now - killed_at >= 1.9
    assert world.set.launches.error == "orders-4 ended before it held a copy"
    world.turns(200)
    assert world.set.status is SetState.RUNNING


def test_no_second_copy_begins_while_the_first_is_read_in() -> None:
    """A replica that loads still counts as the one that copies."""
    world = World.running(replicas=3)
    world.kill(2)
    world.kill(3)
    copying = []

    for _ in range(200):
        world.turn()
        begun = [s for s in world.fleet.nodes.values() if s.syncing or s.loading]
        copying.append(len(begun))

    assert max(copying) == 1
    assert world.set.status is SetState.RUNNING


def test_a_loading_replica_has_no_script_to_kill() -> None:
    """Loading is not busy: nothing is done to it."""
    world = World.running(replicas=2)
    world.kill(2)
    world.turns_until(lambda: node_id(SET, 3) in world.fleet.nodes and world.server(3).loading)
    world.fleet.partition(node_id(SET, 1), node_id(SET, 3))

    world.turns(5)

    assert not any(isinstance(act, do.KillScript) for act in world.acts)


def test_waiting_looks_less_often_the_longer_it_takes() -> None:
    """A set that waits for a silent copy does not look two hundred times a second for ever."""
    world = World.running(replicas=2)
    world.fleet.hang(node_id(SET, 2))
    world.kill(1)
    world.turns(3)
    at_once = world.looks_in

    world.turns(3000)

    assert at_once == 0.005
    assert world.looks_in == 0.25


def test_a_clock_that_is_set_back_neither_holds_launches_nor_writes() -> None:
    """Durations are taken from a clock that nobody sets."""
    world = World.running(replicas=2)
    world.refuse_launches = 1
    world.kill(2)
    world.turns_until(lambda: world.set.launches.failures == 1)
    world.clock_error = -7200.0

    world.turns(100)

    assert world.set.status is SetState.RUNNING
    assert [n.status for n in world.set.nodes] == [NodeState.RUNNING] * 2


def test_a_planned_promotion_that_hangs_is_abandoned_though_the_clock_was_set_back() -> None:
    """Writes are held back for a bounded time whatever the wall clock says (S9)."""
    world = World.running(replicas=2, recovery_enabled=False)
    call = Call(actor="owner", request_id=None, at=world.now)
    world.set = promote(world.set, node_id(SET, 2), call, world.look()).after
    world.turn()
    world.clock_error = -7200.0
    server = world.server(2)
    server.offset -= 60

    world.turns(100)

    assert world.set.primary is not None
    assert world.set.primary.number == 1
    assert world.write("after") is Reply.OK
    assert world.set.operation is None


def leaving(world: World, number: int) -> None:
    """The owner's request to remove a node, just recorded."""
    call = Call(actor="owner", request_id=None, at=world.now)
    node = world.set.node(node_id(SET, number))
    assert node is not None
    world.set = delete_node(world.set, node, call).after


def ends(decision: Decision) -> list[do.Action]:
    """The acts that end a node."""
    return [act for act in decision.actions if isinstance(act, do.Fence | do.Destroy)]


def as_seen(world: World, **changes: dict[str, object]) -> SetFacts:
    """What is seen, but some nodes otherwise: `node2={"life": Life.SILENT}`."""
    facts = world.look()
    nodes = dict(facts.nodes)
    for name, other in changes.items():
        node = node_id(SET, int(name.removeprefix("node")))
        nodes[node] = replace(nodes[node], **other)
    return replace(facts, nodes=nodes)


@pytest.mark.parametrize("recovery_enabled", [False, True])
def test_s6_a_node_that_was_to_go_stays_while_no_other_that_holds_the_data_answers(
    *, recovery_enabled: bool
) -> None:
    """The primary hangs just then: the one that leaves may be all there is."""
    world = World.running(replicas=2, recovery_enabled=False)
    leaving(world, 2)
    world.set = replace(world.set, recovery_enabled=recovery_enabled)
    seen = as_seen(world, node1={"life": Life.SILENT, "life_since": 0.0})
    seen = replace(seen, endpoints=replace(seen.endpoints, reader_at=None))

    decision = decide(world.set, seen, world.rules)

    assert do.Destroy(node_id(SET, 2)) not in decision.actions


def test_s6_a_node_that_was_to_go_is_not_ended_together_with_the_primary_that_it_may_follow() -> None:
    """The primary and one replica hang, the other replica leaves: it is the one that can inherit."""
    world = World.running(replicas=3)
    leaving(world, 3)
    hangs = {"life": Life.SILENT, "life_since": 0.0}
    seen = as_seen(world, node1=hangs, node2=hangs)
    seen = replace(seen, endpoints=replace(seen.endpoints, reader_at=node_id(SET, 2)))

    assert ends(decide(world.set, seen, world.rules)) == [do.Fence(node_id(SET, 1))]


def test_s6_nobody_is_ended_for_what_was_seen_before_it_was_recorded() -> None:
    """While it is recorded that the primary hangs, it goes on and its replica dies."""
    world = World.running(replicas=2)
    world.fleet.hang(node_id(SET, 1))

    def turn_the_tables() -> None:
        if world.set.reason is None or world.set.reason.code != "primary_silent":
            world.between = turn_the_tables
            return
        world.fleet.wake(node_id(SET, 1))
        world.kill(2)

    world.between = turn_the_tables
    world.turns_until(lambda: world.between is None)
    world.turns(400)

    assert do.Fence(node_id(SET, 1)) not in world.acts
    assert world.lost_writes == []


def test_s5_a_copy_that_lets_nobody_in_does_not_keep_writes_waiting_for_ever() -> None:
    """It may hold more than the other, so it is waited for; then it is ended as one that hangs is."""
    world = World.running(replicas=3)
    died = world.now
    gone = {"life": Life.GONE, "life_since": died}
    closed = {"life": Life.UNKNOWN, "life_since": 0.0, "run_id": None, "replication": None}
    closed["refusal"] = "ERR max number of clients reached"
    seen = as_seen(world, node1=gone, node3=closed)
    standing = [
        decide(world.set, replace(seen, now=died + waited), world.rules)
        for waited in (world.rules.failure_detection - 0.1, world.rules.failure_detection + 0.1)
    ]

    assert [ends(decision) for decision in standing] == [[], [do.Fence(node_id(SET, 3))]]


def test_s5_nobody_is_ended_for_letting_nobody_in_while_no_other_can_inherit() -> None:
    """When all refuse us, the fault may be ours."""
    world = World.running(replicas=3)
    gone = {"life": Life.GONE, "life_since": world.now}
    closed = {"life": Life.UNKNOWN, "run_id": None, "replication": None}
    closed["refusal"] = "ERR max number of clients reached"
    seen = as_seen(world, node1=gone, node2=closed, node3=closed)

    assert ends(decide(world.set, replace(seen, now=seen.now + 1000.0), world.rules)) == []


@pytest.mark.parametrize(
    ("became", "done"),
    [
        ({"offset": 1, "agrees": False}, do.Fence(node_id(SET, 1))),
        ({"replid": "f" * 40}, do.Fence(node_id(SET, 1))),
        ({}, do.Promote(node_id(SET, 1))),
    ],
    ids=["emptied", "of another history", "as it was"],
)
def test_s4_a_primary_that_was_made_a_replica_is_primary_again_only_with_the_data(
    became: dict[str, object], done: do.Action
) -> None:
    """One that took in something else is ended: its replicas have what was written."""
    world = World.running(replicas=3)
    before = world.look().of(node_id(SET, 1)).replication
    assert before is not None
    stopped = replace(before, is_master=False, following=("127.9.9.9", 6379), link_up=False)
    seen = as_seen(world, node1={"replication": replace(stopped, **became)})

    actions = decide(world.set, seen, world.rules).actions

    assert [act for act in actions if isinstance(act, do.Fence | do.Promote)] == [done]


def displaced(world: World, **became: object) -> dict[str, object]:
    """What is seen of the primary after somebody made it follow another server."""
    before = world.look().of(node_id(SET, 1)).replication
    assert before is not None
    other = {"is_master": False, "following": ("127.9.9.9", 6379), "link_up": False}
    return {"replication": replace(before, **{**other, **became})}


EMPTIED: dict[str, object] = {"offset": 1, "agrees": False}


def test_s4_a_primary_without_data_is_not_put_back_where_nobody_has_it() -> None:
    """That would let tenants in as if nothing had been lost: its owner is told, and nothing is ended."""
    world = World.running(replicas=1, recovery_enabled=False)

    decision = decide(world.set, as_seen(world, node1=displaced(world, **EMPTIED)), world.rules)

    assert decision.actions == ()
    assert decision.after.status is SetState.WARNING
    assert decision.after.reason is not None
    assert decision.after.reason.code == "primary_displaced"


@pytest.mark.parametrize("life", [Life.SILENT, Life.UNKNOWN, Life.BUSY, Life.LOADING])
def test_s6_nothing_is_given_up_while_replicas_of_a_displaced_primary_do_not_answer(life: Life) -> None:
    """They may have all there is: as soon as one answers, the primary is ended and it takes over."""
    world = World.running(replicas=3)
    away = {"life": life, "life_since": 0.0}
    seen = as_seen(world, node1=displaced(world, **EMPTIED), node2=away, node3=away)

    waits = decide(world.set, seen, world.rules)
    goes_on = decide(waits.after, as_seen(world, node1=displaced(world, **EMPTIED)), world.rules)

    assert (waits.after.status, ends(waits)) == (SetState.WARNING, [])
    assert waits.look_in is not None
    assert ends(goes_on) == [do.Fence(node_id(SET, 1))]


def test_s4_a_primary_that_has_yet_to_take_in_other_data_is_kept_from_it() -> None:
    """While a full sync is under way it has its own data still; to wait would be to lose that."""
    world = World.running(replicas=1, recovery_enabled=False)
    seen = as_seen(world, node1=displaced(world, syncing=True))

    assert do.Promote(node_id(SET, 1)) in decide(world.set, seen, world.rules).actions


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("life", [Life.SILENT, Life.BUSY])
def test_s6_a_removal_ends_where_the_primary_does_not_answer_and_nobody_is_to_replace_it(
    life: Life, number: int
) -> None:
    """High availability is off: every node stays, also the one that has the reader address, and its owner may
    promote one at once.
    """
    world = World.running(replicas=3, recovery_enabled=False)
    leaving(world, number)
    seen = as_seen(world, node1={"life": life, "life_since": world.now - 30.0})

    decision = decide(world.set, seen, world.rules)

    kept = decision.after.node(node_id(SET, number))
    assert kept is not None
    assert (kept.removing, decision.after.replicas, ends(decision)) == (False, 3, [])
    assert decision.after.operation is not None
    assert decision.after.operation.state is OperationState.FAILED
