"""Bringing the values of a parameter group to the nodes of a set (API.md 7, H30)."""

from dataclasses import replace

import pytest
from world import World, ask_replica, ask_values

from memstored.domain import actions as do
from memstored.domain.applying import PATIENCE
from memstored.domain.model import Setting
from memstored.domain.parameter_group import configured, on_nodes
from memstored.domain.words import (
    ApplyStatus,
    EventName,
    NodeState,
    OperationKind,
    Outcome,
    SetState,
)
from memstored.runtime.simulated_node import KEY_BYTES, Reply


def numbers_configured(world: World) -> list[int]:
    """The numbers of the nodes in the order in which something was set on them."""
    numbers = {n.id: n.number for n in world.set.nodes}
    return [numbers[act.node] for act in world.acts if isinstance(act, do.Configure)]


def read(world: World, name: str) -> set[str]:
    """What the nodes of the set have for a parameter."""
    return {world.fleet.node(n.id).settings[name] for n in world.set.nodes if not n.lost}


def named(world: World, name: EventName) -> list[str]:
    """What was told under that name."""
    return [event.message for event in world.events if event.name is name]


def applied(world: World) -> None:
    """Turns until nothing is under way."""
    world.turns_until(lambda: world.set.operation is None)
    world.turns(3)


def test_replicas_come_before_the_primary() -> None:
    """By number, then the primary, each once; the set is `Running` all the while."""
    world = World.running()
    world.acts.clear()
    ask_values(world, timeout="300", maxmemory_policy="noeviction")

    states = set()
    while world.set.operation is not None:
        world.turn()
        states.add(world.set.status)

    assert numbers_configured(world) == [2, 3, 1]
    assert states == {SetState.RUNNING}
    assert read(world, "timeout") == {"300"}
    assert read(world, "maxmemory-policy") == {"noeviction"}


def test_values_are_recorded_once_every_node_read_them_back() -> None:
    """As long as one node has not, the set's recorded values are the old ones."""
    world = World.running()
    ask_values(world, timeout="300")
    wanted = configured(world.set).wanted

    while world.set.operation is not None:
        every = read(world, "timeout") == {"300"}
        world.turn()
        assert configured(world.set).values != wanted or every
    world.turns(3)

    assert configured(world.set).values == wanted
    assert configured(world.set).wanted is None
    assert configured(world.set).status is ApplyStatus.IN_SYNC
    assert len(named(world, EventName.GROUP_APPLY_COMPLETE)) == 1


def test_a_turn_after_an_apply_does_nothing() -> None:
    """A set at rest costs neither writes nor commands."""
    world = World.running()
    ask_values(world, timeout="300")
    applied(world)
    commits = world.commits

    assert [world.turn() for _ in range(5)] == [0] * 5
    assert world.commits == commits


@pytest.mark.parametrize("refusing", [1, 2, 3])
def test_a_refusal_stops_and_the_nodes_go_back(refusing: int) -> None:
    """Whoever refuses: every node has the recorded values again, and the engine's own words are shown."""
    world = World.running()
    world.server(refusing).complaints["timeout"] = "ERR Invalid argument"
    ask_values(world, hz="50", timeout="300")

    applied(world)

    present = configured(world.set)
    assert present.status is ApplyStatus.ERROR_SYNC
    assert present.error == f"orders-{refusing} refused timeout: ERR Invalid argument"
    assert present.values.settings == ()
    assert read(world, "timeout") == {"0"}
    assert read(world, "hz") == {"10"}
    assert world.set.status is SetState.RUNNING
    [failed] = [event for event in world.events if event.name is EventName.GROUP_APPLY_FAILED]
    assert failed.outcome is Outcome.FAILURE
    assert "ERR Invalid argument" in failed.message


