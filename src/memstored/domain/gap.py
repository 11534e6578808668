"""In what a node's parameters differ from the values that it is to have (API.md 7).

Pure. What was read is compared with what the engine would make of a value, so another spelling is no
difference. Some values can be set while a node runs; others an engine reads only at its start.
"""

from dataclasses import dataclass
from functools import lru_cache

from memstored.domain.engine import family_of
from memstored.domain.facts import ReadSettings
from memstored.domain.model import GroupValues, InstanceSet, Setting
from memstored.domain.parameter_group import on_nodes
from memstored.domain.parameters import MAXMEMORY, Apply, Parameter, engine_values, normalized, parameters_of
from memstored.domain.ports import Holdings

__all__ = ["Gap", "eviction", "gap", "gap_between"]


@dataclass(frozen=True, slots=True)
class Gap:
    """In what a node differs: `live` can be set while it runs, in this order; `born` another must have."""

    live: tuple[Setting, ...] = ()
    born: tuple[str, ...] = ()


def gap(instance_set: InstanceSet, read: ReadSettings, values: GroupValues) -> Gap:
    """In what a node of which this was read differs from these values."""
    return _gap(family_of(instance_set.version), instance_set.memory, values.settings, read)


def gap_between(instance_set: InstanceSet, before: GroupValues, after: GroupValues) -> Gap:
    """In what nodes that run with some values differ from others."""
    read = tuple(sorted(on_nodes(instance_set, before).items()))
    return gap(instance_set, read, after)


@lru_cache(maxsize=4096)
def _gap(family: str, memory_gib: int, settings: tuple[Setting, ...], read: ReadSettings) -> Gap:
    wanted = engine_values(family, settings, memory_gib)
    has = dict(read)
    differing = [p for p in _in_order(family) if not _equal(p, wanted[p.name], has.get(p.name))]
    return Gap(
        live=tuple(Setting(name=p.name, value=wanted[p.name]) for p in differing if _is_live(p)),
        born=tuple(p.name for p in differing if not _is_live(p)),
    )


def _in_order(family: str) -> list[Parameter]:
    """The editable parameters, `maxmemory` last: once it was raised, going back might evict (H30)."""
    editable = (p for p in parameters_of(family) if p.editable)
    return sorted(editable, key=lambda p: (p.name == MAXMEMORY, p.name))


def _is_live(parameter: Parameter) -> bool:
    return parameter.apply is Apply.IMMEDIATE


def _equal(parameter: Parameter, wanted: str, read: str | None) -> bool:
    return read is not None and normalized(parameter, read) == normalized(parameter, wanted)


def eviction(maxmemory: Setting, held: Holdings) -> str | None:
    """Why a node that holds so much may not have this `maxmemory`; None when nothing is evicted (H30)."""
    if not 0 < int(maxmemory.value) < held.used_memory:
        return None
    return (
        f"{maxmemory.value} bytes are less than the {held.used_memory} that are used, "
        f"so keys would be evicted; delete some or choose more"
    )
