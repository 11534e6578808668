"""How often sets look while something is under way: seldom enough that many at once do not starve each other.

Shared by all workers. What a set waits for wakes it in most cases; a look makes sure that it does.
"""

from memstored.domain.words import SetId

__all__ = ["Pace"]

LOOKS = 400.0
"""Looks a second of all sets together. One takes some 0.6 ms, so that a quarter of a core is enough."""


class Pace:
    """Stretches the pauses between looks by how many sets are restless at the moment."""

    def __init__(self) -> None:
        self._restless: set[SetId] = set()

    def pause(self, set_id: SetId, wanted: float | None) -> float | None:
        """The seconds that a set pauses which wants to look again so soon; None: it is at rest."""
        if wanted is None:
            self._restless.discard(set_id)
            return None
        self._restless.add(set_id)
        return max(wanted, len(self._restless) / LOOKS)

    def forget(self, set_id: SetId) -> None:
        """The set is looked at no more."""
        self._restless.discard(set_id)
