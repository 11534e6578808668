"""Promoting a replica on request (API.md 2.6)."""

from dataclasses import replace

from memstored.domain.facts import NodeFacts, SetFacts
from memstored.domain.model import InstanceSet, Lineage, Node
from memstored.domain.requests.change import Call, Change, begun, event, reason, refused
from memstored.domain.requests.gate import check_members
from memstored.domain.succession import lineage_offset, unfitness
from memstored.domain.words import EventName, NodeId, NodeState, OperationKind, Role, SetState

__all__ = ["promote"]

STEPS = ("stop_writes", "catch_up", "promote", "move_address")
FIELD = "primaryId"


def promote(instance_set: InstanceSet, target_id: str, call: Call, facts: SetFacts) -> Change:
    """Make a replica the primary; the present primary stays it without more ado.

    `facts` tell, when the primary is dead, whether another replica holds more than the target.
    """
    check_members(instance_set, (SetState.RUNNING, SetState.WARNING))
    target = _target(instance_set, target_id)
    if target is None:
        return Change(after=instance_set)
    if _primary_is_dead(instance_set):
        _check_freshest(instance_set, target, facts)
    why = reason(
        OperationKind.PROMOTE,
        call,
        f"{target.name} is becoming the primary.",
        trying="holding writes back until it has them all",
        then="The primary address leads to it.",
    )
    after = replace(
        instance_set,
        status=SetState.SWITCHING_OVER,
        reason=why,
        operation=begun(instance_set, call, OperationKind.PROMOTE, STEPS, target.id),
        updated_at=call.at,
    )
    message = f"{call.actor} asked to make {target.name} the primary."
    return Change(after=after, events=(event(EventName.SWITCHOVER, call, message, target.id),))


def _target(instance_set: InstanceSet, target_id: str) -> Node | None:
    """The replica to promote; None when it is the living primary already."""
    if instance_set.recovery_enabled:
        message = "With high availability on the service chooses the primary; switch it off first."
        raise refused(FIELD, "ha_on", message)
    target = instance_set.node(NodeId(target_id))
    if target is None:
        raise refused(FIELD, "unknown_instance", "Give the objectId of one of this set's replicas.")
    if target.role is Role.PRIMARY and not _primary_is_dead(instance_set):
        return None
    if target.role is Role.PRIMARY or target.status is not NodeState.RUNNING:
        message = f"Give a replica that is Running; {target.name} is {target.status.value}."
        raise refused(FIELD, "not_a_running_replica", message)
    return target


def _primary_is_dead(instance_set: InstanceSet) -> bool:
    primary = instance_set.primary
    return primary is None or primary.lost


def _check_freshest(instance_set: InstanceSet, target: Node, facts: SetFacts) -> None:
    """Nobody may be ahead of a target that takes over from a dead primary: what it lacks would be lost."""
    lineage = instance_set.lineage
    assert lineage is not None, "only a set in the making has no history"
    reached = _offset(lineage, target, facts.of(target.id))
    if reached is None:
        message = f"It is not known how much {target.name} holds; ask again when it answers."
        raise refused(FIELD, "copy_unproven", message)
    fresher = _freshest_other(instance_set, lineage, target, facts)
    if fresher is not None and fresher[0] > reached:
        offset, other = fresher
        message = f"{other.name} ({other.id}) holds {offset - reached} bytes more; promote that one."
        raise refused(FIELD, "fresher_replica", message)


def _freshest_other(
    instance_set: InstanceSet, lineage: Lineage, target: Node, facts: SetFacts
) -> tuple[int, Node] | None:
    others = [(_offset(lineage, n, facts.of(n.id)), n) for n in instance_set.nodes if n.id != target.id]
    known = [(offset, node) for offset, node in others if offset is not None]
    return max(known, key=lambda pair: (pair[0], -pair[1].number), default=None)


def _offset(lineage: Lineage, node: Node, seen: NodeFacts) -> int | None:
    """How far along the recorded history a node is, in bytes; None when it can not inherit."""
    if seen.replication is None or unfitness(lineage, node, seen) is not None:
        return None
    return lineage_offset(lineage, seen.replication)
