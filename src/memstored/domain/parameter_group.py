"""A custom parameter group: values that a project chose for its sets, version by version (API.md 7).

Pure. What callers may ask of one is in `domain.requests.parameter_groups`. A set records what of its group
has come to it (`model.Configuration`); here is told how far that is (`shown_status`, `behind`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from memstored.domain.catalogue import DefaultGroup
from memstored.domain.engine import family_of
from memstored.domain.model import Configuration, GroupValues, InstanceSet, Setting
from memstored.domain.parameters import MAXMEMORY, engine_values, memory_span
from memstored.domain.words import ApplyStatus, GroupId, OperationKind

__all__ = [
    "AnyGroup",
    "ParameterGroup",
    "Progress",
    "behind",
    "configured",
    "differs",
    "maxmemory_of",
    "misfit",
    "on_nodes",
    "progress_of",
    "settled",
    "shown_status",
    "values_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """A custom group as it is now. Times are seconds since 1970.

    `version` is 1 at first and rises with every change of its values. `settings` are the values that differ
    from the defaults of `family`, by name; `base_id` is the group that it was made from.
    """

    id: GroupId
    project_id: str
    name: str
    description: str | None
    family: str
    base_id: str
    version: int
    settings: tuple[Setting, ...]
    created_at: float
    updated_at: float

    def values(self) -> GroupValues:
        """What its sets are to run with."""
        return GroupValues(
            group_id=self.id, group_name=self.name, version=self.version, settings=self.settings
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the values of its group have come to a set; `since` is in seconds since 1970."""

    status: ApplyStatus
    since: float
    error: str | None


AnyGroup = DefaultGroup | ParameterGroup


def values_of(group: AnyGroup) -> GroupValues:
    """What the sets of a group are to run with; those of a default one with what it shows."""
    if isinstance(group, ParameterGroup):
        return group.values()
    return GroupValues(group_id=group.id, group_name=group.name)


def configured(instance_set: InstanceSet) -> Configuration:
    """What is recorded of a set's values; for one of which nothing is, that it has its family's defaults."""
    if instance_set.configuration is not None:
        return instance_set.configuration
    return Configuration(values=GroupValues(group_id=instance_set.parameter_group_id))


def behind(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether these, the present values of its group, are yet to be brought to a set, or are on their way.

    Values of another version or group that make no difference to a set are no work: its nodes have them.
    """
    return not settled(instance_set) or differs(instance_set, values)


def differs(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether these values make a difference to a set, beside those that are recorded."""
    if configured(instance_set).values.settings == values.settings:
        return False
    return on_nodes(instance_set) != on_nodes(instance_set, values)


def settled(instance_set: InstanceSet) -> bool:
    """Whether a set's nodes have what is recorded: nothing is on its way to them, or on its way back, nor was
    left half done.
    """
    operation, recorded = instance_set.operation, configured(instance_set)
    under_way = operation is not None and operation.kind is OperationKind.APPLY_PARAMETERS
    return not (under_way or recorded.mixed or recorded.status is ApplyStatus.APPLYING)


def shown_status(instance_set: InstanceSet, values: GroupValues) -> ApplyStatus:
    """How far these, the present values of its group, have come to a set.

    What went wrong with one version says nothing of the next: after a further change the set waits anew.
    """
    recorded = configured(instance_set)
    if not behind(instance_set, values):
        return ApplyStatus.IN_SYNC
    if recorded.status is ApplyStatus.APPLYING or _same(recorded.wanted or recorded.values, values):
        return recorded.status
    return ApplyStatus.PENDING


def on_nodes(instance_set: InstanceSet, values: GroupValues | None = None) -> dict[str, str]:
    """Every editable parameter of a set with these values, by name, as its engine takes it.

    None: the recorded values, which every node of the set runs with and a new one starts with.
    """
    settings = (values or configured(instance_set).values).settings
    return engine_values(family_of(instance_set.version), settings, instance_set.memory)


def maxmemory_of(instance_set: InstanceSet, settings: Sequence[Setting] | None = None) -> int:
    """The bytes that these values let a set's data take; None: those that are recorded."""
    if settings is None:
        settings = configured(instance_set).values.settings
    values = engine_values(family_of(instance_set.version), settings, instance_set.memory)
    return int(values[MAXMEMORY])


def misfit(instance_set: InstanceSet, settings: Sequence[Setting]) -> tuple[int, int] | None:
    """The fewest and the most bytes of `maxmemory` that the set's flavor takes, if these values are not among
    them.
    """
    least, most = memory_span(instance_set.memory)
    return None if least <= maxmemory_of(instance_set, settings) <= most else (least, most)


def progress_of(instance_set: InstanceSet, group: AnyGroup) -> Progress:
    """How far a group's present values have come to one of its sets."""
    recorded, status = configured(instance_set), shown_status(instance_set, values_of(group))
    since = recorded.since or instance_set.created_at
    if status is ApplyStatus.PENDING and isinstance(group, ParameterGroup):
        since = max(since, group.updated_at)
    stuck = status in (ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED)
    return Progress(status=status, since=since, error=recorded.error if stuck else None)


def _same(one: GroupValues, other: GroupValues) -> bool:
    return (one.group_id, one.version) == (other.group_id, other.version)
