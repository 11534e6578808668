"""The certificates of a set's nodes: which are to be renewed and why, in which order, what became of it.

Pure. Replicas go first, one at a time, the primary last; a node goes on serving all the while. A failure ends
the operation with its reason, the certificate stays what it was, and the service begins again by itself after
a pause, with the others first. Data comes first: while a primary is to be replaced nothing is renewed.
"""

from collections.abc import Iterator
from dataclasses import replace

from memstored.domain.actions import Renew
from memstored.domain.authorities import renewal_due
from memstored.domain.facts import RenewalFacts, Trust
from memstored.domain.model import Node, Operation, Step
from memstored.domain.naming import operation_id
from memstored.domain.turn import LATER, Turn
from memstored.domain.words import EventName, NodeState, OperationKind, OperationState, Outcome, SetState

__all__ = [
    "RENEWAL_STEPS",
    "marked_outdated",
    "record_certificates",
    "renew_certificates",
    "renewal_step",
    "stop_renewal",
]

RENEWAL_STEPS = ("renew_replicas", "renew_primary")
RARELY = 3600.0
"""Seconds to the next look at when certificates are due: the clock may be set meanwhile."""
PATIENCE = 60.0
"""Seconds that a renewal may take until it is given up because a node does not answer."""


def marked_outdated(node: Node) -> Node:
    """The node with the mark that another certificate is wanted for it, whatever the present one is."""
    if node.certificate is None:
        return node
    return replace(node, certificate=replace(node.certificate, outdated=True))


def record_certificates(turn: Turn) -> None:
    """Record what each node was given, once it is seen to show it."""
    for node in turn.set.nodes:
        seen = turn.seen(node)
        issued = seen.renewal.issued
        if issued is None or node.lost or seen.certificate != issued.fingerprint:
            continue
        if node.certificate is None or node.certificate.fingerprint != issued.fingerprint:
            turn.amend_node(node.id, certificate=issued)


def renew_certificates(turn: Turn) -> None:
    """Begin a renewal that is due, or bring the one that is under way a node further."""
    trust, operation = turn.facts.trust, turn.under_way
    if trust is None or not turn.set.opened:
        return
    if operation is None:
        if turn.set.status in (SetState.RUNNING, SetState.WARNING):
            _begin_due(turn, trust)
    elif operation.kind is OperationKind.RENEW_CERTIFICATES:
        _carry_on(turn, trust, operation)


def stop_renewal(turn: Turn) -> None:
    """End a renewal that something more important has come in the way of."""
    operation = turn.under_way
    if operation is not None and operation.kind is OperationKind.RENEW_CERTIFICATES:
        _fail(turn, operation, "The primary was lost meanwhile; it is done again once the set is Running.")


def renewal_step(turn: Turn, _operation: Operation) -> str | None:
    """How far a renewal is; None when every node shows its new certificate."""
    trust = turn.facts.trust
    if trust is None:
        return None
    waiting = _waiting(turn, trust)
    if not waiting:
        return None
    replicas, primary = RENEWAL_STEPS
    return primary if waiting[0].id == turn.lineage.primary else replicas


def _begin_due(turn: Turn, trust: Trust) -> None:
    reasons = {n: why for n in _members(turn) if turn.up(n) and (why := _why(turn, n, trust))}
    if not reasons:
        turn.look(_until_due(turn))
        return
    rests = max(turn.seen(node).renewal.retry_at for node in reasons) - turn.facts.now
    if rests > 0:
        turn.look(rests)
        return
    operation = Operation(
        id=operation_id(turn.set.id, turn.set.revision),
        kind=OperationKind.RENEW_CERTIFICATES,
        state=OperationState.RUNNING,
        steps=tuple(Step(name=name) for name in RENEWAL_STEPS),
        started_at=turn.facts.wall,
        actor="memstored",
    )
    turn.amend(operation=operation)
    why = "; ".join(sorted(set(reasons.values())))
    turn.tell(EventName.CERTIFICATES_RENEW, f"Certificates are renewed: {why}.")


def _carry_on(turn: Turn, trust: Trust, operation: Operation) -> None:
    waiting = _waiting(turn, trust)
    able = [n for n in waiting if turn.up(n)]
    failed = next((n for n in waiting if _failed(turn.seen(n).renewal, operation)), None)
    if failed is not None:
        _fail(turn, operation, f"{failed.name} keeps its certificate: {turn.seen(failed).renewal.error}")
    elif able:
        turn.do(Renew(able[0].id, operation.id))
    elif waiting and turn.facts.operation_for > PATIENCE:
        _fail(turn, operation, f"{waiting[0].name} did not answer, so it keeps its certificate.")
    elif waiting:
        turn.look(LATER)


def _failed(renewal: RenewalFacts, operation: Operation) -> bool:
    return renewal.operation == operation.id and renewal.error is not None


def _fail(turn: Turn, operation: Operation, why: str) -> None:
    turn.amend(operation=operation.ended(turn.facts.wall, why))
    turn.tell(
        EventName.CERTIFICATES_RENEW_FAILED,
        why,
        cause=EventName.CERTIFICATES_RENEW,
        outcome=Outcome.FAILURE,
    )


def _members(turn: Turn) -> list[Node]:
    """The nodes that serve; one that is coming has a new certificate, one that goes needs none."""
    return [n for n in turn.set.nodes if n.status is NodeState.RUNNING and not n.removing]


def _waiting(turn: Turn, trust: Trust) -> list[Node]:
    """The members whose certificate is to be renewed, in that order: the primary after the replicas.

    Those at which it failed come last, for a failure ends the operation: they keep nobody else from it.
    """
    due = [n for n in _members(turn) if _why(turn, n, trust)]
    return sorted(due, key=lambda n: (turn.seen(n).renewal.failures, n.id == turn.lineage.primary, n.number))


def _why(turn: Turn, node: Node, trust: Trust) -> str | None:
    """Why a node's certificate is to be renewed; None: it is good."""
    return next(_reasons(turn, node, trust), None)


def _reasons(turn: Turn, node: Node, trust: Trust) -> Iterator[str]:
    present, shown, now = node.certificate, turn.seen(node).certificate, turn.facts.wall
    if present is None or shown not in (None, present.fingerprint):
        yield "a node shows another certificate than is recorded"
        return
    if present.outdated:
        yield "it was asked for"
    if present.authority != trust.signer:
        yield "another authority signs now"
    if set(present.trusts) != set(trust.trusted):
        yield "other authorities are trusted now"
    if now >= renewal_due(present.not_before, present.not_after):
        yield "two thirds of their life have passed"
    if now < present.not_before:
        yield "they do not hold yet by the present time"


def _until_due(turn: Turn) -> float:
    """Seconds until the first of the certificates is due, an hour at most.

    One that is overdue because its node does not answer is not waited for: its answer wakes us.
    """
    held = [n.certificate for n in _members(turn) if n.certificate is not None and turn.up(n)]
    waits = (renewal_due(c.not_before, c.not_after) - turn.facts.wall for c in held)
    return min(RARELY, *waits) if held else RARELY
