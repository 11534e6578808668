"""The last hours of a node in a few figures, for charts: a ring of fixed size, one point a minute.

Pure. `control.historian` fills it from what the nodes said of themselves, `store.history` keeps it over a
restart. A point that nobody saw is no number (NaN), never a guess.
"""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from memstored.domain.figures import InfoFields

__all__ = ["POINTS", "STEP", "Column", "Counters", "NodeHistory", "Ring", "counters_of", "point_of"]

STEP = 60
"""Seconds between two points."""
POINTS = 360
"""Points of a ring: six hours. With all columns that is some 16 KB a node."""
_MISSING = math.nan


class Column(StrEnum):
    """What is kept, in the API's words. What counts events is kept per second, since the point before."""

    PRIMARY = "primary"
    USED_MEMORY = "usedMemory"
    MAXMEMORY = "maxmemory"
    KEYS = "keys"
    CLIENTS = "clients"
    REPLICATION_LAG = "replicationLag"
    OPS_PER_SEC = "opsPerSec"
    HITRATE_PERCENT = "hitratePercent"
    INPUT_KBPS = "inputKbps"
    OUTPUT_KBPS = "outputKbps"
    EVICTED_PER_SEC = "evictedPerSec"
    CPU_PERCENT = "cpuPercent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What only grows while a node lives, as it was at `at` (monotonic seconds)."""

    at: float
    commands: float
    hits: float
    misses: float
    received: float
    sent: float
    evicted: float
    cpu: float


def counters_of(info: InfoFields, at: float) -> Counters:
    """Of an answer to `INFO`."""

    def number(name: str) -> float:
        return float(info.get(name, "nan"))

    return Counters(
        at=at,
        commands=number("total_commands_processed"),
        hits=number("keyspace_hits"),
        misses=number("keyspace_misses"),
        received=number("total_net_input_bytes"),
        sent=number("total_net_output_bytes"),
        evicted=number("evicted_keys"),
        cpu=number("used_cpu_sys") + number("used_cpu_user"),
    )


def point_of(
    info: InfoFields,
    *,
    primary: bool,
    lag: float | None,
    keys: float | None,
    now: Counters,
    past: Counters | None,
) -> dict[Column, float]:
    """The point of a node; `past` is what it counted at the point before, None at its first."""

    def number(name: str) -> float:
        return float(info.get(name, "nan"))

    point = {
        Column.PRIMARY: float(primary),
        Column.USED_MEMORY: number("used_memory"),
        Column.MAXMEMORY: number("maxmemory"),
        Column.KEYS: _MISSING if keys is None else keys,
        Column.CLIENTS: number("connected_clients"),
        Column.REPLICATION_LAG: _MISSING if lag is None else lag,
    }
    return point | ({} if past is None or now.at <= past.at else _rates(now, past))


def _rates(now: Counters, past: Counters) -> dict[Column, float]:
    seconds = now.at - past.at
    hits, misses = now.hits - past.hits, now.misses - past.misses
    return {
        Column.OPS_PER_SEC: (now.commands - past.commands) / seconds,
        Column.HITRATE_PERCENT: 100 * hits / (hits + misses) if hits + misses > 0 else _MISSING,
        Column.INPUT_KBPS: (now.received - past.received) / 1024 / seconds,
        Column.OUTPUT_KBPS: (now.sent - past.sent) / 1024 / seconds,
        Column.EVICTED_PER_SEC: (now.evicted - past.evicted) / seconds,
        Column.CPU_PERCENT: 100 * (now.cpu - past.cpu) / seconds,
    }


def _empty() -> dict[Column, "array[float]"]:
    return {column: array("f", [_MISSING]) * POINTS for column in Column}


@dataclass(slots=True)
class Ring:
    """The points of one node. A slot is a minute since 1970; `newest` is that of the last point, -1: none."""

    newest: int = -1
    columns: dict[Column, "array[float]"] = field(default_factory=_empty)

    def takes(self, slot: int) -> bool:
        """Whether a point of that slot is new. It is, too, when it is well before the newest: then the clock
        was set back.
        """
        return slot > self.newest or slot < self.newest - 1

    def put(self, slot: int, point: Mapping[Column, float]) -> None:
        """Add a point, if it is new. What a clock that was set back has shown is dropped."""
        if not self.takes(slot):
            return
        if slot < self.newest or slot - self.newest >= POINTS:
            # Nothing that is kept is of the hours that are shown now.
            self.newest, self.columns = slot - 1, _empty()
        for missed in range(self.newest + 1, slot + 1):
            for column in self.columns.values():
                column[missed % POINTS] = _MISSING
        for name, value in point.items():
            self.columns[name][slot % POINTS] = value
        self.newest = slot

    def read(self, column: Column, slots: range, width: int) -> list[float | None]:
        """The means of each `width` slots that follow each other; None where nothing is known."""
        values, oldest = self.columns[column], self.newest - POINTS
        kept = [values[slot % POINTS] if oldest < slot <= self.newest else _MISSING for slot in slots]
        return [_mean(kept[i : i + width]) for i in range(0, len(kept), width)]


@dataclass(slots=True, kw_only=True)
class NodeHistory:
    """The points of a node, with the name that it had."""

    name: str
    ring: Ring


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else None
