"""The last hours of a set, as charts or as tables of the same values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field
from starlette.responses import Response

from memstored.api.schemas.forms import QueryForm, QueryTruth
from memstored.api.schemas.sets import digits
from memstored.console.charts import Axes, Plot, Series, ones, plot, tens, twos
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.pages import sets
from memstored.console.pages.one_set import sight_of
from memstored.console.rendering import number, size
from memstored.console.visit import Visit
from memstored.domain.history import STEP, Column
from memstored.domain.words import NodeId
from memstored.service.history import Chart, NodeChart

__all__ = ["group"]

group = PageGroup(within=sets.group)

HOURS = (1, 3, 6)
"""What one can choose; more is not kept."""
ROWS = 12
"""Of a table of values."""
LOOKS = 6
"""Kinds of line that can be told apart."""


class ChartQuery(QueryForm):
    """How many hours to show, and whether as a table."""

    hours: Annotated[
        int, BeforeValidator(digits), Field(ge=1, le=HOURS[-1], description="Give a number of hours: 1 to 6.")
    ] = HOURS[0]
    table: QueryTruth = "false"

    @property
    def step(self) -> int:
        """Seconds between two points: a chart has some hundred of them, a table few."""
        if self.table == "true":
            return self.hours * 3600 // ROWS
        return STEP * -(-self.hours // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """What a chart shows: `title` in English for `_`, and how its values are said and rounded.

    `unit` is how many of what is said one of the column's values is.
    """

    title: str
    column: Column
    say: Callable[[float], str]
    most: float = 0.0
    rounded: Callable[[float], float] = tens
    unit: float = 1.0


def _percent(value: float) -> str:
    return f"{number(value)} %"


def _seconds(value: float) -> str:
    return f"{number(value)} s"


def _network(value: float) -> str:
    return f"{size(value)}/s"


_MEMORY = _Figure(title=english("Memory"), column=Column.USED_MEMORY, say=size, rounded=twos)
_FIGURES = (
    _MEMORY,
    _Figure(title=english("Commands per second"), column=Column.OPS_PER_SEC, say=number),
    _Figure(title=english("Clients"), column=Column.CLIENTS, say=number, rounded=ones),
    _Figure(title=english("Hit rate"), column=Column.HITRATE_PERCENT, say=_percent, most=100),
    _Figure(title=english("Replication lag"), column=Column.REPLICATION_LAG, say=_seconds),
    _Figure(title=english("Network in"), column=Column.INPUT_KBPS, say=_network, rounded=twos, unit=1024),
    _Figure(title=english("Network out"), column=Column.OUTPUT_KBPS, say=_network, rounded=twos, unit=1024),
)


@group.get("/sets/{set_id}/charts", name="set_charts")
async def show_charts(visit: Visit, set_id: str) -> Response:
    """Memory, commands, clients, hit rate, lag and network of each node."""
    query = visit.query(ChartQuery)
    sight = await sight_of(visit.services, visit.caller, set_id)
    now = visit.services.sets.seen(sight.it).wall
    since = now - query.hours * 3600 + query.step
    chart = await visit.services.history.chart(visit.caller, sight.it.id, since=since, step=query.step)
    times = [chart.since + place * chart.step for place in range(chart.points)]
    return visit.page(
        "set/charts.html",
        sight=sight,
        plots=_plots(chart),
        query=query,
        hours=HOURS,
        times=times,
    )


def _plots(chart: Chart) -> list[Plot]:
    nodes = sorted(chart.nodes, key=lambda node: (not node.present, _number(node.name)))
    looks = {node.id: f"s{place % LOOKS}" if node.present else "gone" for place, node in enumerate(nodes)}
    return [_plot(chart, figure, nodes, looks) for figure in _FIGURES]


def _number(name: str) -> int:
    """That of a node in its name, as 2 in `orders-2`."""
    return int(name.rpartition("-")[2])


def _plot(chart: Chart, figure: _Figure, nodes: Sequence[NodeChart], looks: Mapping[NodeId, str]) -> Plot:
    series = [_series(node, figure, looks[node.id]) for node in nodes]
    if figure is _MEMORY:
        series.append(_limit(nodes, chart.points))
    axes = Axes(
        since=chart.since,
        step=chart.step,
        points=chart.points,
        say=figure.say,
        most=figure.most,
        rounded=figure.rounded,
    )
    return plot(figure.title, [it for it in series if it.latest is not None], axes)


def _series(node: NodeChart, figure: _Figure, look: str) -> Series:
    """A node's values; the lag is that of the times when it was a replica."""
    values = [None if value is None else value * figure.unit for value in node.series[figure.column]]
    if figure.column is Column.REPLICATION_LAG:
        reign = node.series[Column.PRIMARY]
        values = [None if ruled else lag for lag, ruled in zip(values, reign, strict=True)]
    return Series(name=node.name, look=look, values=values)


def _limit(nodes: Sequence[NodeChart], points: int) -> Series:
    """The most memory that data may take: nodes of a set have the same, but while it is being changed."""
    known = [[node.series[Column.MAXMEMORY][place] for node in nodes] for place in range(points)]
    values = [max((value for value in row if value), default=None) for row in known]
    return Series(name="maxmemory", look="limit", values=values)
