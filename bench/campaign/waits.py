"""Every writer has every write confirmed (`WAIT 1`), and the primary is killed: not one may be missing."""

import os
import signal
import time
from collections.abc import Sequence
from typing import ClassVar

from redis import Redis

from campaign.fault import LOOK, Moment, PrimaryFault
from campaign.field import Field
from sets import LIMIT, BenchSet, Stuck
from writers import WRITERS

STALLED = 0.3
"""Seconds between the stop of a replica and the end of its primary."""
JUST_JOINED = 1.0
"""Seconds within which a replica has just joined: its first acknowledgement comes by then (H5)."""


class Wait(PrimaryFault):
    """Killed with both replicas in step."""

    name: ClassVar[str] = "wait"
    trials: ClassVar[int] = 5
    confirming: ClassVar[int] = WRITERS


class WaitJoined(PrimaryFault):
    """Killed within a second after a second replica went online: what it seems to have, it may not have."""

    name: ClassVar[str] = "wait-joined"
    trials: ClassVar[int] = 3
    confirming: ClassVar[int] = WRITERS
    nodes: ClassVar[int] = 3

    def prepare(self) -> Sequence[BenchSet]:
        """A whole set of two nodes."""
        self.victim.shrink_to(self.nodes - 1)
        return super().prepare()

    def strike(self) -> Moment:
        """Add a replica, wait until it is online, and kill at any moment of the next second."""
        self.victim.add_replica()
        self._await_online(self.nodes - 1)
        delay = self.field.chance.uniform(0, JUST_JOINED)
        time.sleep(delay)
        self.facts = {"joined_for_ms": round(delay * 1000)}
        return super().strike()

    def _await_online(self, count: int) -> None:
        deadline = time.monotonic() + LIMIT
        with Redis(*self.victim.endpoint) as node:
            while time.monotonic() < deadline:
                seen = node.info("replication")
                rows = [seen[f"slave{i}"] for i in range(seen["connected_slaves"])]
                if sum(row["state"] == "online" for row in rows) >= count:
                    return
                time.sleep(LOOK)
        raise Stuck("the new replica did not go online")


class WaitStalled(PrimaryFault):
    """Killed while one of the replicas is stopped: what was confirmed, the other one has (S5)."""

    name: ClassVar[str] = "wait-stalled"
    trials: ClassVar[int] = 3
    confirming: ClassVar[int] = WRITERS

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._stalled: int | None = None

    def strike(self) -> Moment:
        """Stop a replica, let the others go on for a moment, kill the primary."""
        row = self.field.chance.choice(self.victim.nodes()[1:])
        process = self.victim.servers()[row["objectId"]]
        self._stalled = os.pidfd_open(process)
        os.kill(process, signal.SIGSTOP)
        time.sleep(STALLED)
        return super().strike()

    def clear(self) -> None:
        """Let the replica go on, if it is still there."""
        if self._stalled is not None:
            try:
                signal.pidfd_send_signal(self._stalled, signal.SIGCONT)
            except ProcessLookupError:
                self.facts = {"stalled_replica": "was replaced"}
            else:
                self.facts = {"stalled_replica": "stayed"}
            os.close(self._stalled)
            self._stalled = None
