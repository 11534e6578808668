"""The last rule of every turn: writes state, reason and operation as they are after it (API.md 9, S10).

It reads what the turn decided and what is seen; it decides no act.
"""

from dataclasses import replace

from memstored.domain.advancing import advance, step_of
from memstored.domain.failover import any_hope, primary_hangs, primary_is_lost
from memstored.domain.model import InstanceSet, Operation, Step
from memstored.domain.naming import operation_id
from memstored.domain.standing import (
    DELETING,
    FRESH,
    UNREADABLE,
    Standing,
    failed,
    in_doubt,
    reason_of,
    standing_of,
)
from memstored.domain.turn import LATER, SOON, Turn
from memstored.domain.words import EventName, OperationKind, OperationState, Outcome, SetState

__all__ = ["judge", "unreadable"]

OLD = 60.0
"""Seconds after which a state that is not to last is hardly looked at any more."""
RARELY = 1.0
"""Seconds to the next look at what has lasted long: whatever ends it wakes us in most cases."""

HEALING = (SetState.RECOVERING, SetState.SCALING_OUT)


def judge(turn: Turn) -> None:
    """Write the set's state, reason and operation as they are after this turn."""
    if turn.set.status is SetState.TERMINATED:
        return
    if turn.set.deleting:
        _advance_deletion(turn)
        return
    advance(turn)
    standing = standing_of(turn)
    _record(turn, standing)
    _record_healing(turn)
    if standing.state not in (SetState.RUNNING, SetState.FAILED):
        turn.look(_next_look(turn, standing.state))


def _next_look(turn: Turn, state: SetState) -> float:
    lasts = turn.facts.standing_for
    if lasts > OLD:
        return RARELY
    return LATER if state is SetState.WARNING or lasts > FRESH else SOON


def _advance_deletion(turn: Turn) -> None:
    operation = turn.set.operation
    if operation is not None and operation.kind is OperationKind.DELETE:
        remains = any(turn.seen(n).remains for n in turn.set.nodes)
        turn.amend(operation=operation.at("withdraw" if remains else "remove", turn.facts.wall))
    doubt = in_doubt(turn)
    standing = DELETING if doubt is None else replace(doubt, state=turn.set.status)
    turn.amend(reason=reason_of(turn.set, standing, turn.facts.wall))
    turn.look(SOON if doubt is None else LATER)


def unreadable(instance_set: InstanceSet, now: float) -> InstanceSet:
    """A set as one that nobody looks after, for what the service keeps in secret of it can not be read.

    `now` is in seconds since 1970. Its nodes may serve on; whoever can read it judges it anew.
    """
    if instance_set.status in (SetState.FAILED, SetState.TERMINATED):
        return instance_set
    state = instance_set.status if instance_set.deleting else UNREADABLE.state
    reason = reason_of(instance_set, replace(UNREADABLE, state=state), now)
    if (instance_set.status, instance_set.reason) == (state, reason):
        return instance_set
    return replace(instance_set, status=state, reason=reason, updated_at=now)


def _record(turn: Turn, standing: Standing) -> None:
    before = turn.set.reason
    state = standing.state
    if state is SetState.WARNING and _nothing_left(turn):
        turn.amend(status=SetState.FAILED)
        standing, state = failed(turn), SetState.FAILED
    if state is SetState.FAILED and turn.under_way is not None:
        turn.amend(operation=turn.under_way.ended(turn.facts.wall, standing.message))
    reason = reason_of(turn.set, standing, turn.facts.wall) if standing.code else None
    if state is not turn.set.status:
        turn.amend(updated_at=turn.facts.wall)
    if (state, reason) != (turn.set.status, before):
        turn.amend(status=state, reason=reason)


def _nothing_left(turn: Turn) -> bool:
    """HA off: whether the last node that held the data is gone (API.md 9)."""
    if not turn.set.opened or not primary_is_lost(turn):
        return False
    return not any(n.whole for n in turn.replicas()) and not any_hope(turn)


def _record_healing(turn: Turn) -> None:
    """Give the service's own repair an operation, so that it too shows its progress and its length."""
    if turn.set.operation is None and turn.set.status in HEALING:
        failover = primary_is_lost(turn) or primary_hangs(turn) or turn.lineage.promotion is not None
        kind = OperationKind.FAILOVER if failover else OperationKind.HEAL
        names = ("fence", "compare", "promote", "restore") if failover else ("provision", "replicate")
        operation = Operation(
            id=operation_id(turn.set.id, turn.set.revision),
            kind=kind,
            state=OperationState.RUNNING,
            steps=tuple(Step(name=n) for n in names),
            started_at=turn.facts.wall,
            actor="memstored",
        )
        turn.amend(operation=operation)
        step = step_of(turn, operation)
        turn.amend(operation=operation.at(step or names[-1], turn.facts.wall))
    elif _just_healed(turn):
        turn.tell(
            EventName.RECOVERY_COMPLETE,
            "Every node serves again.",
            cause=EventName.NODE_DOWN,
            outcome=Outcome.SUCCESS,
        )


def _just_healed(turn: Turn) -> bool:
    operation = turn.set.operation
    if operation is None or turn.set.status is not SetState.RUNNING:
        return False
    ended = operation.state is not OperationState.RUNNING
    return ended and operation.kind in (OperationKind.FAILOVER, OperationKind.HEAL)
