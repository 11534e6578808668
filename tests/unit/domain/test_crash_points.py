"""A controller that dies between any two steps of any operation: every step there is, one run each.

The steps are counted by running the operation once; then it is run again for each of them, with the
controller dying there and another taking over.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from world import SET, SOURCE, World, ask_replica, ask_values, operation

from memstored.domain import actions as do
from memstored.domain.naming import node_id
from memstored.domain.parameter_group import configured, on_nodes
from memstored.domain.requests.certificates import renew_certificates
from memstored.domain.requests.change import Call
from memstored.domain.words import ApplyStatus, NodeState, OperationKind, SetState
from memstored.runtime.simulated_node import Reply

TURNS = 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation: how the world is before, what is asked or happens, and what must be in the end."""

    before: Callable[..., World]
    begin: Callable[[World], None]
    serving: frozenset[int]
    primary: int | None


def delete_replica(world: World) -> None:
    """The request to remove node 2, which has the reader address."""
    node = world.set.nodes[1]
    leaving = replace(node, removing=True, status=NodeState.TERMINATING)
    world.set = replace(
        world.set.with_node(leaving),
        replicas=world.set.replicas - 1,
        operation=operation(OperationKind.DELETE_NODE, ("withdraw", "remove"), node.id, world.now),
    )


def promote(world: World) -> None:
    """The request for another primary."""
    steps = ("stop_writes", "catch_up", "promote", "move_address")
    asked = operation(OperationKind.PROMOTE, steps, node_id(SET, 3), world.now)
    world.set = replace(world.set, recovery_enabled=False, operation=asked)


def secured(version: str) -> World:
    """A set that speaks TLS."""
    return World.running(tls=True, version=version)


def renew(world: World) -> None:
    """The request for new certificates."""
    call = Call(actor="mia", request_id="r", at=world.now)
    world.set = renew_certificates(world.set, call).after


def delete_set(world: World) -> None:
    """The request to delete the set."""
    world.set = replace(world.set, status=SetState.TERMINATING)


def restored(version: str) -> World:
    """A set that is asked for, made of saved data."""
    return World.of(source=SOURCE, version=version)


def apply_live(world: World) -> None:
    """The sequence begins an apply of what can be set live."""
    ask_values(world, timeout="300", hz="50")


def apply_refused(world: World) -> None:
    """The same, and the primary refuses."""
    world.server(1).complaints["timeout"] = "ERR Invalid argument"
    apply_live(world)


def apply_by_replacing(world: World) -> None:
    """The sequence begins an apply of what only a start can give."""
    ask_values(world, io_threads="4", timeout="300")


def one_node(version: str) -> World:
    """A set of one node in use."""
    return World.running(version=version, replicas=1, recovery_enabled=False)


def nothing(_world: World) -> None:
    """The set is being made; that is the operation."""


SCENARIOS = {
    "create": Scenario(World.of, nothing, frozenset({1, 2, 3}), 1),
    "restore": Scenario(restored, nothing, frozenset({1, 2, 3}), 1),
    "add": Scenario(World.running, ask_replica, frozenset({1, 2, 3, 4}), 1),
    "delete node": Scenario(World.running, delete_replica, frozenset({1, 3}), 1),
    "promote": Scenario(World.running, promote, frozenset({1, 2, 3}), 3),
    "failover": Scenario(World.running, lambda world: world.kill(1), frozenset({2, 3, 4}), 2),
    "heal": Scenario(World.running, lambda world: world.kill(2), frozenset({1, 3, 4}), 1),
    "renew": Scenario(secured, renew, frozenset({1, 2, 3}), 1),
    "apply live": Scenario(World.running, apply_live, frozenset({1, 2, 3}), 1),
    "apply refused": Scenario(World.running, apply_refused, frozenset({1, 2, 3}), 1),
    "apply by replacing": Scenario(World.running, apply_by_replacing, frozenset({4, 5, 6}), 4),
    "apply by replacing one": Scenario(one_node, apply_by_replacing, frozenset({2}), 2),
    "delete set": Scenario(World.running, delete_set, frozenset(), None),
}


LACKING = {"5.0.6": ("renew", "apply by replacing", "apply by replacing one")}
"""What a version does not have: TLS, and `io-threads`, which only a start can give."""
VERSIONS = ("7.0.15", "5.0.6")
"""One whose nodes hold addresses and can be paused, one without users, pauses and floating addresses."""


def steps_of(scenario: Scenario, version: str) -> list[tuple[int, int]]:
    """Every place between two steps: the turn, and how many of its acts were begun."""
    world = scenario.before(version=version)
    scenario.begin(world)
    decided = [world.turn() for _ in range(TURNS)]
    last = max(turn for turn, acts in enumerate(decided) if acts)
    return [(turn, acts) for turn in range(last + 2) for acts in range(decided[turn] + 1)]


CASES = [
    (name, version, *step)
    for name, scenario in SCENARIOS.items()
    for version in VERSIONS
    if name not in LACKING.get(version, ())
    for step in steps_of(scenario, version)
]


@pytest.mark.parametrize(("name", "version", "turn", "acts"), CASES)
def test_the_next_controller_finishes_what_was_begun(name: str, version: str, turn: int, acts: int) -> None:
    """The set ends as asked, no write is lost, nothing is started or promoted twice, nothing is left."""
    scenario = SCENARIOS[name]
    world = scenario.before(version=version)
    scenario.begin(world)
    for _ in range(turn):
        world.turn()

    world.turn(acts=acts, forget=True)
    world.turns(240)

    assert {n.number for n in world.set.nodes if n.status is NodeState.RUNNING} == scenario.serving
    assert world.set.operation is None
    assert set(world.fleet.nodes) == {n.id for n in world.set.nodes}
    assert world.shown() == world.recorded()
    if scenario.primary is None:
        assert world.set.status is SetState.TERMINATED
        assert not world.reserved
    else:
        assert world.set.status is SetState.RUNNING
        assert world.set.primary is not None
        assert world.set.primary.number == scenario.primary
        assert world.lost_writes == []
        assert world.write("after") is Reply.OK
        assert configured(world.set).status in (ApplyStatus.IN_SYNC, ApplyStatus.ERROR_SYNC)
        for server in world.fleet.nodes.values():
            assert server.settings == on_nodes(world.set), "a node has other values than are recorded"
        assert sum(isinstance(a, do.Promote) for a in world.acts) <= 2
