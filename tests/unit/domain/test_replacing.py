"""Parameters that an engine reads only at its start: nodes are replaced one by one (API.md 7, S2, S6, S9)."""

from dataclasses import replace

import pytest
from world import World, ask_values

from memstored.domain import actions as do
from memstored.domain.model import Configuration, GroupValues, InstanceSet, Setting
from memstored.domain.naming import node_id
from memstored.domain.parameter_group import configured, shown_status
from memstored.domain.requests.change import Call
from memstored.domain.requests.promotion import promote
from memstored.domain.requests.removal import delete_node
from memstored.domain.sequence import next_moves
from memstored.domain.words import ApplyStatus, BackupId, EventName, NodeState, SetState
from memstored.runtime.simulated_node import Condition, Reply


def started_with(world: World) -> dict[int, str]:
    """By number of the living nodes of the set: the threads that they were started with."""
    living = [n for n in world.set.nodes if not n.lost and n.id in world.fleet.nodes]
    return {n.number: world.fleet.node(n.id).settings["io-threads"] for n in living}


def whole_copies(world: World) -> int:
    """How many living nodes hold all that was acknowledged."""
    written = set(world.fleet.acknowledged)
    servers = [world.fleet.nodes.get(n.id) for n in world.set.nodes]
    living = [s for s in servers if s is not None and s.condition is not Condition.GONE]
    return sum(written <= set(server.writes) for server in living)


def ended(world: World) -> None:
    """Turns until nothing is under way."""
    world.turns_until(lambda: world.set.operation is None, most=3000)
    world.turns(3)


@pytest.mark.parametrize(
    ("replicas", "recovery_enabled"), [(1, False), (2, False), (2, True), (3, False), (3, True)]
)
def test_every_node_is_replaced(replicas: int, recovery_enabled: bool) -> None:  # noqa: FBT001 - a parameter
    """New numbers, new values, as many as before, and no write is lost."""
    world = World.running(replicas=replicas, recovery_enabled=recovery_enabled)
    ask_values(world, io_threads="4", timeout="300")

    ended(world)

    assert started_with(world) == dict.fromkeys(range(replicas + 1, 2 * replicas + 1), "4")
    assert configured(world.set).status is ApplyStatus.IN_SYNC
    assert world.set.status is SetState.RUNNING
    assert world.set.replicas == replicas
    assert {n.status for n in world.set.nodes} == {NodeState.RUNNING}
    assert set(world.fleet.nodes) == {n.id for n in world.set.nodes}
    assert world.lost_writes == []
    assert world.write("after") is Reply.OK


def test_a_node_that_stays_after_all_is_counted_once() -> None:
    """One that was to go and is the last with the data becomes the primary; as many are asked for (S6)."""
    world = World.running(replicas=2)
    ask_values(world, io_threads="4")
    world.turns_until(lambda: any(n.removing for n in world.set.nodes))
    assert [n.number for n in world.set.nodes if n.removing] == [2]

    world.kill(1)
    world.kill(3)
    world.turns(3)
    ended(world)
    world.turns_until(lambda: world.set.status is SetState.RUNNING)

    assert world.set.replicas == len(world.set.nodes) == 2
    assert world.lost_writes == []


def test_there_are_never_fewer_copies_than_before() -> None:
    """Another comes and holds a whole copy before one goes (S6); never are there two too many."""
    world = World.running()
    ask_values(world, io_threads="4")

    copies, nodes = [], []
    while world.set.operation is not None:
        world.turn()
        copies.append(whole_copies(world))
        nodes.append(len(world.set.nodes))

    assert min(copies) == 3
    assert max(nodes) == 4


def test_what_can_be_set_live_comes_first() -> None:
    """A refusal costs no replaced node."""
    world = World.running()
    world.acts.clear()
    ask_values(world, io_threads="4", timeout="300")
    ended(world)

    kinds = [type(act) for act in world.acts]
    last = max(i for i, kind in enumerate(kinds) if kind is do.Configure)
    assert last < kinds.index(do.Launch)


