"""The ten safety rules on the pure decision; `tests/faults` holds them against real servers."""

from dataclasses import replace

import pytest
from world import READER, SAVED, SET, SOURCE, STEP_SECONDS, VIP, World, ask_replica, operation

from memstored.domain import actions as do
from memstored.domain.facts import NOWHERE, Life
from memstored.domain.naming import node_id
from memstored.domain.plan import decide
from memstored.domain.pointing import choose_reader
from memstored.domain.ports import LinkTrouble
from memstored.domain.progress import judge
from memstored.domain.settings import FailoverSettings
from memstored.domain.succession import Unfit, choose_heir
from memstored.domain.turn import Turn
from memstored.domain.words import EventName, NodeState, OperationKind, Outcome, SetState
from memstored.runtime.simulated import CONTROLLER
from memstored.runtime.simulated_node import Reply, SimulatedNode


def promote(world: World, number: int) -> None:
    """Ask for another primary, as the request does."""
    steps = ("stop_writes", "catch_up", "promote", "move_address")
    world.set = replace(
        world.set,
        status=SetState.SWITCHING_OVER,
        recovery_enabled=False,
        operation=operation(OperationKind.PROMOTE, steps, node_id(SET, number), world.now),
    )


def numbers(world: World) -> list[int]:
    """The numbers of the set's nodes that serve."""
    return [n.number for n in world.set.nodes if n.status is NodeState.RUNNING]


def test_s1_a_node_is_admitted_only_once_it_is_whole() -> None:
    """No tenant gets in at a node before every node of a new set holds a copy."""
    world = World.of(replicas=3)

    world.turns_until(lambda: any(isinstance(act, do.Admit) for act in world.acts))

    assert all(n.whole for n in world.set.nodes)


def test_s1_a_replacement_is_shut_until_it_is_whole() -> None:
    """A tenant who finds its address reads nothing from a half copy."""
    world = World.running()
    world.kill(3)

    for _ in range(60):
        world.turn()
        shut = [n for n in world.set.nodes if not n.lost and not n.whole and n.id in world.fleet.nodes]
        assert not any(world.fleet.node(n.id).admitted for n in shut)

    assert world.server(4).admitted


def test_s1_no_tenant_gets_in_before_the_saved_data_is_there() -> None:
    """A node that loads, or has loaded but not proved it, serves nobody."""
    world = World.of(replicas=3, source=SOURCE)

    for _ in range(60):
        world.turn()
        admitted = [server for server in world.fleet.nodes.values() if server.admitted]
        assert all(set(SAVED) <= set(server.writes) for server in admitted)

    assert world.set.primary is not None
    assert world.fleet.node(world.set.primary.id).writes == list(SAVED)


def test_s1_an_empty_server_at_a_dead_primarys_address_serves_and_infects_nobody() -> None:
    """Whatever restarts a dead primary's process: it is shut, no replica copies it, no write is lost."""
    world = World.running()
    world.kill(1)
    world.fleet.restart_empty(node_id(SET, 1))

    world.turns()

    assert world.set.status is SetState.RUNNING
    assert numbers(world) == [2, 3, 4]
    assert world.lost_writes == []


def test_s2_a_dead_node_is_replaced_by_another_never_started_again() -> None:
    """Its number and id are not used a second time."""
    world = World.running()
    world.kill(3)

    world.turns()

    assert numbers(world) == [1, 2, 4]
    assert len({a.node for a in world.acts if isinstance(a, do.Launch)}) == 4


def test_s3_nobody_is_promoted_while_the_old_primary_may_live() -> None:
    """A primary that only the controller can not reach is fenced before another takes over."""
    world = World.running()
    world.fleet.partition(CONTROLLER, node_id(SET, 1))

    world.turns_until(lambda: any(isinstance(act, do.Promote) for act in world.acts))

    assert world.fleet.node(node_id(SET, 1)).ended
    assert do.Fence(node_id(SET, 1)) in world.acts


