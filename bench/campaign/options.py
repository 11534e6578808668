"""How often, how large and with what the faults are tried."""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

RESULTS = Path(__file__).parent.parent / "results"


class TooMuch(Exception):
    """The machine has not what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`trials` of each kind, or each kind's own number; `sets` stand beside those that are struck;
    `keys` small keys are on all replicas before each trial, `megabytes` where a kind needs much data.
    `detection` (the service's `failure_detection`) and `freeze` are seconds.
    """

    only: Sequence[str] = ()
    trials: int | None = None
    sets: int = 20
    seed: int = field(default_factory=lambda: random.randrange(2**32))
    version: str = "7.0.15"
    detection: float = 5.0
    freeze: float = 30.0
    keys: int = 1000
    megabytes: int = 200
    results: Path = RESULTS

    @classmethod
    def parse(cls, kinds: Sequence[str], words: Sequence[str] | None = None) -> Self:
        """The options of the command line; ends the process when they make no sense."""
        parser = argparse.ArgumentParser(prog="make campaign", description=__doc__)
        add, default = parser.add_argument, cls()
        add("--only", nargs="+", choices=kinds, default=kinds, metavar="KIND", help=", ".join(kinds))
        add("--trials", type=_count, help="of each kind (default: each kind's own number)")
        add(
            "--sets",
            type=_number,
            default=default.sets,
            help="sets of three nodes that stand by (%(default)s)",
        )
        add("--seed", type=int, default=default.seed, help="of all chance (default: any)")
        add("--version", default=default.version, help="the engine of the sets (%(default)s)")
        add(
            "--detection",
            type=float,
            default=default.detection,
            help="failure_detection, seconds (%(default)s)",
        )
        add("--freeze", type=float, default=default.freeze, help="seconds of `freeze` (%(default)s)")
        add(
            "--keys", type=_count, default=default.keys, help="that replicas hold in each trial (%(default)s)"
        )
        add(
            "--megabytes",
            type=_count,
            default=default.megabytes,
            help="of data of the large sets (%(default)s)",
        )
        add("--results", type=Path, default=RESULTS, help="folder of the results (bench/results)")
        return cls(**vars(parser.parse_args(words)))

    def check_memory(self, *, large: bool) -> None:
        """Raise `TooMuch` unless the sets will fit into this machine's memory."""
        needed = 300 + self.sets * SET_MIB + (COPIES * self.megabytes if large else 0)
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) // 1024
        if needed > free:
            raise TooMuch(f"needs {needed} MiB of memory and {free} are free: lower --sets or --megabytes")


SET_MIB = 36
"""What three idle nodes take."""
COPIES = 6
"""Four nodes, and what a fork and its buffers may add."""


def _number(word: str) -> int:
    number = int(word)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _count(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
