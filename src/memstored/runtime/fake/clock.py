"""Time that moves when it is told to."""

__all__ = ["ManualClock"]


class ManualClock:
    """A clock that stands still until it is moved. Both readings move together."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._wall = wall
        self._monotonic = 0.0

    def wall(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass; `ValueError` for a step back."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._wall += seconds
        self._monotonic += seconds