def test_s4_the_replica_that_holds_most_takes_over() -> None:
    """Not the lowest number: the highest offset of the recorded history."""
    world = World.running()
    world.fleet.partition(node_id(SET, 1), node_id(SET, 2))
    world.fleet.sever(node_id(SET, 2))
    world.write("only on three")
    world.fleet.deliver(node_id(SET, 3))
    world.kill(1)

    world.turns()

    assert world.set.primary is not None
    assert world.set.primary.number == 3
    assert world.lost_writes == []


def test_s4_a_replica_counts_only_once_the_stream_reaches_it() -> None:
    """Its link is up before anything written since its snapshot is on its way (H5)."""
    world = World.running(replicas=2)
    ask_replica(world)
    joined = node_id(SET, 3)
    world.turns_until(lambda: any(isinstance(a, do.Stamp) and joined in a.replicas for a in world.acts))
    world.fleet.partition(node_id(SET, 1), joined)

    world.turns(20)

    assert world.server(3).link_up
    assert not any(n.id == joined and n.whole for n in world.set.nodes)
    world.fleet.heal()
    world.turns(20)
    assert all(n.whole for n in world.set.nodes)


def test_s4_an_unproven_copy_never_goes_before_a_proven_one() -> None:
    """Its offset may be higher: what of the stream it has is not known."""
    world = World.running()
    facts = world.look()
    second, third = (n.id for n in world.set.nodes[1:])
    replication = facts.of(third).replication
    assert replication is not None
    ahead = replace(facts.of(third), replication=replace(replication, offset=replication.offset + 500))
    doubtful = world.set.with_node(replace(world.set.nodes[2], whole=False))

    succession = choose_heir(doubtful, replace(facts, nodes={**facts.nodes, third: ahead}))

    assert succession.heir != third
    assert succession.unfit[third] is Unfit.NEVER_WHOLE
    assert second not in succession.unfit


def test_s4_an_empty_master_is_not_the_truth_of_a_set_with_saved_data() -> None:
    """Every node is born a master: one that has not loaded and proved the data begins no history."""
    world = World.of(replicas=2, source=SOURCE)
    world.storage.away = True

    world.turns()

    assert world.server(2).is_master
    assert world.set.lineage is None
    assert not any(n.whole for n in world.set.nodes)
    assert not any(isinstance(act, do.Promote | do.Follow) for act in world.acts)


def test_s4_a_load_that_another_controller_began_is_begun_anew() -> None:
    """What is not recorded as proved counts for nothing, and no two loads share a history (H23)."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: world.replid_of_load() is not None)
    former = world.replid_of_load()
    world.turn(forget=True)

    world.turns_until(lambda: world.replid_of_load() is not None)

    assert world.replid_of_load() != former
    world.turns()
    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []


def test_s4_a_verified_node_that_no_longer_stands_alone_loads_again() -> None:
    """It was proved as a replica of nobody; whatever made it another thing since, the proof is void."""
    world = World.of(replicas=1, source=SOURCE)
    first = node_id(SET, 1)
    world.turns_until(lambda: bool(world.look().of(first).load and world.look().of(first).load.verified))
    world.fleet.command(first, SimulatedNode.promote)

    decision = decide(world.set, world.look(), world.rules)

    assert decision.after.nodes[0].whole is False
    assert decision.actions == (do.Load(first, 2),)


def test_s6_a_lost_first_node_takes_no_data_with_it() -> None:
    """The source is only read: whatever dies before tenants came, the set is made of it again."""
    world = World.of(replicas=3, source=SOURCE)
    world.turns_until(lambda: world.set.lineage is not None)
    world.kill(1)

    world.turns()

    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []
    assert world.write("after") is Reply.OK


def test_s7_that_the_data_was_proved_is_recorded_before_the_node_is_promoted() -> None:
    """A controller that dies in between leaves a node that the next one promotes without loading it again."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: world.set.nodes[0].whole)
    assert world.set.lineage is None
    world.restart()
    world.acts.clear()

    world.turns()

    assert not any(isinstance(act, do.Load) for act in world.acts)
    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []


def test_s4_a_node_that_answers_in_anothers_place_is_no_heir() -> None:
    """Who was launched is known; another server at its address holds none of the data."""
    world = World.running(replicas=2)
    node = world.set.nodes[1]
    facts = world.look()
    seen = replace(facts.of(node.id), run_id="f" * 40)

    succession = choose_heir(world.set, replace(facts, nodes={node.id: seen}))

    assert succession.unfit[node.id] is Unfit.RESTARTED
    assert succession.heir is None


