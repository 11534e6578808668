"""How a set begins with saved data: its first node takes it in and proves it, then it is the truth.

Pure. Until tenants are let in the data is safe where it came from, so whatever goes wrong is begun anew: on
another node when a node ended over it, later when object storage is away. That a node is `whole` is the
durable mark that it holds all of it; nothing short of that mark makes a node of such a set a primary, for
every node is born a master of nothing.
"""

from dataclasses import replace

from memstored.domain.actions import Destroy, Load
from memstored.domain.facts import Life, LoadFacts, LoadFault, NodeFacts
from memstored.domain.model import Node, Source
from memstored.domain.turn import Turn
from memstored.domain.words import EventName, NodeState, Outcome, Role, SetState

__all__ = ["awaited_source", "end_nodes", "first_node", "holds_source", "judge_load", "loaded_bytes"]

MOST_REFUSALS = 2
"""After so many loads that failed over the data it is not given to a node again (H28)."""
MOST_DELIVERIES = 5
"""So often is the data given to one node that has no word against it; then another node is tried."""
SHOWN = 20
"""Progress is recorded in so many pieces of the whole, so that a load costs the store as many writes."""


def first_node(turn: Turn) -> Node | None:
    """The node with which the history begins."""
    return next((n for n in turn.set.nodes if n.role is Role.PRIMARY and not n.lost), None)


def awaited_source(turn: Turn) -> Source | None:
    """The saved data, once the first node is there to take it in."""
    first = first_node(turn)
    return turn.set.source if first is not None and first.run_id is not None else None


def loaded_bytes(load: LoadFacts) -> int:
    """The bytes that are loaded, as they are told: rounded down to a twentieth of all."""
    pieces = SHOWN * load.done // load.total if load.total else 0
    return load.total * pieces // SHOWN


def judge_load(turn: Turn) -> None:
    """Record that the first node ended over the saved data, or refused it; once for each node, since that
    node is then lost. The restore ends with the second of them, or when there is no such data any more.
    """
    first, source = first_node(turn), turn.set.source
    if source is None or turn.set.opened or first is None:
        return
    words = _refusal(first, turn.seen(first))
    if words is None:
        return
    load = turn.seen(first).load
    hopeless = load is not None and load.fault is LoadFault.OBJECT
    turn.amend(source=replace(source, refusals=(*source.refusals, words)))
    if hopeless or len(source.refusals) + 1 >= MOST_REFUSALS:
        _fail(turn, f"{source.name} could not be loaded: {words}")
    elif turn.seen(first).life is not Life.GONE:
        turn.amend_node(first.id, status=NodeState.FAILED)


def _refusal(first: Node, seen: NodeFacts) -> str | None:
    """The words with which the load into the first node ended for good; None when it did not."""
    load = seen.load
    undelivered = load is not None and load.fault is LoadFault.DELIVERY
    if load is not None and load.fault in (LoadFault.DATA, LoadFault.OBJECT):
        return load.error
    if load is not None and undelivered and load.undelivered >= MOST_DELIVERIES:
        return load.error
    # That the connection ended may be seen before the node's own end, whose doing it was.
    tried = load is not None and (load.under_way or load.verified or undelivered)
    if seen.life is Life.GONE and (first.whole or tried):
        words = load.error if load is not None else ""
        return f"{first.name} ended before the set was open. {words}".strip()
    return None


def holds_source(turn: Turn, first: Node) -> bool:
    """Whether the first node holds the saved data, proven; as long as it does not, have it load."""
    seen = turn.seen(first)
    load = seen.load
    if first.whole:
        return True
    if load is not None and load.verified and _stands(turn, first):
        turn.amend_node(first.id, whole=True)
        return True
    if load is not None and load.under_way:
        turn.do(Load(first.id, load.number))
    elif turn.up(first) and seen.equipped and (load is None or turn.facts.now >= load.retry_at):
        turn.do(Load(first.id, load.number + 1 if load is not None else 1))
    return False


def _stands(turn: Turn, node: Node) -> bool:
    """Whether a node that was verified is still what it was then: a replica of nobody, with the set's own
    replication identity.
    """
    seen = turn.seen(node)
    standing = seen.replication is not None and seen.replication.nowhere and seen.equipped
    return standing and turn.up(node)


def _fail(turn: Turn, message: str) -> None:
    """End the restore for good: nothing of the set is left running, what it began with is as it was."""
    turn.amend(status=SetState.FAILED, lineage=None)
    for node in turn.set.nodes:
        turn.amend_node(node.id, status=NodeState.FAILED, whole=False)
    turn.tell(EventName.CREATE_FAILED, message, cause=EventName.CREATE, outcome=Outcome.FAILURE)


def end_nodes(turn: Turn) -> bool:
    """Remove what there is of every node; whether nothing is left."""
    left = [n for n in turn.set.nodes if turn.seen(n).remains or turn.seen(n).launching]
    for node in left:
        turn.do(Destroy(node.id))
    return not left
