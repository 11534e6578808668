"""Kills primaries of memstored and of tuned Redis Sentinels in turn, under the same eight writers.

    make versus VERSUS_ARGS="--trials 30 --slow-trials 5"

Prints a table of Markdown, writes bench/results/failover-vs-sentinel.json. Compares; passes no judgement.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from campaign.field import Field, field
from campaign.options import RESULTS, Options
from campaign.report import load, now, setting, summary, table, times
from campaign.trial import Outcome
from figures import machine
from memstored.cli.errors import Stop
from memstored.cli.tour_load import Losses
from memstored.client import ApiFault
from memstored.runtime.engines import offered, take_inventory
from sets import Stuck
from versus.contenders import DEFAULT, contenders

HEADINGS = (
    "",
    "trials",
    "gap p50",
    "p99",
    "max",
    "ratio at p50",
    "lost of acknowledged",
    "of confirmed",
    "of kept",
)


def main() -> None:
    """Run all trials, in turn."""
    wanted = _arguments()
    options = Options(trials=wanted.trials, sets=0, version=wanted.version, results=wanted.results)
    program, before = _program(options.version), load()
    with field(options) as stage:
        outcomes = _tried(stage, program, wanted)
    loads = (before, load())
    _write(options, loads, outcomes)
    print(f"{setting(options, loads)}\n\n{table(HEADINGS, _rows(outcomes))}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make versus", description="Compare with Redis Sentinel.")
    parser.add_argument("--trials", type=int, default=10, help="of each (default %(default)s)")
    parser.add_argument("--slow-trials", type=int, default=3, help="of the 30 s default (%(default)s)")
    parser.add_argument("--version", default="7.0.15", help="the engine of both (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result")
    return parser.parse_args()


def _program(version: str) -> Path:
    found = {engine.version: engine.program for engine in offered(asyncio.run(take_inventory()))}
    if version not in found:
        raise Stop(f"Redis {version} is not here, only {', '.join(found)}.")
    return Path(found[version])


def _tried(stage: Field, program: Path, wanted: argparse.Namespace) -> Mapping[str, list[Outcome]]:
    """One trial of each in turn, so that all have the same share of the machine's good and bad moments."""
    parties = contenders(stage, program)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in parties}
    for number in range(1, wanted.trials + 1):
        with Console(stderr=True).status(f"round {number} of {wanted.trials}"):
            for name, party in parties.items():
                if str(DEFAULT) not in name or number <= wanted.slow_trials:
                    outcomes[name].append(party(number))
    return outcomes


def _rows(outcomes: Mapping[str, Sequence[Outcome]]) -> list[tuple[str, ...]]:
    medians = {name: summary([o.gap for o in tried]) for name, tried in outcomes.items()}
    ours = medians["memstored"]
    assert ours is not None
    rows = []
    for name, tried in outcomes.items():
        lost, median = sum((o.losses for o in tried), Losses()), medians[name]
        rows.append(
            (
                name,
                str(len(tried)),
                *times(median),
                f"{median.p50 / ours.p50:.1f}" if median else "",
                f"{lost.lost} of {lost.acknowledged:,}",
                f"{lost.lost_confirmed} of {lost.confirmed:,}",
                f"{sum(o.kept_lost for o in tried)} of {sum(o.kept for o in tried):,}",
            )
        )
    return rows


def _write(options: Options, loads: Sequence[float], outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    options.results.mkdir(parents=True, exist_ok=True)
    result = {
        "benchmark": "failover-vs-sentinel",
        "command": " ".join(["make versus", *sys.argv[1:]]),
        "date": now().isoformat(timespec="seconds"),
        "machine": machine() | {"load": loads[0], "load_afterwards": loads[1]},
        "engine": options.version,
        "trials": {name: [asdict(o) for o in tried] for name, tried in outcomes.items()},
    }
    (options.results / "failover-vs-sentinel.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (ApiFault, Stop, Stuck) as trouble:
        sys.exit(f"versus: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
