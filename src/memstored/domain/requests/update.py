"""Changing a set in place (API.md 2.3): all that is asked, or nothing."""

from dataclasses import dataclass, replace
from types import MappingProxyType

from memstored.domain.catalogue import Catalogue
from memstored.domain.engine import family_of
from memstored.domain.errors import Detail
from memstored.domain.model import BackupSchedule, Configuration, EventDraft, InstanceSet
from memstored.domain.parameter_group import (
    AnyGroup,
    ParameterGroup,
    configured,
    differs,
    settled,
    values_of,
)
from memstored.domain.requests.change import (
    Call,
    Change,
    Misread,
    begun,
    event,
    of_sound_fields,
    reason,
    refusal,
)
from memstored.domain.requests.gate import PATH_FIELD, hindrance
from memstored.domain.requests.order import unknown_security_groups
from memstored.domain.requests.parameter_groups import Used, memory_faults
from memstored.domain.words import ApplyStatus, EventName, OperationKind, SetState

__all__ = ["DEFAULT_RETENTION", "ScheduleWish", "Wishes", "update"]

STEPS = ("apply",)
DEFAULT_RETENTION = 7
"""Days that automatic backups are kept when nobody said otherwise (API.md 2.1)."""
FEWEST_WITH_SCHEDULE = 2
OVER = frozenset({SetState.TERMINATING, SetState.TERMINATED, SetState.FAILED})
"""States in which nothing can be changed any more (API.md 2.9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleWish:
    """What of the backup schedule is to change; None keeps it. An empty `cron` switches it off."""

    cron: str | None = None
    retention_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is to change; None keeps it. An empty `description` clears it."""

    description: str | None = None
    backup_schedule: ScheduleWish | None = None
    parameter_group_id: str | None = None
    security_groups: tuple[str, ...] | None = None


def update(
    instance_set: InstanceSet,
    wishes: Wishes,
    call: Call,
    catalogue: Catalogue,
    misread: Misread,
    *,
    custom: ParameterGroup | None = None,
    used: Used = MappingProxyType({}),
) -> Change:
    """Fulfil all wishes, or raise `InvalidRequest` with everything that stands against them.

    `custom` is the parameter group that is wished for, where it is one of the project's own; `used` tells
    what the set's data takes, where the group leaves it less memory than before.
    """
    group = _group(wishes, catalogue, custom)
    found = _faults(instance_set, wishes, catalogue, group, used)
    faults = [*misread.faults, *of_sound_fields(found, misread.fields)]
    if not faults and wishes == Wishes():
        faults = [Detail("", "nothing_to_change", "Give at least one field that is to change.")]
    faults = faults or _hindrances(instance_set, wishes)
    if faults:
        raise refusal(faults)
    after = _fulfilled(instance_set, wishes, call, group)
    return Change(after=after, events=tuple(_events(wishes, call)))


def _group(wishes: Wishes, catalogue: Catalogue, custom: ParameterGroup | None) -> AnyGroup | None:
    """The group that is wished for, where there is one."""
    if wishes.parameter_group_id is None:
        return None
    return catalogue.parameter_group(wishes.parameter_group_id) or custom


def _faults(
    instance_set: InstanceSet, wishes: Wishes, catalogue: Catalogue, group: AnyGroup | None, used: Used
) -> list[Detail]:
    faults = list(unknown_security_groups(wishes.security_groups or (), catalogue))
    if wishes.parameter_group_id is not None:
        faults += _parameter_group_faults(instance_set, group, used)
    if wishes.backup_schedule is not None:
        faults += _schedule_faults(instance_set, wishes.backup_schedule)
    return faults


def _parameter_group_faults(instance_set: InstanceSet, group: AnyGroup | None, used: Used) -> list[Detail]:
    family = family_of(instance_set.version)
    if group is None:
        message = "Take a parameter group from GET /v1/parameter-groups."
        return [Detail("parameterGroupId", "unknown_parameter_group", message)]
    if group.family != family:
        message = f"Take a parameter group for Redis {family}; {group.name} is for {group.family}."
        return [Detail("parameterGroupId", "parameter_group_family", message)]
    return memory_faults(values_of(group).settings, [instance_set], used, "parameterGroupId")


