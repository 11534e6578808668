"""What other values of a parameter group will do to sets, told before they are brought there (API.md 7).

Pure. It decides nothing: it tells what `domain.sequence`, `domain.configuring` and `domain.replacing` do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memstored.domain.gap import gap_between
from memstored.domain.model import GroupValues, InstanceSet, Setting
from memstored.domain.parameter_group import configured, maxmemory_of
from memstored.domain.parameters import Parameter, effective, parameters_of
from memstored.domain.requests.parameter_groups import Used
from memstored.domain.words import SetState

__all__ = ["Difference", "Effect", "Outlook", "outlook"]

_OVER = frozenset({SetState.TERMINATING, SetState.TERMINATED, SetState.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A parameter with its value before and after."""

    parameter: Parameter
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What comes to a set: `live` names what its nodes take while they run, `born` what only new nodes have.

    `maxmemory` is in bytes, before and after; `used` is what the set's data takes, None where nobody asked.
    """

    set: InstanceSet
    live: tuple[str, ...]
    born: tuple[str, ...]
    maxmemory: tuple[int, int]
    used: int | None

    @property
    def nothing(self) -> bool:
        """Whether the set's nodes have these values already."""
        return not self.live and not self.born

    @property
    def less(self) -> bool:
        """Whether its data may take less memory than before."""
        return self.maxmemory[1] < self.maxmemory[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What differs, and the effect on each set, in the order in which the values come to them."""

    differences: tuple[Difference, ...]
    effects: tuple[Effect, ...]


def outlook(
    family: str, before: Sequence[Setting], after: GroupValues, users: Iterable[InstanceSet], used: Used
) -> Outlook:
    """What comes of it when these sets, the oldest first, get these values in the place of others."""
    return Outlook(
        differences=_differences(family, before, after.settings),
        effects=tuple(_effect(it, after, used) for it in users if it.status not in _OVER),
    )


def _differences(family: str, before: Sequence[Setting], after: Sequence[Setting]) -> tuple[Difference, ...]:
    was, becomes = effective(family, before), effective(family, after)
    return tuple(
        Difference(parameter=p, before=was[p.name], after=becomes[p.name])
        for p in parameters_of(family)
        if p.name in becomes and was[p.name] != becomes[p.name]
    )


def _effect(instance_set: InstanceSet, values: GroupValues, used: Used) -> Effect:
    gap = gap_between(instance_set, configured(instance_set).values, values)
    return Effect(
        set=instance_set,
        live=tuple(setting.name for setting in gap.live),
        born=gap.born,
        maxmemory=(maxmemory_of(instance_set), maxmemory_of(instance_set, values.settings)),
        used=used.get(instance_set.id),
    )
