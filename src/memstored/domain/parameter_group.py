"""A custom parameter group: values that a project chose for its sets, version by version (API.md 7).

Pure. What callers may ask of one is in `domain.requests.parameter_groups`. A set records what of its group
has come to it (`model.Configuration`); here is told how far that is (`shown_status`, `behind`).
"""

from dataclasses import dataclass

from memstored.domain.engine import family_of
from memstored.domain.model import Configuration, GroupValues, InstanceSet, Setting
from memstored.domain.parameters import engine_values
from memstored.domain.words import ApplyStatus, GroupId

__all__ = ["ParameterGroup", "behind", "configured", "on_nodes", "shown_status"]


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
        return GroupValues(group_id=self.id, version=self.version, settings=self.settings)


def configured(instance_set: InstanceSet) -> Configuration:
    """What is recorded of a set's values; for one of which nothing is, that it has its family's defaults."""
    if instance_set.configuration is not None:
        return instance_set.configuration
    return Configuration(values=GroupValues(group_id=instance_set.parameter_group_id))


def behind(instance_set: InstanceSet, values: GroupValues) -> bool:
    """Whether these, the present values of its group, are yet to be brought to a set, or were on their way.

    Values of another version or group that make no difference to a set are no work: its nodes have them.
    """
    recorded = configured(instance_set)
    if recorded.status is not ApplyStatus.IN_SYNC or recorded.wanted is not None:
        return True
    return on_nodes(instance_set, recorded.values) != on_nodes(instance_set, values)


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
    values = values or configured(instance_set).values
    return engine_values(family_of(instance_set.version), values.settings, instance_set.memory)


def _same(one: GroupValues, other: GroupValues) -> bool:
    return (one.group_id, one.version) == (other.group_id, other.version)
