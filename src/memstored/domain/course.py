"""The course of a backup: what becomes of it at each turn, with the audit lines that tell of it.

Pure. `control` finds out what happened, asks here what that makes of the backup, and has the store record it.
Times are seconds since 1970 (UTC).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from types import MappingProxyType

from memstored.domain.backup import Backup
from memstored.domain.model import BackupSchedule, EventDraft, InstanceSet
from memstored.domain.object_keys import backup_key
from memstored.domain.schedule import day_of, expiry, scheduled_name, scheduled_since
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    EventName,
    NodeId,
    Outcome,
)

__all__ = [
    "ACTOR",
    "Taken",
    "Turn",
    "begun",
    "checked",
    "completed",
    "copied",
    "days_given_up",
    "deleted",
    "export_failed",
    "exported",
    "failed",
    "given_up",
    "not_checked",
    "removal",
    "reopened",
    "scheduled",
    "settled",
]

ACTOR = "memstored"
"""Who acts when nobody asked: the service itself."""
_DAY = timedelta(days=1).total_seconds()
FAILED_KEPT = 7 * _DAY
"""Seconds that an automatic backup in `Error` stays to be seen."""


class _Moment(Enum):
    CREATE = auto()
    COMPLETE = auto()
    FAILED = auto()
    DELETE = auto()
    DELETED = auto()


_WORDS: Mapping[BackupType, Mapping[_Moment, EventName]] = MappingProxyType(
    {
        BackupType.MANUAL: {
            _Moment.CREATE: EventName.BACKUP_CREATE,
            _Moment.COMPLETE: EventName.BACKUP_CREATE_COMPLETE,
            _Moment.FAILED: EventName.BACKUP_CREATE_FAILED,
            _Moment.DELETE: EventName.BACKUP_DELETE,
            _Moment.DELETED: EventName.BACKUP_DELETE_COMPLETE,
        },
        BackupType.AUTOMATIC: {
            _Moment.CREATE: EventName.SCHEDULED_BACKUP_CREATE,
            _Moment.COMPLETE: EventName.SCHEDULED_BACKUP_CREATE_COMPLETE,
            _Moment.FAILED: EventName.SCHEDULED_BACKUP_CREATE_FAILED,
            _Moment.DELETE: EventName.SCHEDULED_BACKUP_DELETE,
            _Moment.DELETED: EventName.SCHEDULED_BACKUP_DELETE_COMPLETE,
        },
    }
)

_COPY: Mapping[_Moment, EventName] = MappingProxyType(
    {
        _Moment.CREATE: EventName.BACKUP_COPY,
        _Moment.COMPLETE: EventName.BACKUP_COPY_COMPLETE,
        _Moment.FAILED: EventName.BACKUP_COPY_FAILED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was stored: `size` in bytes, SHA-256 in hex, and what the node said of its data (keys, bytes)."""

    size: int
    checksum: str
    keys: int | None
    used_memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A backup after something happened to it, and the audit lines about it."""

    after: Backup
    events: tuple[EventDraft, ...] = ()


def scheduled(instance_set: InstanceSet, backup_id: BackupId, now: float) -> Turn:
    """The automatic backup of a set that is due."""
    backup = Backup(
        id=backup_id,
        project_id=instance_set.project_id,
        name=scheduled_name(instance_set.name, now),
        set_id=instance_set.id,
        set_name=instance_set.name,
        type=BackupType.AUTOMATIC,
        status=BackupState.PENDING,
        version=instance_set.version,
        flavor_id=instance_set.flavor_id,
        key=backup_key(instance_set.project_id, backup_id),
        created_at=now,
        actor=ACTOR,
    )
    return _told(backup, _Moment.CREATE, f"The automatic backup of {instance_set.name} is due.")


def begun(backup: Backup, node: NodeId) -> Backup:
    """It is being made, of that node's data."""
    return replace(backup, status=BackupState.CREATING, node=node, reason=None)


def completed(backup: Backup, taken: Taken, schedule: BackupSchedule | None, now: float) -> Turn:
    """It is whole. An automatic one expires by the limit that is valid now, unless it is to go sooner."""
    automatic = backup.type is BackupType.AUTOMATIC
    expires_at = expiry(now, schedule) if automatic and schedule is not None else None
    after = replace(
        backup,
        status=BackupState.AVAILABLE,
        completed_at=now,
        expires_at=backup.expires_at or expires_at,
        size=taken.size,
        checksum=taken.checksum,
        keys=taken.keys,
        used_memory=taken.used_memory,
        reason=None,
    )
    return _told(after, _Moment.COMPLETE, f"{taken.size} bytes of {backup.set_name} are saved.")


def failed(backup: Backup, reason: str, now: float) -> Turn:
    """It will not come to be. An automatic one is shown for some days; what is tried again is another one."""
    kept = now + FAILED_KEPT if backup.type is BackupType.AUTOMATIC else None
    after = replace(backup, status=BackupState.ERROR, reason=reason, expires_at=backup.expires_at or kept)
    return _told(after, _Moment.FAILED, reason, Outcome.FAILURE)


