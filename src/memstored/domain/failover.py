"""What follows the loss of a primary: settle, detach, compare, promote (S3, S4, S5, S6, S7).

The order is that of HAZARDS H1 and H3: the old primary is proven gone, then every replica has seen the
end of its stream (so that all that was sent is read), then all stand still, then they are compared.
"""

from dataclasses import replace

from memstored.domain.actions import Detach, Fence, KillScript, Promote
from memstored.domain.applying import stop_apply
from memstored.domain.facts import Life
from memstored.domain.model import Node, Promotion
from memstored.domain.succession import Succession, Unfit, choose_heir, choose_unproven, unfitness
from memstored.domain.turn import AT_ONCE, LATER, Turn
from memstored.domain.words import EventName, NodeState, OperationKind, Outcome, SetState

__all__ = [
    "any_hope",
    "begin_promotion",
    "braked",
    "busy_for",
    "give_up_growth",
    "keep_after_all",
    "mark_lost",
    "may_inherit",
    "primary_hangs",
    "primary_is_displaced",
    "primary_is_lost",
    "promotion_wanted",
    "succeed",
    "watch_silent_primary",
]

DEFER = 0.1
"""Seconds after the loss in which what was seen is recorded together with the promotion, not before it."""
STREAM_END = 2.0
"""Seconds to wait for a replica to notice that its primary's stream ended (normally under 7 ms, H3)."""


def primary_is_lost(turn: Turn) -> bool:
    """Whether the lineage's primary is proven gone (or its row already is)."""
    primary = turn.set.primary
    return primary is None or primary.lost


def promotion_wanted(turn: Turn) -> bool:
    """Whether a dead primary is to be replaced: HA is on, or its owner asked for it (API.md 2.6, 9)."""
    operation = turn.under_way
    asked = operation is not None and operation.kind is OperationKind.PROMOTE
    return turn.set.recovery_enabled or asked


def primary_hangs(turn: Turn) -> bool:
    """Whether the lineage's primary lives but has been silent for too long."""
    primary = turn.set.primary
    return primary is not None and not primary.lost and turn.seen(primary).life is Life.SILENT


def primary_is_displaced(turn: Turn, primary: Node) -> bool:
    """Whether a primary that answers was made a replica and has not the set's data: none, or another's.

    As long as the full sync of somebody else's is only under way it has its own.
    """
    seen = turn.seen(primary).replication
    if not turn.up(primary) or seen is None or seen.is_master:
        return False
    keeps_data = seen.syncing and not seen.loading and seen.replid == turn.lineage.replid
    return not keeps_data and not may_inherit(turn, replace(primary, whole=True))


def watch_silent_primary(turn: Turn, primary: Node) -> None:
    """Fence a primary that hangs, once a whole copy stands ready (S3), never the last one (S6).

    A busy one is given longer, and its script is ended first (H16).
    """
    if turn.seen(primary).life is Life.BUSY:
        turn.look(LATER)
    if busy_for(turn, primary) > turn.rules.failure_detection:
        turn.do(KillScript(primary.id))
    silent = turn.seen(primary).life is Life.SILENT
    stuck = busy_for(turn, primary) > turn.rules.busy_detection
    if not (silent or stuck) or not promotion_wanted(turn):
        return
    copies = [n for n in turn.replicas() if turn.up(n) and may_inherit(turn, n)]
    if copies:
        turn.do(Fence(primary.id))


def busy_for(turn: Turn, node: Node) -> float:
    """For how many seconds a node has been too busy to serve; 0 when it is not."""
    seen = turn.seen(node)
    return turn.facts.now - seen.life_since if seen.life is Life.BUSY else 0.0


def may_inherit(turn: Turn, node: Node) -> bool:
    """Whether a replica could take over as it is seen now."""
    return unfitness(turn.lineage, node, turn.seen(node)) is None


def succeed(turn: Turn) -> None:
    """Bring a set whose primary is gone a step nearer to a new one."""
    if not turn.set.opened:
        _begin_anew(turn)
        return
    if not promotion_wanted(turn):
        _stand_without_primary(turn)
        return
    lost_for = turn.facts.now - _lost_since(turn)
    turn.wait(lost_for)
    if not _settled(turn, [n for n in turn.replicas() if n.whole]):
        turn.defer = lost_for < DEFER
        return
    operation = turn.under_way
    succession = choose_heir(turn.set, turn.facts, prefer=operation.node if operation else None)
    if succession.heir is not None:
        _promote(turn, succession, "holds the most data")
    elif not _some_may_answer(turn, succession):
        _succeed_unproven(turn)


