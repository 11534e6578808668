"""Shapes of the history of a set."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from memstored.api.schemas.forms import Document, QueryForm
from memstored.api.schemas.sets import digits
from memstored.api.schemas.times import Instant, in_seconds
from memstored.domain.history import POINTS, STEP, Column
from memstored.service.history import Chart, NodeChart

__all__ = ["HistoryDocument", "HistoryQuery"]


class HistoryQuery(QueryForm):
    """From when on, and how many seconds each point stands for."""

    since: Instant | None = None
    step: Annotated[int, BeforeValidator(digits), Field(ge=STEP, le=STEP * POINTS, multiple_of=STEP)] = STEP


class NodeSeries(Document):
    """The series of a node; null where nothing was seen. `present` is false of a node that is gone."""

    object_id: str
    instance_name: str
    present: bool
    series: dict[Column, list[float | None]]

    @classmethod
    def of(cls, chart: NodeChart) -> Self:
        """In the words of the API; seven digits, for no more were kept."""
        series = {column: [_rounded(value) for value in values] for column, values in chart.series.items()}
        return cls(object_id=chart.id, instance_name=chart.name, present=chart.present, series=series)


class HistoryDocument(Document):
    """`points` means of `step` seconds each, the first from `since` on."""

    since: str
    step: int
    points: int
    data: list[NodeSeries]

    @classmethod
    def of(cls, chart: Chart) -> Self:
        """In the words of the API."""
        rows = [NodeSeries.of(node) for node in chart.nodes]
        return cls(since=in_seconds(chart.since), step=chart.step, points=chart.points, data=rows)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.7g}")