def test_nothing_is_asked_of_the_nodes_after_a_refusal() -> None:
    """What was refused is not tried again by itself."""
    world = World.running()
    world.complaints["timeout"] = "ERR Invalid argument"
    ask_values(world, timeout="300")
    applied(world)

    assert [world.turn() for _ in range(5)] == [0] * 5


def test_a_refused_apply_can_be_tried_again() -> None:
    """What a node said to the first try does not end the second."""
    world = World.running()
    world.complaints["timeout"] = "ERR Invalid argument"
    ask_values(world, timeout="300")
    applied(world)
    world.complaints.clear()

    ask_values(world, timeout="300")
    applied(world)

    assert configured(world.set).status is ApplyStatus.IN_SYNC
    assert read(world, "timeout") == {"300"}


def test_a_failover_after_a_refusal_starts_clean() -> None:
    """Nothing of a refused value comes back with the next primary or the next node."""
    world = World.running()
    world.complaints["timeout"] = "ERR Invalid argument"
    ask_values(world, hz="50", timeout="300")
    applied(world)

    world.kill(1)
    world.turns(240)

    assert world.set.status is SetState.RUNNING
    assert read(world, "timeout") == {"0"}
    assert read(world, "hz") == {"10"}
    assert world.write("after") is Reply.OK


def test_maxmemory_below_what_is_used_is_refused_with_the_numbers() -> None:
    """It would evict on every node, for good (H30)."""
    world = World.running()
    for number in range(4):
        world.write(f"key {number}")
    world.fleet.settle()
    used = KEY_BYTES * len(world.server(1).writes)

    ask_values(world, maxmemory=str(used - 1))
    applied(world)

    present = configured(world.set)
    assert present.status is ApplyStatus.ERROR_SYNC
    assert f"{used - 1} bytes are less than the {used} that are used" in str(present.error)
    assert read(world, "maxmemory") == {on_nodes(world.set)["maxmemory"]}


def test_a_new_node_starts_with_the_recorded_values() -> None:
    """It needs nothing set before it follows."""
    world = World.running()
    ask_values(world, timeout="300")
    applied(world)
    world.acts.clear()

    ask_replica(world)
    world.turns(120)

    assert world.server(4).settings["timeout"] == "300"
    assert not any(isinstance(act, do.Configure) for act in world.acts)


def test_a_start_in_the_middle_of_an_apply_is_not_left_behind() -> None:
    """A node that was started with the values before gets the new ones before it copies or serves."""
    world = World.running(replicas=2)
    world.kill(2)
    world.turns_until(lambda: any(n.number == 3 and n.launched for n in world.set.nodes))
    node = world.set.nodes[-1].id
    world.turns_until(lambda: node in world.fleet.nodes)
    world.server(3).settings["timeout"] = "7"
    world.acts.clear()

    world.turns(120)

    mine = [type(act) for act in world.acts if getattr(act, "node", None) == node]
    assert mine.index(do.Configure) < mine.index(do.Follow) < mine.index(do.Admit)
    assert world.server(3).settings["timeout"] == "0"


def test_a_first_node_that_differs_is_configured_before_tenants_come() -> None:
    """Nobody is followed by it, so it is admission that waits."""
    world = World.of(replicas=1, recovery_enabled=False)
    node = world.set.nodes[0].id
    world.turns_until(lambda: node in world.fleet.nodes)
    world.server(1).settings["maxmemory-policy"] = "noeviction"

    world.turns(60)

    mine = [type(act) for act in world.acts if getattr(act, "node", None) == node]
    assert mine.index(do.Configure) < mine.index(do.Admit)
    assert world.set.status is SetState.RUNNING


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_node_that_differs_neither_copies_nor_serves(replicas: int) -> None:
    """As long as it is seen to have another value: the first node is not opened, another does not follow."""
    world = World.of(replicas=replicas, recovery_enabled=replicas > 1)
    node = world.set.nodes[-1].id
    world.turns_until(lambda: node in world.fleet.nodes)
    for _ in range(40):
        world.server(replicas).settings["timeout"] = "7"
        world.turn()

    mine = {type(act) for act in world.acts if getattr(act, "node", None) == node}
    assert do.Configure in mine
    assert not mine & {do.Follow, do.Admit}
    world.turns(60)
    assert world.set.status is SetState.RUNNING


