"""Long lists in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Generic, TypeVar

from memstored.store.errors import MarkerUnknown

__all__ = ["Page", "decode_place", "encode_place"]

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """Some rows of a list; `next` is the marker that the page after it begins at, None at the end."""

    rows: tuple[Row, ...]
    next: str | None

    @classmethod
    def cut(cls, rows: Sequence[Row], markers: Sequence[str], limit: int) -> "Page[Row]":
        """The first `limit` of `rows`, of which one more than `limit` was asked for."""
        more = len(rows) > limit
        return cls(rows=tuple(rows[:limit]), next=markers[limit - 1] if more else None)


def encode_place(time: float, identifier: str) -> str:
    """A marker that holds its place in a list by time and id even after the row it names is gone."""
    return f"{time!r}_{identifier}"


def decode_place(marker: str) -> tuple[float, str]:
    """The time and the id of a marker. Raises `MarkerUnknown`."""
    time, _, identifier = marker.partition("_")
    try:
        moment = float(time)
    except ValueError:
        moment = nan
    if not isfinite(moment):
        raise MarkerUnknown("The marker is none that this list gave; begin without one.")
    return moment, identifier
