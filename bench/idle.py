"""What the service itself uses while fifty sets of three nodes idle."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from memstored.cli.throwaway import throwaway_service
from plan import Plan
from sets import many

NODES = 3
REST = 5.0
"""Seconds after the last set was made."""
SETTINGS = "[quota]\nnodes_per_project = 1000\n"
TICKS = os.sysconf("SC_CLK_TCK")


def measure(plan: Plan) -> dict[str, object]:
    """Resident memory (MiB) and CPU (per cent of one core) of the service's process."""
    with throwaway_service(settings=SETTINGS) as service:
        began = time.monotonic()
        many(service, plan.sets, nodes=NODES, version=plan.version)
        made_in = time.monotonic() - began
        time.sleep(REST)
        used = load(service.pid, plan.idle)
        return {
            "sets": plan.sets,
            "nodes": plan.sets * NODES,
            "seconds_to_make_all": round(made_in, 1),
            "seconds_idle": plan.idle,
            "cpu_percent_of_a_core": round(used, 2),
            "memory_mib": round(_memory(service.pid), 1),
        }


def load(pid: int, seconds: float, meanwhile: Callable[[float], object] = time.sleep) -> float:
    """Per cent of a core that a process uses while `meanwhile` takes so many seconds."""
    used, at = cpu(pid), time.monotonic()
    meanwhile(seconds)
    return 100 * (cpu(pid) - used) / (time.monotonic() - at)


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(pid: int) -> float:
    """Resident MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