def test_the_primary_is_the_last_and_hands_over() -> None:
    """Once, after all replicas; nobody is restarted in place (S2), and the events say what happens."""
    world = World.running()
    world.acts.clear()
    ask_values(world, io_threads="4")
    ended(world)

    promoted = [act for act in world.acts if isinstance(act, do.Promote)]
    launched = [act.node for act in world.acts if isinstance(act, do.Launch)]
    destroyed = [act for act in world.acts if isinstance(act, do.Destroy)]
    assert len({act.node for act in promoted}) == 1
    assert len(launched) == len(set(launched)) == 3
    assert not any(isinstance(act, do.Fence) for act in world.acts)
    assert world.acts.index(promoted[0]) < world.acts.index(destroyed[-1])
    told = [event.name for event in world.events]
    assert told.count(EventName.SWITCHOVER) == 1
    assert told.count(EventName.NODE_ADD) == told.count(EventName.NODE_DELETE) == 3
    assert EventName.FAILOVER not in told


def test_the_set_is_running_all_the_while() -> None:
    """Nothing but the operation tells of it: everybody is served (API.md 2.3)."""
    world = World.running()
    ask_values(world, io_threads="4", timeout="300")

    seen, steps = set(), []
    while world.set.operation is not None:
        seen.add(world.set.status)
        steps.append(world.set.operation.step)
        world.turn()

    assert seen == {SetState.RUNNING}
    assert list(dict.fromkeys(steps)) == ["replicas", "primary", "replace_replicas", "replace_primary"]


def test_a_node_that_can_not_be_started_ends_it() -> None:
    """After some tries with growing pauses, in the engine's own words; the set is as it was."""
    world = World.running()
    world.refuse_launches = 5
    ask_values(world, io_threads="4")

    world.turns(1200)

    present = configured(world.set)
    assert present.status is ApplyStatus.ERROR_SYNC
    assert "could not be started 5 times in a row: no memory left" in str(present.error)
    assert started_with(world) == {1: "1", 2: "1", 3: "1"}
    assert world.set.status is SetState.RUNNING
    assert world.set.replicas == 3


def test_nodes_already_replaced_are_replaced_back() -> None:
    """So that group, set and nodes agree, the recorded values are brought back in the same way."""
    world = World.running()
    ask_values(world, io_threads="4")
    world.turns_until(lambda: set(started_with(world).values()) == {"1", "4"} and len(world.set.nodes) == 3)
    world.refuse_launches = 5
    world.turns_until(lambda: configured(world.set).status is ApplyStatus.ERROR_SYNC, most=3000)

    ended(world)

    assert set(started_with(world).values()) == {"1"}
    assert len(world.set.nodes) == 3
    assert world.set.replicas == 3
    assert world.lost_writes == []


def after_a_death(turns: int, victim: int, *, recovery_enabled: bool) -> World:
    """A set one of whose nodes died so many turns after the begin of an apply, once nothing is under way."""
    world = World.running(recovery_enabled=recovery_enabled)
    ask_values(world, io_threads="4")
    world.turns(turns)
    living = [n.number for n in world.set.nodes if not n.lost and n.id in world.fleet.nodes]
    world.kill(living[victim])
    world.turns(3)
    ended(world)
    if recovery_enabled:
        world.turns_until(lambda: world.set.status is SetState.RUNNING)
    return world


@pytest.mark.parametrize("victim", [0, 1, 2])
@pytest.mark.parametrize("turns", range(0, 60, 5))
def test_a_death_at_any_moment(turns: int, victim: int) -> None:
    """Whichever node dies: no write is lost, and every node has the values in the end."""
    world = after_a_death(turns, victim, recovery_enabled=True)

    assert set(started_with(world).values()) == {"4"}
    assert len(world.set.nodes) == world.set.replicas == 3
    assert configured(world.set).status is ApplyStatus.IN_SYNC
    assert world.lost_writes == []


