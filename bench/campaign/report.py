"""What a campaign has shown: a file of JSON for each kind, and one table of Markdown for all."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from campaign.options import Options
from campaign.trial import Outcome
from figures import Summary, machine
from memstored.cli.tour_load import Losses

HEADINGS = (
    "fault",
    "trials",
    "gap p50",
    "p99",
    "max",
    "pause max",
    "whole p50",
    "max",
    "lost of acknowledged",
    "of confirmed",
    "of kept",
    "broken",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All trials of one kind; `loads` are the machine's load averages before and after them."""

    kind: str
    outcomes: Sequence[Outcome]
    began: datetime
    loads: tuple[float, float]

    @property
    def broken(self) -> list[str]:
        """Every promise that was broken, with the number of the trial."""
        return [f"{self.kind} {o.number}: {words}" for o in self.outcomes for words in o.broken]

    def write(self, options: Options, command: str, log: Path) -> None:
        """Write the file of this kind; if something broke, the service's log beside it."""
        options.results.mkdir(parents=True, exist_ok=True)
        target = options.results / f"campaign-{self.kind}.json"
        result = {
            "campaign": self.kind,
            "command": command,
            "date": self.began.isoformat(timespec="seconds"),
            "machine": machine() | {"load": self.loads[0], "load_afterwards": self.loads[1]},
            "versions": {"memstored": version("memstored"), "redis": options.version},
            "options": {k: v for k, v in asdict(options).items() if k not in ("only", "results")},
            "figures": self._figures(),
            "broken": self.broken,
            "trials": [asdict(outcome) for outcome in self.outcomes],
        }
        target.write_text(json.dumps(result, indent=1) + "\n")
        if self.broken:
            shutil.copyfile(log, target.with_suffix(".log"))

    def _figures(self) -> dict[str, object]:
        return {
            "gap": _json([o.gap for o in self.outcomes]),
            "longest_pause_of_a_writer": _json([o.pause for o in self.outcomes]),
            "whole": _json([o.whole for o in self.outcomes]),
            **asdict(self._losses()),
            "kept": sum(o.kept for o in self.outcomes),
            "kept_lost": sum(o.kept_lost for o in self.outcomes),
            "failovers": sum(o.failovers for o in self.outcomes),
        }

    def _losses(self) -> Losses:
        return sum((o.losses for o in self.outcomes), Losses())

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        lost = self._losses()
        gap = times(summary([o.gap for o in self.outcomes]))
        whole = times(summary([o.whole for o in self.outcomes]))
        return (
            f"`{self.kind}`",
            str(len(self.outcomes)),
            *gap,
            _time(max(o.pause for o in self.outcomes) * 1000),
            whole[0],
            whole[-1],
            f"{lost.lost} of {lost.acknowledged:,}",
            f"{lost.lost_confirmed} of {lost.confirmed:,}",
            f"{sum(o.kept_lost for o in self.outcomes)} of {sum(o.kept for o in self.outcomes):,}",
            str(len(self.broken)),
        )


def summary(seconds: Sequence[float | None]) -> Summary | None:
    """Of those that are known; None when none is."""
    known = [value for value in seconds if value is not None]
    return Summary.of(known) if known else None


def times(figures: Summary | None) -> tuple[str, str, str]:
    """Median, 99th percentile and the worst, in words."""
    if figures is None:
        return ("never", "never", "never")
    return (_time(figures.p50), _time(figures.p99), _time(figures.max))


def _json(seconds: Sequence[float | None]) -> dict[str, float] | None:
    known = summary(seconds)
    return known.json() if known else None


def _time(milliseconds: float) -> str:
    """Three figures are enough: the rest is noise."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004 - a second


def now() -> datetime:
    """The time of day, for reports."""
    return datetime.now(UTC)


def load() -> float:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 1)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that can be read as it stands: every column as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def setting(options: Options, loads: Sequence[float]) -> str:
    """Where and when, in a line."""
    facts = machine()
    return (
        f"{now():%Y-%m-%d}, Redis {options.version}, {facts['cores']} cores of {facts['processor']}, "
        f"{facts['memory_gib']} GiB, load average {min(loads)} to {max(loads)}, "
        f"{options.sets} sets standing by, seed {options.seed}"
    )
