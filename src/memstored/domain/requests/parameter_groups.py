"""What callers may ask of custom parameter groups (API.md 7): judged, with what is to be recorded.

A change is drafted first. Then the sets that have the group are looked at: a `maxmemory` below what one uses
would evict keys on all its nodes for good (H30). `shrinking` tells which sets must be asked how much that is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from memstored.domain.errors import Detail, InvalidRequest
from memstored.domain.model import EventDraft, InstanceSet, Setting
from memstored.domain.parameter_group import (
    AnyGroup,
    ParameterGroup,
    configured,
    maxmemory_of,
    misfit,
    shown_status,
    values_of,
)
from memstored.domain.parameters import MAXMEMORY, effective, parameter_of
from memstored.domain.requests.change import Call, Change, Misread, event, of_sound_fields, refusal, refused
from memstored.domain.words import ApplyStatus, EventName, GroupId, SetId, SetState

__all__ = [
    "FIELD",
    "Draft",
    "GroupChange",
    "GroupTitle",
    "GroupWishes",
    "NewGroup",
    "Used",
    "concerned",
    "create",
    "default_group",
    "draft_change",
    "draft_reset",
    "draft_rollback",
    "in_use",
    "judge",
    "memory_faults",
    "remove",
    "retry",
    "revise",
    "shrinking",
]

FIELD = "parameterGroupId"
"""Where a fault of the group itself is said to be: the id in the path."""

_OVER = frozenset({SetState.TERMINATING, SetState.TERMINATED, SetState.FAILED})
_STUCK = (ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED)

Used = Mapping[SetId, int | None]
"""The bytes that are used on the primary of each set; None where it can not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTitle:
    """What a new group is called, and whose it is."""

    id: GroupId
    project_id: str
    name: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupWishes:
    """What is to change: values by the names of parameters, the description (`""` clears); None keeps it."""

    parameters: Mapping[str, str] | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """A group to be kept, with the audit lines that belong to it."""

    group: ParameterGroup
    events: tuple[EventDraft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a group is to hold, what stands against it, and the word for the audit line."""

    settings: tuple[Setting, ...]
    description: str | None
    name: EventName
    faults: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """A group as it will be, and the audit lines to write with it; unchanged when there are none."""

    after: ParameterGroup
    events: tuple[EventDraft, ...] = ()


def create(base: AnyGroup, title: GroupTitle, call: Call) -> NewGroup:
    """A group with the values of another one, default or custom."""
    group = ParameterGroup(
        id=title.id,
        project_id=title.project_id,
        name=title.name,
        description=title.description or None,
        family=base.family,
        base_id=base.id,
        version=1,
        settings=values_of(base).settings,
        created_at=call.at,
        updated_at=call.at,
    )
    message = f"{call.actor} made {title.name} out of {base.name}."
    return NewGroup(group=group, events=(event(EventName.GROUP_CREATE, call, message),))


def default_group() -> InvalidRequest:
    """The refusal of a change: default groups are never editable (API.md 7)."""
    message = "A default parameter group can not be changed; make a custom one out of it."
    return refused(FIELD, "default_parameter_group", message)


# Drafts


def draft_change(group: ParameterGroup, wishes: GroupWishes, misread: Misread) -> Draft:
    """Give parameters other values, or the group another description."""
    chosen = wishes.parameters or {}
    found = [fault for name, value in chosen.items() for fault in _value_faults(group.family, name, value)]
    faults = [*misread.faults, *of_sound_fields(found, misread.fields)]
    if not faults and wishes == GroupWishes():
        faults = [Detail("", "nothing_to_change", "Give at least one field that is to change.")]
    unsound = {fault.field for fault in found}
    sound = {name: value for name, value in chosen.items() if f"parameters.{name}" not in unsound}
    description = group.description if wishes.description is None else wishes.description or None
    return Draft(
        settings=_settings(group.family, {**_by_name(group.settings), **sound}),
        description=description,
        name=EventName.PARAMETERS_UPDATE,
        faults=tuple(faults),
    )


def draft_reset(group: ParameterGroup, names: Sequence[str], misread: Misread) -> Draft:
    """Give these parameters their defaults again; all, when none is named."""
    found = [
        fault for i, name in enumerate(names) for fault in _name_faults(group.family, name, f"names[{i}]")
    ]
    faults = [*misread.faults, *of_sound_fields(found, misread.fields)]
    kept = {name: value for name, value in _by_name(group.settings).items() if names and name not in names}
    return Draft(
        settings=_settings(group.family, kept),
        description=group.description,
        name=EventName.PARAMETERS_RESET,
        faults=tuple(faults),
    )


def draft_rollback(group: ParameterGroup, before: Sequence[Setting] | None) -> Draft:
    """Take back the values of the version before; raises `InvalidRequest` when there is none.

    They become a version of their own, so that the same once more takes the rollback back.
    """
    if before is None:
        message = "Its values were never changed, so there is no version to go back to."
        raise refused(FIELD, "no_version_before", message)
    faults = [fault for s in before for fault in _value_faults(group.family, s.name, s.value)]
    return Draft(
        settings=tuple(before),
        description=group.description,
        name=EventName.PARAMETERS_ROLLBACK,
        faults=tuple(faults),
    )


def _value_faults(family: str, name: str, value: str) -> Iterator[Detail]:
    field = f"parameters.{name}"
    yield from _name_faults(family, name, field)
    parameter = parameter_of(family, name)
    if parameter is not None and parameter.editable and not parameter.bound.admits(value):
        unit = f" ({parameter.unit})" if parameter.unit else ""
        message = f"Give a value that {name} can have: {parameter.allowed}{unit}."
        yield Detail(field, "value_not_allowed", message)


def _name_faults(family: str, name: str, field: str) -> Iterator[Detail]:
    parameter = parameter_of(family, name)
    if parameter is None:
        message = f"Name a parameter that the group shows; there is none such for Redis {family}."
        yield Detail(field, "unknown_parameter", message)
    elif not parameter.editable:
        yield Detail(field, "parameter_not_editable", f"{name} is fixed; leave it out.")


def _settings(family: str, values: Mapping[str, str]) -> tuple[Setting, ...]:
    """What of these differs from the defaults, by name."""
    return tuple(
        Setting(name=name, value=value)
        for name, value in sorted(values.items())
        if (known := parameter_of(family, name)) is not None and value != known.default
    )


def _by_name(settings: Iterable[Setting]) -> dict[str, str]:
    return {setting.name: setting.value for setting in settings}


# The sets that have the group


def concerned(group: ParameterGroup, draft: Draft, users: Iterable[InstanceSet]) -> list[InstanceSet]:
    """Those of the group's sets whose `maxmemory` the draft changes, if they are not over."""
    if _by_name(draft.settings).get(MAXMEMORY) == _by_name(group.settings).get(MAXMEMORY):
        return []
    return [it for it in users if it.status not in _OVER]


def shrinking(settings: Sequence[Setting], users: Iterable[InstanceSet]) -> list[InstanceSet]:
    """Those of the sets to whose data these values leave less memory than their nodes give it now."""
    return [it for it in users if it.opened and maxmemory_of(it, settings) < maxmemory_of(it)]


def memory_faults(
    settings: Sequence[Setting], users: Sequence[InstanceSet], used: Used, field: str
) -> list[Detail]:
    """Why the sets can not have the `maxmemory` of these values; `used` is that of the `shrinking` ones."""
    evicting = (fault for it in shrinking(settings, users) for fault in _evicting(it, settings, used, field))
    return [*_misfits(settings, users, field), *evicting]


def _misfits(settings: Sequence[Setting], users: Sequence[InstanceSet], field: str) -> list[Detail]:
    return [fault for it in users for fault in _unfit(it, settings, field)]


def _unfit(instance_set: InstanceSet, settings: Sequence[Setting], field: str) -> Iterator[Detail]:
    if (span := misfit(instance_set, settings)) is not None:
        message = f"The flavor of {instance_set.name} takes a {MAXMEMORY} of {span[0]} to {span[1]} bytes."
        yield Detail(field, "maxmemory_unfit", message)


def _evicting(
    instance_set: InstanceSet, settings: Sequence[Setting], used: Used, field: str
) -> Iterator[Detail]:
    taken, wanted = used.get(instance_set.id), maxmemory_of(instance_set, settings)
    if taken is None:
        message = f"How much {instance_set.name} uses is not known now; ask again when it is Running."
        yield Detail(field, "used_memory_unknown", message)
    elif taken > wanted:
        message = (
            f"{instance_set.name} uses {taken} bytes, more than {MAXMEMORY} would be ({wanted}): "
            "delete data first, or give more."
        )
        yield Detail(field, "maxmemory_below_used", message)


# Changes


def judge(group: ParameterGroup, draft: Draft, users: Sequence[InstanceSet]) -> bool:
    """Whether a draft changes any value; raises as `revise`, but for what only a node can tell.

    `users` are the sets that are `concerned`.
    """
    faults = [*draft.faults, *_misfits(draft.settings, users, f"parameters.{MAXMEMORY}")]
    if faults:
        raise refusal(faults)
    return draft.settings != group.settings


def revise(
    group: ParameterGroup, draft: Draft, call: Call, users: Sequence[InstanceSet], used: Used
) -> GroupChange:
    """Record a draft; raises `InvalidRequest` with everything that stands against it.

    `users` are the sets that are `concerned`, `used` what the `shrinking` ones of them use. Other values are
    a new version; the same values are none, and no change at all when nothing else differs.
    """
    faults = [*draft.faults, *memory_faults(draft.settings, users, used, f"parameters.{MAXMEMORY}")]
    if faults:
        raise refusal(faults)
    after = replace(group, settings=draft.settings, description=draft.description)
    if after == group:
        return GroupChange(after=group)
    if after.settings != group.settings:
        after = replace(after, version=group.version + 1)
    message = f"{call.actor} {'; '.join(_differences(group, after))}."
    return GroupChange(after=replace(after, updated_at=call.at), events=(event(draft.name, call, message),))


def _differences(before: ParameterGroup, after: ParameterGroup) -> Iterator[str]:
    was, becomes = effective(before.family, before.settings), effective(after.family, after.settings)
    changed = [f"{name} = {value or '(empty)'}" for name, value in becomes.items() if value != was[name]]
    if changed:
        yield f"set {', '.join(changed)} (version {after.version})"
    if after.description != before.description:
        yield "changed the description"


def remove(group: ParameterGroup, call: Call, users: int) -> tuple[EventDraft, ...]:
    """Let a group go that no set has; the audit line of it. `users` is the number of sets that have it."""
    if users:
        raise in_use(users)
    return (event(EventName.GROUP_DELETE, call, f"{call.actor} deleted {group.name}."),)


def in_use(users: int) -> InvalidRequest:
    """The refusal to delete a group that sets have."""
    message = f"Instance sets have this group ({users}); give them another one, or delete them, first."
    return refused(FIELD, "parameter_group_in_use", message)


def retry(instance_set: InstanceSet, group: AnyGroup, call: Call) -> Change:
    """Bring the group's values again to a set at which that failed, or that waits behind one (API.md 7)."""
    values = values_of(group)
    status = shown_status(instance_set, values)
    if status not in _STUCK:
        message = f"Only a set that is Error-Sync or Suspended is tried again; it is {status.value}."
        raise refused("setId", "nothing_to_retry", message)
    again = replace(
        configured(instance_set), wanted=values, status=ApplyStatus.APPLYING, since=call.at, error=None
    )
    message = f"{call.actor} asked to bring the values of {group.name} again."
    return Change(
        after=replace(instance_set, configuration=again, updated_at=call.at),
        events=(event(EventName.UPDATE, call, message),),
    )
