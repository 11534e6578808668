"""Where the set's addresses lead: the primary's to the truth, the reader's to a replica in step (S8)."""

from memstored.domain.actions import Point
from memstored.domain.facts import Life, ReplicationFacts
from memstored.domain.model import Node
from memstored.domain.turn import Turn
from memstored.domain.words import NodeId

__all__ = ["address_moves", "choose_reader", "keep_pointed", "point_trouble", "pointed"]

READER_LAG = 16 * 1024 * 1024
"""Bytes that the reader may be behind before the address leaves it (S8b)."""

BLINK = 1
"""Seconds that a reading replica's link may be down, as it is while replicas change their primary; with
no primary left it may stay down: what it holds is the latest there is."""


def choose_reader(turn: Turn) -> NodeId | None:
    """The node for the reader address: the one that has it while it is in step, else the first that is,
    else the primary; None when the set has no reader address (API.md 2.10).
    """
    if turn.set.vips is None or turn.set.vips.reader is None:
        return None
    fit = [n.id for n in turn.replicas() if _may_read(turn, n)]
    holder = turn.facts.endpoints.reader_at
    if holder in fit:
        return holder
    return fit[0] if fit else _living_primary(turn)


def _living_primary(turn: Turn) -> NodeId | None:
    primary = turn.set.primary
    return primary.id if primary is not None and not primary.lost else None


def _may_read(turn: Turn, node: Node) -> bool:
    seen = turn.seen(node).replication
    if seen is None or not turn.up(node) or not node.whole or node.removing:
        return False
    stale = seen.link_down_for > BLINK and _living_primary(turn) is not None
    linked = seen.link_up or not (stale or seen.is_master)
    in_step = linked and not seen.loading and not seen.syncing
    return in_step and turn.seen(node).admitted and _lag(turn, seen) <= READER_LAG


def _lag(turn: Turn, replica: ReplicationFacts) -> int:
    primary = turn.set.primary
    seen = turn.seen(primary).replication if primary else None
    return max(0, seen.offset - replica.offset) if seen else 0


def keep_pointed(turn: Turn) -> None:
    """Move an address that does not lead where it should; nothing while both do."""
    primary, reader = _living_primary(turn), choose_reader(turn)
    if not pointed(turn, primary, reader):
        _point(turn, primary, reader)


def _point(turn: Turn, primary: NodeId | None, reader: NodeId | None) -> None:
    in_place = turn.facts.endpoints.primary_at == primary
    if not (in_place and _perhaps_read(turn)):
        turn.do(Point(primary, reader))


def _perhaps_read(turn: Turn) -> bool:
    """Whether the reader address may lead to a replica that we do not see yet, as after our own start."""
    unseen = [n for n in turn.replicas() if n.whole and turn.seen(n).life is Life.UNKNOWN]
    return turn.facts.endpoints.reader_at is None and bool(unseen)


def address_moves(turn: Turn) -> bool:
    """Whether the primary address is on its way to its node, and nothing is known to be in its way.

    Writes wait for it, so whatever costs the new primary something waits as well.
    """
    ends, lineage = turn.facts.endpoints, turn.set.lineage
    return ends.error is None and lineage is not None and ends.primary_at != lineage.primary


def point_trouble(turn: Turn) -> str | None:
    """Why an address could not be given, for as long as it does not lead where it should (S8)."""
    error = turn.facts.endpoints.error
    return error if error and not pointed(turn, _living_primary(turn), choose_reader(turn)) else None


def pointed(turn: Turn, primary: NodeId | None, reader: NodeId | None) -> bool:
    """Whether the addresses lead to exactly these nodes."""
    now = turn.facts.endpoints
    return now.primary_at == primary and now.reader_at == reader