@pytest.mark.parametrize("victim", [0, 1, 2])
@pytest.mark.parametrize("turns", range(0, 60, 10))
def test_a_death_at_any_moment_without_ha(turns: int, victim: int) -> None:
    """It ends, so that its owner can do something; whatever lives has what is recorded or serves as it is."""
    world = after_a_death(turns, victim, recovery_enabled=False)

    assert world.set.operation is None
    assert configured(world.set).status in (ApplyStatus.IN_SYNC, ApplyStatus.ERROR_SYNC)
    assert len(world.holders()) >= 2


def with_one_beside(replicas: int = 3) -> World:
    """A set without high availability, in the middle of an apply: one more serves than were ordered. It goes
    on once the backup is made.
    """
    world = World.running(replicas=replicas, recovery_enabled=False)
    ask_values(world, io_threads="4")
    world.turns_until(lambda: len(world.set.nodes) > replicas)
    world.set = replace(world.set, backup=BackupId("backup"))
    world.turns_until(lambda: {n.status for n in world.set.nodes} == {NodeState.RUNNING})
    return world


def without_backup(world: World) -> None:
    """The backup is made."""
    world.set = replace(world.set, backup=None)


CALL = Call(actor="mia", request_id=None, at=0.0)


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_primary_that_dies_without_ha_leaves_as_many_nodes_as_were_ordered(replicas: int) -> None:
    """Once a replica is promoted the one that came beside counts for the dead one, which goes."""
    world = with_one_beside(replicas)
    without_backup(world)
    world.kill(1)
    world.turns(40)
    halted = (world.set.status, world.set.replicas, len(world.set.nodes))

    world.set = promote(world.set, world.set.nodes[1].id, CALL, world.look()).after
    world.turns(200)

    assert halted == (SetState.WARNING, replicas, replicas + 1)
    assert world.set.status is SetState.RUNNING
    assert world.set.replicas == len(world.set.nodes) == replicas
    assert world.lost_writes == []


@pytest.mark.parametrize(("version", "settings", "threads"), [(1, ("4",), "4"), (2, (), "1")])
def test_nodes_that_an_ended_apply_left_apart_are_alike_after_the_next(
    version: int, settings: tuple[str, ...], threads: str
) -> None:
    """Brought again, or rolled back: whoever differs is replaced; until then it is said."""
    world = with_one_beside()
    lose_primary(world)
    halted, error = started_with(world), configured(world.set).error or ""
    values = tuple(Setting(name="io-threads", value=value) for value in settings)
    latest = GroupValues(group_id="g", version=version, settings=values)
    shown = shown_status(world.set, latest)
    if version == 1:
        world.set = replace(world.set, configuration=retried(world.set, latest))

    world.set = moved(world, latest)
    ended(world)

    assert halted == {2: "1", 3: "1", 4: "4"}
    assert "keep what they were started with" in error
    assert "retry" in error
    assert shown is not ApplyStatus.IN_SYNC
    assert set(started_with(world).values()) == {threads}
    assert len(world.set.nodes) == 3
    assert shown_status(world.set, latest) is ApplyStatus.IN_SYNC
    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []


def lose_primary(world: World) -> None:
    """The primary of `with_one_beside` dies, and its owner promotes a replica."""
    without_backup(world)
    world.kill(1)
    world.turns(40)
    world.set = promote(world.set, world.set.nodes[1].id, CALL, world.look()).after
    world.turns(200)


DEFAULTS = (GroupValues(group_id="g", version=2), GroupValues(group_id="g", version=3))
UNFIT = GroupValues(group_id="g", version=2, settings=(Setting(name="maxmemory", value="4000000000"),))


