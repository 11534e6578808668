"""A change of primary under way: carrying through what was recorded, planned or not (S7, S9, H8, H9).

Planned: writes are held back (a pause, or the address taken away from where there is none, H12), old primary
to nowhere (the write stop), its final offset, the target reaches it or the old primary becomes primary again,
target `NO ONE`, re-point all, move the address. Until `NO ONE` may
have been sent the change can be abandoned; after it there is only forward, or the heir proven gone.
"""

from dataclasses import replace

from memstored.domain.actions import Detach, Fence, Pause, Point, Promote, Unpause
from memstored.domain.applying import apply_under_way
from memstored.domain.engine import capabilities_of
from memstored.domain.facts import Life, ReplicationFacts
from memstored.domain.failover import (
    begin_promotion,
    primary_is_lost,
    promotion_wanted,
    watch_silent_primary,
)
from memstored.domain.model import Lineage, Node, Promotion
from memstored.domain.pointing import choose_reader
from memstored.domain.turn import AT_ONCE, SOON, Turn
from memstored.domain.words import EventName, NodeId, OperationKind, Outcome

__all__ = ["begin_switchover", "carry_promotion", "hand_over"]

CATCH_UP = 1.5
"""Seconds that a planned promotion may hold writes back before it is abandoned."""
HANDOVER_PAUSE = 10.0
"""Seconds before a handover that came to nothing is tried again, where nobody asked for one node."""
READY = 5.0
"""Seconds to wait for a target that is momentarily not in step before the request is given up."""


def begin_switchover(turn: Turn) -> None:
    """Start what a caller asked for, once the target is in step with its primary."""
    operation, primary = turn.under_way, turn.set.primary
    if operation is None or operation.kind is not OperationKind.PROMOTE or primary is None:
        return
    target = turn.set.node(operation.node) if operation.node else None
    if target is None or target.lost:
        abandon(turn, "The target is gone; the primary stays what it was.")
    elif target.id == primary.id or hand_over(turn, primary, target):
        return
    elif _elapsed(turn, turn.facts.operation_for, target) > READY:
        abandon(turn, "The target is not in step with the primary; nothing was changed.")
    else:
        turn.look(SOON)


def hand_over(turn: Turn, primary: Node, target: Node) -> bool:
    """Begin a planned promotion, if the target is in step with its primary."""
    if not _in_step(turn, target, primary):
        return False
    promotion = Promotion(heir=target.id, source=primary.id, sent=False, started_at=turn.facts.wall)
    turn.amend_lineage(promotion=promotion)
    _hold_writes(turn, primary)
    turn.look(AT_ONCE)
    return True


def _hold_writes(turn: Turn, primary: Node) -> None:
    """Keep writes from the primary, a courtesy to clients, before it is stopped (H8).

    Where a pause would hold back us as well and can not be ended, the address is taken away instead (H12).
    """
    if capabilities_of(turn.set.version).write_pause:
        turn.do(Pause(primary.id))
    else:
        _withdraw_address(turn, primary)


def _let_writes(turn: Turn, primary: Node) -> None:
    """End a pause; an address that was taken away is given back as soon as no change is under way."""
    if capabilities_of(turn.set.version).write_pause:
        turn.do(Unpause(primary.id))


def _writes_held(turn: Turn, primary: Node) -> bool:
    if capabilities_of(turn.set.version).write_pause:
        return turn.seen(primary).paused
    return turn.facts.endpoints.primary_at != primary.id


def _elapsed(turn: Turn, seconds: float, node: Node) -> float:
    """Of these seconds only those in which the node was seen as it is: a service that was away for a while
    goes on with what it was asked for instead of giving it up at once.
    """
    return min(seconds, turn.facts.now - turn.seen(node).life_since)


def _in_step(turn: Turn, target: Node, primary: Node) -> bool:
    seen = turn.seen(target)
    follows = seen.replication is not None and seen.replication.following == (
        turn.seen(primary).address or primary.address,
        turn.set.port,
    )
    in_reach = target.whole and turn.up(target) and turn.up(primary) and not target.removing
    return in_reach and follows and seen.replication is not None and seen.replication.link_up


def abandon(turn: Turn, why: str) -> None:
    """Give up what the caller asked for and say so; the data is where it was.

    A handover that an apply of parameters needs is tried again after a while.
    """
    if apply_under_way(turn) is not None:
        _count_handover(turn)
        return
    operation = turn.under_way
    if operation is None or operation.kind is not OperationKind.PROMOTE:
        return
    turn.amend(operation=operation.ended(turn.facts.wall, why))
    turn.tell(EventName.SWITCHOVER, why, node=operation.node, outcome=Outcome.FAILURE)


def _count_handover(turn: Turn) -> None:
    configuration = turn.set.configuration
    if configuration is not None:
        failures, at = configuration.failures + 1, turn.facts.wall + HANDOVER_PAUSE
        turn.amend(configuration=replace(configuration, failures=failures, retry_at=at))


def carry_promotion(turn: Turn, promotion: Promotion) -> None:
    """Bring a recorded change of primary a step further."""
    turn.wait(turn.facts.promotion_for)
    heir = turn.set.node(promotion.heir)
    if heir is None or heir.lost:
        turn.amend_lineage(promotion=None)
        abandon(turn, "The target died; the primary before it takes its place again.")
    elif promotion.sent:
        _forward(turn, heir)
    elif primary_is_lost(turn):
        turn.amend_lineage(promotion=None)
    else:
        _planned(turn, promotion, heir)


