"""Deleting one node (API.md 2.5), but never the last copy of the data (S6)."""

from dataclasses import replace

from memstored.domain.errors import Detail
from memstored.domain.model import InstanceSet, Node
from memstored.domain.requests.change import Call, Change, begun, event, reason, refusal
from memstored.domain.requests.gate import check_members
from memstored.domain.words import EventName, NodeState, OperationKind, Role, SetState

__all__ = ["delete_node"]

STEPS = ("withdraw", "remove")
FIELD = "instanceId"
FEWEST_WITH_REPLICA = 2


def delete_node(instance_set: InstanceSet, node: Node, call: Call) -> Change:
    """Take one node out of its set; a node that is known to be dead stays `Failed` until it is gone."""
    check_members(instance_set, (SetState.RUNNING, SetState.WARNING))
    faults = [Detail(FIELD, code, message) for code, message in _faults(instance_set, node)]
    if faults:
        raise refusal(faults)
    why = reason(
        OperationKind.DELETE_NODE,
        call,
        f"{node.name} is being deleted.",
        trying="taking it out of use",
        then="Then what is left of it is removed.",
    )
    status = node.status if node.lost else NodeState.TERMINATING
    after = replace(
        instance_set.with_node(replace(node, removing=True, status=status)),
        replicas=_ordered_then(instance_set),
        status=SetState.SCALING_HORIZONTAL,
        reason=why,
        operation=begun(instance_set, call, OperationKind.DELETE_NODE, STEPS, node.id),
        updated_at=call.at,
    )
    return Change(after=after, events=(event(EventName.NODE_DELETE, call, f"{node.name} leaves.", node.id),))


def _ordered_then(instance_set: InstanceSet) -> int:
    """How many nodes there are to be without one; a node beside as many as were ordered was never counted."""
    staying = sum(not n.removing for n in instance_set.nodes)
    return instance_set.replicas if staying > instance_set.replicas else instance_set.replicas - 1


def _faults(instance_set: InstanceSet, node: Node) -> list[tuple[str, str]]:
    staying = [n for n in instance_set.nodes if not n.removing]
    if len(staying) < FEWEST_WITH_REPLICA:
        return [("only_node", "It is the only node; delete the set instead.")]
    faults = _faults_with_recovery if instance_set.recovery_enabled else _faults_without_recovery
    found = faults(instance_set, node, staying)
    if instance_set.backup_schedule is not None and len(staying) <= FEWEST_WITH_REPLICA:
        found.append(("backup_needs_replica", "Automatic backups need two nodes; switch them off first."))
    if _holds_last_copy(instance_set, node, staying):
        found.append(("last_copy", "It is the last node that holds the set's data; add a replica first."))
    return found


def _faults_with_recovery(_set: InstanceSet, node: Node, staying: list[Node]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if node.role is Role.PRIMARY:
        found.append(("primary_with_ha", "It is the primary; with high availability on, only replicas go."))
    elif len(staying) <= FEWEST_WITH_REPLICA:
        found.append(("last_replica_with_ha", "It is the last replica; switch high availability off first."))
    if node.status is not NodeState.RUNNING:
        found.append(("node_not_running", f"It is {node.status.value}; it is replaced without your help."))
    return found


def _faults_without_recovery(_set: InstanceSet, node: Node, _staying: list[Node]) -> list[tuple[str, str]]:
    if node.role is Role.PRIMARY and node.status is not NodeState.FAILED:
        return [("primary_not_failed", "It is the living primary; promote a replica first.")]
    return []


def _holds_last_copy(instance_set: InstanceSet, node: Node, staying: list[Node]) -> bool:
    """Whether no other node is known to hold the data, so that this one must be taken for the last."""
    primary = instance_set.primary
    holders = {n.id for n in staying if not n.lost and (n.whole or n == primary)}
    return not node.lost and not holders - {node.id}
