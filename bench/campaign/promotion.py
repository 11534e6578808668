"""A replica is promoted on request: no write is lost, and nothing is copied as a whole (S9)."""

import time
from collections.abc import Sequence
from typing import ClassVar

from campaign.fault import LOOK, Moment, OneSetFault
from campaign.field import Field
from campaign.promise import Promise
from memstored.cli.tour_load import Record
from sets import BenchSet


class Promote(OneSetFault):
    """Either of the replicas becomes the primary. The gap is the longest time without an accepted write."""

    name: ClassVar[str] = "promote"
    trials: ClassVar[int] = 10
    recovery: ClassVar[bool] = False
    settle: ClassVar[float] = 0.0
    promise = Promise(failovers=0, every_write=True)

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._target = ""
        self._copied = 0

    def prepare(self) -> Sequence[BenchSet]:
        """The set, and who is to be promoted."""
        stage = super().prepare()
        self._target = self.field.chance.choice(self.victim.nodes()[1:])["objectId"]
        self._copied = self.victim.full_syncs()
        return stage

    def strike(self) -> Moment:
        """Ask for it."""
        moment = Moment.now()
        self.victim.promote(self._target)
        return moment

    def await_end(self, moment: Moment) -> float:
        """Return once it is done."""
        self.victim.await_healed((), self.nodes, LOOK)
        return time.monotonic() - moment.at

    def judge(self) -> None:
        """The target is the primary, and nobody was copied as a whole."""
        copied = self.victim.full_syncs() - self._copied
        self.facts = {"full_syncs": copied}
        if copied:
            self.wrong.append(f"{copied} full copies were made")
        if self.victim.nodes()[0]["objectId"] != self._target:
            self.wrong.append("the primary is not the one that was asked for")

    def gap(self, record: Record, moment: Moment) -> float | None:
        """The longest time without an accepted write."""
        return record.longest_gap(moment.at)
