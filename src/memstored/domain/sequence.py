"""In which order the sets of a parameter group get its values (API.md 7).

Pure, and level-triggered: what is to be done next follows from the groups and the sets as they are stored, so
a restart of the service at any point needs no memory of what was going on. The sets of a group come one after
the other, the oldest first. One that fails suspends those after it, until it is tried again, is linked
elsewhere or gone, or the group has another version. A set that was just linked has nothing to do with how a
version comes to the others: it is on its own.

A set that is not `Running`, or has something else under way, is passed over: those after it go on, and its
turn comes when it is well again. A set in the middle of it that is not well holds them up, but not for long.

Values that a set's flavor can not have fail at once: requests are judged one by one, and a group may get
another version while it is given to a set.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from memstored.domain.gap import gap_between
from memstored.domain.model import Configuration, EventDraft, GroupValues, InstanceSet, Operation, Step
from memstored.domain.naming import operation_id
from memstored.domain.parameter_group import behind, configured, maxmemory_of, misfit, settled
from memstored.domain.parameters import MAXMEMORY
from memstored.domain.words import (
    ApplyStatus,
    EventName,
    OperationKind,
    OperationState,
    Outcome,
    SetState,
)

__all__ = ["Move", "begin_apply", "got_further", "next_moves"]

STEPS = ("replicas", "primary")
REPLACING_STEPS = ("replace_replicas", "replace_primary")
PATIENCE = 300.0
"""Seconds that the others wait for a set that is in the middle of it but not `Running`."""

_ENDED = (SetState.TERMINATING, SetState.TERMINATED, SetState.FAILED)
_STOPPED = (ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Move:
    """A set as it was read, and as it is to be, with what is to be told of it."""

    before: InstanceSet
    after: InstanceSet
    events: tuple[EventDraft, ...] = ()


def next_moves(sets: Iterable[InstanceSet], values: GroupValues, now: float) -> list[Move]:
    """What is to be recorded of the sets that are linked to a group with these present values.

    `now` is in seconds since 1970. None of it depends on another: a set that was changed since it was read is
    left for the next time.
    """
    ordered = sorted((s for s in sets if s.status not in _ENDED), key=lambda s: (s.created_at, s.id))
    linked, others = _linked(ordered, values), _members(ordered, values)
    judged = [(s, _alone(s, values, now)) for s in linked] + list(_in_turn(others, values, now))
    return [Move(before, after, _events(before, after)) for before, after in judged if after != before]


def _events(before: InstanceSet, after: InstanceSet) -> tuple[EventDraft, ...]:
    error = configured(after).error
    if error is None or configured(before).error == error:
        return ()
    return (EventDraft(name=EventName.GROUP_APPLY_FAILED, message=error, outcome=Outcome.FAILURE),)


def got_further(before: InstanceSet, after: InstanceSet) -> bool:
    """Whether what was recorded of a set that is behind its group may be what the next one waits for."""
    if settled(before) and configured(before).wanted is None:
        return False
    return _course(before) != _course(after)


def _course(instance_set: InstanceSet) -> tuple[SetState, ApplyStatus, bool]:
    return instance_set.status, configured(instance_set).status, instance_set.operation is None


def _linked(sets: Sequence[InstanceSet], values: GroupValues) -> list[InstanceSet]:
    """The sets that come from another group."""
    return [s for s in sets if _is_linked(s, values)]


def _members(sets: Sequence[InstanceSet], values: GroupValues) -> list[InstanceSet]:
    return [s for s in sets if not _is_linked(s, values)]


def _is_linked(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether its nodes have the values of another group; where nothing is recorded, the defaults."""
    if instance_set.configuration is None:
        return values.version > 0
    return instance_set.configuration.values.group_id != values.group_id


def _alone(instance_set: InstanceSet, values: GroupValues, now: float) -> InstanceSet:
    if _applied(instance_set, values):
        return _adopted(instance_set, values)
    if _concerns(instance_set, values) and configured(instance_set).status in _STOPPED:
        return instance_set
    return _begun_or_waiting(instance_set, values, now)


def _in_turn(
    sets: Sequence[InstanceSet], values: GroupValues, now: float
) -> Iterator[tuple[InstanceSet, InstanceSet]]:
    """Each set with what becomes of it, the oldest first."""
    failed = busy = False
    for present in sets:
        status = configured(present).status
        if _applied(present, values):
            yield present, _adopted(present, values)
            failed = False
        elif _concerns(present, values) and status is ApplyStatus.ERROR_SYNC:
            failed = True
        elif _applying(present):
            after = _begun_or_waiting(present, values, now)
            yield present, after
            failed = failed or _failed(after)
            busy = busy or not (_failed(after) or _stuck(present, now))
        elif failed:
            yield present, _marked(present, values, ApplyStatus.SUSPENDED)
        elif busy:
            yield present, _marked(present, values, ApplyStatus.PENDING)
        else:
            after = _begun_or_waiting(present, values, now)
            yield present, after
            busy, failed = _applying(after), _failed(after)


