"""How long writes stop when the primary of a set is killed under eight writers, and what gets lost."""

import os
import signal
import time
from dataclasses import asdict, dataclass

from redis import Redis

from figures import Summary
from memstored.cli.throwaway import throwaway_service
from memstored.cli.tour_load import Losses
from plan import Plan
from sets import BenchSet
from writers import losses, writers

NODES = 3
BEFORE, AFTER = 0.7, 1.0
"""Seconds of writing before the kill and after it, during which nobody looks at the set."""
SETTINGS = "[failover]\nbrake_count = 1000\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One kill. `gap`: from the kill to the next accepted write; `waits`: each writer's longest pause;
    `healed`: until the audit log says that all nodes serve again. Seconds.
    """

    gap: float
    waits: list[float]
    healed: float
    losses: Losses
    log: dict[str, float]


def measure(plan: Plan) -> dict[str, object]:
    """Kill primaries one after the other, each time after the set was whole again."""
    with throwaway_service(settings=SETTINGS) as service:
        victim = BenchSet.made(service, "bench", nodes=NODES, version=plan.version, recovery=True)
        victim.await_running()
        runs = [_run(victim, f"run{number}") for number in range(plan.runs)]
    return {
        "write_gap": Summary.of([r.gap for r in runs]).json(),
        "longest_wait_of_a_writer": Summary.of([wait for r in runs for wait in r.waits]).json(),
        "three_nodes_again": Summary.of([r.healed for r in runs]).json(),
        "acknowledged": sum(r.losses.acknowledged for r in runs),
        "confirmed": sum(r.losses.confirmed for r in runs),
        "lost": sum(r.losses.lost for r in runs),
        "lost_confirmed": sum(r.losses.lost_confirmed for r in runs),
        "runs": [asdict(r) for r in runs],
    }


def _run(victim: BenchSet, name: str) -> Run:
    endpoint, primary = victim.endpoint, victim.nodes()[0]
    with Redis(host=endpoint[0], port=endpoint[1]) as node:
        node.flushall()
    process = victim.server()
    with writers(endpoint, name) as work:
        time.sleep(BEFORE)
        killed_at, wall = time.monotonic(), time.time()
        os.kill(process, signal.SIGKILL)
        time.sleep(AFTER)
        victim.await_healed({primary["objectId"]}, NODES)
    log = victim.events_after(wall)
    gap = work.record.resumed_after(killed_at)
    assert gap is not None
    return Run(
        gap=gap,
        waits=work.record.longest_gaps(killed_at),
        healed=log["Cluster Recovery Complete"],
        losses=losses(endpoint, work.record),
        log=log,
    )
