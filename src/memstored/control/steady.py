"""The time of day, for what a wrong clock would destroy.

Others set the machine's clock, and for a moment it may be years ahead: at a start, before the machine has
asked what time it is, or by a mistake. By such a clock everything that is to go some day is to go now.
"""

import structlog

from memstored.domain.clock import Clock

__all__ = ["SteadyClock"]

log = structlog.get_logger()

LEAP = 60.0
"""Seconds by which the clock may be set without losing its credit: what is so little early harms nobody."""


class SteadyClock:
    """Believes a clock once it has run for `proof` seconds, of those that nobody sets, without a leap.

    A leap is seen at the next question, so it is to be asked again and again.
    """

    def __init__(self, clock: Clock, *, proof: float) -> None:
        self._clock = clock
        self._proof = proof
        self._since = clock.monotonic()
        self._ahead = clock.wall() - self._since

    def past(self) -> float:
        """The time (seconds since 1970) up to which everything is over for certain.

        It is now; 0.0 while the clock has yet to prove itself.
        """
        wall, passed = self._clock.wall(), self._clock.monotonic()
        leap = wall - passed - self._ahead
        if abs(leap) > LEAP:
            log.warning("clock_leapt", seconds=round(leap), nothing_expires_for=round(self._proof))
            self._ahead, self._since = wall - passed, passed
        return wall if passed - self._since >= self._proof else 0.0
