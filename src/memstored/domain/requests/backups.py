"""What callers may ask of backups (API.md 4): each as a pure function that judges and says what to record."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from memstored.domain.backup import Backup, BackupUse
from memstored.domain.errors import Detail
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.object_keys import backup_key
from memstored.domain.requests.change import Call, event, refusal, refused
from memstored.domain.requests.gate import hindrance
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    EventName,
    NodeState,
    Role,
    SetState,
    UseKind,
)

__all__ = [
    "FIELD",
    "BackupChange",
    "NewBackup",
    "NewUse",
    "Title",
    "copy",
    "export",
    "given_up",
    "remove",
    "save",
    "under_way",
    "verify",
]

FIELD = "backupId"
"""Where a fault of the backup itself is said to be: the id in the path."""

SET_FIELD = "clusterId"
"""The set that a backup is wanted of."""

_MAKING = (BackupState.PENDING, BackupState.CREATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What a new backup is called."""

    id: BackupId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBackup:
    """A backup to be kept, with the audit lines that belong to it."""

    backup: Backup
    events: tuple[EventDraft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupChange:
    """A backup as it is and as it will be, and the audit lines to write with the change."""

    before: Backup
    after: Backup
    events: tuple[EventDraft, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUse:
    """A use to be recorded, the copy that it makes, and the audit lines that belong to it."""

    use: BackupUse
    copy: Backup | None = None
    events: tuple[EventDraft, ...] = ()


def save(instance_set: InstanceSet, title: Title, call: Call, others: Iterable[Backup]) -> NewBackup:
    """Queue a backup of a `Running` set that has a replica; `others` are the backups of the set.

    Raises `InvalidRequest` with everything that stands against it.
    """
    faults = [*_unfit(instance_set), *_under_way(instance_set, others)]
    if faults:
        raise refusal(faults)
    backup = Backup(
        id=title.id,
        project_id=instance_set.project_id,
        name=title.name,
        set_id=instance_set.id,
        set_name=instance_set.name,
        type=BackupType.MANUAL,
        status=BackupState.PENDING,
        version=instance_set.version,
        flavor_id=instance_set.flavor_id,
        key=backup_key(instance_set.project_id, title.id),
        created_at=call.at,
        actor=call.actor,
        request_id=call.request_id,
    )
    message = f"{call.actor} asked for a backup of {instance_set.name}."
    return NewBackup(backup=backup, events=(event(EventName.BACKUP_CREATE, call, message),))


def _unfit(instance_set: InstanceSet) -> list[Detail]:
    found = hindrance(instance_set, (SetState.RUNNING,))
    faults = [replace(found, field=SET_FIELD)] if found else []
    if not any(n.role is Role.REPLICA and n.status is NodeState.RUNNING for n in instance_set.nodes):
        message = "A backup is taken from a replica, and none is Running; add one first."
        faults.append(Detail(SET_FIELD, "no_replica", message))
    return faults


def _under_way(instance_set: InstanceSet, others: Iterable[Backup]) -> list[Detail]:
    making = [b.id for b in others if b.status in _MAKING and b.copy_of is None]
    if not making and instance_set.backup is None:
        return []
    return [under_way(making[0] if making else instance_set.backup)]


def under_way(backup_id: BackupId | None = None) -> Detail:
    """That another backup of the set waits or is being made."""
    which = f" ({backup_id})" if backup_id else ""
    message = f"A backup of this set is under way{which}. Ask again when it is done."
    return Detail(SET_FIELD, "backup_under_way", message)


def remove(backup: Backup, call: Call) -> BackupChange:
    """Let a backup go that is `Available` and not in use, or in `Error`; its name is free when it is gone."""
    if backup.status not in (BackupState.AVAILABLE, BackupState.ERROR):
        message = f"Only a backup that is Available or in Error can be deleted; it is {backup.status.value}."
        raise refused(FIELD, "backup_wrong_state", message)
    if backup.uses:
        kinds = ", ".join(sorted({use.kind.value for use in backup.uses}))
        message = f"It is in use ({kinds}). Ask again when that is done."
        raise refused(FIELD, "backup_in_use", message)
    return _going(backup, call)


def given_up(backup: Backup, call: Call) -> BackupChange:
    """Let an automatic backup go with its set.

    One that is in use or being made can not go now: it expires at once, so it goes as soon as that has ended.
    """
    if backup.uses or backup.status is BackupState.CREATING:
        return BackupChange(before=backup, after=replace(backup, expires_at=call.at))
    return _going(backup, call)


def _going(backup: Backup, call: Call) -> BackupChange:
    automatic = backup.type is BackupType.AUTOMATIC
    name = EventName.SCHEDULED_BACKUP_DELETE if automatic else EventName.BACKUP_DELETE
    line = event(name, call, f"{call.actor} asked to delete {backup.name}.")
    return BackupChange(
        before=backup, after=replace(backup, status=BackupState.DELETING, reason=None), events=(line,)
    )


def copy(backup: Backup, title: Title, call: Call, use_id: str) -> NewUse:
    """Queue a copy, which counts as made by hand: it never expires. What the data is stays as it was."""
    _require_usable(backup)
    twin = replace(
        backup,
        id=title.id,
        name=title.name,
        key=backup_key(backup.project_id, title.id),
        type=BackupType.MANUAL,
        status=BackupState.PENDING,
        created_at=call.at,
        actor=call.actor,
        request_id=call.request_id,
        completed_at=None,
        expires_at=None,
        reason=None,
        node=None,
        copy_of=backup.id,
        verified_at=None,
        damage=None,
        uses=(),
    )
    use = BackupUse(id=use_id, backup_id=backup.id, kind=UseKind.COPY, since=call.at, holder=twin.id)
    line = event(EventName.BACKUP_COPY, call, f"{call.actor} asked for a copy of {backup.name}.")
    return NewUse(use=use, copy=twin, events=(line,))


def export(backup: Backup, path: str, call: Call, use_id: str) -> NewUse | None:
    """Begin an export to `bucket/[folder/...]name`, where nothing is yet; None while it is under way."""
    _require_usable(backup)
    if any(use.kind is UseKind.EXPORT and use.path == path for use in backup.uses):
        return None
    use = BackupUse(id=use_id, backup_id=backup.id, kind=UseKind.EXPORT, since=call.at, path=path)
    line = event(EventName.BACKUP_EXPORT, call, f"{call.actor} asked to export {backup.name} to {path}.")
    return NewUse(use=use, events=(line,))


def verify(backup: Backup, call: Call, use_id: str) -> NewUse | None:
    """Begin to prove that a backup loads; None when that is under way already."""
    _require_usable(backup)
    if any(use.kind is UseKind.VERIFY for use in backup.uses):
        return None
    return NewUse(use=BackupUse(id=use_id, backup_id=backup.id, kind=UseKind.VERIFY, since=call.at))


def _require_usable(backup: Backup) -> None:
    """Several uses at once are fine; what is not there yet, or not any more, can not be used."""
    if backup.status is not BackupState.AVAILABLE:
        message = f"This needs a backup that is Available; {backup.name} is {backup.status.value}."
        raise refused(FIELD, "backup_wrong_state", message)
