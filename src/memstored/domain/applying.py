"""An apply of parameters as an operation of a set: what it brings, whom it waits for, how it ends (API.md 7).

Pure. Every node is brought to one target: what is `wanted` while an apply is under way, else what is
recorded. A failure changes the target back, so that the nodes already changed follow by themselves. How the
nodes get there is in `domain.configuring` and `domain.replacing`.
"""

from dataclasses import replace

from memstored.domain.facts import Life
from memstored.domain.model import Configuration, GroupValues, InstanceSet, Node, Operation
from memstored.domain.parameter_group import configured
from memstored.domain.turn import LATER, Turn
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
    "PATIENCE",
    "apply_under_way",
    "await_primary",
    "awaited",
    "birth_values",
    "complete_apply",
    "given_up",
    "go_to",
    "halt_apply",
    "hindrance",
    "ready",
    "stop_apply",
    "target",
    "wanted",
]

SHOWN, PATIENCE = 10.0, 120.0
"""Seconds that an apply waits for a node until its set says so, and until it is given up."""

_AGAIN = "Bring the values again when the set is Running (POST .../retry), or roll the group back."
_MIXED = "Until then some nodes may keep what they were started with."

_WORDS = {
    Life.UP: "does not tell its parameters",
    Life.UNKNOWN: "can not be reached",
    Life.BUSY: "is busy",
    Life.SILENT: "does not answer",
}


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


def _spare(turn: Turn) -> Node | None:
    """The node that an apply has started in another's place and beside it, where there is one."""
    operation = apply_under_way(turn)
    return turn.set.node(operation.node) if operation is not None and operation.node is not None else None


def go_to(turn: Turn, step: str) -> None:
    """Show that the apply has come to this step."""
    operation = apply_under_way(turn)
    if operation is not None and wanted(turn.set) and step in {s.name for s in operation.steps}:
        turn.amend(operation=operation.at(step, turn.facts.wall))


# Whom it waits for


def ready(turn: Turn, node: Node) -> bool:
    """Whether a node can be compared and configured now."""
    return turn.up(node) and turn.seen(node).settings is not None


def given_up(turn: Turn, node: Node) -> bool:
    """Whether nobody waits for this one: it hangs and nothing ends it, or it was waited for long enough."""
    hangs = turn.seen(node).life is Life.SILENT and not turn.set.recovery_enabled
    return hangs or _waited_for(turn, node) > PATIENCE


def _waited_for(turn: Turn, node: Node) -> float:
    """For how many seconds a node has kept an apply from going on; one that copies gets on itself."""
    seen = turn.seen(node)
    if node.address is None or seen.life not in _WORDS or ready(turn, node):
        return 0.0
    return min(turn.facts.operation_for, turn.facts.now - seen.life_since)


def awaited(turn: Turn) -> str | None:
    """Which node an apply has been waiting for, for some time, and why; None when it goes on."""
    if wanted(turn.set) is None:
        return None
    nodes = (n for n in _concerned(turn) if _waited_for(turn, n) > SHOWN)
    return next((_complaint(turn, n) for n in nodes), None)


def hindrance(turn: Turn) -> str | None:
    """Why the values can not be brought to all nodes, in the engine's own words where it has some."""
    for node in _concerned(turn):
        for name, words in turn.seen(node).refused.items():
            return f"{node.name} refused {name}: {words}"
        if given_up(turn, node):
            return _complaint(turn, node)
    return None


def _concerned(turn: Turn) -> list[Node]:
    return [n for n in turn.set.nodes if not n.lost and not n.removing]


def _complaint(turn: Turn, node: Node) -> str:
    return f"{node.name} {_WORDS[turn.seen(node).life]}"


def await_primary(turn: Turn, primary: Node) -> None:
    """Let an apply wait for a primary that can not be configured, but not for ever."""
    if given_up(turn, primary):
        halt_apply(turn, f"{_complaint(turn, primary)}, so not every node has the values.")
    elif apply_under_way(turn) is not None:
        turn.look(LATER)


# The end


def complete_apply(turn: Turn) -> None:
    """Every node has the values: record them; or all have gone back to those that are recorded."""
    operation = apply_under_way(turn)
    if operation is None:
        return
    brought = wanted(turn.set)
    if brought is None:
        _end_return(turn, operation)
        return
    at = Configuration(values=brought, since=turn.facts.wall)
    turn.amend(configuration=at, operation=operation.ended(turn.facts.wall))
    turn.tell(EventName.GROUP_APPLY_COMPLETE, f"Every node has {_named(brought)}.")


def _end_return(turn: Turn, operation: Operation) -> None:
    """All went back, but for those that nobody waited for."""
    present = configured(turn.set)
    if present.mixed and any(given_up(turn, node) for node in _concerned(turn)):
        _leave(turn, operation)
        return
    turn.amend(
        configuration=replace(present, mixed=False),
        operation=operation.ended(turn.facts.wall, present.error),
    )


def stop_apply(turn: Turn, why: str) -> None:
    """Give up what is under way, and let the nodes go back to the recorded values.

    A node that was started for it and holds no copy goes. While it goes back already, that is given up, too.
    """
    operation, brought = apply_under_way(turn), wanted(turn.set)
    if operation is None:
        return
    unfinished = _spare(turn)
    if unfinished is not None and not unfinished.whole:
        turn.amend_node(unfinished.id, removing=True)
        operation = replace(operation, node=None)
        turn.amend(operation=operation)
    if brought is None:
        _leave(turn, operation, why)
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
    go. What can be set live goes back by itself, then too; what only a start gives does not.
    """
    if apply_under_way(turn) is None:
        return
    stop_apply(turn, why)
    for node in turn.set.nodes:
        if node.removing and not node.lost and node.whole:
            turn.amend_node(node.id, removing=False, status=NodeState.RUNNING)
    operation = apply_under_way(turn)
    if operation is not None:
        _leave(turn, operation)


def _leave(turn: Turn, operation: Operation, why: str | None = None) -> None:
    """End it where it is. The error tells what went wrong first, why not all went back, and what to do."""
    present = configured(turn.set)
    told = (present.error, why, _AGAIN, _MIXED if present.mixed else None)
    error = " ".join(f"{sentence.rstrip('.')}." for sentence in told if sentence)
    turn.amend(
        configuration=replace(present, error=error),
        operation=operation.ended(turn.facts.wall, error),
    )


def _named(values: GroupValues) -> str:
    named = f"{values.group_name} ({values.group_id})" if values.group_name else values.group_id
    return f"version {values.version} of the parameter group {named}"