def test_a_new_node_that_refuses_a_recorded_value_still_serves() -> None:
    """A copy of the data is worth more than a value: it is taken as it is (S6)."""
    world = World.running(replicas=2)
    world.kill(2)
    world.turns_until(lambda: world.set.next_number == 4)
    node = world.set.nodes[-1].id
    world.turns_until(lambda: node in world.fleet.nodes)
    world.server(3).settings["maxclients"] = "4064"
    world.complaints["maxclients"] = "ERR The operating system is not able to handle that many clients"

    world.turns(120)

    assert world.set.status is SetState.RUNNING
    assert world.server(3).admitted


@pytest.mark.parametrize("after", range(8))
def test_a_failover_in_the_middle_ends_with_the_values_everywhere(after: int) -> None:
    """Whenever the primary dies: the apply goes on with the next, and the new node has the values too."""
    world = World.running()
    ask_values(world, timeout="300")
    for _ in range(after):
        world.turn()

    world.kill(1)
    world.turns(300)

    assert world.set.status is SetState.RUNNING
    assert world.set.operation is None
    assert read(world, "timeout") == {"300"}
    assert configured(world.set).status is ApplyStatus.IN_SYNC
    assert world.lost_writes == []


def test_the_audit_line_names_the_group_as_people_know_it() -> None:
    """With its id beside the name; with that alone where the name is not recorded."""
    world = World.running()
    ask_values(world, timeout="300")
    world.turns()
    known = configured(world.set)
    ask_values(world, timeout="600")
    wanted = replace(configured(world.set).wanted or known.values, group_name="sessions")
    world.set = replace(world.set, configuration=replace(configured(world.set), wanted=wanted))
    world.turns()

    told = [e.message for e in world.events if e.name is EventName.GROUP_APPLY_COMPLETE]
    assert told == [
        "Every node has version 1 of the parameter group g.",
        "Every node has version 2 of the parameter group sessions (g).",
    ]


def test_a_primary_that_dies_without_ha_ends_the_apply() -> None:
    """Its owner must be able to promote a replica, so nothing is under way any more."""
    world = World.running(recovery_enabled=False)
    ask_values(world, timeout="300")
    world.turn()
    world.kill(1)
    world.turns(40)

    assert world.set.status is SetState.WARNING
    assert world.set.operation is None
    assert configured(world.set).status is ApplyStatus.ERROR_SYNC


@pytest.mark.parametrize("number", [1, 2])
def test_a_node_that_hangs_without_ha_ends_the_apply(number: int) -> None:
    """Nobody ends it, so nobody waits for it; when it answers again it has the recorded values."""
    world = World.running(recovery_enabled=False)
    world.fleet.hang(world.set.nodes[number - 1].id)
    ask_values(world, timeout="300")
    world.turns(300)

    assert world.set.operation is None
    assert (configured(world.set).error or "").startswith(f"orders-{number} does not answer")
    world.fleet.wake(world.set.nodes[number - 1].id)
    world.turns(60)
    assert read(world, "timeout") == {"0"}
    assert world.set.status is SetState.RUNNING


@pytest.mark.parametrize("recovery_enabled", [False, True])
def test_a_replica_that_can_not_be_configured_is_waited_for_with_a_reason(recovery_enabled: bool) -> None:  # noqa: FBT001 - a parameter
    """A script that has written keeps it busy: neither up nor silent. The set says what it waits for."""
    world = World.running(recovery_enabled=recovery_enabled)
    world.fleet.keep_busy(world.set.nodes[1].id, wrote=True)
    ask_values(world, timeout="300")
    world.turns(3)
    world.now += 15.0
    world.turns(3)

    assert world.set.operation is not None
    assert world.set.status is SetState.WARNING
    assert world.set.reason is not None
    assert world.set.reason.code == "values_wait"
    assert "orders-2 is busy" in world.set.reason.message


