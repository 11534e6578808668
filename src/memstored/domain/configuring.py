"""Bringing the values of its parameter group to a set's nodes (API.md 7).

Pure. Every node is brought to one target: what is `wanted` while an apply is under way, else what is
recorded. Replicas come first, by number, then the primary; all was read back on every node before it is
recorded. A refusal changes the target back, so that the nodes already changed follow by themselves, and so
does a node that comes in the middle of it, whatever it was started with. Parameters that an engine reads
only at its start are brought by `domain.replacing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from memstored.domain.actions import Configure
from memstored.domain.engine import family_of
from memstored.domain.facts import Life, ReadSettings
from memstored.domain.model import Configuration, GroupValues, InstanceSet, Node, Operation, Setting
from memstored.domain.parameter_group import configured, on_nodes
from memstored.domain.parameters import MAXMEMORY, Apply, Parameter, engine_values, normalized, parameters_of
from memstored.domain.ports import Holdings
from memstored.domain.turn import LATER, SOON, Turn
from memstored.domain.words import (
    ApplyStatus,
    EventName,
    NodeId,
    NodeState,
    OperationKind,
    OperationState,
    Outcome,
)

__all__ = [
    "Gap",
    "apply_under_way",
    "birth_values",
    "bring_values",
    "complete_apply",
    "eviction",
    "fits",
    "gap",
    "gap_between",
    "given_up",
    "go_to",
    "halt_apply",
    "introduce_members",
    "spare",
    "stop_apply",
    "target",
    "wanted",
]

FRESH = 10.0
"""Seconds for which an apply is looked at closely."""


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


# What is wanted


def wanted(instance_set: InstanceSet) -> GroupValues | None:
    """What is on its way to the nodes; None while no apply is under way, or one that goes back."""
    present = configured(instance_set)
    applying = present.status is ApplyStatus.APPLYING and _operation(instance_set) is not None
    return present.wanted if applying else None


def target(instance_set: InstanceSet) -> GroupValues:
    """What every node is to run with now."""
    return wanted(instance_set) or configured(instance_set).values


def birth_values(instance_set: InstanceSet, node_id: NodeId) -> GroupValues:
    """What a node starts with: the recorded values, with which others did start; only the one that an apply
    has come for them tries new ones, which may end it at once.
    """
    operation = _operation(instance_set)
    is_spare = operation is not None and operation.node == node_id
    return target(instance_set) if is_spare else configured(instance_set).values


def _operation(instance_set: InstanceSet) -> Operation | None:
    operation = instance_set.operation
    if operation is None or operation.kind is not OperationKind.APPLY_PARAMETERS:
        return None
    return operation if operation.state is OperationState.RUNNING else None


def apply_under_way(turn: Turn) -> Operation | None:
    """The operation that brings values to the nodes, or takes them back; None when none is under way."""
    return _operation(turn.set)


def spare(turn: Turn) -> Node | None:
    """The node that an apply has started in another's place and beside it, where there is one."""
    operation = apply_under_way(turn)
    return turn.set.node(operation.node) if operation is not None and operation.node is not None else None


# Nodes that come


def fits(turn: Turn, node: Node) -> bool:
    """Whether a node was compared and runs with the recorded values, or with those on their way to all.

    What it refuses to run with is not held against it: the data is worth more than the values.
    """
    known = [configured(turn.set).values, target(turn.set)]
    return turn.seen(node).settings is not None and any(not _to_set(turn, node, values) for values in known)


def introduce_members(turn: Turn) -> None:
    """Configure the nodes that differ, as one may that was started in the middle of an apply.

    They hold nothing yet: none follows, is let in or could inherit before it fits.
    """
    for node in turn.set.nodes:
        if turn.up(node) and turn.seen(node).settings is not None and not fits(turn, node):
            turn.do(Configure(node.id, _to_set(turn, node, target(turn.set))))


def _to_set(turn: Turn, node: Node, values: GroupValues) -> tuple[Setting, ...]:
    """What is to be set live on a node, but for what it refused already."""
    return tuple(s for s in _gap_of(turn, node, values).live if s.name not in turn.seen(node).refused)


def _gap_of(turn: Turn, node: Node, values: GroupValues) -> Gap:
    return gap(turn.set, turn.seen(node).settings or (), values)


# All nodes


