"""Measures the service over real servers, and writes what came out to bench/results.

    .venv/bin/python bench/run.py [--only NAME ...] [--version 7.0.15] [--sets 50] [--quick]

Figures say how things are on this machine at this hour; nothing here passes or fails.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

import api
import backup
import console
import endpoint
import failover
import idle
import metrics
import provisioning
import restore
import switchover
from figures import machine
from plan import Plan, quick

DEFAULT = Plan()
RESULTS = Path(__file__).parent / "results"
BENCHMARKS: Mapping[str, Callable[[Plan], dict[str, object]]] = {
    "provisioning": provisioning.measure,
    "api": api.measure,
    "failover": failover.measure,
    "switchover": switchover.measure,
    "endpoint": endpoint.measure,
    "idle": idle.measure,
    "metrics": metrics.measure,
    "console": console.measure,
    "backup": backup.measure,
    "restore": restore.measure,
}


def main() -> None:
    """Run what was asked for."""
    wanted = _arguments()
    plan = quick(wanted.version) if wanted.quick else Plan(version=wanted.version, sets=wanted.sets)
    out = Console(highlight=False)
    for name in wanted.only or BENCHMARKS:
        facts, began = machine(), time.monotonic()
        with out.status(f"{name} ..."):
            figures = BENCHMARKS[name](plan)
        if not wanted.quick:
            _write(name, plan, facts, figures)
        out.print(_table(name, plan, figures, time.monotonic() - began))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the service; write bench/results/*.json.")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--version", default=DEFAULT.version, help="the engine of the sets")
    parser.add_argument("--sets", type=int, default=DEFAULT.sets, help="how many `idle` and `metrics` make")
    parser.add_argument("--quick", action="store_true", help="few repeats; no result is written")
    return parser.parse_args()


def _write(name: str, plan: Plan, facts: Mapping[str, object], figures: Mapping[str, object]) -> None:
    RESULTS.mkdir(exist_ok=True)
    result = {
        "benchmark": name,
        "command": shlex.join([".venv/bin/python", "bench/run.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "engine": plan.version,
        "figures": figures,
    }
    suffix = "" if plan.version == DEFAULT.version else f"-{plan.version}"
    (RESULTS / f"{name}{suffix}.json").write_text(json.dumps(result, indent=1) + "\n")


def _table(name: str, plan: Plan, figures: Mapping[str, object], took: float) -> Table:
    """One row a figure; single runs stand in the result file only."""
    table = Table(title=f"{name}, Redis {plan.version} ({took:.0f} s)", title_justify="left", box=None)
    for column in ("", "count", "p50 ms", "p95 ms", "p99 ms", "max ms", "per s"):
        table.add_column(column, justify="left" if not column else "right")
    for label, figure in figures.items():
        if isinstance(figure, Mapping):
            table.add_row(label.replace("_", " "), *(str(value) for value in figure.values()))
        elif not isinstance(figure, list):
            table.add_row(label.replace("_", " "), str(figure))
    return table


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
