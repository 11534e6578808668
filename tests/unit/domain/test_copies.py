"""Which nodes' left-over files of data are removed, and which may still be needed (H21)."""

from dataclasses import replace

import pytest
from world import SET, World

from memstored.domain import actions as do
from memstored.domain.naming import node_id
from memstored.domain.plan import decide
from memstored.domain.words import NodeId


def cleared(number: int, *, admitted: bool = True, **replication: bool) -> list[NodeId]:
    """Whose file is to be removed, in a set of a primary and a replica, when one of them is seen so."""
    world = World.running(replicas=2, version="5.0.6")
    facts, node = world.look(), node_id(world.set.id, number)
    seen = facts.of(node)
    assert seen.replication is not None
    seen = replace(
        seen, keeps_copy=True, admitted=admitted, replication=replace(seen.replication, **replication)
    )
    decision = decide(world.set, replace(facts, nodes={**facts.nodes, node: seen}), world.rules)
    return [act.node for act in decision.actions if isinstance(act, do.ClearCopy)]


@pytest.mark.parametrize("number", [1, 2])
def test_what_a_node_that_serves_has_loaded_goes(number: int) -> None:
    """Of a replica that is linked, and of a primary that was one."""
    assert cleared(number) == [node_id(SET, number)]


@pytest.mark.parametrize("copying", [{"link_up": False}, {"syncing": True}])
def test_what_a_replica_may_be_about_to_load_stays(copying: dict[str, bool]) -> None:
    """Until its link says that it is done."""
    assert cleared(2, **copying) == []


def test_what_a_primary_may_be_about_to_send_stays() -> None:
    """Until tenants are let in: from then on it sends no file."""
    assert cleared(1, admitted=False) == []
