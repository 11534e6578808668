"""How much is measured, and with which engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`few` repeats of slow things, `runs` of failures, `calls` of each request; `sets` to fill a service;
    `listed` of them for the console, with `saved` backups; `mebibytes` of data in a set that is backed up.
    """

    version: str = "7.0.15"
    few: int = 10
    runs: int = 30
    calls: int = 2000
    sets: int = 50
    listed: int = 200
    saved: int = 5000
    mebibytes: int = 1024
    idle: float = 20.0
    """Seconds of idling."""


def quick(version: str) -> Plan:
    """Enough to see that everything works."""
    return Plan(
        version=version, few=2, runs=3, calls=100, sets=5, listed=20, saved=200, idle=3.0, mebibytes=64
    )
