"""Every step by which the service changes anything outside its own memory, counted by what it passes through.

A step is a transaction of the store (before, and after it is recorded), a call to the place where nodes live
(an act's begin and end), a command to a node, and each file written, process started or killed below that.
Nothing is listed by hand: a changing call is any coroutine of the protocols but those that only read, and
Python's own audit events tell of files and processes.
"""

import inspect
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from memstored.control.watch import Place
from memstored.domain.ports import Link, Target, Wire
from memstored.domain.words import NodeId
from memstored.runtime.protocol import Endpoints, Runtime
from memstored.store.database import Database

__all__ = ["StepCounter", "furnished", "opened"]

READING = frozenset({"refresh", "start", "close", "exits"})
"""Coroutines of the protocols that change nothing, or are no part of an operation."""


_DRAWN = re.compile(r"files-[0-9a-f]+")
"""A folder whose name is another one every time."""


@dataclass(frozen=True, slots=True)
class Step:
    """The `count`-th time that a change of this name comes by."""

    name: str
    count: int


class StepCounter:
    """Writes down every step since it was armed; at the fatal one this process dies as by a fault."""

    def __init__(self, data_dir: Path) -> None:
        self._nodes = str(data_dir / "runtime" / "nodes") + "/"
        self._runtime = str(data_dir / "runtime") + "/"
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._fatal: Step | None = None
        self._log: int | None = None

    def arm(self, log: Path, fatal: Step | None) -> None:
        """Count from now on, into `log`; the fatal step is the last of this process."""
        with self._lock:
            self._seen.clear()
            self._fatal = fatal
            self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def step(self, name: str) -> None:
        """A change is about to be made, or was just made."""
        if self._log is None:
            return
        with self._lock:
            self._seen[name] += 1
            os.write(self._log, f"{name}\n".encode())
            if self._fatal == Step(name, self._seen[name]):
                self._log = None
                os.kill(os.getpid(), signal.SIGKILL)

    def hear(self) -> None:
        """Count files and processes, too: for good, since Python forgets no audit hook."""
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self._log is None:
            return
        match event, args:
            case "open", (str() as path, _, int() as flags) if flags & (os.O_WRONLY | os.O_RDWR):
                self._file("write", path)
            case (("os.mkdir" | "os.rename" | "os.remove" | "os.rmdir"), (path, *_)):
                self._file(event.removeprefix("os."), os.fspath(path))
            case "subprocess.Popen", (_, _, folder, _) if folder is not None:
                self._file("spawn in", os.fspath(folder))
            case "os.killpg", (_, number) if number != 0:
                self.step("kill a node's group")

    def _file(self, what: str, path: str) -> None:
        if path.startswith(self._nodes):
            below = _DRAWN.sub("files-…", path.removeprefix(self._nodes).partition("/")[2])
            self.step(f"{what} node/{below}".rstrip("/"))
        elif path.startswith(self._runtime):
            self.step(f"{what} {path.removeprefix(self._runtime)}")


class CountedDatabase(Database):
    """A database whose transactions are steps: before each, and once it is recorded."""

    steps: StepCounter
    """Set for the class: the first transaction comes before `open` returns."""

    async def write(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as wide as the database's own
        """Count, write, count."""
        what = work.__name__.strip("_")
        told = ", ".join(event.name.value for event in getattr(args[0], "events", ())) if args else ""
        what = f"{what} [{told}]" if told else what
        self.steps.step(f"{what}: about to be recorded")
        outcome = await super().write(work, *args, **kwargs)
        self.steps.step(f"{what}: recorded")
        return outcome


class Counted:
    """A part of the house whose changing calls are steps: when each begins, and when it has ended."""

    def __init__(self, part: object, protocol: type, steps: StepCounter) -> None:
        self._part = part
        self._steps = steps
        self._kind = protocol.__name__.lower()
        methods = inspect.getmembers(protocol, inspect.iscoroutinefunction)
        self._changing = {name for name, _ in methods} - READING

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the part has
        attribute = getattr(self._part, name)
        return self._counted(name, attribute) if name in self._changing else attribute

    def _counted(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the call takes and gives
            self._steps.step(f"{self._kind} {name}: begins")
            try:
                return await call(*args, **kwargs)
            finally:
                self._steps.step(f"{self._kind} {name}: has ended")

        return counted


@dataclass(frozen=True, slots=True)
class CountedWire:
    """A wire whose links are counted."""

    wire: Wire
    steps: StepCounter

    def open(self, target: Target, changed: Callable[[NodeId], None]) -> Any:  # noqa: ANN401 - a link in all but type
        """Open a counted link."""
        return Counted(self.wire.open(target, changed), Link, self.steps)


class Furnisher(Protocol):
    """Puts counters around the parts of a place."""

    def __call__(self, place: Place) -> Place:
        """The place with counters around its parts."""
        ...


def furnished(steps: StepCounter) -> Furnisher:
    """What puts counters around runtime, addresses and wire."""

    def furnish(place: Place) -> Place:
        runtime: Any = Counted(place.runtime, Runtime, steps)
        endpoints: Any = Counted(place.endpoints, Endpoints, steps)
        return replace(place, runtime=runtime, endpoints=endpoints, wire=CountedWire(place.wire, steps))

    return furnish


def opened(steps: StepCounter) -> Callable[[str], Awaitable[Database]]:
    """What opens a store whose transactions are counted."""
    counted = type("CountedDatabase", (CountedDatabase,), {"steps": steps})
    open_store: Callable[[str], Awaitable[Database]] = counted.open
    return open_store