def test_s4_a_node_of_another_history_is_no_heir() -> None:
    """Its offset may be the highest: it counts bytes of another stream."""
    world = World.running(replicas=2)
    node = world.set.nodes[1]
    facts = world.look()
    replication = facts.of(node.id).replication
    assert replication is not None
    stranger = replace(replication, replid="e" * 40, offset=10**9)
    seen = replace(facts.of(node.id), replication=stranger)

    succession = choose_heir(world.set, replace(facts, nodes={node.id: seen}))

    assert succession.unfit[node.id] is Unfit.FOREIGN
    assert succession.heir is None


def test_s4_a_replid_that_the_primary_took_is_recorded() -> None:
    """It changes by itself at the first replica (H4); a replica of the new one is no stranger."""
    world = World.running(replicas=2)
    server = world.server(1)
    server.replid, server.replid2 = "d" * 40, server.replid

    world.turns(4)

    assert world.set.lineage is not None
    assert world.set.lineage.replid == "d" * 40


def test_s3_what_the_dead_primary_had_sent_is_read_before_anyone_is_stopped() -> None:
    """A replica is left alone until it has itself seen the end of its stream (H3)."""
    world = World.running(replicas=2)
    before = world.look().of(node_id(SET, 2))
    world.kill(1)
    facts = world.look()
    unread = replace(facts, now=facts.now + 0.01, nodes={**facts.nodes, node_id(SET, 2): before})

    decision = decide(world.set, unread, world.rules)

    assert before.replication is not None
    assert before.replication.link_up
    assert not any(isinstance(act, do.Detach) for act in decision.actions)
    world.turns()
    assert world.set.status is SetState.RUNNING


def test_h16_a_script_that_does_not_end_is_killed_and_nobody_is_replaced() -> None:
    """Busy is not failed: first the script is ended, and that is enough."""
    world = World.running()
    world.rules = FailoverSettings(failure_detection=1.0)
    world.fleet.keep_busy(node_id(SET, 1))

    world.turns(80)

    assert do.KillScript(node_id(SET, 1)) in world.acts
    assert not any(isinstance(act, do.Fence) for act in world.acts)
    assert world.write("again") is Reply.OK


def test_h16_a_script_that_wrote_is_given_long_then_its_server_is_replaced() -> None:
    """It can not be killed: after the busy bound a replica takes over, and it never had the write (S3)."""
    world = World.running()
    world.rules = FailoverSettings(failure_detection=1.0, busy_detection=4.0)
    world.fleet.keep_busy(node_id(SET, 1), wrote=True)

    world.turns(int(world.rules.busy_detection / STEP_SECONDS) - 40)
    assert not any(isinstance(act, do.Fence) for act in world.acts)
    world.turns(200)

    assert world.set.primary is not None
    assert world.set.primary.number == 2
    assert world.write("again") is Reply.OK


def test_h16_without_ha_its_owner_is_told_to_promote_and_may() -> None:
    """Nobody is replaced unasked; who promotes a replica then is the end of the script (S3)."""
    world = World.running(recovery_enabled=False)
    world.rules = FailoverSettings(failure_detection=1.0, busy_detection=4.0)
    world.fleet.keep_busy(node_id(SET, 1), wrote=True)
    world.turns(int(2 * world.rules.busy_detection / STEP_SECONDS))
    waits, acts = world.set.reason, list(world.acts)

    promote(world, 2)
    world.turns(200)

    assert waits is not None
    assert (waits.code, waits.next.endswith("promote a replica.")) == ("primary_busy", True)
    assert not any(isinstance(act, do.Fence) for act in acts)
    assert world.set.primary is not None
    assert world.set.primary.number == 2
    assert world.write("again") is Reply.OK
    assert world.lost_writes == []


def test_s4_a_replica_emptied_by_a_failed_copy_never_takes_over() -> None:
    """It still shows the old replication id; its offset tells (H2)."""
    world = World.running(replicas=2)
    server = world.server(2)
    world.fleet.sever(server.id)
    server.writes.clear()
    server.resumable = False
    world.kill(1)

    world.turns()

    assert world.set.status is SetState.FAILED
    assert not any(isinstance(act, do.Promote) for act in world.acts)


