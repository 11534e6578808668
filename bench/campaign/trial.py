"""One trial: data that all replicas hold, writers, the fault, and everything read back afterwards."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from campaign.fault import Fault, Moment
from campaign.field import Field
from campaign.promise import Seen, broken
from memstored.cli.tour_load import Losses
from memstored.client import ApiFault, Unreachable
from sets import BenchSet, Stuck
from writers import Target, Work, losses

BEFORE, AFTER = 0.5, 0.3
"""Seconds of writing before the fault, and after all is whole."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a trial has shown. Seconds: `gap` from the fault until writes were accepted again (everywhere,
    with several sets), `pause` the longest of a single writer, `whole` until nothing was missing.
    """

    number: int
    gap: float | None = None
    pause: float = 0.0
    whole: float | None = None
    losses: Losses = field(default_factory=Losses)
    kept: int = 0
    kept_lost: int = 0
    failovers: int = 0
    states: Sequence[str] = ()
    facts: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


class Trials:
    """The trials of one kind, one after the other; every failover between them is somebody's."""

    def __init__(self, fault: Fault, stage: Field) -> None:
        self._fault = fault
        self._field = stage
        self._counted = time.time()

    def run(self, number: int) -> Outcome:
        """One trial, judged; the fault's leftovers are cleared in any case."""
        fault, outcome = self._fault, Outcome(number=number)
        fault.facts, fault.wrong = {}, []
        stuck = None
        try:
            self._play(outcome)
        except (Stuck, RedisError, OSError, ApiFault, Unreachable) as trouble:
            stuck = str(trouble) or type(trouble).__name__
            fault.forget()
        finally:
            fault.clear()
        failovers = self._failovers()
        outcome.failovers, outcome.facts = len(failovers), dict(fault.facts)
        outcome.broken = broken(
            fault.promise,
            Seen(
                resumed=outcome.gap is not None,
                losses=outcome.losses,
                kept_lost=outcome.kept_lost,
                failovers=failovers,
                stuck=stuck,
                more=fault.wrong,
            ),
        )
        return outcome

    def _failovers(self) -> list[str]:
        since, self._counted = self._counted, time.time()
        return self._field.failovers_since(since)

    def _play(self, outcome: Outcome) -> None:
        fault = self._fault
        stage = fault.prepare()
        endpoints = [one.endpoint for one in stage]
        kept = fault.kept(outcome.number)
        for one, endpoint in zip(stage, endpoints, strict=True):
            kept.place(endpoint, len(one.nodes()) - 1)
        with self._field.writers.writing(*self._targets(endpoints, outcome.number)) as work:
            time.sleep(BEFORE)
            moment = fault.strike()
            time.sleep(fault.settle)
            outcome.whole = fault.await_end(moment)
            time.sleep(AFTER)
        self._measure(outcome, work, moment)
        for endpoint, record in zip(endpoints, work.records, strict=True):
            outcome.losses += losses(endpoint, record)
            outcome.kept_lost += kept.missing(endpoint)
        outcome.kept = kept.count * len(endpoints)
        fault.judge()
        outcome.states = self._states(stage)

    def _targets(self, endpoints: Sequence[tuple[str, int]], number: int) -> list[Target]:
        fault = self._fault
        return [
            Target(
                name=f"{fault.name}:{number}",
                address=endpoint,
                writers=fault.writers,
                confirming=fault.confirming,
            )
            for endpoint in endpoints
        ]

    def _measure(self, outcome: Outcome, work: Work, moment: Moment) -> None:
        gaps = [self._fault.gap(record, moment) for record in work.records]
        outcome.gap = None if None in gaps else max(gap for gap in gaps if gap is not None)
        outcome.pause = max(record.longest_pause(moment.at, work.until) for record in work.records)

    def _states(self, stage: Sequence[BenchSet]) -> list[str]:
        return [str(one.service.set(one.id)["status"]) for one in stage]
