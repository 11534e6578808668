"""What every kind of fault has: it prepares sets, strikes them under writers, and says when it is over."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from signal import Signals
from typing import ClassVar, Self

from campaign.field import NODES, Field
from campaign.kept import Kept
from campaign.promise import Promise
from memstored.cli.tour_load import Record
from sets import BenchSet
from writers import WRITERS

LOOK = 0.02
"""Seconds between two looks at a set that heals: seldom enough to be no load itself."""
SMALL = 16
"""Bytes of an ordinary value."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a fault struck: `at` monotonic, `wall` since 1970; seconds."""

    at: float
    wall: float

    @classmethod
    def now(cls) -> Self:
        """This one."""
        return cls(time.monotonic(), time.time())


class Fault(ABC):
    """A kind of fault. One object does all trials of its kind, one after the other.

    `trials`: how many there are by default. `writers` at each set, of which `confirming` confirm every
    write. `settle`: seconds after the strike in which nobody looks at the set.
    """

    name: ClassVar[str]
    trials: ClassVar[int]
    large: ClassVar[bool] = False
    writers: ClassVar[int] = WRITERS
    confirming: ClassVar[int] = WRITERS // 2
    settle: ClassVar[float] = 0.3
    promise = Promise()

    def __init__(self, field: Field) -> None:
        self.field = field
        self.facts: dict[str, object] = {}
        self.wrong: list[str] = []

    @abstractmethod
    def prepare(self) -> Sequence[BenchSet]:
        """The sets that will be written to, `Running`."""

    @abstractmethod
    def strike(self) -> Moment:
        """Do it, while they write."""

    @abstractmethod
    def await_end(self, moment: Moment) -> float:
        """Return once all is whole again, with the seconds that it took; raises `Stuck`."""

    def judge(self) -> None:
        """Look for what this fault alone may break, and note it in `wrong` and `facts`."""
        return

    def clear(self) -> None:
        """Leave nothing behind; called after every trial, however it ended."""
        return

    def forget(self) -> None:
        """Take other sets next time: these did not become whole."""
        return

    def kept(self, number: int) -> Kept:
        """What the replicas hold before trial `number`."""
        options = self.field.options
        return Kept(count=options.keys, size=SMALL, seed=f"{options.seed}:{self.name}:{number}")

    def gap(self, record: Record, moment: Moment) -> float | None:
        """Seconds from the fault to the next accepted write at a set; None: there was none."""
        return record.resumed_after(moment.at)


class OneSetFault(Fault):
    """A fault that strikes one set, again and again. `lost` are the nodes that must be replaced."""

    nodes: ClassVar[int] = NODES
    recovery: ClassVar[bool] = True

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.lost: set[str] = set()
        self._victim: BenchSet | None = None

    @property
    def victim(self) -> BenchSet:
        """The set."""
        if self._victim is None:
            self._victim = self.field.ordered(self.name, nodes=self.nodes, recovery=self.recovery)
            self._victim.await_running()
        return self._victim

    def forget(self) -> None:
        """Take another set next time."""
        self._victim = None

    def prepare(self) -> Sequence[BenchSet]:
        """The set, whole."""
        self.lost = set()
        return [self.victim]

    def await_end(self, moment: Moment) -> float:
        """Return once the set is whole without what was lost; the service's own note of it counts."""
        self.victim.await_healed(self.lost, self.nodes, LOOK)
        looked = time.monotonic() - moment.at
        return self.victim.events_after(moment.wall).get("Cluster Recovery Complete", looked)


class PrimaryFault(OneSetFault):
    """A fault that sends the primary's process a signal."""

    blow: ClassVar[Signals] = Signals.SIGKILL

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.process = 0

    def prepare(self) -> Sequence[BenchSet]:
        """The set, and who is to be struck."""
        stage = super().prepare()
        self.lost = {self.victim.nodes()[0]["objectId"]}
        self.process = self.victim.server()
        return stage

    def strike(self) -> Moment:
        """Send the signal."""
        moment = Moment.now()
        os.kill(self.process, self.blow)
        return moment
