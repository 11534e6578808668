"""Room for replicas, backups and the service at a node whose tenants take all the connections that there are.

Pure. Redis keeps no place free for anybody, so it gets `RESERVED_CLIENTS` more than a group's `maxclients`,
and whoever is in one of those is ended again: at once when a replica can not get in, else when it is seen.
"""

from memstored.domain.actions import Detach, MakeRoom
from memstored.domain.engine import Family, family_of
from memstored.domain.model import InstanceSet, Node
from memstored.domain.parameters import MAXCLIENTS, RESERVED_CLIENTS
from memstored.domain.turn import LATER, Turn

__all__ = ["make_room", "without_room"]

APART = 0.5
"""Seconds that a replica may be without a link before it is looked whether there is room for it.

A node with thousands of connections is not asked for them in a rush (`LATER`): it lists them in some 20 ms.
"""


def make_room(turn: Turn, primary: Node) -> None:
    """End what tenants have beyond `maxclients`, where it is in a replica's way or was seen."""
    for node in turn.set.nodes:
        most = _most(turn, node)
        wanted = node.id == primary.id and bool(_waiting(turn))
        if most is None or not turn.up(node) or not (wanted or _beyond(turn, node, most)):
            continue
        turn.look(LATER)
        if turn.facts.now - turn.seen(node).counted_at >= LATER:
            turn.do(MakeRoom(node.id, most))
    _hasten(turn, primary)


def _hasten(turn: Turn, primary: Node) -> None:
    """Have those try again at once, by following anew, for whom room was made while they waited.

    By themselves they try once a second, when others may be in the place again. One that holds a copy is not
    touched.
    """
    most, made_at = _most(turn, primary), turn.seen(primary).counted_at
    if most is None or not _beyond(turn, primary, most) or not _tries_at_once(turn.set):
        return
    for node in _waiting(turn):
        since = turn.seen(node).apart_since
        if not node.whole and since is not None and since + APART <= made_at:
            turn.do(Detach(node.id))


def _tries_at_once(instance_set: InstanceSet) -> bool:
    """Whether replicas of its engine connect when they are told to; others do with their next second."""
    return family_of(instance_set.version) is not Family.V5_0


def _most(turn: Turn, node: Node) -> int | None:
    """The connections that tenants may have of a node, as it is set now; None when that is not known."""
    read = next((value for name, value in turn.seen(node).settings or () if name == MAXCLIENTS), None)
    return None if read is None else max(1, int(read) - RESERVED_CLIENTS)


def _beyond(turn: Turn, node: Node, most: int) -> bool:
    clients = turn.seen(node).clients
    return clients is not None and clients > most


def _waiting(turn: Turn) -> list[Node]:
    """The replicas that have been trying to reach the primary for a while."""
    since = {n.id: turn.seen(n).apart_since for n in turn.replicas() if turn.up(n)}
    apart = {i for i, at in since.items() if at is not None and turn.facts.now - at >= APART}
    return [n for n in turn.replicas() if n.id in apart]


def without_room(turn: Turn) -> Node | None:
    """The primary, when a replica waits for a place there and tenants have all."""
    primary = turn.set.primary
    most = _most(turn, primary) if primary is not None else None
    if primary is None or most is None or not _waiting(turn):
        return None
    return primary if _beyond(turn, primary, most) else None
