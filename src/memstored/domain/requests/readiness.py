"""Whether a set could fail over at this moment, and what each replica lacks (API.md 2.10)."""

from collections.abc import Iterable
from dataclasses import dataclass

from memstored.domain.facts import SetFacts
from memstored.domain.model import InstanceSet, Node
from memstored.domain.succession import choose_heir, lineage_offset
from memstored.domain.words import NodeId

__all__ = ["Readiness", "ReplicaReadiness", "readiness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaReadiness:
    """One replica: how far behind it is (bytes; None: not known), and why it may not be promoted."""

    id: NodeId
    lag: int | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`candidate` would become primary now; None, with the reasons, when nobody would."""

    candidate: NodeId | None
    reasons: tuple[str, ...]
    replicas: tuple[ReplicaReadiness, ...]


def readiness(instance_set: InstanceSet, facts: SetFacts) -> Readiness:
    """Answer from what was last seen; nothing is asked of a node for it."""
    replicas = [n for n in instance_set.nodes if n.id != _primary_id(instance_set)]
    if instance_set.lineage is None:
        rows = [ReplicaReadiness(id=n.id, lag=None, reason="never_finished_its_copy") for n in replicas]
        return _answer(instance_set, None, rows)
    succession = choose_heir(_without_primary(instance_set), facts)
    rows = [
        ReplicaReadiness(id=n.id, lag=_lag(instance_set, n, facts), reason=succession.unfit.get(n.id))
        for n in replicas
    ]
    return _answer(instance_set, succession.heir, rows)


def _answer(instance_set: InstanceSet, heir: NodeId | None, rows: Iterable[ReplicaReadiness]) -> Readiness:
    against = {
        "ha_off": not instance_set.recovery_enabled,
        "set_terminating": instance_set.deleting,
        "no_replica_fit": heir is None,
    }
    reasons = tuple(word for word, holds in against.items() if holds)
    return Readiness(candidate=None if reasons else heir, reasons=reasons, replicas=tuple(rows))


def _primary_id(instance_set: InstanceSet) -> NodeId | None:
    return instance_set.lineage.primary if instance_set.lineage else None


def _without_primary(instance_set: InstanceSet) -> InstanceSet:
    return instance_set.with_nodes(n for n in instance_set.nodes if n.id != _primary_id(instance_set))


def _lag(instance_set: InstanceSet, node: Node, facts: SetFacts) -> int | None:
    """Bytes of the stream that the primary has and the replica has not."""
    lineage = instance_set.lineage
    assert lineage is not None
    primary, replica = facts.of(lineage.primary).replication, facts.of(node.id).replication
    if primary is None or replica is None:
        return None
    reached = lineage_offset(lineage, replica)
    return None if reached is None else max(0, primary.offset - reached)
