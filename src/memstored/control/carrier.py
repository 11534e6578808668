"""How long whoever carries a set's addresses has owed an answer."""

from dataclasses import dataclass

from memstored.domain.facts import CarrierFacts
from memstored.domain.words import NodeId
from memstored.runtime.protocol import Carrier

__all__ = ["CARRIER", "CarrierSight"]

CARRIER = NodeId("carrier")
"""In place of a node's id."""


@dataclass(slots=True)
class CarrierSight:
    """What is remembered of it between two looks. `silent` is in seconds."""

    carrier: Carrier | None = None
    silent: float = 0.0

    def look(self, carrier: Carrier | None, *, held: bool) -> CarrierFacts | None:
        """What is seen of it now. When `held`, silence says nothing."""
        self.carrier = carrier
        if carrier is None or not carrier.unanswered:
            self.silent = 0.0
        if carrier is None:
            return None
        silent = 0.0 if held else self.silent
        return CarrierFacts(name=carrier.name, running=carrier.running, silent=silent)

    def probe(self) -> None:
        """Ask it, without waiting."""
        if self.carrier is not None:
            self.carrier.probe()

    def tick(self, seconds: float) -> bool:
        """Count its silence, `seconds` after the tick before; whether there may be something new to see."""
        if self.carrier is None or not self.carrier.unanswered:
            spoke, self.silent = self.silent > 0.0, 0.0
            return spoke
        self.silent += seconds
        return True
