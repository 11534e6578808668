"""Strikes sets with faults while they are written to, and checks what was promised.

    make campaign CAMPAIGN_ARGS="--only kill hang --trials 20 --sets 200"

Ends with exit code 1 when a promise was broken. Everything that it started is gone afterwards.
"""

import shlex
import sys
from collections.abc import Sequence

from rich.console import Console

from campaign.field import Field, field
from campaign.kinds import KINDS
from campaign.options import Options, TooMuch
from campaign.report import HEADINGS, Report, load, now, setting, table
from campaign.trial import Trials
from memstored.cli.errors import Stop
from memstored.client import ApiFault
from sets import Stuck

USAGE, INTERRUPTED = 2, 130


def main() -> int:
    """Run the campaign; returns the exit code."""
    options = Options.parse(list(KINDS))
    console = Console(stderr=True, highlight=False)
    options.check_memory(large=any(KINDS[name].large for name in options.only))
    print(f"seed {options.seed}", flush=True)
    print(f"Starting a service and {options.sets} sets ...", flush=True)
    reports: list[Report] = []
    lost: list[str] = []
    with field(options) as stage:
        try:
            for name in options.only:
                reports.append(_tried(name, stage, console))  # noqa: PERF401 - what was done before a fault counts
        except Stop as gone:
            lost.append(f"the campaign ended early: {gone}")
    loads = [one for report in reports for one in report.loads] or [load()]
    print(f"\n{setting(options, loads)}\n\n{table(HEADINGS, [report.row() for report in reports])}")
    broken = [words for report in reports for words in report.broken] + lost
    print("\n".join(["", *broken]) if broken else "\nEvery promise held.")
    return 1 if broken else 0


def _tried(name: str, stage: Field, console: Console) -> Report:
    """All trials of a kind, reported."""
    kind = KINDS[name]
    fault, options = kind(stage), stage.options
    count, began, before = options.trials or kind.trials, now(), load()
    trials, outcomes = Trials(fault, stage), []
    for number in range(1, count + 1):
        with console.status(f"{name}: {number} of {count}"):
            outcomes.append(trials.run(number))
    report = Report(kind=name, outcomes=outcomes, began=began, loads=(before, load()))
    report.write(options, _command(sys.argv[1:]), stage.service.log)
    took = (now() - began).total_seconds()
    print(f"{name}: {count} trials in {took:.0f} s, {len(report.broken)} promises broken", flush=True)
    return report


def _command(words: Sequence[str]) -> str:
    return f"make campaign CAMPAIGN_ARGS={shlex.quote(shlex.join(words))}" if words else "make campaign"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ApiFault, Stop, Stuck) as trouble:
        sys.exit(f"campaign: {trouble}")
    except TooMuch as trouble:
        print(f"campaign: {trouble}", file=sys.stderr)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