@pytest.mark.parametrize("meanwhile", [DEFAULTS[0], UNFIT])
def test_nodes_that_differ_are_found_though_the_group_changed_meanwhile(meanwhile: GroupValues) -> None:
    """Rolled back, or given what the flavor can not have: what a node was started with is not forgotten."""
    world = with_one_beside()
    world.set = moved(world, meanwhile)
    lose_primary(world)
    halted, error = started_with(world), configured(world.set).error or ""
    shown = shown_status(world.set, meanwhile)

    world.set = moved(world, DEFAULTS[1])
    ended(world)

    assert halted == {2: "1", 3: "1", 4: "4"}
    assert shown is ApplyStatus.ERROR_SYNC
    assert "keep what they were started with" in error
    assert set(started_with(world).values()) == {"1"}
    assert shown_status(world.set, DEFAULTS[1]) is ApplyStatus.IN_SYNC


def test_a_node_that_hung_while_the_others_went_back_is_found() -> None:
    """Nobody waited for it, so it keeps what it was started with until the next time; then it is replaced."""
    world = World.running(recovery_enabled=False)
    ask_values(world, io_threads="4")
    world.turns_until(lambda: sorted(started_with(world)) == [1, 3, 4])
    world.fleet.hang(node_id(world.set.id, 4))
    ended(world)
    world.fleet.wake(node_id(world.set.id, 4))
    world.turns(60)
    halted, error = started_with(world), configured(world.set).error or ""
    shown = shown_status(world.set, DEFAULTS[0])

    world.set = moved(world, DEFAULTS[0])
    ended(world)

    assert halted == {1: "1", 3: "1", 4: "4"}
    assert shown is not ApplyStatus.IN_SYNC
    assert error.startswith("orders-4 does not answer. ")
    assert "keep what they were started with" in error
    assert set(started_with(world).values()) == {"1"}
    assert shown_status(world.set, DEFAULTS[0]) is ApplyStatus.IN_SYNC


def test_a_return_that_is_given_up_leaves_nodes_apart_and_says_so() -> None:
    """With high availability, too: no node could be started with the values from before."""
    world = World.running()
    ask_values(world, io_threads="4")
    world.turns_until(lambda: sorted(started_with(world)) == [1, 3, 4])
    world.refuse_launches = 10
    world.turns_until(lambda: world.set.operation is None, most=5000)
    halted, error = started_with(world), configured(world.set).error or ""
    shown = shown_status(world.set, DEFAULTS[0])

    world.refuse_launches = 0
    world.set = moved(world, DEFAULTS[0])
    ended(world)

    assert halted == {1: "1", 3: "1", 4: "4"}
    assert shown is not ApplyStatus.IN_SYNC
    assert error.count("could not be started") == 2
    assert "keep what they were started with" in error
    assert set(started_with(world).values()) == {"1"}


def test_a_primary_that_dies_while_the_nodes_go_back_leaves_both_reasons() -> None:
    """Why they went back, then why not all of them did, and that nodes differ (API.md 7)."""
    world = with_one_beside()
    world.fleet.hang(node_id(world.set.id, 3))
    world.turns_until(lambda: configured(world.set).status is ApplyStatus.ERROR_SYNC)
    world.kill(1)
    ended(world)

    error = configured(world.set).error or ""
    assert error.startswith("orders-3 does not answer. The primary was lost before ")
    assert "keep what they were started with" in error
    assert "retry" in error
    assert started_with(world)[4] == "4"


def retried(instance_set: InstanceSet, values: GroupValues) -> Configuration:
    """What the request to bring the values again records."""
    return replace(configured(instance_set), wanted=values, status=ApplyStatus.APPLYING, error=None)


def test_a_primary_that_hangs_without_ha_leaves_as_many_nodes_as_were_ordered() -> None:
    """When it answers again the one goes that was started with the values that were given up; while a backup
    is made, which it may give, it stays (API.md 4).
    """
    world = with_one_beside()
    world.fleet.hang(node_id(world.set.id, 1))
    world.turns_until(lambda: world.set.operation is None)
    world.fleet.wake(node_id(world.set.id, 1))
    world.turns(60)
    kept = len(world.set.nodes)

    without_backup(world)
    world.turns(60)

    assert kept == 4
    assert world.set.status is SetState.RUNNING
    assert world.set.replicas == 3
    assert started_with(world) == {1: "1", 2: "1", 3: "1"}
    assert world.lost_writes == []


