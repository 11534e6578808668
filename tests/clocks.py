"""Time for tests."""

__all__ = ["StillClock"]


class StillClock:
    """Stands still until a test sets `now` (seconds since 1970), forward or back; both readings are that."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self.now = now

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.now

    def monotonic(self) -> float:
        """The same."""
        return self.now
