"""What every request has in common: who asks, what could not be read, and what comes out."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from memstored.domain.errors import Conflict, Detail, InvalidRequest
from memstored.domain.model import EventDraft, InstanceSet, Operation, Reason, Step
from memstored.domain.naming import operation_id
from memstored.domain.words import EventName, NodeId, OperationKind, OperationState

__all__ = [
    "Call",
    "Change",
    "Misread",
    "begun",
    "event",
    "name_in_use",
    "of_sound_fields",
    "reason",
    "refusal",
    "refused",
]

_STEPS = re.compile(r"[.\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks (a user name), in which request, and when (seconds since 1970, UTC)."""

    actor: str
    request_id: str | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Misread:
    """What of a body could not be read: the faults, and the fields they are in (`subnets[0].id`).

    Those fields hold stand-ins or nothing, so what a rule says of them does not count (`of_sound_fields`).
    """

    faults: tuple[Detail, ...] = ()
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The set as it will be, and the audit lines to write with it; unchanged when there are none."""

    after: InstanceSet
    events: tuple[EventDraft, ...] = ()


def of_sound_fields(details: Iterable[Detail], misread: Collection[str]) -> list[Detail]:
    """The details less those about a misread field, or something in it, or what it is in."""
    fields = frozenset(misread)
    around = {outer for field in fields for outer in _around(field)}
    return [d for d in details if d.field not in around and fields.isdisjoint((d.field, *_around(d.field)))]


def _around(field: str) -> list[str]:
    """What the field is in: `a[0]` and `a` for `a[0].b`."""
    return [field[: step.start()] for step in _STEPS.finditer(field)]


def refused(field: str, code: str, message: str) -> InvalidRequest:
    """The refusal for one reason."""
    return refusal([Detail(field, code, message)])


def refusal(details: Sequence[Detail]) -> InvalidRequest:
    """The refusal for all of these reasons at once."""
    message = details[0].message if len(details) == 1 else "Correct everything that details lists."
    return InvalidRequest(message, details=details)


def name_in_use(field: str, name: str) -> Conflict:
    """The refusal of a name that another thing of its kind has in this project."""
    message = f"The name {name} is in use in this project; choose another."
    return Conflict(message, details=[Detail(field, "name_in_use", message)])


def begun(
    instance_set: InstanceSet,
    call: Call,
    kind: OperationKind,
    steps: Iterable[str],
    node: NodeId | None = None,
) -> Operation:
    """The operation that begins with this change, in its first step."""
    operation = Operation(
        id=operation_id(instance_set.id, instance_set.revision),
        kind=kind,
        state=OperationState.RUNNING,
        steps=tuple(Step(name=name) for name in steps),
        started_at=call.at,
        actor=call.actor,
        request_id=call.request_id,
        node=node,
    )
    return operation.at(operation.steps[0].name, call.at)


def reason(kind: OperationKind, call: Call, message: str, *, trying: str, then: str) -> Reason:
    """Why a set is not `Running` while an operation of that kind is under way (S10)."""
    return Reason(code=kind.value, message=message, since=call.at, trying=trying, next=then)


def event(name: EventName, call: Call, message: str, node: NodeId | None = None) -> EventDraft:
    """The audit line for what this caller asked."""
    return EventDraft(name=name, message=message, actor=call.actor, request_id=call.request_id, node=node)
