"""The service is killed at any moment of whatever it does, and started again: what was asked for is done."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from campaign.fault import LOOK, Fault, Moment
from campaign.field import NODES, Field
from campaign.promise import Promise
from memstored.cli.tour_load import Record
from sets import BenchSet

SOONEST, LATEST = 0.001, 1.0
"""Seconds after the answer to a wish, between which the service dies; early moments are more frequent."""
LONGEST_DOWN = 1.0
PLANNED = Promise(failovers=0, every_write=True)


class ServiceKill(Fault):
    """A set that fails over, one that does not, and one that comes and goes; one wish a trial."""

    name: ClassVar[str] = "service-kill"
    trials: ClassVar[int] = 8
    promise = PLANNED

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._guarded: BenchSet | None = None
        self._plain: BenchSet | None = None
        self._passing: BenchSet | None = None
        self._fulfilled: Callable[[], None] = lambda: None
        self._number = 0

    def prepare(self) -> Sequence[BenchSet]:
        """Both sets that stay, whole."""
        self.wishes = [self._add, self._shrink, self._promote, self._lose_primary, self._create, self._delete]
        self._guarded = self._guarded or self.field.ordered(self.name)
        self._plain = self._plain or self.field.ordered(self.name, recovery=False)
        self._guarded.await_running()
        self._plain.await_running()
        return [self._guarded, self._plain]

    def forget(self) -> None:
        """Take other sets next time."""
        self._guarded = self._plain = self._passing = None

    def strike(self) -> Moment:
        """Ask for one thing, kill the service a moment later, start it again."""
        chance = self.field.chance
        wish = self.wishes[self._number % len(self.wishes)]
        self._number += 1
        self.promise = PLANNED
        moment = Moment.now()
        wish()
        delay = SOONEST * (LATEST / SOONEST) ** chance.random()
        time.sleep(delay)
        self.facts = {"wish": wish.__name__.strip("_"), "killed_after_ms": round(delay * 1000)}
        self.field.service.kill()
        time.sleep(chance.uniform(0, LONGEST_DOWN))
        began = time.monotonic()
        self.field.service.start()
        self.facts["started_in_ms"] = round((time.monotonic() - began) * 1000)
        return moment

    def await_end(self, moment: Moment) -> float:
        """Return once what was asked for is so, and both sets are whole."""
        self._fulfilled()
        return time.monotonic() - moment.at

    def gap(self, record: Record, moment: Moment) -> float | None:
        """The longest time without an accepted write."""
        return record.longest_gap(moment.at)

    def _whole(self, made: BenchSet, nodes: int, lost: Sequence[str] = ()) -> None:
        self._fulfilled = lambda: made.await_healed(lost, nodes, LOOK)

    def _add(self) -> None:
        assert self._guarded is not None
        nodes = len(self._guarded.nodes())
        self._guarded.add_replica()
        self._whole(self._guarded, nodes + 1)

    def _shrink(self) -> None:
        assert self._guarded is not None
        doomed = self._guarded.nodes()[-1]["objectId"]
        nodes = len(self._guarded.nodes())
        self._guarded.delete_node(doomed)
        self._whole(self._guarded, nodes - 1, [doomed])

    def _promote(self) -> None:
        plain = self._plain
        assert plain is not None
        target = self.field.chance.choice(plain.nodes()[1:])["objectId"]
        plain.promote(target)
        self._fulfilled = lambda: self._promoted(plain, target)

    def _promoted(self, plain: BenchSet, target: str) -> None:
        plain.await_healed((), NODES, LOOK)
        if plain.nodes()[0]["objectId"] != target:
            self.wrong.append("the primary is not the one that was asked for")

    def _lose_primary(self) -> None:
        assert self._guarded is not None
        rows = self._guarded.nodes()
        self.promise = Promise(failovers=1)
        os.kill(self._guarded.server(), signal.SIGKILL)
        self._whole(self._guarded, len(rows), [rows[0]["objectId"]])

    def _create(self) -> None:
        self._passing = self.field.ordered("passing")
        self._whole(self._passing, NODES)

    def _delete(self) -> None:
        passing = self._passing
        if passing is None:
            passing = self.field.ordered("passing")
            passing.await_running()
        passing.ask_deletion()
        self._passing = None
        self._fulfilled = passing.await_gone
