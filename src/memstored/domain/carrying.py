"""Who carries a set's addresses where its nodes do not hold them: ended when it hangs, and accounted for.

Pure. It is pointed again, and so started again, by `domain.pointing`, like one that ended by itself.
"""

from dataclasses import replace

from memstored.domain.actions import FenceCarrier
from memstored.domain.facts import CarrierFacts
from memstored.domain.turn import Turn
from memstored.domain.words import EventName, OperationKind, Outcome

__all__ = ["carrier_suspected", "nobody_carries", "tend_carrier"]

SUSPECT = 1.0
"""Seconds of silence that are shown, though nothing is concluded from them yet."""


def tend_carrier(turn: Turn) -> None:
    """End a carrier that is silent for too long; record when it is down, and when it is up again."""
    carrier, vips = _carrier(turn), turn.set.vips
    if carrier is None or vips is None:
        return
    if carrier.running and _hangs(turn, carrier):
        turn.do(FenceCarrier())
    down = not carrier.running or _hangs(turn, carrier)
    if down and vips.down_since is None:
        turn.amend(vips=replace(vips, down_since=turn.facts.wall))
        what = "hangs" if carrier.running else "is gone"
        turn.tell(
            EventName.ENDPOINT_DOWN,
            f"{carrier.name}, which carries the addresses, {what}: nobody can connect.",
            outcome=Outcome.FAILURE,
        )
    elif not down and vips.down_since is not None and _leads_to_primary(turn):
        turn.amend(vips=replace(vips, down_since=None))
        turn.tell(
            EventName.ENDPOINT_RECOVERY_COMPLETE,
            f"{carrier.name} runs again and leads where it should.",
            cause=EventName.ENDPOINT_DOWN,
        )


def _carrier(turn: Turn) -> CarrierFacts | None:
    """The carrier of a set that has been made: until then there may be none yet."""
    operation = turn.under_way
    making = operation is not None and operation.kind is OperationKind.CREATE
    return turn.facts.endpoints.carrier if turn.set.opened and not making else None


def _leads_to_primary(turn: Turn) -> bool:
    return turn.set.lineage is not None and turn.facts.endpoints.primary_at == turn.set.lineage.primary


def _hangs(turn: Turn, carrier: CarrierFacts) -> bool:
    return carrier.silent >= turn.rules.failure_detection


def nobody_carries(turn: Turn) -> bool:
    """Whether the set's addresses wait for another carrier, and nothing is known to be in its way."""
    carrier = _carrier(turn)
    return carrier is not None and not carrier.running and turn.facts.endpoints.error is None


def carrier_suspected(turn: Turn) -> bool:
    """Whether the carrier has not answered for a while, though not so long that it is taken for dead."""
    carrier = _carrier(turn)
    return carrier is not None and carrier.running and carrier.silent >= SUSPECT
