"""When a clock is believed that somebody may have set."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.control.steady import LEAP, SteadyClock

HOUR, DAY = 3600.0, 24 * 3600.0
START = 1_800_000_000.0
UNKNOWN = 0.0


@dataclass
class SetClock:
    """A clock that is `wrong` by so many seconds, `passed` seconds after the machine started."""

    passed: float = 1_000.0
    wrong: float = 0.0

    @property
    def true(self) -> float:
        """The time it is."""
        return START + self.passed

    def wall(self) -> float:
        """What people would read."""
        return self.true + self.wrong

    def monotonic(self) -> float:
        """What nobody sets."""
        return self.passed


def proven(clock: SetClock) -> SteadyClock:
    """One that has run for an hour."""
    steady = SteadyClock(clock, proof=HOUR)
    clock.passed += HOUR
    assert steady.past() == clock.true
    return steady


def test_a_clock_is_believed_after_an_hour_and_not_before() -> None:
    """Whatever it shows at a start may be nobody's time."""
    clock = SetClock()
    steady = SteadyClock(clock, proof=HOUR)

    clock.passed += HOUR - 1
    early = steady.past()
    clock.passed += 1

    assert (early, steady.past()) == (UNKNOWN, clock.true)


@pytest.mark.parametrize("leap", [40 * DAY, -40 * DAY, LEAP + 1, -LEAP - 1])
def test_a_clock_that_leapt_proves_itself_anew(leap: float) -> None:
    """Ahead or back: before or after it was wrong, nobody knows."""
    clock = SetClock()
    steady = proven(clock)

    clock.wrong = leap
    at_once = steady.past()
    clock.passed += HOUR

    assert (at_once, steady.past()) == (UNKNOWN, clock.wall())


def test_a_machine_that_slept_proves_its_clock_anew() -> None:
    """No time passed for it meanwhile: that looks like a clock that was set."""
    clock = SetClock()
    steady = proven(clock)

    clock.wrong += 8 * HOUR

    assert steady.past() == UNKNOWN


def test_a_clock_that_is_corrected_a_little_keeps_its_credit() -> None:
    """As by a leap second, or at the first answer of a time server."""
    clock = SetClock()
    steady = proven(clock)

    clock.wrong = LEAP

    assert steady.past() == clock.wall()


def test_small_corrections_that_add_up_are_a_leap() -> None:
    """Step by step one comes as far."""
    clock = SetClock()
    steady = proven(clock)

    clock.wrong = LEAP
    steady.past()
    clock.wrong += 1

    assert steady.past() == UNKNOWN


def test_a_year_of_days_with_a_restart_each_is_believed_but_for_an_hour_a_day() -> None:
    """So nothing is kept for longer than an hour after it ended, in ordinary life."""
    clock = SetClock()
    believed = 0
    for _ in range(365):
        steady = SteadyClock(clock, proof=HOUR)
        for _ in range(24):
            clock.passed += HOUR
            believed += steady.past() == clock.true

    assert believed == 365 * 24


@given(
    st.lists(
        st.tuples(
            st.floats(-(10.0**9), 10.0**9),
            st.lists(st.floats(0.0, 600.0), min_size=1, max_size=5),
            st.floats(0.0, 3 * HOUR),
        ),
        max_size=8,
    )
)
def test_a_clock_that_is_wrong_for_less_than_an_hour_ends_nothing_early(
    errors: list[tuple[float, list[float], float]],
) -> None:
    """However often, and however far ahead: nothing is over before its time, but for a minute."""
    clock = SetClock()
    steady = SteadyClock(clock, proof=HOUR)
    for wrong, while_wrong, right_again in errors:
        clock.wrong = wrong
        for seconds in while_wrong:
            clock.passed += seconds
            assert steady.past() <= clock.true + LEAP
        clock.wrong = 0.0
        assert steady.past() <= clock.true
        clock.passed += right_again
        assert steady.past() <= clock.true
