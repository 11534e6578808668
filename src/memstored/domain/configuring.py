"""Bringing what can be set live to a set's nodes (API.md 7).

Pure. Replicas come first, by number, then the primary; all was read back on every node before it is recorded.
A node that comes in the middle of an apply, whatever it was started with, is configured before anybody trusts
it. Parameters that an engine reads only at its start are brought by `domain.replacing`.
"""

from memstored.domain.actions import Configure
from memstored.domain.applying import (
    apply_under_way,
    given_up,
    go_to,
    hindrance,
    ready,
    stop_apply,
    target,
    wanted,
)
from memstored.domain.gap import gap
from memstored.domain.model import GroupValues, Node, Setting
from memstored.domain.parameter_group import configured
from memstored.domain.turn import LATER, SOON, Turn

__all__ = ["bring_values", "fits", "introduce_members"]

FRESH = 10.0
"""Seconds for which an apply is looked at closely."""


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
        if ready(turn, node) and not fits(turn, node):
            turn.do(Configure(node.id, _to_set(turn, node, target(turn.set))))


def _to_set(turn: Turn, node: Node, values: GroupValues) -> tuple[Setting, ...]:
    """What is to be set live on a node, but for what it refused already."""
    seen = turn.seen(node)
    differing = gap(turn.set, seen.settings or (), values).live
    return tuple(s for s in differing if s.name not in seen.refused)


# All nodes


def bring_values(turn: Turn, primary: Node) -> bool:
    """Bring what can be set live to the nodes, one after the other; whether every node has it now.

    Stops the apply at the first refusal.
    """
    if not turn.set.opened:
        return False
    if wanted(turn.set) is not None and (why := hindrance(turn)):
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
        if not ready(turn, node):
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
