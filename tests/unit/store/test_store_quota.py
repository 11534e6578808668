"""What counts against a project's quota (API.md 3)."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from samples import IDENTITIES, PROJECT, a_node, a_set, instance_sets
from sqlalchemy import delete

from memstored.domain.model import InstanceSet
from memstored.domain.words import NodeState
from memstored.store.database import Database
from memstored.store.quota import nodes_counted
from memstored.store.sets import SetRepository
from memstored.store.tables import instance_sets as table


def _with(statuses: list[NodeState], *, replicas: int, removing: int = 0) -> InstanceSet:
    """A set with nodes in these states, the first `removing` of them on their way out."""
    nodes = [
        a_node(number, status=status, removing=number <= removing)
        for number, status in enumerate(statuses, start=1)
    ]
    return replace(a_set(nodes=1), replicas=replicas).with_nodes(nodes)


RUNNING, FAILED, STARTING = NodeState.RUNNING, NodeState.FAILED, NodeState.STARTING


@pytest.mark.parametrize(
    ("instance_set", "counted"),
    [
        pytest.param(_with([RUNNING] * 3, replicas=3), 3, id="every node that was asked for"),
        pytest.param(_with([], replicas=3), 3, id="before its nodes are planned"),
        pytest.param(_with([FAILED, RUNNING, RUNNING], replicas=3), 3, id="a failed one included"),
        pytest.param(
            _with([FAILED, RUNNING, RUNNING, STARTING], replicas=3, removing=1), 3, id="no replacement"
        ),
        pytest.param(_with([FAILED, RUNNING, RUNNING], replicas=2), 3, id="a failed one that stays beside"),
        pytest.param(_with([RUNNING, RUNNING, RUNNING], replicas=2, removing=1), 2, id="none on its way out"),
    ],
)
async def test_what_a_set_takes(sets: SetRepository, instance_set: InstanceSet, counted: int) -> None:
    """The same is counted of a set in memory and of one in the store."""
    await sets.add(instance_set, IDENTITIES, node_quota=99)

    assert nodes_counted(instance_set) == counted
    assert await sets.nodes_used(PROJECT) == counted


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(instance_set=instance_sets)
async def test_both_ways_of_counting_agree(
    database: Database, sets: SetRepository, instance_set: InstanceSet
) -> None:
    """Whatever a set is, the store and the rule count the same."""
    await database.write(lambda c: c.execute(delete(table)))
    await sets.add(instance_set, IDENTITIES, node_quota=99)

    assert await sets.nodes_used(instance_set.project_id) == nodes_counted(instance_set)


async def test_other_projects_do_not_count(sets: SetRepository) -> None:
    """Each project has its own nodes."""
    await sets.add(a_set(project_id="other"), IDENTITIES, node_quota=99)

    assert await sets.nodes_used(PROJECT) == 0
