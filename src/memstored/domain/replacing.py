"""Parameters that an engine reads only at its start: nodes are replaced one by one (API.md 7).

Pure; the second half of `domain.configuring`. Nothing is restarted in place (S2). A node with the target's
values comes beside as many as the set is to have; once it serves, one of the old ones goes, so there are
never fewer copies than before (S6). Replicas go first, by number. The primary is the last: a replica that
was started with the values takes over from it without the loss of a write (S9). It is the same for a set of
one node, whose second node stays only for as long as that takes. What an apply left that was ended in the
middle of it goes as soon as the set is well.
"""

from dataclasses import replace

from memstored.domain.applying import (
    apply_under_way,
    complete_apply,
    given_up,
    go_to,
    ready,
    stop_apply,
    target,
)
from memstored.domain.gap import gap
from memstored.domain.members import GROWTH_TRIES, launch_pause
from memstored.domain.model import Node, Operation
from memstored.domain.naming import node_id, node_name
from memstored.domain.parameter_group import configured
from memstored.domain.promotion import hand_over
from memstored.domain.turn import Turn
from memstored.domain.words import EventName, NodeId, NodeState, Role

__all__ = ["renew_members"]

LONGEST_WAIT = 10.0
"""Seconds: a clock that was set back makes no pause longer."""


def renew_members(turn: Turn, primary: Node) -> None:
    """Bring the part of the values that only a start can give, then end the apply; without one, have no more
    nodes than were ordered.
    """
    if any(n.removing for n in turn.set.nodes):
        return
    living = [n for n in turn.set.nodes if not n.lost and not given_up(turn, n)]
    if not all(ready(turn, n) for n in living):
        return
    operation = apply_under_way(turn)
    if operation is not None:
        _go_on(turn, primary, operation, living)
    elif turn.under_way is None and turn.set.backup is None:
        _let_surplus_go(turn, primary, living)


def _go_on(turn: Turn, primary: Node, operation: Operation, living: list[Node]) -> None:
    behind = [n for n in living if _is_behind(turn, n)]
    if _forget_lost(turn, kept=operation.node if behind else None):
        return
    if not behind and len(living) <= turn.set.replicas:
        complete_apply(turn)
    elif all(n.status is NodeState.RUNNING for n in living) and not _another_comes(turn, operation):
        _renew(turn, primary, living, behind)


def _is_behind(turn: Turn, node: Node) -> bool:
    """Whether the node was started with something else than the target's values."""
    return bool(gap(turn.set, turn.seen(node).settings or (), target(turn.set)).born)


def _let_surplus_go(turn: Turn, primary: Node, living: list[Node]) -> None:
    """Let one go that is beside as many as were ordered: a lost one, one with other values, the last."""
    if _forget_lost(turn, kept=None) or len(living) <= turn.set.replicas:
        return
    if all(n.status is NodeState.RUNNING for n in living):
        replicas = (n for n in living if n.id != primary.id)
        goes = max(replicas, key=lambda n: (_is_behind(turn, n), n.number))
        _remove(turn, goes, "there are more nodes than were ordered")


def _forget_lost(turn: Turn, *, kept: NodeId | None) -> bool:
    """Let a lost node go for good where enough others are there: nobody has to take its place."""
    lost = [n for n in turn.set.nodes if n.lost and n.id != kept]
    if not lost or len(turn.set.nodes) <= turn.set.replicas:
        return False
    turn.amend_node(lost[0].id, removing=True)
    return True


def _another_comes(turn: Turn, operation: Operation) -> bool:
    """Whether another node is started in a lost one's place, so that nothing else is done meanwhile."""
    lost = [n for n in turn.set.nodes if n.lost]
    return any(turn.set.recovery_enabled or n.id == operation.node for n in lost)


def _renew(turn: Turn, primary: Node, living: list[Node], behind: list[Node]) -> None:
    if turn.set.backup is not None:
        return
    if len(living) > turn.set.replicas:
        _let_go(turn, primary, living, behind)
    elif not launch_pause(turn):
        _plan_spare(turn, primary, behind)


def _let_go(turn: Turn, primary: Node, living: list[Node], behind: list[Node]) -> None:
    """One more than there are to be: a replica goes, an old one first; or the primary hands over, so that it
    can go.
    """
    old = [n for n in behind if n.id != primary.id]
    if old:
        go_to(turn, "replace_replicas")
        _let_old_go(turn, old[0])
    elif behind:
        go_to(turn, "replace_primary")
        _hand_over(turn, primary, living)
    else:
        _let_old_go(turn, max((n for n in living if n.id != primary.id), key=lambda n: n.number))


def _let_old_go(turn: Turn, node: Node) -> None:
    operation = apply_under_way(turn)
    assert operation is not None
    turn.amend(operation=replace(operation, node=None))
    _remove(turn, node, "another was started with other values")


def _remove(turn: Turn, node: Node, why: str) -> None:
    turn.amend_node(node.id, removing=True, status=NodeState.TERMINATING)
    turn.tell(EventName.NODE_DELETE, f"{node.name} leaves: {why}.", node=node.id)


def _hand_over(turn: Turn, primary: Node, living: list[Node]) -> None:
    """Have a replica that was started with the values take over; after some tries in vain, give up."""
    present = configured(turn.set)
    if present.failures >= GROWTH_TRIES:
        stop_apply(turn, f"{primary.name} could not hand over: no replica caught up with its writes in time.")
        return
    wait = present.retry_at - turn.facts.wall
    heirs = (n for n in living if n.id != primary.id and n.whole)
    if 0 < wait <= LONGEST_WAIT:
        turn.look(wait)
        return
    any(hand_over(turn, primary, heir) for heir in heirs)


def _plan_spare(turn: Turn, primary: Node, behind: list[Node]) -> None:
    """Plan a node beside the others, where the next one that is to go is."""
    old = next((n for n in behind if n.id != primary.id), primary)
    go_to(turn, "replace_primary" if old.id == primary.id else "replace_replicas")
    number = turn.set.next_number
    fresh = Node(
        id=node_id(turn.set.id, number),
        number=number,
        name=node_name(turn.set.name, number),
        subnet_id=old.subnet_id,
        role=Role.REPLICA,
        status=NodeState.INIT,
        created_at=turn.facts.wall,
    )
    turn.amend(next_number=number + 1)
    turn.set = turn.set.with_nodes([*turn.set.nodes, fresh])
    operation = apply_under_way(turn)
    assert operation is not None
    turn.amend(operation=replace(operation, node=fresh.id))
    message = f"{fresh.name} takes the place of {old.name}, to start with other values."
    turn.tell(EventName.NODE_ADD, message, node=fresh.id)
