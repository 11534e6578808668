"""Who goes first when many sets are under way at once: looks are shared out, and what can wait does.

Shared by all workers. What a set waits for wakes it in most cases; a look makes sure that it does.
"""

import asyncio
from contextlib import suppress

from memstored.domain.words import SetId

__all__ = ["Pace"]

LOOKS = 400.0
"""Looks a second of all sets together. One takes some 0.6 ms, so that a quarter of a core is enough."""
REST = 10.0
"""Seconds: who pauses so long, as a set until its certificates are due, is at rest and takes no looks."""
LONGEST_WAIT = 2.0
"""Seconds that starting and removing nodes waits at most for sets whose writes wait."""
SPARED = 1.0
"""Seconds for which nobody is probed at most: silence may be seen so much later, and no more."""


class Pace:
    """Stretches the pauses between looks by how many sets are restless at the moment, and lets the sets whose
    writes wait go before those that only heal.
    """

    def __init__(self) -> None:
        self._restless: set[SetId] = set()
        self._urgent: set[SetId] = set()
        self._spared = 0.0
        self._calm = asyncio.Event()
        self._calm.set()

    def pause(self, set_id: SetId, wanted: float | None) -> float | None:
        """The seconds that a set pauses which wants to look again so soon; None: when something wakes it."""
        if wanted is None or wanted >= REST:
            self._restless.discard(set_id)
            return wanted
        self._restless.add(set_id)
        return max(wanted, len(self._restless) / LOOKS)

    def hurry(self, set_id: SetId, *, urgent: bool) -> None:
        """Whether writes of the set wait for us now."""
        (self._urgent.add if urgent else self._urgent.discard)(set_id)
        (self._calm.clear if self._urgent else self._calm.set)()

    @property
    def urgent(self) -> bool:
        """Whether writes of any set wait for us now."""
        return bool(self._urgent)

    def spares_probes(self, seconds: float) -> bool:
        """Whether nobody is to be probed at this tick, `seconds` after the one before.

        What hundreds of probes cost is needed where writes wait; the sets concerned look for themselves.
        """
        self._spared = self._spared + seconds if self._urgent else 0.0
        return 0.0 < self._spared <= SPARED

    async def calm(self) -> None:
        """Wait, not for long, until no set's writes wait: for what costs the machine much and can wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                await self._calm.wait()

    def forget(self, set_id: SetId) -> None:
        """The set is looked at no more."""
        self._restless.discard(set_id)
        self.hurry(set_id, urgent=False)
