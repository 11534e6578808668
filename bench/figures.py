"""Numbers summed up, and the facts of the machine they come from."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Summary:
    """Milliseconds of `count` measurements."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Summary":
        """Nearest-rank percentiles; of 30 measurements the 99th is the largest."""
        high = (percentile(seconds, 95), percentile(seconds, 99), max(seconds))
        figures = (statistics.median(seconds), *high)
        return cls(len(seconds), *(round(figure * 1000, 1) for figure in figures))

    def json(self) -> dict[str, float]:
        """As it stands in a result."""
        times = {"p50_ms": self.p50, "p95_ms": self.p95, "p99_ms": self.p99, "max_ms": self.max}
        return {"count": self.count, **times}


def percentile(figures: Sequence[float], percent: int) -> float:
    """By nearest rank."""
    return sorted(figures)[max(0, -(-len(figures) * percent // 100) - 1)]


def machine() -> dict[str, object]:
    """What the figures depend on; `load` is the average of the last minute when the benchmark began."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(pages / 2**30, 1),
        "processor": _processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
