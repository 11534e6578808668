"""How many nodes count against a project (API.md 3).

Every node counts that the set was asked to have; so does a `Failed` one that stays beside them, because
it still takes its place. What healing starts in place of a lost node, and what is on its way out, never
counts. A set counts until it is `Terminated`.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, case, func, select

from memstored.domain.model import InstanceSet, Node
from memstored.domain.words import NodeState
from memstored.store.errors import QuotaExceeded
from memstored.store.tables import instance_sets, nodes

__all__ = ["nodes_counted", "nodes_used", "require_room"]


def nodes_counted(instance_set: InstanceSet) -> int:
    """What one set takes of its project's quota."""
    staying = [node for node in instance_set.nodes if not node.removing]
    failed = sum(node.status is NodeState.FAILED for node in staying)
    return _counted(instance_set.replicas, alive=_alive(staying), failed=failed)


def _alive(members: Iterable[Node]) -> int:
    return sum(not node.lost for node in members)


def _counted(replicas: int, *, alive: int, failed: int) -> int:
    places_of_the_dead = max(0, replicas - alive)
    return replicas + max(0, failed - places_of_the_dead)


def nodes_used(connection: Connection, project_id: str, *, without: str = "") -> int:
    """What the sets of a project take of its quota, but for the set of the id `without`."""
    staying = ~nodes.c.removing
    failed = nodes.c.status == NodeState.FAILED.value
    lost = nodes.c.status.in_([NodeState.FAILED.value, NodeState.TERMINATED.value])
    query = (
        select(
            instance_sets.c.replicas,
            func.count(case((staying & ~lost, 1))).label("alive"),
            func.count(case((staying & failed, 1))).label("failed"),
        )
        .select_from(instance_sets.outerjoin(nodes))
        .where(instance_sets.c.project_id == project_id, instance_sets.c.id != without)
        .group_by(instance_sets.c.id, instance_sets.c.replicas)
    )
    rows = connection.execute(query).all()
    return sum(_counted(row.replicas, alive=row.alive, failed=row.failed) for row in rows)


def require_room(connection: Connection, before: InstanceSet | None, after: InstanceSet, limit: int) -> None:
    """Raise `QuotaExceeded` when the set takes more than before, and its project more than it may have.

    What does not grow is never refused: a limit that was lowered takes nothing away.
    """
    had = nodes_counted(before) if before else 0
    wants = nodes_counted(after)
    if wants <= had:
        return
    others = nodes_used(connection, after.project_id, without=after.id)
    if others + wants > limit:
        raise QuotaExceeded(limit, others + had)