@pytest.mark.parametrize(("number", "recovery_enabled"), [(1, False), (2, False), (2, True)])
def test_a_node_that_can_not_be_configured_is_not_waited_for_for_ever(
    number: int,
    recovery_enabled: bool,  # noqa: FBT001 - a parameter
) -> None:
    """The apply ends with its name, the others go back, and so does it when it answers again."""
    world = World.running(recovery_enabled=recovery_enabled)
    world.fleet.keep_busy(world.set.nodes[number - 1].id, wrote=True)
    ask_values(world, timeout="300")
    world.turns(20)

    world.now += PATIENCE
    world.turns(20)

    assert world.set.operation is None
    assert configured(world.set).status is ApplyStatus.ERROR_SYNC
    assert (configured(world.set).error or "").startswith(f"orders-{number} is busy")
    world.fleet.wake(world.set.nodes[number - 1].id)
    world.turns(60)
    assert read(world, "timeout") == {"0"}
    assert world.set.status is SetState.RUNNING


def test_a_node_that_answers_in_time_gets_the_values() -> None:
    """Patience is not for nothing."""
    world = World.running()
    world.fleet.keep_busy(world.set.nodes[1].id, wrote=True)
    ask_values(world, timeout="300")
    world.turns(20)
    world.now += PATIENCE - 5.0
    world.turns(3)

    world.fleet.wake(world.set.nodes[1].id)
    applied(world)

    assert configured(world.set).status is ApplyStatus.IN_SYNC
    assert read(world, "timeout") == {"300"}


def test_the_step_tells_how_far_it_is() -> None:
    """Replicas, then primary."""
    world = World.running()
    ask_values(world, timeout="300")
    steps = []
    while world.set.operation is not None:
        steps.append((world.set.operation.step, world.set.operation.percent))
        world.turn()

    assert list(dict.fromkeys(steps)) == [("replicas", 0), ("primary", 50), ("primary", 100)]


def test_a_lost_answer_does_no_harm() -> None:
    """What was set without our learning of it is seen at the next look."""
    world = World.running()
    ask_values(world, timeout="300")
    world.turn(forget=True)
    applied(world)

    assert read(world, "timeout") == {"300"}


def test_an_operation_names_what_is_under_way() -> None:
    """So that a request meanwhile can say what it waits for (API.md 2.9)."""
    world = World.running()
    ask_values(world, timeout="300")

    assert world.set.operation is not None
    assert world.set.operation.kind is OperationKind.APPLY_PARAMETERS


def test_deletion_goes_ahead_of_an_apply() -> None:
    """Whatever is under way, a set that is to go goes."""
    world = World.running()
    ask_values(world, timeout="300")
    world.turn()
    world.set = replace(world.set, status=SetState.TERMINATING)

    world.turns(60)

    assert world.set.status is SetState.TERMINATED
    assert not world.fleet.nodes


def test_maxmemory_comes_last() -> None:
    """A refusal of anything else finds it as it was, so going back evicts nothing (H30)."""
    world = World.running()
    world.acts.clear()
    ask_values(world, maxmemory="300000000", timeout="300", hz="20")
    applied(world)

    first = next(act for act in world.acts if isinstance(act, do.Configure))
    assert [setting.name for setting in first.settings] == ["hz", "timeout", "maxmemory"]
    assert first.settings[-1] == Setting(name="maxmemory", value="300000000")


def test_nodes_stay_running_under_an_apply() -> None:
    """No node is shown as anything else."""
    world = World.running()
    ask_values(world, timeout="300")
    shown = set()
    while world.set.operation is not None:
        world.turn()
        shown |= {n.status for n in world.set.nodes}

    assert shown == {NodeState.RUNNING}
