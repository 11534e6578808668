"""Who may become primary, and why the others may not.

Pure. Asked by `domain.failover` whenever a set has lost its primary, and by the reading side for the
question "can it fail over now?". Safety rules S4 and S6 live here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from memstored.domain.facts import Life, NodeFacts, ReplicationFacts, SetFacts
from memstored.domain.model import InstanceSet, Lineage, Node
from memstored.domain.words import NodeId

__all__ = ["Succession", "Unfit", "choose_heir", "choose_unproven", "lineage_offset", "unfitness"]


EMPTIED = 1
"""The offset that a replica shows after a full sync that failed, whatever else it claims (H2)."""


class Unfit(StrEnum):
    """Why a node can not be promoted, in words fit for the API."""

    GONE = "gone"
    UNREACHABLE = "unreachable"
    RESTARTED = "restarted_empty"
    LOADING = "still_loading"
    EMPTIED = "emptied_by_a_failed_copy"
    NEVER_WHOLE = "never_finished_its_copy"
    FOREIGN = "other_history"
    IS_MASTER = "not_a_replica"


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """The outcome of looking for a new primary. `offset` is the heir's, in bytes of the stream."""

    heir: NodeId | None
    offset: int | None
    unfit: Mapping[NodeId, Unfit]


def lineage_offset(lineage: Lineage, replication: ReplicationFacts) -> int | None:
    """How far along the recorded history a replica is (bytes), or None for a stranger (S4).

    A replica of the history before the last promotion holds a true prefix as long as it is not past
    the point where the two histories part.
    """
    if replication.replid == lineage.replid:
        return replication.offset
    if replication.replid == lineage.ancestor and replication.offset <= lineage.fork:
        return replication.offset
    return None


def unfitness(lineage: Lineage, node: Node, facts: NodeFacts) -> Unfit | None:
    """Why `node` may not become primary; None when it may."""
    if node.lost or facts.life is Life.GONE:
        return Unfit.GONE
    if node.run_id is not None and facts.run_id is not None and facts.run_id != node.run_id:
        return Unfit.RESTARTED
    return _unfit_holder(lineage, facts) if node.whole else Unfit.NEVER_WHOLE


def _unfit_holder(lineage: Lineage, facts: NodeFacts) -> Unfit | None:
    if facts.life is Life.LOADING:
        return Unfit.LOADING
    seen = facts.replication
    if seen is None or facts.life is not Life.UP or facts.run_id is None:
        return Unfit.UNREACHABLE
    return _unfit_history(lineage, seen)


def _unfit_history(lineage: Lineage, seen: ReplicationFacts) -> Unfit | None:
    if seen.is_master:
        return Unfit.IS_MASTER
    if seen.loading or seen.syncing:
        return Unfit.LOADING
    if seen.offset <= EMPTIED or not seen.agrees:
        return Unfit.EMPTIED
    return Unfit.FOREIGN if lineage_offset(lineage, seen) is None else None


def choose_heir(instance_set: InstanceSet, facts: SetFacts, *, prefer: NodeId | None = None) -> Succession:
    """Pick the replica that holds most of the recorded history.

    Offsets are compared only between replicas of the recorded history: offsets of different histories
    mean nothing to each other. Ties go to one that is to stay, to the one that its owner asked for, then to
    the lowest number, so that two controllers with the same facts agree.
    """
    return _rank(instance_set, facts, instance_set.nodes, prefer)


def choose_unproven(instance_set: InstanceSet, facts: SetFacts) -> Succession:
    """Pick the fullest copy among those that were never proven whole, for when no proven one is left (S6).

    Such a node has taken in the snapshot of a full sync, but it is not known what of the stream after it
    has arrived (H5). One that never finished taking it in is of another history, or shows that it is
    empty.
    """
    unproven = [replace(n, whole=True) for n in instance_set.nodes if not n.whole]
    return _rank(instance_set, facts, unproven, None)


def _rank(
    instance_set: InstanceSet, facts: SetFacts, candidates: Iterable[Node], prefer: NodeId | None
) -> Succession:
    lineage = instance_set.lineage
    assert lineage is not None, "a set without lineage has nothing to inherit"
    unfit: dict[NodeId, Unfit] = {}
    fit: list[tuple[int, bool, bool, int, NodeId]] = []
    for node in candidates:
        seen = facts.of(node.id)
        why = unfitness(lineage, node, seen)
        if why is not None or seen.replication is None:
            unfit[node.id] = why or Unfit.UNREACHABLE
        else:
            offset = lineage_offset(lineage, seen.replication) or 0
            fit.append((-offset, node.removing, node.id != prefer, node.number, node.id))
    if not fit:
        return Succession(heir=None, offset=None, unfit=unfit)
    behind, *_, heir = min(fit)
    return Succession(heir=heir, offset=-behind, unfit=unfit)
