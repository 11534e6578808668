"""The nodes of a set: planned, launched, attached, proven whole, admitted, removed, replaced.

Pure. A node goes one way: planned, launched (once, S2), up, following, whole (H5), admitted (S1); or it
is lost, what is left of it removed, and another node takes its place.
"""

from dataclasses import replace

from memstored.domain.actions import (
    Admit,
    ClearCopy,
    Destroy,
    Detach,
    Equip,
    Fence,
    Follow,
    Launch,
    Shut,
    Stamp,
)
from memstored.domain.configuring import fits
from memstored.domain.facts import Life, NodeFacts, ReplicationFacts
from memstored.domain.failover import (
    busy_for,
    give_up_growth,
    keep_after_all,
    mark_lost,
    may_inherit,
    primary_hangs,
    primary_is_lost,
    promotion_wanted,
)
from memstored.domain.model import Launches, Node
from memstored.domain.naming import node_id, node_name
from memstored.domain.pointing import address_moves
from memstored.domain.turn import SOON, Turn
from memstored.domain.words import EventName, NodeState, Role

__all__ = [
    "admit_members",
    "attach_replicas",
    "clear_copies",
    "equip_members",
    "launch_members",
    "launch_pause",
    "record_members",
    "tidy_members",
]

BACK_OFF = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before the next launch after so many failed ones in a row; the last one repeats."""
GROWTH_TRIES = 5
"""After so many failures in a row, of launches or of copies, a replica that was asked for is given up."""


def creating(turn: Turn) -> bool:
    """Whether the set is still being made, so that a lost node is simply replaced."""
    return not turn.set.opened


def record_members(turn: Turn) -> None:
    """Record what is seen of each node: its address, who it is, its death, a failed launch."""
    for node in turn.set.nodes:
        if not node.lost:
            _record(turn, node, turn.seen(node))


def _record(turn: Turn, node: Node, seen: NodeFacts) -> None:
    if seen.error is not None and node.address is None and not seen.launching:
        turn.amend_node(node.id, status=NodeState.FAILED)
        _count_failure(turn, node, seen.error)
    elif seen.life is Life.GONE and node.launched:
        mark_lost(turn, node)
        if turn.set.opened and not node.whole and not node.removing and _to_be_replaced(turn, node):
            _count_failure(turn, node, f"{node.name} ended before it held a copy")
    elif node.run_id is not None and seen.run_id not in (None, node.run_id):
        turn.do(Fence(node.id))
    else:
        _record_arrival(turn, node, seen)


def _count_failure(turn: Turn, node: Node, error: str) -> None:
    """A node came to nothing: the next is tried after a pause; one that was asked for, not for ever."""
    failures = turn.set.launches.failures + 1
    wait = BACK_OFF[min(failures, len(BACK_OFF)) - 1]
    turn.amend(launches=Launches(failures=failures, error=error, retry_at=turn.facts.wall + wait))
    operation = turn.under_way
    if failures >= GROWTH_TRIES and operation is not None and operation.node == node.id:
        give_up_growth(turn, f"The new replica could not be started {failures} times in a row: {error}")


def launch_pause(turn: Turn) -> float:
    """Seconds until the next launch may be tried; a clock that was set back does not make it longer."""
    wait = turn.set.launches.retry_at - turn.facts.wall
    return wait if 0 < wait <= BACK_OFF[-1] else 0.0


def _record_arrival(turn: Turn, node: Node, seen: NodeFacts) -> None:
    changes: dict[str, object] = {}
    if node.address is None and seen.address is not None:
        changes |= {"address": seen.address, "status": NodeState.STARTING}
    if node.run_id is None and seen.run_id is not None and seen.life is Life.UP:
        changes |= {"run_id": seen.run_id}
    if changes:
        turn.amend_node(node.id, **changes)


def launch_members(turn: Turn) -> None:
    """Start every planned node: the intent first, then the act, which may be repeated (S2).

    With TLS only once the set has its addresses: the nodes' certificates name them.
    """
    if turn.set.tls_enabled and turn.set.vips is None:
        return
    for node in turn.set.nodes:
        if node.lost or node.removing or node.address is not None:
            continue
        if not node.launched:
            turn.amend_node(node.id, launched=True, status=NodeState.PROVISIONING)
        seen = turn.seen(node)
        if not seen.launching and seen.error is None:
            turn.do(Launch(node.id))


def equip_members(turn: Turn) -> None:
    """Give every node that answers the set's replication identity: any of them may become primary.

    One that is loading saved data has another for as long as that takes (H24).
    """
    for node in turn.set.nodes:
        load = turn.seen(node).load
        if turn.up(node) and not turn.seen(node).equipped and not (load is not None and load.under_way):
            turn.do(Equip(node.id))


def attach_replicas(turn: Turn, primary: Node) -> None:
    """Make every replica follow the primary and prove its copy; one new copy at a time once opened.

    A full sync costs the primary a fork and a stream: a healing set never makes it pay twice at once.
    """
    unstamped: list[Node] = []
    may_begin = not (turn.set.opened and any(_copying(turn, n, primary) for n in turn.replicas()))
    for node in turn.replicas():
        seen = turn.seen(node)
        if seen.life is Life.LOADING and node.whole:
            turn.amend_node(node.id, whole=False)
        if not turn.up(node) or not seen.equipped or node.removing or seen.replication is None:
            continue
        if _hopeless(turn, node):
            give_up_growth(
                turn, f"{node.name} could not finish its copy {seen.copies_failed} times in a row."
            )
        elif resting(turn, node):
            if not seen.replication.nowhere:
                turn.do(Detach(node.id))
        elif not _follows(turn, seen.replication, primary):
            if node.whole or (may_begin and fits(turn, node)):
                turn.do(Follow(node.id, primary.id))
                may_begin = may_begin and (node.whole or not turn.set.opened)
        else:
            _prove(turn, node, seen.replication, unstamped)
    if unstamped:
        turn.do(Stamp(primary.id, tuple(n.id for n in unstamped)))


def resting(turn: Turn, node: Node) -> bool:
    """Whether a replica's full syncs fail one after the other: it is kept from asking for a while (H28)."""
    seen = turn.seen(node)
    return not node.whole and seen.copies_failed > 1 and turn.facts.now < seen.copy_at


