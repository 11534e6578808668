"""Primaries with much data: killed in the middle of a copy, and crashed (H7, H17)."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from typing import ClassVar

from campaign.fault import Moment, PrimaryFault
from campaign.kept import Kept
from sets import LIMIT, BenchSet, Stuck

MEBI = 1024 * 1024
ROOM = 0.4
"""How much of a flavor's memory is filled; a node may hold 65 % of it."""
LOOK = 0.001
PACE = 4.0
"""Mebibytes a second at which data is copied at the very least, on a machine that does much else."""


class LargeFault(PrimaryFault):
    """A set that holds `megabytes` of data, on every node."""

    large: ClassVar[bool] = True

    @property
    def victim(self) -> BenchSet:
        """A set of a flavor that has the room."""
        if self._victim is None:
            memory = math.ceil(self.field.options.megabytes / 1024 / ROOM)
            self._victim = self.field.ordered(self.name, nodes=self.nodes, memory=memory)
            self._victim.limit += self.field.options.megabytes / PACE
            self._victim.await_running()
        return self._victim

    def kept(self, number: int) -> Kept:
        """Values of a mebibyte."""
        options = self.field.options
        return Kept(count=options.megabytes, size=MEBI, seed=f"{options.seed}:{self.name}:{number}")


class KillInSync(LargeFault):
    """The primary dies while its child copies everything to a new replica, and the child lives on."""

    name: ClassVar[str] = "kill-in-sync"
    trials: ClassVar[int] = 3
    nodes: ClassVar[int] = 4

    def prepare(self) -> Sequence[BenchSet]:
        """A whole set of three nodes."""
        self.victim.shrink_to(self.nodes - 1)
        return super().prepare()

    def strike(self) -> Moment:
        """Add a replica, wait for the child, kill its parent alone."""
        self.victim.add_replica()
        child = self._child()
        moment = super().strike()
        self.facts = {"child_outlived_it": Path(f"/proc/{child}").exists()}
        return moment

    def _child(self) -> int:
        children = Path(f"/proc/{self.process}/task/{self.process}/children")
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if found := children.read_text().split():
                return int(found[0])
            time.sleep(LOOK)
        raise Stuck("the primary made no child for the copy")


class Segv(LargeFault):
    """The primary crashes: SIGSEGV, after which Redis writes a report before it ends."""

    name: ClassVar[str] = "segv"
    trials: ClassVar[int] = 3
    blow: ClassVar[Signals] = Signals.SIGSEGV
