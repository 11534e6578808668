"""How far a set's operation is, by what its nodes and addresses are seen to be (API.md 9)."""

from memstored.domain.certificates import renewal_step
from memstored.domain.failover import primary_hangs, primary_is_lost, promotion_wanted
from memstored.domain.loading import awaited_source, first_node, loaded_bytes
from memstored.domain.model import Operation
from memstored.domain.pointing import choose_reader, pointed
from memstored.domain.turn import Turn
from memstored.domain.words import EventName, NodeState, OperationKind, Outcome

__all__ = ["advance", "drop_ended", "step_of"]

_LOAD = "load"
"""The step of a creation in which the set's saved data is loaded."""


def drop_ended(turn: Turn) -> None:
    """Begin without an operation that an earlier turn ended: it was recorded with how it ended."""
    if turn.under_way is None and turn.set.operation is not None:
        turn.amend(operation=None)


def advance(turn: Turn) -> None:
    """Record the step that the operation is at, or its end."""
    operation = turn.under_way
    if operation is None:
        return
    spoiled = _spoiled(turn, operation)
    if spoiled is not None:
        turn.amend(operation=operation.ended(turn.facts.wall, error=spoiled))
        turn.tell(EventName.CREATE_FAILED, spoiled, cause=EventName.CREATE, outcome=Outcome.FAILURE)
        return
    step = step_of(turn, operation)
    if step is None:
        turn.amend(operation=operation.ended(turn.facts.wall))
        _tell_complete(turn, operation)
    else:
        turn.amend(operation=_with_bytes(turn, operation.at(step, turn.facts.wall)))


def step_of(turn: Turn, operation: Operation) -> str | None:
    """The step that the operation is at; None when it is done."""
    return _STEPS[operation.kind](turn, operation)


def _tell_complete(turn: Turn, operation: Operation) -> None:
    if operation.kind is OperationKind.CREATE:
        turn.tell(EventName.CREATE_COMPLETE, "The set takes writes.", cause=EventName.CREATE)
    elif operation.kind is OperationKind.RENEW_CERTIFICATES:
        message = "Every node shows its new certificate."
        turn.tell(EventName.CERTIFICATES_RENEW_COMPLETE, message, cause=EventName.CERTIFICATES_RENEW)


def _spoiled(turn: Turn, operation: Operation) -> str | None:
    """Why a creation can not end as it should: a node died when tenants had been let in, and nobody replaces
    it. What to do about it is its owner's to decide, and nothing may be in the way of that.
    """
    lost = next((n for n in turn.set.nodes if n.lost), None)
    if operation.kind is not OperationKind.CREATE or lost is None:
        return None
    if not turn.set.opened or turn.set.recovery_enabled:
        return None
    return f"{lost.name} ended as soon as the set was opened; with high availability off nobody replaces it."


def _with_bytes(turn: Turn, operation: Operation) -> Operation:
    """The operation with how much of the saved data is loaded."""
    first = first_node(turn)
    load = turn.seen(first).load if first is not None else None
    if operation.step != _LOAD or load is None:
        return operation
    return operation.moving(_LOAD, done=loaded_bytes(load), total=load.total)


def _creation(turn: Turn, _operation: Operation) -> str | None:
    if turn.set.lineage is None:
        return "provision" if awaited_source(turn) is None else _LOAD
    if not turn.set.opened:
        return "replicate"
    return None if _served(turn) else "open"


def _served(turn: Turn) -> bool:
    """Whether every node serves and the addresses lead where they should."""
    running = all(n.status is NodeState.RUNNING for n in turn.set.nodes)
    primary = turn.set.primary
    return running and primary is not None and pointed(turn, primary.id, choose_reader(turn))


def _growth(turn: Turn, operation: Operation) -> str | None:
    node = turn.set.node(operation.node) if operation.node else None
    if node is None or node.status is NodeState.RUNNING:
        return None
    if node.run_id is None:
        return "provision"
    return "open" if node.whole else "replicate"


def _removal(turn: Turn, operation: Operation) -> str | None:
    node = turn.set.node(operation.node) if operation.node else None
    if node is None:
        return None
    ends = turn.facts.endpoints
    return "withdraw" if node.id in (ends.primary_at, ends.reader_at) else "remove"


def _switchover(turn: Turn, operation: Operation) -> str | None:
    lineage, primary = turn.set.lineage, turn.set.primary
    if lineage is None or primary is None:
        return "promote"
    if lineage.promotion is None:
        moved = primary.id == operation.node
        done = moved and pointed(turn, primary.id, choose_reader(turn))
        return None if done else ("move_address" if moved else "stop_writes")
    if lineage.promotion.sent:
        return "promote"
    seen = turn.seen(primary).replication
    return "catch_up" if seen is not None and not seen.is_master else "stop_writes"


def _modification(_turn: Turn, _operation: Operation) -> str | None:
    return None


def _application(_turn: Turn, operation: Operation) -> str | None:
    """Its steps are recorded where they are decided, in `domain.configuring` and `domain.replacing`."""
    return operation.step


def _failover(turn: Turn, _operation: Operation) -> str | None:
    if turn.set.lineage is None:
        return "fence"
    if turn.lineage.promotion is not None:
        return "promote"
    if primary_is_lost(turn):
        return "compare"
    if primary_hangs(turn) and promotion_wanted(turn):
        return "fence"
    return None if _whole_again(turn) or not turn.set.recovery_enabled else "restore"


def _healing(turn: Turn, _operation: Operation) -> str | None:
    if _whole_again(turn) or not turn.set.recovery_enabled:
        return None
    coming = [n for n in turn.set.nodes if not n.lost and n.status is not NodeState.RUNNING]
    return "replicate" if coming and all(n.run_id for n in coming) else "provision"


def _whole_again(turn: Turn) -> bool:
    return len(turn.set.nodes) >= turn.set.replicas and _served(turn)


_STEPS = {
    OperationKind.CREATE: _creation,
    OperationKind.ADD_REPLICA: _growth,
    OperationKind.DELETE_NODE: _removal,
    OperationKind.PROMOTE: _switchover,
    OperationKind.MODIFY: _modification,
    OperationKind.RENEW_CERTIFICATES: renewal_step,
    OperationKind.APPLY_PARAMETERS: _application,
    OperationKind.FAILOVER: _failover,
    OperationKind.HEAL: _healing,
    OperationKind.DELETE: _removal,
}