def _begin_anew(turn: Turn) -> None:
    """Nobody was let in yet, so there is no data: another node may begin the history."""
    for node in turn.set.nodes:
        turn.amend_node(node.id, whole=False)
    turn.amend(lineage=None)


def _stand_without_primary(turn: Turn) -> None:
    """High availability is off: keep what is left, so that its owner may promote it (API.md 9)."""
    if any(n.whole for n in turn.replicas()):
        # Without a primary there is nobody to copy from.
        give_up_growth(turn, "The primary died before the new replica held a copy; it was taken back.")
        return
    copies = _unproven(turn)
    if not _settled(turn, copies):
        turn.wait(turn.facts.now - _lost_since(turn))
        return
    best = choose_unproven(turn.set, turn.facts).heir
    if best is not None:
        turn.amend_node(best, whole=True)
    elif not any_hope(turn):
        give_up_growth(turn, "The primary died before the new replica held a copy; it was taken back.")


def any_hope(turn: Turn) -> bool:
    """Whether a copy that was never proven whole is there, or may yet come out of loading or silence (S6)."""
    succession = choose_unproven(turn.set, turn.facts)
    return succession.heir is not None or _some_may_answer(turn, succession)


def _unproven(turn: Turn) -> list[Node]:
    """The nodes that may hold a copy, taken for whole: each other's match, should one of them hang."""
    copies = [n for n in turn.replicas() if not n.whole and n.run_id is not None]
    return [replace(n, whole=True) for n in copies]


def give_up_growth(turn: Turn, why: str) -> None:
    """Take back a node that was being added, and say why to who asked for it."""
    operation = turn.under_way
    if operation is not None and operation.kind is OperationKind.APPLY_PARAMETERS:
        stop_apply(turn, why)
    if operation is None or operation.kind is not OperationKind.ADD_REPLICA or operation.node is None:
        return
    node = turn.set.node(operation.node)
    if node is not None and node.whole:
        return
    turn.amend(operation=operation.ended(turn.facts.wall, why), replicas=turn.set.replicas - 1)
    turn.amend_node(operation.node, removing=True)
    turn.tell(EventName.NODE_ADD, why, node=operation.node, outcome=Outcome.FAILURE)


def _settled(turn: Turn, holders: list[Node]) -> bool:
    """Whether every copy that lives was asked and stands still, nowhere, with all that was sent to it.

    A copy that does not answer, or does not let us in, is waited for as long as makes a node count as silent,
    then fenced: so a write confirmed by `WAIT w` survives the loss of the primary and of any w - 1 replicas
    (S5).
    """
    settled = True
    for node in holders:
        settled &= _settle(turn, node, others=[n for n in holders if n.id != node.id])
    return settled


def _settle(turn: Turn, node: Node, *, others: list[Node]) -> bool:
    seen = turn.seen(node)
    if seen.life is Life.LOADING:
        return True
    if seen.life is Life.BUSY:
        turn.do(KillScript(node.id))
    if seen.life is Life.SILENT or _keeps_waiting(turn, node):
        if any(turn.up(other) and may_inherit(turn, other) for other in others):
            turn.do(Fence(node.id))
        return False
    if not turn.up(node) or seen.replication is None:
        return False
    if seen.replication.is_master or seen.replication.nowhere:
        return True
    if seen.replication.syncing:
        return True
    if _stream_ended(turn, node):
        turn.do(Detach(node.id))
    return False


def _keeps_waiting(turn: Turn, node: Node) -> bool:
    """Whether a copy that lives has kept writes waiting for too long: it is busy, or does not let us in."""
    seen = turn.seen(node)
    refused_for = turn.facts.now - max(seen.life_since, _lost_since(turn))
    refuses = seen.life is Life.UNKNOWN and seen.refusal is not None
    return busy_for(turn, node) > turn.rules.busy_detection or (
        refuses and refused_for > turn.rules.failure_detection
    )


def _stream_ended(turn: Turn, node: Node) -> bool:
    seen = turn.seen(node)
    lost_since = _lost_since(turn)
    assert seen.replication is not None
    read_after = seen.read_at >= lost_since and not seen.replication.link_up
    return read_after or turn.facts.now - lost_since > STREAM_END


def _lost_since(turn: Turn) -> float:
    """When the primary was seen to be gone (monotonic seconds); long ago, when its row is gone too."""
    primary = turn.set.primary
    return turn.seen(primary).life_since if primary is not None else 0.0