def test_s5_a_write_confirmed_by_wait_survives_a_silent_replica() -> None:
    """The copy that confirmed it is waited for, though another one answers at once."""
    world = World.running()
    world.fleet.partition(node_id(SET, 1), node_id(SET, 2))
    world.fleet.sever(node_id(SET, 2))
    world.write("confirmed")
    world.fleet.deliver(node_id(SET, 3))
    world.fleet.partition(CONTROLLER, node_id(SET, 3))
    world.kill(1)
    world.turns(120)
    world.fleet.heal()

    world.turns()

    assert "confirmed" not in world.lost_writes
    assert world.set.status is SetState.RUNNING


def test_s6_a_hung_primary_without_a_whole_copy_is_left_alone() -> None:
    """Ending it would destroy the only data there is."""
    world = World.running(replicas=2)
    world.kill(2)
    world.refuse_launches = 1000
    world.turns(20)
    world.fleet.hang(node_id(SET, 1))

    world.turns(400)

    assert do.Fence(node_id(SET, 1)) not in world.acts
    world.fleet.wake(node_id(SET, 1))
    world.turns(20)
    assert world.write("again") is Reply.OK


def test_s6_a_node_that_became_the_last_copy_stays_though_its_removal_was_asked() -> None:
    """What was allowed a moment ago would destroy the data now, and who asked for it is told so."""
    world = World.running(replicas=2, recovery_enabled=False)
    node = world.set.nodes[1]
    world.set = replace(
        world.set.with_node(replace(node, removing=True, status=NodeState.TERMINATING)),
        replicas=1,
        operation=operation(OperationKind.DELETE_NODE, ("withdraw", "remove"), node.id, world.now),
    )
    world.kill(1)

    world.turns()

    assert world.fleet.holders("first") == {node.id}
    kept = world.set.node(node.id)
    assert kept is not None
    assert (kept.removing, world.set.replicas, world.set.operation) == (False, 2, None)
    [told] = [event for event in world.events if event.name is EventName.NODE_DELETE]
    assert told.outcome is Outcome.FAILURE


def test_s7_the_epoch_is_recorded_before_anyone_is_promoted() -> None:
    """A controller that dies right after recording has promoted nobody; the next one goes on from there."""
    world = World.running()
    world.kill(1)
    world.turns_until(lambda: all(world.server(number).following == NOWHERE for number in (2, 3)))

    world.turn(acts=0, forget=True)

    assert world.set.lineage is not None
    assert world.set.lineage.epoch == 2
    assert not any(world.server(number).is_master for number in (2, 3))
    world.turns()
    assert world.set.status is SetState.RUNNING
    assert world.set.lineage.epoch == 2


def test_s7_nothing_is_started_for_which_no_intent_is_recorded() -> None:
    """A replica was asked for in the moment the primary died: it is launched, but only once recorded."""
    world = World.running()
    ask_replica(world)
    world.kill(1)

    world.turns()

    assert all(n.launched for n in world.set.nodes)
    assert world.set.status is SetState.RUNNING


def test_s8_the_address_is_with_the_old_primary_or_the_new_never_with_both() -> None:
    """At every moment of a planned promotion the address has at most one holder."""
    world = World.running()
    promote(world, 2)

    for _ in range(40):
        world.turn()
        holders = [n.id for n in world.fleet.nodes.values() if VIP in n.bound]
        assert len(holders) <= 1

    assert holders == [node_id(SET, 2)]


def test_s7_the_new_history_is_recorded_before_the_address_leads_to_it() -> None:
    """Whoever takes over between the two knows whose data is the truth (H4, H9)."""
    world = World.running()
    world.kill(1)

    world.turns_until(lambda: any(VIP in n.bound for n in world.fleet.nodes.values() if not n.ended))

    assert world.set.lineage is not None
    assert world.set.lineage.replid == world.server(2).replid
    assert world.set.lineage.promotion is None