def _schedule_faults(instance_set: InstanceSet, wish: ScheduleWish) -> list[Detail]:
    if wish == ScheduleWish():
        return [Detail("backupSchedule", "nothing_to_change", "Give cron, retentionLimit, or both.")]
    switched_off = wish.cron == "" or (wish.cron is None and instance_set.backup_schedule is None)
    if switched_off and wish.retention_limit is not None:
        message = "There is no schedule to keep backups of; give a cron with it."
        return [Detail("backupSchedule.retentionLimit", "no_schedule", message)]
    if wish.cron and instance_set.replicas < FEWEST_WITH_SCHEDULE:
        return [Detail("backupSchedule", "too_few_nodes", "Automatic backups need at least two nodes.")]
    return []


def _hindrances(instance_set: InstanceSet, wishes: Wishes) -> list[Detail]:
    """What the set's present state has against it (API.md 2.9)."""
    if wishes.security_groups is None and wishes.parameter_group_id is None:
        return _ending(instance_set)
    found = hindrance(instance_set, (SetState.RUNNING,))
    return [found] if found else []


def _ending(instance_set: InstanceSet) -> list[Detail]:
    if instance_set.status not in OVER:
        return []
    message = f"The set is {instance_set.status.value}: it can only be deleted."
    return [Detail(PATH_FIELD, "wrong_state", message)]


def _fulfilled(instance_set: InstanceSet, wishes: Wishes, call: Call, group: AnyGroup | None) -> InstanceSet:
    after = replace(instance_set, updated_at=call.at)
    if wishes.description is not None:
        after = replace(after, description=wishes.description or None)
    if wishes.backup_schedule is not None:
        after = _rescheduled(after, wishes.backup_schedule, call)
    if wishes.parameter_group_id is not None and group is not None:
        after = replace(_linked(after, group, call), parameter_group_id=wishes.parameter_group_id)
    if wishes.security_groups is not None:
        after = _modifying(replace(after, security_groups=wishes.security_groups), call)
    return after


def _linked(instance_set: InstanceSet, group: AnyGroup, call: Call) -> InstanceSet:
    """Values of a group that make a difference are brought to the nodes afterwards; all others are there."""
    if not settled(instance_set):
        return instance_set
    values = values_of(group)
    if not differs(instance_set, values):
        return replace(instance_set, configuration=Configuration(values=values, since=call.at))
    recorded = configured(instance_set).values
    waiting = Configuration(values=recorded, status=ApplyStatus.PENDING, since=call.at)
    return replace(instance_set, configuration=waiting)


def _rescheduled(instance_set: InstanceSet, wish: ScheduleWish, call: Call) -> InstanceSet:
    """An hour that is chosen counts from now: what of today passed before it is not missed (API.md 4)."""
    before, after = instance_set.backup_schedule, _schedule(instance_set.backup_schedule, wish)
    since = instance_set.schedule_since
    if _hour(before) != _hour(after):
        since = call.at if after else None
    return replace(instance_set, backup_schedule=after, schedule_since=since)


def _hour(schedule: BackupSchedule | None) -> int | None:
    """The hour in KST of `* H * * *`."""
    return int(schedule.cron.split()[1]) if schedule else None


def _schedule(present: BackupSchedule | None, wish: ScheduleWish) -> BackupSchedule | None:
    cron = wish.cron if wish.cron is not None or present is None else present.cron
    if not cron:
        return None
    kept = present.retention_limit if present else DEFAULT_RETENTION
    return BackupSchedule(cron=cron, retention_limit=wish.retention_limit or kept)


def _modifying(instance_set: InstanceSet, call: Call) -> InstanceSet:
    why = reason(
        OperationKind.MODIFY,
        call,
        "The security groups are being changed.",
        trying="applying them to every node",
        then="The set is Running again.",
    )
    operation = begun(instance_set, call, OperationKind.MODIFY, STEPS)
    return replace(instance_set, status=SetState.MODIFYING, reason=why, operation=operation)


def _events(wishes: Wishes, call: Call) -> list[EventDraft]:
    """One line for the schedule, one for all the rest."""
    names = {
        "description": wishes.description,
        "parameterGroupId": wishes.parameter_group_id,
        "securityGroups": wishes.security_groups,
    }
    changed = [name for name, value in names.items() if value is not None]
    events: list[EventDraft] = []
    if changed:
        events.append(event(EventName.UPDATE, call, f"Changed: {', '.join(changed)}."))
    if wishes.backup_schedule is not None:
        events.append(event(EventName.BACKUP_SCHEDULE_UPDATE, call, "The backup schedule was changed."))
    return events
