"""When room is made at a node whose tenants take all connections, and what is said meanwhile."""

from dataclasses import replace

import pytest
from world import World

from memstored.domain import actions as do
from memstored.domain.facts import Life
from memstored.domain.naming import node_id
from memstored.domain.parameters import MOST_CLIENTS, RESERVED_CLIENTS
from memstored.domain.plan import decide
from memstored.domain.turn import Decision

FULL = MOST_CLIENTS + RESERVED_CLIENTS


class Scene:
    """A running set of a primary and a replica, of which something is seen that the world can not do."""

    def __init__(self, version: str = "7.0.15") -> None:
        self.world = World.running(replicas=2, version=version)
        self.facts = self.world.look()
        self.primary, self.replica = (node_id(self.world.set.id, number) for number in (1, 2))
        self.set = self.world.set

    def sees(self, number: int, **seen: object) -> None:
        """This is seen of that node."""
        node = node_id(self.set.id, number)
        before = self.facts.of(node)
        nodes = {**self.facts.nodes, node: replace(before, **seen)}  # type: ignore[arg-type]
        self.facts = replace(self.facts, nodes=nodes)

    def apart(self, seconds: float) -> None:
        """The replica has been without a link for so long."""
        seen = self.facts.of(self.replica).replication
        assert seen is not None
        self.sees(2, replication=replace(seen, link_up=False), apart_since=self.facts.now - seconds)

    def is_new(self) -> None:
        """The replica holds no copy yet."""
        node = self.set.node(self.replica)
        assert node is not None
        self.set = self.set.with_node(replace(node, whole=False))

    def decide(self) -> Decision:
        """What is decided."""
        return decide(self.set, self.facts, self.world.rules)

    def rooms(self) -> list[do.MakeRoom]:
        """Where room is to be made."""
        return [act for act in self.decide().actions if isinstance(act, do.MakeRoom)]


def test_nothing_is_done_where_nobody_waits_and_nobody_is_surplus() -> None:
    """A set at rest is not asked for its clients."""
    scene = Scene()
    scene.sees(1, clients=MOST_CLIENTS, counted_at=0.0)

    assert scene.rooms() == []


@pytest.mark.parametrize("number", [1, 2])
def test_who_is_seen_to_have_more_than_maxclients_loses_the_surplus(number: int) -> None:
    """At each node: a replica may be the primary tomorrow."""
    scene = Scene()
    scene.sees(number, clients=MOST_CLIENTS + 1, counted_at=0.0)

    assert scene.rooms() == [do.MakeRoom(node_id(scene.set.id, number), MOST_CLIENTS)]


def test_room_is_made_at_the_primary_for_a_replica_that_waits() -> None:
    """Whatever was counted last; not at its first moment, and not in a rush."""
    scene = Scene()
    scene.apart(0.1)
    first = scene.rooms()
    scene.apart(0.6)
    then = scene.rooms()
    scene.sees(1, clients=FULL, counted_at=scene.facts.now - 0.1)
    just_made = scene.rooms()

    assert (first, just_made) == ([], [])
    assert then == [do.MakeRoom(scene.primary, MOST_CLIENTS)]


@pytest.mark.parametrize(("version", "hastened"), [("7.0.15", True), ("5.0.6", False)])
def test_a_new_replica_tries_again_as_soon_as_room_was_made(version: str, *, hastened: bool) -> None:
    """Where the engine connects when it is told to follow; elsewhere that would only begin its wait anew."""
    scene = Scene(version)
    scene.is_new()
    scene.apart(0.6)
    scene.sees(1, clients=FULL, counted_at=scene.facts.now - 0.01)

    assert (do.Detach(scene.replica) in scene.decide().actions) is hastened


def test_a_replica_that_holds_a_copy_is_not_hastened() -> None:
    """It follows on by itself; nothing is tried with what may be the last copy (S6)."""
    scene = Scene()
    scene.apart(0.6)
    scene.sees(1, clients=FULL, counted_at=scene.facts.now - 0.01)

    assert not any(isinstance(act, do.Detach) for act in scene.decide().actions)


def test_a_replica_that_waits_for_another_reason_is_left_alone() -> None:
    """As for a copy that begins with the engine's next second."""
    scene = Scene()
    scene.is_new()
    scene.apart(0.6)
    scene.sees(1, clients=5, counted_at=scene.facts.now - 0.01)

    assert not any(isinstance(act, do.Detach) for act in scene.decide().actions)


def test_what_a_replica_waits_for_is_shown() -> None:
    """The state is what it was; the reason names the parameter and what the owner can do."""
    scene = Scene()
    scene.apart(20)
    replication = scene.facts.of(scene.replica).replication
    assert replication is not None
    scene.sees(2, replication=replace(replication, link_down_for=20))
    plain = scene.decide().after.reason
    scene.sees(1, clients=FULL, counted_at=scene.facts.now - 0.1)

    reason = scene.decide().after.reason

    assert plain is not None
    assert plain.code == "replica_out_of_step"
    assert reason is not None
    assert reason.code == "connections_exhausted"
    assert "maxclients" in reason.message
    assert "raise" in reason.next


def test_a_node_that_lets_the_service_not_in_is_a_reason() -> None:
    """It may serve its tenants, but nobody looks after it; that is no matter of a moment."""
    scene = Scene()
    words = "ERR max number of clients reached"
    scene.sees(1, life=Life.UNKNOWN, life_since=scene.facts.now - 1, replication=None, refusal=words)
    at_first = scene.decide().after.reason
    scene.sees(1, life_since=scene.facts.now - 6)

    reason = scene.decide().after.reason

    assert at_first is None
    assert reason is not None
    assert reason.code == "node_refuses_service"
    assert words in reason.message
