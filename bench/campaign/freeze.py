"""The service itself stands still and goes on: what it did not see is nobody's silence."""

import time
from typing import ClassVar

from campaign.fault import LOOK, Moment, OneSetFault
from campaign.promise import Promise
from memstored.cli.tour_load import Record

MARGIN = 2.0
"""Seconds beyond `failure_detection` after which a wrong suspicion would have shown."""


class Freeze(OneSetFault):
    """SIGSTOP, SIGCONT after `freeze` seconds. Writes go on, nothing fails over."""

    name: ClassVar[str] = "freeze"
    trials: ClassVar[int] = 1
    promise = Promise(failovers=0, every_write=True)

    def strike(self) -> Moment:
        """Stop the service and let it go on."""
        moment = Moment.now()
        self.field.service.freeze()
        try:
            time.sleep(self.field.options.freeze)
        finally:
            self.field.service.thaw()
        return moment

    def await_end(self, moment: Moment) -> float:
        """Return when a wrong suspicion would have shown and all is well."""
        time.sleep(self.field.options.detection + MARGIN)
        self.victim.await_healed((), self.nodes, LOOK)
        return time.monotonic() - moment.at - self.field.options.freeze

    def gap(self, record: Record, moment: Moment) -> float | None:
        """The longest time without an accepted write."""
        return record.longest_gap(moment.at)
