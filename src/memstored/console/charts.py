"""Charts as the points of SVG lines: small ones, and those with axes.

Pure; `macros.html` draws them, as `sparkline` and `chart`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["HEIGHT", "SPAN", "Axes", "Plot", "Series", "Stretch", "line", "ones", "plot", "tens", "twos"]

FLAT = 0.5
"""Where a line is drawn whose values do not differ and have no edges: half way up."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a line without a gap: `points` of a `polyline`, and of the `polygon` under it."""

    line: str
    area: str


def line(
    values: Sequence[float | None],
    *,
    width: float,
    height: float,
    low: float | None = None,
    high: float | None = None,
) -> list[Stretch]:
    """The stretches of a line through evenly spaced values, None where nothing is known.

    `low` and `high` are the values at the lower and upper edge; None: the least and the greatest there are.
    """
    known = [value for value in values if value is not None]
    if not known:
        return []
    floor = min(known) if low is None else low
    reach = (max(known) if high is None else high) - floor
    step = width / max(1, len(values) - 1)

    def drawn(stretch: Sequence[tuple[int, float]]) -> Stretch:
        points = [f"{index * step:.1f},{height - part(value) * height:.1f}" for index, value in stretch]
        # A single point is a line to itself: that draws a dot.
        shown = " ".join(points if len(points) > 1 else points * 2)
        first, last = stretch[0][0] * step, stretch[-1][0] * step
        return Stretch(shown, f"{first:.1f},{height:g} {shown} {last:.1f},{height:g}")

    def part(value: float) -> float:
        return min(1.0, max(0.0, (value - floor) / reach)) if reach > 0 else FLAT

    return [drawn(stretch) for stretch in _stretches(values)]


def _stretches(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The values with their places, cut where there is a gap."""
    stretches: list[list[tuple[int, float]]] = []
    before: float | None = None
    for index, value in enumerate(values):
        if value is not None:
            if before is None:
                stretches.append([])
            stretches[-1].append((index, value))
        before = value
    return stretches


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Evenly spaced values under a name. `look` is how it is drawn: `s0` to `s5`, `gone` or `limit`."""

    name: str
    look: str
    values: Sequence[float | None]

    @property
    def latest(self) -> float | None:
        """The last value that is known; None: there is none."""
        return next((value for value in reversed(self.values) if value is not None), None)

    @property
    def greatest(self) -> float | None:
        """The greatest value; None: there is none."""
        return max((value for value in self.values if value is not None), default=None)


def tens(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten; a tenth at least, for numbers are shown no finer."""
    power = 10.0 ** math.floor(math.log10(max(least, 0.1)) + _DUST)
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least - _DUST)


def ones(least: float) -> float:
    """The same for what is counted: no parts of one."""
    return tens(max(least, 1.0))


def twos(least: float) -> float:
    """The next power of two, from 1 on: for bytes."""
    return 2.0 ** max(0, math.ceil(math.log2(max(least, 1.0))))


_DUST = 1e-9
"""What is lost of a number by reckoning with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What a chart is drawn along: time of the first point and step (seconds), and how values are said.

    The upright axis goes from 0 to a round number, `most` at least; `rounded` gives the next round step.
    """

    since: float
    step: float
    points: int
    say: Callable[[float], str]
    most: float = 0.0
    rounded: Callable[[float], float] = tens


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart with axes, `SPAN` wide and `HEIGHT` high.

    `marks` are the values along the upright axis, from above and evenly spaced; `hours` the times (`23:15`,
    UTC) along the other one, evenly spaced from the first point to the last.
    """

    title: str
    series: tuple[Series, ...]
    lines: tuple[tuple[Series, tuple[Stretch, ...]], ...]
    marks: tuple[str, ...]
    hours: tuple[str, ...]
    say: Callable[[float], str]


SPAN, HEIGHT = 600, 160
MARKS, HOURS = 4, 5
"""How many intervals the upright axis has at most; how many times the other one shows."""


def plot(title: str, series: Sequence[Series], axes: Axes) -> Plot:
    """The chart of these series."""
    most = max(axes.most, *(it.greatest or 0.0 for it in series), 0.0) or 1.0
    step = axes.rounded(most / MARKS)
    count = math.ceil(most / step - _DUST)
    drawn = (tuple(line(it.values, width=SPAN, height=HEIGHT, low=0, high=step * count)) for it in series)
    return Plot(
        title=title,
        series=tuple(series),
        lines=tuple(zip(series, drawn, strict=True)),
        marks=tuple(axes.say(step * mark) for mark in range(count, -1, -1)),
        hours=tuple(_hours(axes)),
        say=axes.say,
    )


def _hours(axes: Axes) -> list[str]:
    reach = axes.step * max(0, axes.points - 1)
    times = (axes.since + reach * place / (HOURS - 1) for place in range(HOURS))
    return [f"{datetime.fromtimestamp(time, UTC):%H:%M}" for time in times]
