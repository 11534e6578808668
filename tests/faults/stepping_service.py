"""The real service on a data folder, forked from a warm program, that can be told at which step to die."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from service_process import START_DEADLINE, ServiceProcess, living, wait_for
from steps import Step

__all__ = ["SteppingService"]

PROGRAM = Path(__file__).with_name("stepping_nursery.py")
QUIET = 0.35
"""Seconds without a step that show that an operation is over."""


class Offspring:
    """A process that is another one's child: as much of `Popen` as a service needs."""

    def __init__(self, number: int) -> None:
        self.pid = number

    def poll(self) -> int | None:
        """None while it lives."""
        return None if living(self.pid) else 0

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout: float = START_DEADLINE) -> int:
        """Return when it has ended."""
        wait_for(lambda: not living(self.pid), deadline=timeout, what=f"the end of process {self.pid}")
        return 0


class SteppingService(ServiceProcess):
    """A `ServiceProcess` whose process comes out of a nursery."""

    def __init__(self, place: Path, settings: str = "") -> None:
        super().__init__(place, settings)
        self.steps_log = place / "steps.log"
        self._nursery = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self) -> None:
        """Start the service without waiting for it."""
        assert not self.running, "the service runs already"
        (self.data_dir / "server.json").unlink(missing_ok=True)
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        words = {
            "data_dir": self.data_dir,
            "catalogue": self.catalogue,
            "settings": self.settings,
            "log": self.log,
        }
        self._nursery.stdin.write(json.dumps({name: str(path) for name, path in words.items()}) + "\n")
        self._nursery.stdin.flush()
        self.process = Offspring(int(self._nursery.stdout.readline()))  # type: ignore[assignment]

    def await_ready(self) -> None:
        """Return when the service that was begun answers, a caller has a token, and passwords have a key.

        All of these are written beside what is asked for, so they must not be counted with it.
        """
        super().await_ready()
        self.client.get("/v1/redis/password-key")

    def arm(self, fatal: Step | None) -> None:
        """Have the steps counted from now on; the service dies at the fatal one."""
        self.steps_log.unlink(missing_ok=True)
        plan = {"fatal": asdict(fatal) if fatal is not None else None}
        (self.place / "plan.json").write_text(json.dumps(plan))
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: self.steps_log.exists() and self.steps_log.stat().st_size, what="counting of steps")

    def counted(self) -> list[str]:
        """The names of the steps since the service was armed, in their order."""
        return self.steps_log.read_text().splitlines()[1:]

    def await_quiet(self) -> None:
        """Return when no step came by for a while, or the service is dead."""
        seen, since = -1, time.monotonic()
        while self.running and time.monotonic() - since < QUIET:
            size = self.steps_log.stat().st_size
            if size != seen:
                seen, since = size, time.monotonic()
            time.sleep(0.02)

    def purge(self) -> None:
        """End everything, the nursery too."""
        super().purge()
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.close()
        self._nursery.wait(timeout=START_DEADLINE)
        self._nursery.stdout.close()
