"""Pauses after failures, also after very many."""

from clocks import StillClock
from memstored.control.patience import Patience, doubled


def test_a_pause_doubles_up_to_the_longest_also_after_days_of_trouble() -> None:
    """Thousands of doublings would be no number."""
    assert [doubled(0.5, times, 60.0) for times in (0, 1, 6, 7, 5000)] == [0.5, 1.0, 32.0, 60.0, 60.0]


def test_what_has_failed_for_days_is_still_tried_with_pauses() -> None:
    """Its count goes on, and it is not ready before the longest pause is over."""
    clock = StillClock()
    patience = Patience(clock, first=1.0, longest=60.0)

    failures = [patience.failed("sweep", OSError("The disk is away.")) for _ in range(2000)]
    at_once = patience.ready("sweep")
    clock.now += 60.0

    assert failures[-1] == 2000
    assert (at_once, patience.ready("sweep")) == (False, True)