def _some_may_answer(turn: Turn, succession: Succession) -> bool:
    """Whether one of those that can not inherit now may still come to it: loading, or not answering."""
    hopeful = (Unfit.LOADING, Unfit.UNREACHABLE)
    return any(succession.unfit.get(n.id) in hopeful for n in turn.replicas() if n.run_id is not None)


def _succeed_unproven(turn: Turn) -> None:
    """No proven copy is left: take what a replica had copied so far, as soon as it has finished (S6).

    Only when there is none either, all copies are lost.
    """
    if not _settled(turn, _unproven(turn)):
        return
    succession = choose_unproven(turn.set, turn.facts)
    if succession.heir is not None:
        words = "had not proven that its copy is complete, but no other is left: it holds the most data"
        _promote(turn, succession, words)
    elif not _some_may_answer(turn, succession):
        _all_lost(turn)


def _all_lost(turn: Turn) -> None:
    turn.amend(status=SetState.FAILED)
    turn.tell(
        EventName.FAILOVER,
        "No node with the data is left: memory was the only place it was.",
        cause=EventName.NODE_DOWN,
        outcome=Outcome.FAILURE,
    )


def recent_failovers(turn: Turn) -> tuple[float, ...]:
    """The times of the failovers within the brake's window; none is in the future of a clock set back."""
    since = turn.facts.wall - turn.rules.brake_window
    return tuple(t for t in turn.set.failovers if since < t <= turn.facts.wall)


def braked(turn: Turn) -> bool:
    """Whether this set failed over too often in a short time: then something it holds kills it (H25)."""
    return len(recent_failovers(turn)) >= turn.rules.brake_count


def _promote(turn: Turn, succession: Succession, why: str) -> None:
    heir = succession.heir
    assert heir is not None
    if braked(turn):
        return
    lost = turn.lineage.primary
    turn.amend(failovers=(*recent_failovers(turn), turn.facts.wall))
    node = turn.set.node(heir)
    turn.tell(
        EventName.FAILOVER,
        f"{node.name if node else heir} {why} (offset {succession.offset}"
        f"{_shortfall(turn, succession)}) and takes over.",
        node=heir,
        cause=EventName.NODE_DOWN,
    )
    begin_promotion(turn, Promotion(heir=heir, source=lost, sent=True, started_at=turn.facts.wall))


def _shortfall(turn: Turn, succession: Succession) -> str:
    """How many bytes the set is known to have had that no copy has, in words; nothing when there are none."""
    reached = max(turn.lineage.watermark, turn.facts.of(turn.lineage.primary).reached)
    missing = reached - (succession.offset or 0)
    return f", {missing} bytes behind what the primary was seen to have" if missing > 0 else ""


def begin_promotion(turn: Turn, promotion: Promotion) -> None:
    """Record that `NO ONE` is about to be sent, with a new epoch, and send it (S7, H9)."""
    heir = turn.set.node(promotion.heir)
    if heir is not None and heir.removing:
        keep_after_all(turn, heir, "It holds the most data and becomes the primary, so it stays.")
    turn.amend_lineage(
        epoch=turn.lineage.epoch + 1,
        promotion=replace(promotion, sent=True),
        watermark=max(turn.lineage.watermark, _offset(turn, promotion)),
    )
    turn.do(Promote(promotion.heir))
    turn.look(AT_ONCE)


def _offset(turn: Turn, promotion: Promotion) -> int:
    seen = turn.facts.of(promotion.heir).replication
    return seen.offset if seen else 0


def keep_after_all(turn: Turn, node: Node, why: str) -> None:
    """Take back the removal of a node whose data is needed, and say so to who asked for it (S6).

    One that nobody asked to go is beside as many as were ordered, and goes when others hold its data.
    """
    turn.amend_node(node.id, removing=False, status=NodeState.RUNNING)
    operation = turn.under_way
    if operation is None or operation.node != node.id:
        return
    turn.amend(replicas=turn.set.replicas + 1, operation=operation.ended(turn.facts.wall, why))
    turn.tell(EventName.NODE_DELETE, why, node=node.id, outcome=Outcome.FAILURE)


def mark_lost(turn: Turn, node: Node) -> None:
    """Record the death of a node; whoever was asked to remove it needs no alarm."""
    turn.amend_node(node.id, status=NodeState.FAILED)
    if node.removing:
        return
    turn.tell(
        EventName.NODE_DOWN,
        f"{node.name} ({node.role.value}) is gone.",
        node=node.id,
        outcome=Outcome.FAILURE,
    )