def test_s10_a_deletion_says_again_what_it_does_when_a_node_is_no_longer_in_doubt() -> None:
    """What kept it waiting is not told for longer than it did."""
    world = World.running()
    facts, node = world.look(), node_id(SET, 2)
    doubted = replace(facts, nodes={**facts.nodes, node: replace(facts.of(node), in_doubt=True)})
    waiting = Turn(replace(world.set, status=SetState.TERMINATING), doubted, world.rules)

    judge(waiting)
    going_on = Turn(waiting.set, facts, world.rules)
    judge(going_on)

    assert waiting.set.reason is not None
    assert waiting.set.reason.code == "node_in_doubt"
    assert going_on.set.reason is not None
    assert going_on.set.reason.code == "delete"


@pytest.mark.parametrize("recovery", [True, False])
def test_s10_a_lost_node_that_is_in_doubt_again_is_said(*, recovery: bool) -> None:
    """A service that was started anew may not be able to tell that it is gone: then nothing replaces it."""
    world = World.running()
    facts, node = world.look(), world.set.nodes[1]
    lost = replace(world.set.with_node(replace(node, status=NodeState.FAILED)), recovery_enabled=recovery)
    doubted = replace(facts.of(node.id), life=Life.UNKNOWN, in_doubt=True, remains=True)
    turn = Turn(lost, replace(facts, nodes={**facts.nodes, node.id: doubted}), world.rules)

    judge(turn)

    assert turn.set.status is SetState.WARNING
    assert turn.set.reason is not None
    assert turn.set.reason.code == "node_in_doubt"
    assert turn.set.reason.message.startswith("What is left of orders-2 stays")


def test_s8b_the_reader_address_does_not_lead_to_a_replica_that_receives_nothing() -> None:
    """Its link has been down for a while though the primary lives: what it shows is old."""
    world = World.running()
    facts = world.look()
    holder = facts.endpoints.reader_at
    assert holder is not None
    replication = facts.of(holder).replication
    assert replication is not None
    cut = replace(facts.of(holder), replication=replace(replication, link_up=False, link_down_for=3))

    chosen = choose_reader(Turn(world.set, replace(facts, nodes={**facts.nodes, holder: cut}), world.rules))

    assert chosen not in (holder, node_id(SET, 1))


def test_s8_the_reader_address_leaves_a_replica_that_is_out_of_step() -> None:
    """It leads to another replica, or to the primary when there is none."""
    world = World.running()
    holder = next(n for n in world.fleet.nodes.values() if READER in n.bound)

    world.fleet.crash(holder.id)
    world.turns()

    now = next(n for n in world.fleet.nodes.values() if READER in n.bound)
    assert now.id != holder.id
    assert not now.is_master


def test_s9_a_planned_promotion_loses_nothing_and_copies_nothing_anew() -> None:
    """Writers go on all the time; every acknowledged write is on the new primary."""
    world = World.running()
    promote(world, 3)

    for count in range(40):
        world.write(f"w{count}")
        world.turn()

    assert world.set.primary is not None
    assert world.set.primary.number == 3
    assert world.lost_writes == []
    assert world.set.operation is None


def test_s9_the_address_leaves_the_old_primary_while_the_target_is_promoted() -> None:
    """Writes wait for one command less; before the promotion is certain nothing is touched."""
    world = World.running()
    promote(world, 2)
    world.turns_until(lambda: any(isinstance(act, do.Detach) for act in world.acts))
    before = VIP in world.server(1).bound

    world.turns_until(lambda: any(isinstance(act, do.Promote) for act in world.acts))

    assert before
    assert not any(VIP in n.bound for n in world.fleet.nodes.values())
    world.turns(20)
    assert VIP in world.server(2).bound


def test_s9_h12_without_a_pause_the_address_is_taken_before_the_primary_is_stopped() -> None:
    """Nobody writes through it while the target catches up; then it leads there, and nothing is lost."""
    world = World.running(version="5.0.6")
    promote(world, 3)

    world.turns_until(lambda: any(isinstance(act, do.Detach) for act in world.acts))
    led, began = world.fleet.led(VIP), world.server(1).following
    for count in range(40):
        world.write(f"w{count}")
        world.turn()

    assert led is None
    assert began is not None
    assert not any(isinstance(act, do.Pause | do.Unpause) for act in world.acts)
    assert world.fleet.led(VIP) == node_id(SET, 3)
    assert world.lost_writes == []
    assert world.set.operation is None


