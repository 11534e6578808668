"""Who controls the nodes: one start of the service after the other, each by a name of its own (S7, H14).

Pure. `store.controllers` numbers them and remembers who came before; `redis.takeover` reads on a node who has
it, and asks here whether that one is to be replaced.
"""

from dataclasses import dataclass
from typing import Self

__all__ = ["Controller", "Controllers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """One start of the service. `number` grows with every start of one state; `nonce` is chance (8 hex
    digits), for two starts from copies of one state may have the same number.
    """

    number: int
    nonce: str

    @property
    def name(self) -> str:
        """As it stands in the name of its user: `1790000000-5f0c21ab`."""
        return f"{self.number}-{self.nonce}"

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The one of that name; None for what is no name of one."""
        number, dash, nonce = name.partition("-")
        if not dash or not nonce or not (number.isascii() and number.isdigit()):
            return None
        return cls(number=int(number), nonce=nonce)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controllers:
    """The controller that acts, `own`, and those that its state knows to have come before it.

    Whoever has a lower number than `since` came before as well, known or not: what is older than a state's
    first controller is what that state was put in the place of.
    """

    own: Controller
    former: frozenset[Controller] = frozenset()
    since: int

    def replaces(self, other: Controller) -> bool:
        """Whether `other` has to give way to `own`.

        One that the state does not know began from a copy of it: what that one did since is not recorded
        here, so whoever acted upon this state could undo it. Then `own` is the one to give way.
        """
        return other.number < self.since or other in self.former
