"""How long writes stop when a replica is promoted on request under eight writers; nothing may get lost."""

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
BEFORE, AFTER = 0.7, 0.5
"""Seconds of writing before and after the promotion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One promotion. `gap`: the longest time without any accepted write; `waits`: each writer's longest
    pause; `done`: from the request until the set was `Running` again. Seconds.
    """

    gap: float
    waits: list[float]
    done: float
    full_syncs: int
    losses: Losses


def measure(plan: Plan) -> dict[str, object]:
    """Promote a replica, again and again."""
    with throwaway_service() as service:
        made = BenchSet.made(service, "bench", nodes=NODES, version=plan.version, recovery=False)
        made.await_running()
        runs = [_run(made, f"run{number}") for number in range(plan.runs)]
    return {
        "write_gap": Summary.of([r.gap for r in runs]).json(),
        "longest_wait_of_a_writer": Summary.of([wait for r in runs for wait in r.waits]).json(),
        "operation": Summary.of([r.done for r in runs]).json(),
        "full_syncs": sum(r.full_syncs for r in runs),
        "acknowledged": sum(r.losses.acknowledged for r in runs),
        "lost": sum(r.losses.lost for r in runs),
        "runs": [asdict(r) for r in runs],
    }


def _run(made: BenchSet, name: str) -> Run:
    endpoint, target = made.endpoint, made.nodes()[1]["objectId"]
    with Redis(host=endpoint[0], port=endpoint[1]) as node:
        node.flushall()
    before = made.full_syncs()
    with writers(endpoint, name) as work:
        time.sleep(BEFORE)
        asked_at = time.monotonic()
        made.promote(target)
        made.await_running()
        done = time.monotonic() - asked_at
        time.sleep(AFTER)
    assert made.nodes()[0]["objectId"] == target
    return Run(
        gap=work.record.longest_gap(asked_at),
        waits=work.record.longest_gaps(asked_at),
        done=done,
        full_syncs=made.full_syncs() - before,
        losses=losses(endpoint, work.record),
    )