def test_s9_h12_a_primary_from_which_the_address_can_not_be_taken_is_not_stopped() -> None:
    """Clients that still reach it would be told that it is a replica: the change is given up instead."""
    world = World.running(version="5.0.6")
    world.proxy_stuck = True
    before = len(world.acts)
    promote(world, 2)

    world.turns_until(lambda: world.set.status is SetState.RUNNING)

    assert not any(isinstance(act, do.Detach | do.Promote) for act in world.acts[before:])
    assert world.write("still there") is Reply.OK


def test_s9_h12_a_target_that_does_not_catch_up_gives_the_address_back() -> None:
    """The primary was not stopped yet; it goes on where it was, and its owner is told."""
    world = World.running(replicas=2, version="5.0.6")
    promote(world, 2)
    world.turn()
    world.fleet.partition(node_id(SET, 1), node_id(SET, 2))
    world.server(1).ping()

    world.turns()

    assert not any(isinstance(act, do.Detach) for act in world.acts)
    assert world.fleet.led(VIP) == node_id(SET, 1)
    assert world.write("after") is Reply.OK
    assert any(e.name is EventName.SWITCHOVER and e.outcome == "failure" for e in world.events)


def test_h19_a_replica_that_copies_anew_follows_by_what_its_primary_asks_by_then() -> None:
    """It was whole before the set was open and is not any more: it gets the tenants' password."""
    world = World.of(version="5.0.6", replicas=2)
    world.turns_until(lambda: world.set.opened)
    world.fleet.sever(node_id(SET, 2))
    world.server(2).resumable = False

    world.turns()

    assert world.set.status is SetState.RUNNING
    assert world.server(2).equipped_as(world.replication)
    assert all(n.whole for n in world.set.nodes)


def test_s9_what_only_tells_how_far_it_is_is_not_recorded_while_writes_wait() -> None:
    """Between holding writes and the intent to promote nothing is committed."""
    world = World.running()
    promote(world, 2)
    world.turns_until(lambda: any(isinstance(act, do.Pause) for act in world.acts))
    commits = world.commits

    world.turns_until(lambda: any(isinstance(act, do.Promote) for act in world.acts))

    assert world.commits - commits == 1


def test_s9_a_target_that_does_not_catch_up_leaves_the_old_primary_in_place() -> None:
    """The old primary, already stopped, becomes primary again; its owner is told."""
    world = World.running(replicas=2)
    promote(world, 2)
    world.turns_until(lambda: any(isinstance(act, do.Detach) for act in world.acts))
    target = world.server(2)
    target.offset -= 60

    world.turns()

    assert world.set.primary is not None
    assert world.set.primary.number == 1
    assert world.write("after") is Reply.OK
    assert world.lost_writes == []
    assert any(e.name is EventName.SWITCHOVER and e.outcome == "failure" for e in world.events)


def lose_sight_of_primary(world: World, moment: str) -> None:
    """Nothing passes any more between controller and primary, at that moment of a change of primary."""
    stop, primary = do.Detach(node_id(SET, 1)), node_id(SET, 1)
    world.turn()
    if moment == "stopped":
        world.turn()
        assert world.acts[-1] == stop
    world.fleet.partition(CONTROLLER, primary)
    if moment == "stop on its way":
        with pytest.raises(LinkTrouble):
            world.act(stop)


@pytest.mark.parametrize("version", ["7.0.15", "5.0.6"])
@pytest.mark.parametrize("moment", ["writes held", "stop on its way", "stopped"])
def test_s9_a_primary_that_can_not_be_asked_ends_the_change_in_time(version: str, moment: str) -> None:
    """Data, address and replicas are as before, also when it does later what it was sent meanwhile."""
    world = World.running(version=version)
    world.rules = replace(world.rules, failure_detection=1e6)
    promote(world, 2)
    lose_sight_of_primary(world, moment)
    began = world.now

    world.turns_until(lambda: world.set.lineage is not None and world.set.lineage.promotion is None)

    assert world.now - began < 3.0
    assert [e.outcome for e in world.events if e.name is EventName.SWITCHOVER] == ["failure"]
    assert do.Promote(node_id(SET, 2)) not in world.acts
    world.write("meanwhile")
    world.fleet.heal()
    for _ in range(100):
        world.turn()
        assert not any(server.syncing for server in world.fleet.nodes.values())
    assert world.server(1).is_master
    assert world.write("after") is Reply.OK
    assert world.lost_writes == []
    world.turns(20)
    assert all("after" in server.writes for server in world.fleet.nodes.values())
    assert world.set.status is SetState.RUNNING


