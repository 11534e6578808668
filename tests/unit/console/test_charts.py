"""Values as the points of a line."""

from memstored.console.charts import line


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