def test_the_last_copy_stays_though_it_is_one_too_many() -> None:
    """A surplus node that everybody else dies before is kept, and still no more are asked for (S6)."""
    world = with_one_beside(replicas=1)
    world.fleet.hang(node_id(world.set.id, 1))
    world.turns_until(lambda: world.set.operation is None)
    surplus = replace(world.set.nodes[1], removing=True, status=NodeState.TERMINATING)
    world.set = world.set.with_node(surplus)
    world.kill(1)

    world.turns(60)

    assert [server.id for server in world.holders()] == [surplus.id]
    assert not world.set.nodes[1].removing
    assert world.set.replicas == 1


def test_a_surplus_node_stays_until_every_other_holds_a_copy() -> None:
    """One that copies anew is worth nothing yet (S6)."""
    world = with_one_beside()
    world.fleet.hang(node_id(world.set.id, 1))
    world.turns_until(lambda: world.set.operation is None)
    without_backup(world)
    world.fleet.wake(node_id(world.set.id, 1))
    copying = replace(world.set.nodes[1], whole=False, status=NodeState.WARNING)
    world.set = world.set.with_node(copying)
    world.restart()

    copies = []
    while len(world.set.nodes) == 4:
        world.turn()
        copies.append(sum(n.whole and not n.removing for n in world.set.nodes))

    assert min(copies) == 3


def test_a_node_deleted_by_hand_counts_for_the_one_beside() -> None:
    """Who deletes the dead one has as many as before."""
    world = with_one_beside()
    without_backup(world)
    world.kill(1)
    world.turns(40)

    world.set = delete_node(world.set, world.set.nodes[0], CALL).after
    world.turns(60)
    left = (world.set.replicas, len(world.set.nodes))

    assert left == (3, 3)


def test_another_version_in_the_middle_is_what_it_ends_with() -> None:
    """The nodes that were started for the version before are replaced once more."""
    world = World.running()
    ask_values(world, io_threads="4")
    world.turns_until(lambda: "4" in started_with(world).values() and len(world.set.nodes) == 3)
    latest = GroupValues(group_id="g", version=2, settings=(Setting(name="io-threads", value="2"),))
    world.set = moved(world, latest)

    ended(world)

    assert set(started_with(world).values()) == {"2"}
    assert configured(world.set).values.version == 2


def moved(world: World, latest: GroupValues) -> InstanceSet:
    """The set as the sequence leaves it when these are its group's values."""
    [move] = next_moves([world.set], latest, world.now)
    return replace(move.after, revision=world.set.revision + 1)


def test_it_waits_for_a_backup_that_is_being_made() -> None:
    """The node that gives it would go (API.md 4)."""
    world = World.running()
    world.set = replace(world.set, backup=BackupId("backup"))
    ask_values(world, io_threads="4")
    world.turns(60)
    assert len(world.set.nodes) == 3
    assert world.set.next_number == 4

    world.set = replace(world.set, backup=None)
    ended(world)

    assert set(started_with(world).values()) == {"4"}


def test_it_waits_for_a_backup_that_began_in_the_middle_of_it() -> None:
    """A scheduled one asks nobody: no replica goes, and nobody takes over, until it is made (API.md 4)."""
    world = World.running()
    ask_values(world, io_threads="4")
    while len(world.set.nodes) == 3:
        world.turn()
    world.set = replace(world.set, backup=BackupId("backup"))
    world.turns(60)
    going = [node.name for node in world.set.nodes if node.removing]
    kept = len(world.set.nodes)

    world.set = replace(world.set, backup=None)
    ended(world)

    assert (going, kept) == ([], 4)
    assert set(started_with(world).values()) == {"4"}
