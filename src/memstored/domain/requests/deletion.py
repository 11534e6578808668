"""Deleting a whole set, and with it or not its automatic backups (API.md 2.2)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from memstored.domain.backup import Backup
from memstored.domain.model import InstanceSet
from memstored.domain.requests.backups import BackupChange, given_up
from memstored.domain.requests.change import Call, Change, begun, event, refused
from memstored.domain.standing import DELETING, reason_of
from memstored.domain.words import BackupState, BackupType, EventName, OperationKind

__all__ = ["Deletion", "delete"]

STEPS = ("withdraw", "remove")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion(Change):
    """The set on its way out, and the backups that go with it."""

    backups: tuple[BackupChange, ...] = ()


def delete(
    instance_set: InstanceSet, call: Call, backups: Iterable[Backup], *, keep_automatic: bool | None
) -> Deletion:
    """Let the set go, whatever it is doing; asked again while it goes, nothing more happens.

    `backups` are those of the set. What becomes of automatic ones must be said exactly when there are any.
    """
    if instance_set.deleting:
        return Deletion(after=instance_set)
    automatic = [b for b in backups if b.type is BackupType.AUTOMATIC and b.status != BackupState.DELETING]
    if automatic and keep_automatic is None:
        message = f"The set has {len(automatic)} automatic backups: give true to keep them, or false."
        raise refused("keepAutomaticBackups", "missing", message)
    after = replace(
        instance_set,
        status=DELETING.state,
        reason=reason_of(instance_set, DELETING, call.at),
        operation=begun(instance_set, call, OperationKind.DELETE, STEPS),
        updated_at=call.at,
    )
    message = f"{call.actor} asked to delete {instance_set.name}."
    going = () if keep_automatic else tuple(given_up(backup, call) for backup in automatic)
    return Deletion(after=after, events=(event(EventName.DELETE, call, message),), backups=going)