def test_s9_a_busy_primary_ends_the_change_in_time() -> None:
    """It answers, but to nothing that would tell how far it is; when it is done it goes on as before."""
    world = World.running()
    promote(world, 2)
    world.turn()
    world.fleet.keep_busy(node_id(SET, 1), wrote=True)

    world.turns(100)

    assert world.set.lineage is not None
    assert world.set.lineage.promotion is None
    assert world.set.operation is None
    world.fleet.wake(node_id(SET, 1))
    world.turns(20)
    assert world.write("after") is Reply.OK
    assert world.lost_writes == []


def test_s9_everyone_a_replica_is_recognised_as_no_primary() -> None:
    """Somebody stopped the primary and ended before going on (H6): it becomes primary again."""
    world = World.running()
    world.fleet.command(node_id(SET, 1), SimulatedNode.detach)

    world.turns()

    assert world.server(1).is_master
    assert world.write("again") is Reply.OK
    assert world.set.lineage is not None
    assert world.set.lineage.epoch == 2


def test_s10_every_state_but_running_says_why_and_what_comes_next() -> None:
    """Through a whole failover no state is shown without its reason."""
    world = World.running()
    world.kill(1)
    shown = set()

    for _ in range(60):
        world.turn()
        shown.add(world.set.status)
        reason = world.set.reason
        assert (reason is None) == (world.set.status is SetState.RUNNING)
        assert reason is None or (reason.message and reason.trying and reason.next)

    assert {SetState.RECOVERING, SetState.SCALING_OUT, SetState.RUNNING} <= shown


def test_s10_repeated_failovers_in_a_short_time_are_held() -> None:
    """What kills one primary after the other must not reach the last copy (H25)."""
    world = World.running(replicas=3)
    world.rules = FailoverSettings(brake_count=1)
    world.kill(1)
    world.turns()
    world.kill(2)

    world.turns(20)

    assert world.set.status is SetState.WARNING
    assert world.set.reason is not None
    assert world.set.reason.code == "poison"
    assert world.fleet.answers(node_id(SET, 3))


def test_a_turn_on_a_healthy_set_does_nothing() -> None:
    """No write, no act, whatever its size."""
    for replicas in (1, 2, 6):
        world = World.running(replicas=replicas)
        world.turns(10)
        commits = world.commits

        acts = [world.turn() for _ in range(20)]

        assert acts == [0] * 20
        assert world.commits == commits


def test_failing_launches_back_off_with_the_engines_words() -> None:
    """The pause between tries grows; the state says what the engine said; success ends it."""
    world = World.running()
    world.refuse_launches = 3
    world.kill(3)
    world.turns(10)
    assert world.set.status is SetState.WARNING
    assert world.set.reason is not None
    assert "no memory left" in world.set.reason.message

    world.turns(600)

    assert world.set.status is SetState.RUNNING
    assert world.now > 8


def test_a_replica_whose_copies_fail_is_kept_from_asking_for_a_while() -> None:
    """It follows nobody until its pause is over, the state says so, then it copies and serves (H28)."""
    world = World.running(replicas=2)
    world.kill(2)
    world.turns_until(lambda: world.fleet.answers(node_id(SET, 3)))
    world.turns(2)
    memory = world.memory[node_id(SET, 3)]
    memory.copies_failed, memory.copy_at = 2, world.now + 5
    world.turns(20)
    server = world.server(3)
    assert server.following == NOWHERE
    assert world.set.reason is not None
    assert world.set.reason.code == "replica_cannot_copy"

    world.turns(300)

    assert world.set.status is SetState.RUNNING
    assert server.link_up
