"""How often something that failed is tried again, and that trouble of one kind is said once.

When object storage is away everything that needs it fails at the same time and for the same reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from memstored.domain.clock import Clock

__all__ = ["Patience", "doubled"]

log = structlog.get_logger()


MANY = 64
"""So many doublings make any pause the longest; thousands, as after days of trouble, are no number."""


def doubled(first: float, times: int, longest: float) -> float:
    """A pause in seconds, doubled so many times, but no longer than the longest."""
    return min(first * 2.0 ** min(times, MANY), longest)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """`kind` says what is in trouble, `until` (monotonic seconds) when it may be tried again."""

    kind: str
    failures: int
    until: float


class Patience:
    """Pauses in seconds that double with every failure in a row, by what failed."""

    def __init__(self, clock: Clock, *, first: float, longest: float) -> None:
        self._clock = clock
        self._first = first
        self._longest = longest
        self._troubles: dict[str, _Trouble] = {}
        self._resting: dict[str, float] = {}

    def ready(self, key: str) -> bool:
        """Whether it may be tried now."""
        now, known = self._clock.monotonic(), self._troubles.get(key)
        return now >= self._resting.get(key, now) and (known is None or now >= known.until)

    def failed(self, key: str, trouble: Exception) -> int:
        """Pause what failed; returns how often it has failed in a row."""
        kind = type(trouble).__name__
        if all(known.kind != kind for known in self._troubles.values()):
            log.warning("backups_held_up", trouble=str(trouble), kind=kind)
        known = self._troubles.get(key)
        failures = known.failures + 1 if known else 1
        pause = doubled(self._first, failures - 1, self._longest)
        self._troubles[key] = _Trouble(kind, failures, self._clock.monotonic() + pause)
        return failures

    def rest(self, key: str, seconds: float) -> None:
        """Pause what is not in trouble, only not possible yet."""
        self._resting[key] = self._clock.monotonic() + seconds

    def rouse(self) -> None:
        """End all rests: what was not possible may be now."""
        self._resting.clear()

    def succeeded(self, key: str) -> None:
        """Forget that it ever failed, and say so when it was the last."""
        self._resting.pop(key, None)
        if self._troubles.pop(key, None) is not None and not self._troubles:
            log.info("backups_go_on")

    def keep(self, keys: Iterable[str]) -> None:
        """Forget everything but these: nobody wants the rest any more."""
        for gone in (self._troubles.keys() | self._resting.keys()) - set(keys):
            self.succeeded(gone)
