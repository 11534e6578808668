"""The machine's processes as `/proc` shows them, and one node's process group: ended, and proven empty.

Used by `runtime.process` alone. A server leads its own session and group, so its process id is the
group's number, and its fork children are members. The kernel gives a number away again only when no
process, group or session uses it: that is what the proofs here rest on.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = [
    "FolderKey",
    "ProcessFacts",
    "ProcessGroup",
    "current_folder",
    "current_path",
    "processes",
    "program_name",
    "read_process",
]

HELD_BACK = 10
"""The nice value of what can wait: a tenth of a server's share of a busy processor."""
FolderKey = tuple[int, int]
"""Device and inode of a folder: the same folder whatever name leads to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """One process. `ticks` is its CPU time and `started` its start since boot, both in clock ticks.

    `number` and `started` together name a process for good: numbers are used again.
    """

    number: int
    group: int
    session: int
    state: str
    threads: int
    ticks: int
    started: int

    @property
    def living(self) -> bool:
        """Whether any thread of it may still run and hold files or sockets open."""
        return self.state not in ("Z", "X", "x") or self.threads > 1

    @property
    def leads_session(self) -> bool:
        """Whether it leads its own session and group, as every node's server does."""
        return self.number == self.group == self.session

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read `/proc/<pid>/stat`; the name in parentheses may hold anything."""
        head, _, tail = line.rpartition(")")
        words = tail.split()
        return cls(
            number=int(head.split(" ", 1)[0]),
            state=words[0],
            group=int(words[2]),
            session=int(words[3]),
            ticks=int(words[11]) + int(words[12]),
            threads=int(words[17]),
            started=int(words[19]),
        )


def read_process(number: int) -> ProcessFacts | None:
    """The process of that number; None when there is none, or it is hidden from us.

    Raises `OSError` when it can not be told, as without a descriptor to spare: that proves nobody gone.
    """
    try:
        return ProcessFacts.from_line(Path(f"/proc/{number}/stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def processes() -> Iterator[ProcessFacts]:
    """Every process that can be seen. Takes some 20 µs each; raises `OSError`, as `read_process` does."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - a thousand names: no Path object for each
        facts = read_process(int(name)) if name.isdecimal() else None
        if facts is not None:
            yield facts


def current_folder(number: int) -> FolderKey | None:
    """The process's current folder; None when it can not be seen (another user's, or about to end)."""
    try:
        folder = os.stat(f"/proc/{number}/cwd")  # noqa: PTH116 - see `processes`
    except OSError:
        return None
    return folder.st_dev, folder.st_ino


def current_path(number: int) -> Path | None:
    """The name of the process's current folder, with ` (deleted)` after it once that was removed; or None."""
    try:
        return Path(f"/proc/{number}/cwd").readlink()
    except OSError:
        return None


def program_name(number: int) -> str:
    """What the kernel calls the program that the process runs; empty when there is no such process."""
    try:
        return Path(f"/proc/{number}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


class ProcessGroup:
    """A server and its fork children, found by number, start and current folder.

    No signal is ever sent to a number that might be a stranger's by now.
    """

    def __init__(self, *, number: int, started: int, folder: FolderKey) -> None:
        self.number = number
        self.started = started
        self._folder = folder
        self._ticks = 0
        self.descriptor = self._open()
        """A pidfd that is readable once the server ended; None when it had ended before."""

    def _open(self) -> int | None:
        try:
            descriptor = os.pidfd_open(self.number)
        except ProcessLookupError:
            return None
        leader = self._leader()
        if leader is None:
            os.close(descriptor)
            return None
        self._ticks = leader.ticks
        return descriptor

    def _leader(self) -> ProcessFacts | None:
        """The server, living or not yet buried; while it is there the number is this group's."""
        facts = read_process(self.number)
        return facts if facts is not None and facts.started == self.started else None

    @property
    def leader_ended(self) -> bool:
        """Whether the server itself has ended, all threads of it."""
        if self.descriptor is None:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def burning(self) -> bool:
        """Whether the server used CPU time since the last question (or since it was found).

        Its fork children do not count: they work on while the server hangs. One that can not be looked at,
        as without a descriptor to spare, is not taken for hung.
        """
        try:
            leader = self._leader()
        except OSError:
            return True
        before, self._ticks = self._ticks, leader.ticks if leader else self._ticks
        return self._ticks > before

    def hold_back_children(self) -> None:
        """Lower the priority of the server's fork children: what they do can wait, its clients can not."""
        if self._leader() is None:
            return
        with suppress(OSError):
            for child in Path(f"/proc/{self.number}/task/{self.number}/children").read_text().split():
                os.setpriority(os.PRIO_PROCESS, int(child), HELD_BACK)

    def strike(self) -> bool:
        """SIGKILL all of the group, stopped processes too; False when the number may be a stranger's by now.

        Then `sweep` is the way. Raises `OSError` when that can not be told.
        """
        # A server that lives is known by what is open already: it can be ended with no descriptor to spare.
        if self.leader_ended and self._leader() is None:
            return False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.number, signal.SIGKILL)
        return True

    def vanished(self) -> bool:
        """Whether nobody is left of the group, proven in microseconds; False proves nothing.

        Buries the dead that are ours to bury. Raises `OSError` when it can not be looked.
        """
        self.bury()
        try:
            os.killpg(self.number, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        facts = read_process(self.number)
        return facts is not None and facts.started != self.started

    def bury(self) -> None:
        """Let the numbers go of those dead that are ours to bury."""
        with suppress(ChildProcessError):
            while os.waitid(os.P_PGID, self.number, os.WEXITED | os.WNOHANG) is not None:
                pass

    def sweep(self) -> bool:
        """Look at every process for members, SIGKILL them one by one; True when none of them lives.

        Blocks for some 20 µs a process of the machine. Unburied dead do not count as members: they
        hold nothing open. Raises `OSError` when not everybody could be looked at.
        """
        living = [p for p in processes() if p.group == self.number and p.living]
        members = [
            (p, folder) for p in living if (folder := current_folder(p.number)) in (self._folder, None)
        ]
        for member, folder in members:
            if folder is not None:
                _end(member)
        return not members

    def close(self) -> None:
        """Stop watching the server."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def _end(process: ProcessFacts) -> None:
    """SIGKILL exactly this process."""
    with suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(process.number)
        try:
            now = read_process(process.number)
            if now is not None and now.started == process.started:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