def deleted(backup: Backup, message: str) -> Turn:
    """It is to go, with its object."""
    return _told(replace(backup, status=BackupState.DELETING), _Moment.DELETE, message)


def copied(copy: Backup, source: Backup, now: float) -> Turn:
    """A copy is whole: all that was known of its source is true of it, and it stays until it is deleted."""
    after = replace(
        copy,
        status=BackupState.AVAILABLE,
        completed_at=now,
        size=source.size,
        checksum=source.checksum,
        keys=source.keys,
        used_memory=source.used_memory,
        reason=None,
    )
    return _told(after, _Moment.COMPLETE, f"It is a copy of the backup {source.name}.")


def checked(backup: Backup, damage: str | None, now: float) -> Backup:
    """It was verified: it loads, or is damaged in that way."""
    if damage is not None:
        return replace(backup, damage=damage)
    return replace(backup, verified_at=now, damage=None, reason=None)


def not_checked(backup: Backup, reason: str) -> Backup:
    """It could not be told whether it loads; what was known of it stays true."""
    return replace(backup, reason=f"It could not be verified: {reason}")


def exported(path: str) -> tuple[EventDraft, ...]:
    """The line about an export that is whole."""
    return (_of_export(EventName.BACKUP_EXPORT_COMPLETE, f"It was exported to {path}.", Outcome.SUCCESS),)


def export_failed(path: str, reason: str) -> tuple[EventDraft, ...]:
    """The line about an export that came to nothing."""
    message = f"It was not exported to {path}: {reason}"
    return (_of_export(EventName.BACKUP_EXPORT_FAILED, message, Outcome.FAILURE),)


def _of_export(name: EventName, message: str, outcome: Outcome) -> EventDraft:
    return EventDraft(name=name, message=message, outcome=outcome, actor=ACTOR, cause=EventName.BACKUP_EXPORT)


def removal(backup: Backup) -> tuple[EventDraft, ...]:
    """The line that tells that it is gone."""
    return _told(backup, _Moment.DELETED, f"The backup {backup.name} is deleted.").events


def settled(instance_set: InstanceSet, backup: Backup) -> InstanceSet:
    """The set when that backup of it is done: free for another, and an automatic one ends its day."""
    free = replace(instance_set, backup=None) if instance_set.backup == backup.id else instance_set
    done = backup.type is BackupType.AUTOMATIC and backup.status is BackupState.AVAILABLE
    return _day_over(free, day_of(backup.created_at)) if done else free


def given_up(
    instance_set: InstanceSet, missed: tuple[str, ...], reason: str
) -> tuple[InstanceSet, EventDraft]:
    """The set when these days ended without an automatic backup, and the line about it."""
    days = missed[0] if len(missed) == 1 else f"the days from {missed[0]} to {missed[-1]}"
    draft = EventDraft(
        name=EventName.SCHEDULED_BACKUP_FAILED,
        message=f"There is no automatic backup of {days} (KST): {reason}",
        outcome=Outcome.FAILURE,
    )
    return _day_over(instance_set, missed[-1]), draft


def reopened(instance_set: InstanceSet, now: float) -> InstanceSet:
    """The set without what a clock that was ahead wrote, further ahead than tomorrow: a day that it settled,
    and a time from which the schedule counts, which then is now. Until these came there would be no backup.

    Only for a `now` that is certain: by a clock that is behind every day is ahead.
    """
    after, settled_day = instance_set, instance_set.scheduled_day
    if settled_day is not None and settled_day > day_of(now + _DAY):
        after = replace(after, scheduled_day=day_of(now - _DAY))
    if instance_set.backup_schedule is not None and scheduled_since(instance_set) > now + _DAY:
        after = replace(after, schedule_since=now)
    return after


_GIVEN_UP = re.compile(r"(\d{4}-\d{2}-\d{2})(?: to (\d{4}-\d{2}-\d{2}))? \(KST\): (.*)", re.ASCII | re.DOTALL)


def days_given_up(message: str) -> tuple[str, str, str]:
    """The first and the last day that a line of `given_up` is about, and why there was no backup."""
    found = _GIVEN_UP.search(message)
    assert found is not None, "given_up writes no other messages"
    return found[1], found[2] or found[1], found[3]


def _day_over(instance_set: InstanceSet, day: str) -> InstanceSet:
    """Never goes back: a clock that is set must not make a second backup of one day."""
    return replace(instance_set, scheduled_day=max(day, instance_set.scheduled_day or day))


def _told(after: Backup, moment: _Moment, message: str, outcome: Outcome = Outcome.SUCCESS) -> Turn:
    words = {**_WORDS[after.type], **(_COPY if after.copy_of else {})}
    asked = words[_Moment.CREATE]
    causes = {_Moment.COMPLETE: asked, _Moment.FAILED: asked, _Moment.DELETED: words[_Moment.DELETE]}
    draft = EventDraft(
        name=words[moment], message=message, outcome=outcome, actor=ACTOR, cause=causes.get(moment)
    )
    return Turn(after=after, events=(draft,))
