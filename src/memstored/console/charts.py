"""Small charts as the points of SVG lines. Pure; `macros.html` draws them."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Stretch", "line"]


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
        return min(1.0, max(0.0, (value - floor) / reach)) if reach > 0 else 0.5

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
