"""The real clock, injected everywhere by `cli.serve`."""

import time

__all__ = ["SystemClock"]


class SystemClock:
    """The machine's time."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
