"""Who goes first when many sets are under way at once: looks are shared out, and what can wait does.

Shared by all workers. What a set waits for wakes it in most cases; a look makes sure that it does.
"""

import asyncio
from contextlib import suppress

from memstored.domain.clock import Clock
from memstored.domain.words import SetId

__all__ = ["Pace"]

LOOKS = 400.0
"""Looks a second of all sets together. One takes some 0.6 ms, so that a quarter of a core is enough."""
REST = 10.0
"""Seconds: who pauses so long, as a set until its certificates are due, is at rest and takes no looks."""
LONGEST_WAIT = 2.0
"""Seconds that starting and removing nodes waits at most for sets whose writes wait."""
URGENT = 10.0
"""Seconds for which others step back for one set: a failover that takes longer waits for something else."""
SPARED = 1.0
"""Seconds for which nobody is probed at most: silence may be seen so much later, and no more."""


class Pace:
    """Stretches the pauses between looks by how many sets are restless at the moment, and lets the sets whose
    writes wait go before those that only heal.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._restless: set[SetId] = set()
        self._urgent: dict[SetId, float] = {}
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
        if urgent:
            self._urgent.setdefault(set_id, self._clock.monotonic())
        else:
            self._urgent.pop(set_id, None)
        (self._calm.set if self.calm else self._calm.clear)()

    @property
    def calm(self) -> bool:
        """Whether no set's writes wait for us, or they have for so long that others go on beside them."""
        now = self._clock.monotonic()
        return all(now - since >= URGENT for since in self._urgent.values())

    def spares_probes(self, seconds: float) -> bool:
        """Whether nobody is to be probed at this tick, `seconds` after the one before.

        What hundreds of probes cost is needed where writes wait; the sets concerned look for themselves.
        """
        self._spared = 0.0 if self.calm else self._spared + seconds
        return 0.0 < self._spared <= SPARED

    async def await_calm(self) -> None:
        """Wait, not for long, until no set's writes wait: for what costs the machine much and can wait."""
        if self.calm:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                await self._calm.wait()

    def forget(self, set_id: SetId) -> None:
        """The set is looked at no more."""
        self._restless.discard(set_id)
        self.hurry(set_id, urgent=False)
