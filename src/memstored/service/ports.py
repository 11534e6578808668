"""What the use cases need of the control loop, which is their neighbour; put together in `cli`."""

from typing import Protocol

from memstored.domain.facts import SetFacts
from memstored.domain.words import SetId

__all__ = ["Control"]


class Control(Protocol):
    """Makes true what is written, and knows what was last seen."""

    def wake(self, set_id: SetId) -> None:
        """A set was written: look at it soon, from what is stored now."""
        ...

    def facts(self, set_id: SetId) -> SetFacts:
        """What is seen of a set now, without asking a node; empty when it is not watched (yet)."""
        ...
