"""What the tour shows: the set, its nodes, what the service recorded, and the verdict. For 80 columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from memstored.cli.tour_load import Acknowledged, Record

__all__ = ["Kill", "Verdict", "View", "events", "nodes", "progress", "steps", "verdict"]

INDENT, BELOW = (0, 0, 0, 4), (1, 0, 0, 4)
"""Blank space around a table, below a heading or below another table."""
COLOURS = {"Running": "green", "Failed": "red", "succeeded": "green", "failed": "red", "pending": "dim"}
LOSSES = (
    "The dead primary alone held what is missing: Redis answers before it replicates. A write "
    "that its writer had confirmed with WAIT 1 is on a second node, and none of those is missing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A set, its nodes and its operations (newest first) as the API shows them."""

    set: dict[str, Any]
    nodes: Sequence[dict[str, Any]]
    operations: Sequence[dict[str, Any]]

    @property
    def primary_endpoint(self) -> tuple[str, int]:
        """Where writes go, for the set's whole life."""
        primary = self.set["endpoints"]["primary"]
        return str(primary["host"]), int(primary["port"])

    def whole(self, count: int, *, without: str = "") -> bool:
        """Whether so many nodes run and all is well, and the node `without` is none of them."""
        running = [n for n in self.nodes if n["status"] == "Running" and n["objectId"] != without]
        return self.set["status"] == "Running" and len(running) == len(self.nodes) == count


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The death of a primary: which node, and when (`at` monotonic, `wall` since 1970; seconds)."""

    node_id: str
    at: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of the load and the kill. `missing` holds the acknowledged writes that are not there."""

    record: Record
    kill: Kill
    missing: Sequence[Acknowledged]

    @property
    def resumed(self) -> float | None:
        """Seconds from the kill to the next accepted write; None: there was none."""
        return self.record.resumed_after(self.kill.at)

    @property
    def held(self) -> bool:
        """Whether every promise was kept: an unconfirmed write may be lost with its primary, no other."""
        return self.resumed is not None and not any(write.confirmed for write in self.missing)


def progress(view: View, took: float) -> RenderableType:
    """The set while it changes."""
    headline = Text(f"    {view.set['status']}, {took:.1f} s", style="bold")
    return Group(headline, steps(view), nodes(view))


def steps(view: View) -> RenderableType:
    """The steps of the newest operation, and how long each took."""
    table = _table()
    for step in view.operations[0]["steps"] if view.operations else ():
        table.add_row(step["name"], _state(step["state"]), _duration(step))
    return Padding(table, INDENT, expand=False)


def nodes(view: View) -> RenderableType:
    """The nodes, the primary first."""
    table = _table("node", "role", "status", "address")
    for node in view.nodes:
        table.add_row(node["instanceName"], node["role"], _state(node["status"]), node["endpoint"])
    return Padding(table, BELOW, expand=False)


def events(recorded: Sequence[dict[str, str]], kill: Kill) -> RenderableType:
    """What the service recorded since the kill, the oldest first."""
    table = _table("after", "event", "")
    for event in reversed(recorded):
        after = datetime.fromisoformat(event["time"]).timestamp() - kill.wall
        if after >= 0:
            table.add_row(f"{after:.3f} s", event["name"], event["message"])
    return Padding(table, INDENT, expand=False)


def verdict(outcome: Verdict) -> RenderableType:
    """The figures, and what they mean."""
    writes = outcome.record.all
    confirmed = [write for write in writes if write.confirmed]
    lost_confirmed = [write for write in outcome.missing if write.confirmed]
    table = _table()
    table.add_row("next write accepted after", _milliseconds(outcome.resumed))
    table.add_row(
        "longest wait of a writer", _milliseconds(max(outcome.record.longest_gaps(outcome.kill.at)))
    )
    table.add_row("acknowledged writes", _found(len(writes), len(outcome.missing)))
    table.add_row("of these confirmed by WAIT 1", _found(len(confirmed), len(lost_confirmed)))
    words = [Text(LOSSES)] if outcome.missing and outcome.held else []
    return Padding(Group(table, *words), INDENT, expand=False)


def _table(*headings: str) -> Table:
    table = Table(
        box=None, show_header=bool(headings), header_style="dim", pad_edge=False, padding=(0, 3, 0, 0)
    )
    for heading in headings:
        table.add_column(heading)
    return table


def _state(word: str) -> Text:
    return Text(word, style=COLOURS.get(word, "yellow"))


def _duration(step: dict[str, str | None]) -> str:
    begin, end = step["startedAt"], step["finishedAt"]
    if begin is None or end is None:
        return ""
    took = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
    return f"{took.total_seconds():.2f} s"


def _milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"


def _found(written: int, missing: int) -> Text:
    if missing:
        return Text(f"{written:,}, of which {missing:,} are missing", style="red")
    return Text(f"{written:,}, every one is there", style="green")
