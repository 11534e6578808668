"""Time as it is injected everywhere; the one place that names what a clock must offer."""

from typing import Protocol


class Clock(Protocol):
    """Two readings of time, both in seconds."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC), with fractions: for what people read and what is stored."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for durations and deadlines."""
        ...