def _hopeless(turn: Turn, node: Node) -> bool:
    """Whether a replica that was asked for will not come about: the set goes on without it."""
    operation = turn.under_way
    wanted = operation is not None and operation.node == node.id and not node.whole
    return wanted and turn.seen(node).copies_failed >= GROWTH_TRIES


def _follows(turn: Turn, seen: ReplicationFacts, primary: Node) -> bool:
    return seen.following == (primary.address, turn.set.port)


def _copying(turn: Turn, node: Node, primary: Node) -> bool:
    if node.whole or node.lost:
        return False
    seen = turn.seen(node)
    if seen.life is Life.LOADING:
        return True
    return turn.up(node) and seen.replication is not None and _follows(turn, seen.replication, primary)


def _prove(turn: Turn, node: Node, seen: ReplicationFacts, unstamped: list[Node]) -> None:
    stamp = turn.seen(node).stamp
    if seen.syncing and node.whole:
        turn.amend_node(node.id, whole=False)
    elif node.whole:
        return
    elif not seen.link_up or seen.loading or seen.syncing:
        turn.look(SOON)
    elif stamp is None:
        unstamped.append(node)
        turn.look(SOON)
    elif seen.offset >= stamp and seen.replid == turn.lineage.replid:
        turn.amend_node(node.id, whole=True)
    else:
        turn.look(SOON)


def admit_members(turn: Turn) -> None:
    """Let tenants in where the truth is or a whole copy of it, and nowhere else; record who serves."""
    for node in turn.set.nodes:
        if not turn.up(node) or node.removing:
            continue
        serves = node.id == turn.lineage.primary or node.whole
        if not serves:
            _keep_out(turn, node)
        elif not turn.seen(node).admitted:
            if fits(turn, node):
                turn.do(Admit(node.id))
        elif node.status is not NodeState.RUNNING:
            turn.amend_node(node.id, status=NodeState.RUNNING)


def clear_copies(turn: Turn) -> None:
    """Have no file of the data stay once a node has loaded it, however fast that was (H21).

    Before it is admitted a primary sends such files to its replicas, and a replica may be loading one.
    """
    for node in turn.set.nodes:
        seen = turn.seen(node)
        if not seen.keeps_copy or not seen.admitted or not turn.up(node) or seen.replication is None:
            continue
        if seen.replication.is_master or (seen.replication.link_up and not seen.replication.syncing):
            turn.do(ClearCopy(node.id))


def _keep_out(turn: Turn, node: Node) -> None:
    """Shut a replica that takes in a copy anew: what it holds meanwhile is nobody's data."""
    if turn.seen(node).admitted:
        turn.do(Shut(node.id))
    if node.status is NodeState.RUNNING:
        turn.amend_node(node.id, status=NodeState.WARNING)


