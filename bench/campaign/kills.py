"""`kill -9` of primaries: of one, and of many in the same instant."""

import os
import signal
import time
from collections.abc import Sequence
from typing import ClassVar

from campaign.fault import LOOK, Fault, Moment, PrimaryFault
from campaign.field import NODES, Field
from campaign.promise import Promise
from sets import BenchSet, Stuck


class Kill(PrimaryFault):
    """The primary of a set is killed."""

    name: ClassVar[str] = "kill"
    trials: ClassVar[int] = 10


class KillMany(Fault):
    """The primaries of up to twenty of the standing sets are killed in the same instant, a writer at each.

    Its gap is the time until *all* of them took writes again.
    """

    name: ClassVar[str] = "kill-many"
    trials: ClassVar[int] = 3
    writers: ClassVar[int] = 1
    confirming: ClassVar[int] = 1
    most: ClassVar[int] = 20

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._victims: list[BenchSet] = []
        self._primaries: list[str] = []
        self._processes: list[int] = []

    def prepare(self) -> Sequence[BenchSet]:
        """Any twenty, and who is to be killed."""
        standing = self.field.standing
        if not standing:
            raise Stuck("there is no standing set to kill: --sets 0")
        self._victims = self.field.chance.sample(standing, min(self.most, len(standing)))
        self._primaries = [victim.nodes()[0]["objectId"] for victim in self._victims]
        self._processes = [victim.server() for victim in self._victims]
        self.promise = Promise(failovers=len(self._victims))
        self.facts = {"killed": len(self._victims), "standing": len(standing)}
        return self._victims

    def strike(self) -> Moment:
        """Kill them, some microseconds apart."""
        moment = Moment.now()
        for process in self._processes:
            os.kill(process, signal.SIGKILL)
        return moment

    def await_end(self, moment: Moment) -> float:
        """Return once the last of them is whole."""
        for victim, primary in zip(self._victims, self._primaries, strict=True):
            victim.await_healed({primary}, NODES, LOOK)
        return time.monotonic() - moment.at