def _applied(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether there is nothing to do: its nodes have these values, and nothing is on its way."""
    settled = replace(configured(instance_set), wanted=None, status=ApplyStatus.IN_SYNC)
    idle = _apply_of(instance_set) is None
    return idle and not behind(replace(instance_set, configuration=settled), values)


def _adopted(instance_set: InstanceSet, values: GroupValues) -> InstanceSet:
    """The set with these values recorded; one that never had others than the defaults stays as it is."""
    if instance_set.configuration is None and not values.settings:
        return instance_set
    present = configured(instance_set)
    if present.status is ApplyStatus.IN_SYNC and present.wanted is None and present.values == values:
        return instance_set
    return replace(instance_set, configuration=Configuration(values=values, since=present.since))


def _concerns(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether what is recorded of how it went is about these values, not about a version before."""
    return configured(instance_set).wanted == values


def _applying(instance_set: InstanceSet) -> bool:
    return configured(instance_set).status is ApplyStatus.APPLYING


def _failed(instance_set: InstanceSet) -> bool:
    return configured(instance_set).status is ApplyStatus.ERROR_SYNC


def _apply_of(instance_set: InstanceSet) -> Operation | None:
    operation = instance_set.operation
    kind = operation is not None and operation.kind is OperationKind.APPLY_PARAMETERS
    return operation if kind else None


def _stuck(instance_set: InstanceSet, now: float) -> bool:
    """Whether a set has not been well for so long that the others go on without it."""
    reason = instance_set.reason
    return reason is not None and now - reason.since > PATIENCE


def _marked(instance_set: InstanceSet, values: GroupValues, status: ApplyStatus) -> InstanceSet:
    """The set as one that waits, with what it waits for."""
    present = configured(instance_set)
    if _concerns(instance_set, values) and present.status is status:
        return instance_set
    if _apply_of(instance_set) is not None:
        return instance_set
    return replace(instance_set, configuration=replace(present, wanted=values, status=status, error=None))


def _begun_or_waiting(instance_set: InstanceSet, values: GroupValues, now: float) -> InstanceSet:
    """The set with its apply begun, or as one whose turn comes when it is well and has nothing else to do."""
    operation = instance_set.operation
    if operation is None and instance_set.status is SetState.RUNNING:
        return begin_apply(instance_set, values, now)
    if _applying(instance_set) and _apply_of(instance_set) is not None:
        return _redirected(instance_set, values, now)
    status = ApplyStatus.APPLYING if _applying(instance_set) else ApplyStatus.PENDING
    return _marked(instance_set, values, status)


def _redirected(instance_set: InstanceSet, values: GroupValues, now: float) -> InstanceSet:
    """The set whose apply goes on towards these values, should the group have got another version."""
    present = configured(instance_set)
    if present.wanted == values:
        return instance_set
    if (span := misfit(instance_set, values.settings)) is not None:
        return _refused(instance_set, values, span, now)
    mixed = _needs_start(instance_set, values)
    redirected = replace(present, wanted=values, mixed=mixed, failures=0, retry_at=0.0)
    return replace(instance_set, configuration=redirected)


def _needs_start(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether nodes are replaced on the way to these values, or must be for what was on its way before."""
    present = configured(instance_set)
    return present.mixed or bool(gap_between(instance_set, present.values, values).born)


def _refused(
    instance_set: InstanceSet, values: GroupValues, span: tuple[int, int], now: float
) -> InstanceSet:
    """The set with these values as those that failed; what is on its way to the nodes goes back."""
    wanted = maxmemory_of(instance_set, values.settings)
    why = f"The flavor takes a {MAXMEMORY} of {span[0]} to {span[1]} bytes; the group has {wanted}."
    after = replace(
        configured(instance_set),
        wanted=values,
        status=ApplyStatus.ERROR_SYNC,
        error=why,
        since=now,
        failures=0,
        retry_at=0.0,
    )
    return replace(instance_set, configuration=after)


def begin_apply(instance_set: InstanceSet, values: GroupValues, now: float) -> InstanceSet:
    """The set with an apply of these values begun, whose worker does the rest; or with why they do not."""
    if (span := misfit(instance_set, values.settings)) is not None:
        return _refused(instance_set, values, span, now)
    present = configured(instance_set)
    needs_start = _needs_start(instance_set, values)
    began = replace(
        present,
        wanted=values,
        mixed=needs_start,
        status=ApplyStatus.APPLYING,
        since=now,
        error=None,
        failures=0,
        retry_at=0.0,
    )
    names = (*STEPS, *REPLACING_STEPS) if needs_start else STEPS
    operation = Operation(
        id=operation_id(instance_set.id, instance_set.revision),
        kind=OperationKind.APPLY_PARAMETERS,
        state=OperationState.RUNNING,
        steps=tuple(Step(name=name) for name in names),
        started_at=now,
        actor="memstored",
    )
    return replace(instance_set, configuration=began, operation=operation.at(names[0], now))
