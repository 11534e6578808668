"""Values as the points of a line."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from memstored.console.charts import HEIGHT, SPAN, Axes, Series, line, ones, plot, twos


def test_values_are_spread_over_the_whole_chart() -> None:
    """The least is at the lower edge, the greatest at the upper one, all evenly spaced."""
    (stretch,) = line([0, 5, 10], width=100, height=20)

    assert stretch.line == "0.0,20.0 50.0,10.0 100.0,0.0"
    assert stretch.area == "0.0,20 0.0,20.0 50.0,10.0 100.0,0.0 100.0,20"


def test_a_gap_cuts_the_line() -> None:
    """Nothing is drawn where nothing is known, and a single value is a dot."""
    stretches = line([0, 10, None, 10], width=90, height=10, low=0, high=10)

    assert [stretch.line for stretch in stretches] == ["0.0,10.0 30.0,0.0", "90.0,0.0 90.0,0.0"]


def test_nothing_known_is_no_line() -> None:
    """A set that nobody saw has an empty chart."""
    assert line([None, None], width=100, height=20) == []
    assert line([], width=100, height=20) == []


def test_what_does_not_change_is_in_the_middle() -> None:
    """A constant has no range to be spread over."""
    (stretch,) = line([7, 7], width=10, height=20)

    assert stretch.line == "0.0,10.0 10.0,10.0"


def test_values_beyond_the_edges_stay_inside() -> None:
    """A value over the upper edge is drawn at it."""
    (stretch,) = line([-5, 500], width=10, height=20, low=0, high=100)

    assert stretch.line == "0.0,20.0 10.0,0.0"


def series(*values: float | None) -> Series:
    """A line of these values."""
    return Series(name="orders-1", look="s0", values=values)


def axes(**changes: Any) -> Axes:  # noqa: ANN401 - the fields of the record, checked by replace
    """Three minutes from 10:00 on."""
    return replace(Axes(since=36_000, step=60, points=3, say=lambda value: f"{value:g}"), **changes)


@pytest.mark.parametrize(
    ("values", "changes", "marks"),
    [
        ((3, 7, 9), {}, ("10", "5", "0")),
        ((3, 7, 900), {}, ("1000", "500", "0")),
        ((0.3, None), {}, ("0.3", "0.2", "0.1", "0")),
        ((2, 1), {"rounded": ones}, ("2", "1", "0")),
        ((3000, 100), {"rounded": twos}, ("3072", "2048", "1024", "0")),
        ((5, 1), {"most": 100}, ("100", "50", "0")),
        ((0, 0), {"rounded": ones}, ("1", "0")),
        ((), {"rounded": ones}, ("1", "0")),
    ],
)
def test_the_upright_axis_goes_to_a_round_number(
    values: Sequence[float | None], changes: dict[str, Any], marks: tuple[str, ...]
) -> None:
    """From 0 on, in a few round steps, above every value."""
    assert plot("Clients", [series(*values)], axes(**changes)).marks == marks


def test_the_other_axis_shows_times() -> None:
    """Evenly from the first point to the last, in UTC."""
    assert plot("Clients", [series(1, 2, 3)], axes(points=5, step=900)).hours == (
        "10:00",
        "10:15",
        "10:30",
        "10:45",
        "11:00",
    )


def test_lines_lie_between_the_axes() -> None:
    """The upper edge is the greatest mark."""
    ((_, (stretch,)),) = plot("Clients", [series(0, 10, 5)], axes()).lines

    assert stretch.line == f"0.0,{HEIGHT:.1f} {SPAN / 2:.1f},0.0 {SPAN:.1f},{HEIGHT / 2:.1f}"


def test_the_latest_value_is_the_last_that_is_known() -> None:
    """None where nothing is."""
    assert series(1, 2, None).latest == 2
    assert series(None).latest is None