def bring_values(turn: Turn, primary: Node) -> bool:
    """Bring what can be set live to the nodes, one after the other; whether every node has it now.

    Stops the apply at the first refusal.
    """
    if not turn.set.opened:
        return False
    if wanted(turn.set) is not None and (why := _hindrance(turn)):
        stop_apply(turn, why)
        return False
    brought = _brought(turn, primary, target(turn.set))
    if apply_under_way(turn) is not None:
        turn.look(SOON if turn.facts.operation_for < FRESH else LATER)
    return brought


def _brought(turn: Turn, primary: Node, values: GroupValues) -> bool:
    waiting = False
    for node in turn.replicas():
        if node.removing or given_up(turn, node):
            continue
        if not turn.up(node) or turn.seen(node).settings is None:
            waiting = True
        elif _sets(turn, node, values):
            return False
    if waiting:
        return False
    go_to(turn, "primary")
    return not _sets(turn, primary, values)


def _sets(turn: Turn, node: Node, values: GroupValues) -> bool:
    """Whether something is to be set on this node, and have it done."""
    settings = _to_set(turn, node, values)
    if settings and Configure(node.id, settings) not in turn.actions:
        turn.do(Configure(node.id, settings))
    return bool(settings) or turn.seen(node).settings is None


def go_to(turn: Turn, step: str) -> None:
    """Show that the apply has come to this step."""
    operation = apply_under_way(turn)
    if operation is not None and wanted(turn.set) and step in {s.name for s in operation.steps}:
        turn.amend(operation=operation.at(step, turn.facts.wall))


def given_up(turn: Turn, node: Node) -> bool:
    """Whether nobody waits for this one: it hangs, and nothing ends it."""
    return turn.seen(node).life is Life.SILENT and not turn.set.recovery_enabled


def _hindrance(turn: Turn) -> str | None:
    """Why the values can not be brought to all nodes, in the engine's own words where it has some."""
    for node in turn.set.nodes:
        for name, words in _refusals(turn, node).items():
            return f"{node.name} refused {name}: {words}"
        if not node.lost and not node.removing and given_up(turn, node):
            return f"{node.name} does not answer"
    return None


def _refusals(turn: Turn, node: Node) -> Mapping[str, str]:
    return {} if node.lost or node.removing else turn.seen(node).refused


# The end


def complete_apply(turn: Turn) -> None:
    """Every node has the values: record them; or all have gone back to those that are recorded."""
    operation = apply_under_way(turn)
    if operation is None:
        return
    present, brought = configured(turn.set), wanted(turn.set)
    if brought is None:
        turn.amend(operation=operation.ended(turn.facts.wall, present.error))
        return
    at = Configuration(values=brought, since=turn.facts.wall)
    turn.amend(configuration=at, operation=operation.ended(turn.facts.wall))
    turn.tell(EventName.GROUP_APPLY_COMPLETE, f"Every node has {_named(brought)}.")


def stop_apply(turn: Turn, why: str) -> None:
    """Give up what is under way, and let the nodes go back to the recorded values.

    A node that was started for it and holds no copy goes. While it goes back already, that is given up, too.
    """
    operation, brought = apply_under_way(turn), wanted(turn.set)
    if operation is None:
        return
    unfinished = spare(turn)
    if unfinished is not None and not unfinished.whole:
        turn.amend_node(unfinished.id, removing=True)
        operation = replace(operation, node=None)
        turn.amend(operation=operation)
    if brought is None:
        turn.amend(operation=operation.ended(turn.facts.wall, configured(turn.set).error or why))
        return
    stopped = replace(
        configured(turn.set),
        status=ApplyStatus.ERROR_SYNC,
        error=why,
        since=turn.facts.wall,
        failures=0,
        retry_at=0.0,
    )
    turn.amend(configuration=stopped)
    turn.tell(EventName.GROUP_APPLY_FAILED, f"{_named(brought)}: {why}", outcome=Outcome.FAILURE)


def halt_apply(turn: Turn, why: str) -> None:
    """End an apply at once, for something else must be done to the set: nothing is in the way of that.

    Whoever was to go for another stays until there is a primary; then `domain.replacing` lets the surplus
    go. What can be set live goes back by itself, then too.
    """
    if apply_under_way(turn) is None:
        return
    stop_apply(turn, why)
    for node in turn.set.nodes:
        if node.removing and not node.lost and node.whole:
            turn.amend_node(node.id, removing=False, status=NodeState.RUNNING)
    operation = apply_under_way(turn)
    if operation is not None:
        turn.amend(operation=operation.ended(turn.facts.wall, configured(turn.set).error or why))


def _named(values: GroupValues) -> str:
    return f"version {values.version} of the parameter group {values.group_id}"