def _forward(turn: Turn, heir: Node) -> None:
    """`NO ONE` may have reached the heir: only it can be primary of this epoch."""
    seen = turn.seen(heir)
    if turn.up(heir) and seen.replication is not None:
        if seen.replication.is_master:
            conclude(turn, heir, seen.replication)
        else:
            turn.do(Promote(heir.id))
    elif seen.life is Life.SILENT and _another_copy(turn, heir):
        turn.do(Fence(heir.id))


def _another_copy(turn: Turn, heir: Node) -> bool:
    return any(n.whole and turn.up(n) for n in turn.set.nodes if n.id != heir.id)


def conclude(turn: Turn, heir: Node, seen: ReplicationFacts) -> None:
    """Record the new truth, then let writes at it: the address moves after the commit (S7, S8).

    The primary before, where it still lives, stands at the end of its own history: a whole copy.
    """
    before = turn.lineage
    turn.amend(
        lineage=Lineage(
            epoch=before.epoch,
            primary=heir.id,
            replid=seen.replid,
            watermark=max(before.watermark, seen.second_offset - 1),
            ancestor=seen.replid2,
            fork=seen.second_offset - 1,
        )
    )
    turn.name_primary(heir.id)
    turn.amend_node(heir.id, whole=True)
    turn.amend_node(before.primary, whole=True)
    _announce(turn, heir, before.primary)
    if turn.set.opened:
        turn.do(Point(heir.id, choose_reader(turn)))


def _announce(turn: Turn, heir: Node, source: NodeId) -> None:
    if heir.id == source:
        abandon(turn, "The target did not catch up in time; the primary stays what it was, nothing is lost.")
    elif _as_planned(turn, heir, source):
        turn.tell(EventName.SWITCHOVER, f"{heir.name} is the primary now.", node=heir.id)
    else:
        if apply_under_way(turn) is None:
            abandon(turn, f"The primary died; {heir.name}, which held more data, has taken over.")
        turn.tell(
            EventName.FAILOVER_COMPLETE,
            f"{heir.name} is the primary of epoch {turn.lineage.epoch}.",
            node=heir.id,
            cause=EventName.FAILOVER,
        )


def _as_planned(turn: Turn, heir: Node, source: NodeId) -> bool:
    """Whether this is the change that was asked for, not what a death in the middle of it made of it."""
    operation, before = turn.under_way, turn.set.node(source)
    if operation is None:
        return False
    if operation.kind is OperationKind.APPLY_PARAMETERS:
        return before is not None and not before.lost
    return operation.kind is OperationKind.PROMOTE and operation.node == heir.id


def _planned(turn: Turn, promotion: Promotion, target: Node) -> None:
    """Before `NO ONE`: stop the writes, let the target reach the end, or go back.

    Writes wait meanwhile, so what only tells how far it is waits for the next record (`Decision.defer`).
    """
    primary = turn.set.primary
    assert primary is not None
    seen = turn.seen(primary).replication
    if not turn.up(primary) or seen is None:
        _out_of_sight(turn, primary)
        return
    late = _elapsed(turn, turn.facts.promotion_for, primary) > CATCH_UP
    if seen.is_master:
        _before_stop(turn, primary, target, late=late)
    elif _caught_up(turn, primary, target):
        begin_promotion(turn, promotion)
        _withdraw_address(turn, primary)
    elif late or not _still_coming(turn, target):
        turn.amend_lineage(promotion=None)
        back = Promotion(heir=primary.id, source=primary.id, sent=True, started_at=turn.facts.wall)
        begin_promotion(turn, back)
    else:
        turn.defer = True


def _out_of_sight(turn: Turn, primary: Node) -> None:
    """The primary can not be asked how far it is: go back in time, for nobody was promoted.

    Should it have stopped writes, or do so when it reads what it was sent, it is seen to be a replica and
    becomes primary again. One that hangs is ended where another is to take its place.
    """
    if turn.seen(primary).life is Life.SILENT:
        if not promotion_wanted(turn):
            turn.amend_lineage(promotion=None)
    elif _elapsed(turn, turn.facts.promotion_for, primary) > CATCH_UP:
        turn.amend_lineage(promotion=None)
        abandon(turn, "The primary could not be asked in time; it stays the primary, and nothing is lost.")
    watch_silent_primary(turn, primary)


def _withdraw_address(turn: Turn, stopped: Node) -> None:
    """Take the primary's address from the node that is to take no writes, or takes none any more: once the
    target is promoted it only has to be given (S8).
    """
    ends = turn.facts.endpoints
    if ends.primary_at == stopped.id:
        turn.do(Point(None, ends.reader_at))


def _before_stop(turn: Turn, primary: Node, target: Node, *, late: bool) -> None:
    if late:
        turn.amend_lineage(promotion=None)
        _let_writes(turn, primary)
        abandon(turn, "The target did not catch up in time; nothing was changed.")
        return
    turn.defer = True
    if not _writes_held(turn, primary):
        _hold_writes(turn, primary)
    elif _caught_up(turn, primary, target):
        turn.do(Detach(primary.id))


def _caught_up(turn: Turn, primary: Node, target: Node) -> bool:
    """Whether the target holds all that the stopped (or held) primary has."""
    end, at = turn.seen(primary).replication, turn.seen(target).replication
    if end is None or at is None or not turn.up(target) or at.is_master:
        return False
    return at.replid == end.replid and at.agrees and at.offset >= end.offset


def _still_coming(turn: Turn, target: Node) -> bool:
    seen = turn.seen(target)
    linked = seen.replication is not None and seen.replication.link_up
    return seen.life is Life.UNKNOWN or (turn.up(target) and linked)
