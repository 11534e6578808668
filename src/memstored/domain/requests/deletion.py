"""Deleting a whole set (API.md 2.2)."""

from dataclasses import replace

from memstored.domain.model import InstanceSet
from memstored.domain.requests.change import Call, Change, begun, event, reason
from memstored.domain.words import EventName, OperationKind, SetState

__all__ = ["delete"]

STEPS = ("withdraw", "remove")


def delete(instance_set: InstanceSet, call: Call) -> Change:
    """Let the set go, whatever it is doing; asked again while it goes, nothing more happens."""
    if instance_set.deleting:
        return Change(after=instance_set)
    why = reason(
        OperationKind.DELETE,
        call,
        "The set is being deleted, as its owner asked.",
        trying="ending its nodes",
        then="Its name is free again when it is Terminated.",
    )
    after = replace(
        instance_set,
        status=SetState.TERMINATING,
        reason=why,
        operation=begun(instance_set, call, OperationKind.DELETE, STEPS),
        updated_at=call.at,
    )
    message = f"{call.actor} asked to delete {instance_set.name}."
    return Change(after=after, events=(event(EventName.DELETE, call, message),))
