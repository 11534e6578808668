"""Who is compared: memstored, and Sentinel with a short and with its default `down-after-milliseconds`."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from campaign.empty_restart import EmptyRestart
from campaign.fault import Fault
from campaign.field import Field
from campaign.kept import Kept
from campaign.kills import Kill
from campaign.trial import AFTER, BEFORE, Outcome, Trials
from versus.sentinels import Deployment, deployment
from writers import Target, losses

Contender = Callable[[int], Outcome]
TUNED, DEFAULT = 1000, 30_000
"""Milliseconds."""
SYNCED = 3.0
"""Seconds in which replicas that have lost their master try it again, and copy it."""


def contenders(stage: Field, program: Path) -> Mapping[str, Contender]:
    """All of them, by name; each does one trial when called."""
    sentinel = SentinelTrials(stage, program)
    return {
        "memstored": _memstored(Kill(stage), stage),
        f"Sentinel, {TUNED} ms": lambda number: sentinel.killed(number, TUNED),
        f"Sentinel, {DEFAULT} ms": lambda number: sentinel.killed(number, DEFAULT),
        "memstored, restarted empty": _memstored(EmptyRestart(stage), stage),
        f"Sentinel, {TUNED} ms, restarted empty": lambda number: sentinel.restarted(number, TUNED),
    }


def _memstored(fault: Fault, stage: Field) -> Contender:
    return Trials(fault, stage).run


class SentinelTrials:
    """Each trial has servers and Sentinels of its own, which know nothing of the one before."""

    def __init__(self, stage: Field, program: Path) -> None:
        self._field = stage
        self._program = program

    def killed(self, number: int, down_after: int) -> Outcome:
        """The master is killed and stays dead."""
        with deployment(self._program, down_after) as made:
            return self._tried(made, number, made.await_successor)

    def restarted(self, number: int, down_after: int) -> Outcome:
        """The master is killed, and started again at once."""
        with deployment(self._program, down_after) as made:

            def restart() -> tuple[str, int]:
                made.restart_master()
                time.sleep(SYNCED)
                return made.master

            return self._tried(made, number, restart)

    def _tried(self, made: Deployment, number: int, ended: Callable[[], tuple[str, int]]) -> Outcome:
        kept = self._kept(number)
        kept.place(made.master, len(made.hosts) - 1)
        target = Target(name=f"sentinel:{number}", sentinels=made.sentinels)
        with self._field.writers.writing(target) as work:
            time.sleep(BEFORE)
            struck = time.monotonic()
            made.kill_master()
            successor = ended()
            time.sleep(AFTER)
        return Outcome(
            number=number,
            gap=work.record.resumed_after(struck),
            pause=work.record.longest_pause(struck, work.until),
            losses=losses(successor, work.record),
            kept=kept.count,
            kept_lost=kept.missing(successor),
        )

    def _kept(self, number: int) -> Kept:
        return Kept(count=self._field.options.keys, size=16, seed=f"sentinel:{number}")
