"""The primary dies, and an empty, open server answers at its address at once, as a supervisor would do it.

Its replicas reconnect by themselves. Whoever lets them copy the emptiness has lost everything.
"""

import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from redis import Redis
from redis.exceptions import RedisError

from campaign.fault import Moment, PrimaryFault
from campaign.field import Field
from sets import BenchSet, Stuck

LIMIT = 5.0
"""Seconds in which the dead is dead, and the empty server answers."""
LOOK = 0.001


class EmptyRestart(PrimaryFault):
    """The node's own address, which its replicas follow, is taken over; `answered_ms` says how soon."""

    name: ClassVar[str] = "empty-restart"
    trials: ClassVar[int] = 20

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._address: tuple[str, int] = ("", 0)
        self._program = Path()
        self._intruder: subprocess.Popen[bytes] | None = None

    def prepare(self) -> list[BenchSet]:
        """Remember where the primary lives and which program it is."""
        stage = list(super().prepare())
        row = self.victim.nodes()[0]
        self._address = (row["endpoint"], row["port"])
        self._program = Path(f"/proc/{self.process}/exe").readlink()
        return stage

    def strike(self) -> Moment:
        """Kill it, and start the empty one as soon as the address is free."""
        handle = os.pidfd_open(self.process)
        try:
            moment = super().strike()
            dead = select.poll()
            dead.register(handle, select.POLLIN)
            dead.poll(LIMIT * 1000)
        finally:
            os.close(handle)
        self._intruder = self._started()
        self._await_answer()
        self.facts = {"answered_ms": round((time.monotonic() - moment.at) * 1000, 1)}
        return moment

    def _started(self) -> subprocess.Popen[bytes]:
        host, port = self._address
        options = {"bind": host, "port": port, "protected-mode": "no", "save": "", "logfile": os.devnull}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return subprocess.Popen(
            ["redis-server", *words],
            executable=self._program,
            cwd=tempfile.gettempdir(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _await_answer(self) -> None:
        assert self._intruder is not None
        deadline = time.monotonic() + LIMIT
        with self._client() as client:
            while True:
                try:
                    client.ping()
                except RedisError:
                    if self._intruder.poll() is not None or time.monotonic() > deadline:
                        raise Stuck("the empty server did not start") from None
                    time.sleep(LOOK)
                else:
                    return

    def _client(self) -> Redis:
        return Redis(*self._address, retry=None)

    def judge(self) -> None:
        """The empty server is still there, and nobody has copied it."""
        with self._client() as client:
            copies = int(client.info("stats")["sync_full"])
            followers = int(client.info("replication")["connected_slaves"])
        self.facts |= {"copied": copies, "followed": followers}
        if copies or followers:
            self.wrong.append(f"the empty server was copied {copies} times, {followers} nodes follow it")

    def clear(self) -> None:
        """End the empty server."""
        if self._intruder is not None:
            self._intruder.send_signal(signal.SIGKILL)
            self._intruder.wait()
            self._intruder = None
