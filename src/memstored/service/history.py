"""The last hours of a set as series for charts: what its nodes said of themselves, minute by minute."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from memstored.domain.clock import Clock
from memstored.domain.history import POINTS, STEP, Column, NodeHistory
from memstored.domain.model import InstanceSet
from memstored.domain.words import NodeId, SetId
from memstored.identity.protocol import Caller
from memstored.service.sets import SetService

__all__ = ["Chart", "Glance", "HistoryService", "NodeChart", "Past"]

GLANCE = 60
"""Minutes that a glance holds."""
FRESH = 5
"""Minutes after which a figure does not count as present any more."""


class Past(Protocol):
    """What the control loop keeps of the last hours."""

    def of(self, set_id: SetId) -> Mapping[NodeId, NodeHistory]:
        """The rings of a set's nodes, also of some that are gone; empty when nothing was seen of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChart:
    """The series of a node, all as long as the chart; None where nothing was seen. `present`: it is there."""

    id: NodeId
    name: str
    present: bool
    series: Mapping[Column, Sequence[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Points from `since` (seconds since 1970) on, each the mean of `step` seconds; `points` of them."""

    since: int
    step: int
    points: int
    nodes: tuple[NodeChart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The last hour of a set, minute by minute, as its primary of each minute had it; None: nothing was seen.

    Bytes; commands per second; percent.
    """

    used_memory: Sequence[float | None]
    maxmemory: Sequence[float | None]
    ops_per_sec: Sequence[float | None]
    hitrate_percent: Sequence[float | None]

    @staticmethod
    def latest(values: Sequence[float | None]) -> float | None:
        """The present value of one of these; None when the last that was seen is too old."""
        return next((value for value in reversed(values[-FRESH:]) if value is not None), None)


class HistoryService:
    """Reads the history of the caller's sets."""

    def __init__(self, *, sets: SetService, past: Past, clock: Clock) -> None:
        self._sets = sets
        self._past = past
        self._clock = clock

    async def chart(
        self, caller: Caller, set_id: str, *, since: float | None = None, step: int = STEP
    ) -> Chart:
        """The series from `since` (seconds since 1970; None: all there is) until now; raises `NotFound`.

        `step` is in seconds, a multiple of a minute; points begin at multiples of it.
        """
        found = await self._sets.get(caller, set_id)
        slots = self._slots(since, step)
        present = {node.id for node in found.nodes}
        width = step // STEP
        charts = (
            NodeChart(
                id=node,
                name=kept.name,
                present=node in present,
                series={column: kept.ring.read(column, slots, width) for column in Column},
            )
            for node, kept in self._past.of(found.id).items()
        )
        shown = tuple(chart for chart in charts if chart.present or _seen(chart))
        return Chart(since=slots.start * STEP, step=step, points=len(slots) // width, nodes=shown)

    def seen(self, instance_set: InstanceSet) -> Hashable:
        """What the set's `glance` depends on, which takes far longer: while this is equal, so is that."""
        newest = ((node, it.ring.newest) for node, it in self._past.of(instance_set.id).items())
        return int(self._clock.wall()) // STEP, tuple(newest)

    def glance(self, instance_set: InstanceSet) -> Glance:
        """What is to be seen at a glance of a set that the caller was given."""
        now = int(self._clock.wall()) // STEP
        kept, slots = self._past.of(instance_set.id), range(now - GLANCE + 1, now + 1)
        reigns = [(it.ring, it.ring.read(Column.PRIMARY, slots, 1)) for it in kept.values()]
        ruled = [(ring, reign) for ring, reign in reigns if any(reign)]

        def series(column: Column) -> list[float | None]:
            values: list[float | None] = [None] * GLANCE
            for ring, reign in ruled:
                for place, value in enumerate(ring.read(column, slots, 1)):
                    values[place] = value if reign[place] else values[place]
            return values

        return Glance(
            used_memory=series(Column.USED_MEMORY),
            maxmemory=series(Column.MAXMEMORY),
            ops_per_sec=series(Column.OPS_PER_SEC),
            hitrate_percent=series(Column.HITRATE_PERCENT),
        )

    def lags(self, instance_set: InstanceSet) -> Mapping[NodeId, float | None]:
        """How far the nodes of a set that the caller was given were behind, in seconds, when that was last
        measured; None where that is too long ago.
        """
        now = int(self._clock.wall()) // STEP
        slots = range(now - FRESH + 1, now + 1)
        kept = self._past.of(instance_set.id)
        return {n: Glance.latest(it.ring.read(Column.REPLICATION_LAG, slots, 1)) for n, it in kept.items()}

    def _slots(self, since: float | None, step: int) -> range:
        """Whole steps of the window, the one that is not over yet among them."""
        now, width = int(self._clock.wall()) // STEP, step // STEP
        oldest = now - POINTS + 1
        first = oldest if since is None else max(oldest, int(since) // STEP)
        begin, end = first // width * width, now // width * width + width
        return range(min(begin, end), end)


def _seen(chart: NodeChart) -> bool:
    return any(value is not None for series in chart.series.values() for value in series)