def tidy_members(turn: Turn) -> None:
    """Remove what was asked to go and what is dead, and put another node in a lost one's place."""
    for node in turn.set.nodes:
        if node.removing:
            _withdraw(turn, node)
        elif node.lost and _to_be_replaced(turn, node):
            _replace(turn, node)
    if turn.set.launches.failures and all(n.status is NodeState.RUNNING for n in turn.set.nodes):
        turn.amend(launches=Launches())


def _to_be_replaced(turn: Turn, lost: Node) -> bool:
    operation = turn.under_way
    being_added = operation is not None and operation.node == lost.id
    return creating(turn) or turn.set.recovery_enabled or being_added


def _withdraw(turn: Turn, node: Node) -> None:
    """End a node that was asked to go, once no address leads to it (S8).

    Not while a primary is to be replaced: it may hold the most data. Nor before another one that holds the
    data answers: one that is silent may be about to be ended itself (S6).
    """
    if _last_copy(turn, node):
        keep_after_all(turn, node, "It has become the last node that holds the data, so it stays.")
        return
    if not node.lost and turn.set.opened and _nobody_will_replace(turn):
        # Addresses move no more, and the owner, who may promote any of them, is not to wait for that.
        keep_after_all(turn, node, "The primary does not answer and high availability is off, so it stays.")
        return
    ends = turn.facts.endpoints
    if not node.lost and (node.id in (ends.primary_at, ends.reader_at) or _may_be_needed(turn, node)):
        return
    if turn.seen(node).remains or turn.seen(node).launching:
        turn.do(Destroy(node.id))
    else:
        turn.amend(nodes=tuple(n for n in turn.set.nodes if n.id != node.id))


def _nobody_will_replace(turn: Turn) -> bool:
    """Whether the primary lives but does not answer, and its owner alone may have another one."""
    primary = turn.set.primary
    if primary is None or promotion_wanted(turn):
        return False
    return primary_hangs(turn) or busy_for(turn, primary) > turn.rules.failure_detection


def _last_copy(turn: Turn, node: Node) -> bool:
    """Whether the data would be gone with this node, whatever was asked (S6)."""
    if node.lost or not turn.set.opened or turn.set.lineage is None:
        return False
    holders = [n for n in turn.set.nodes if not n.lost and (n.whole or n.id == turn.lineage.primary)]
    return [n.id for n in holders] == [node.id]


def _may_be_needed(turn: Turn, node: Node) -> bool:
    """Whether a node may hold data, and no other that stays is seen to have it now."""
    if not turn.set.opened or turn.set.lineage is None or node.run_id is None:
        return False
    if primary_is_lost(turn) and promotion_wanted(turn):
        return True
    return not any(_holds_data(turn, n) for n in turn.set.nodes if n.id != node.id and not n.removing)


def _holds_data(turn: Turn, node: Node) -> bool:
    """Whether a node answers and is seen to have the set's data: as its primary, or as a whole copy."""
    seen = turn.seen(node)
    if node.id == turn.lineage.primary:
        return turn.up(node) and seen.replication is not None and seen.replication.is_master
    return may_inherit(turn, node)


def _replace(turn: Turn, lost: Node) -> None:
    """Put a new node in the place of a lost one: one at a time once opened, later after failures.

    Not while writes wait for a failover: removing and launching cost what it needs.
    """
    if turn.set.opened and (primary_is_lost(turn) or address_moves(turn)):
        return
    if turn.seen(lost).remains:
        turn.do(Destroy(lost.id))
        return
    pause = launch_pause(turn)
    if pause:
        turn.look(pause)
        return
    coming = any(not n.lost and not n.removing and not n.whole for n in turn.replicas())
    if turn.set.opened and coming:
        return
    _plan_replacement(turn, lost)


def _plan_replacement(turn: Turn, lost: Node) -> None:
    number = turn.set.next_number
    heir_of_role = lost.role if turn.set.lineage is None else Role.REPLICA
    fresh = Node(
        id=node_id(turn.set.id, number),
        number=number,
        name=node_name(turn.set.name, number),
        subnet_id=lost.subnet_id,
        role=heir_of_role,
        status=NodeState.INIT,
        created_at=turn.facts.wall,
    )
    others = [n for n in turn.set.nodes if n.id != lost.id]
    turn.amend(next_number=number + 1)
    turn.set = turn.set.with_nodes([*others, fresh])
    operation = turn.under_way
    if operation is not None and operation.node == lost.id:
        turn.amend(operation=replace(operation, node=fresh.id))
    if turn.set.opened:
        turn.tell(
            EventName.NODE_RECOVERY,
            f"{fresh.name} takes the place of {lost.name}.",
            node=fresh.id,
            cause=EventName.NODE_DOWN,
        )
