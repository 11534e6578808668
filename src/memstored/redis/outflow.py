"""The data of a node as a stream: we ask for a copy as a replica would, and pass on what comes.

The node writes nothing to its disk and nothing piles up in its memory: `REPLCONF rdb-only` makes it send the
snapshot and no stream of writes after it (H26), as fast as we read. An engine without that keeps what is
written meanwhile for us, up to its buffer's limit, and begins to send it once we acknowledge the snapshot,
which we never do. Meanwhile it lists us as a replica
without a port, which is never `online`: nobody counts us, and nobody waits for us.
"""

import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from memstored.domain.controllers import Controllers
from memstored.domain.engine import capabilities_of
from memstored.domain.figures import keys_of
from memstored.domain.ports import LinkTrouble, Target
from memstored.redis.connection import Command, packed
from memstored.redis.dialect import dialect_of
from memstored.redis.dialogue import Dialogue
from memstored.redis.readings import fields_of
from memstored.redis.tls import client_context

__all__ = ["Outflow", "outflow"]

_BEGUN = re.compile(rb"FULLRESYNC [0-9a-f]{40} (\d+)")
_FRAMING = re.compile(rb"\$(?:(\d+)|EOF:([0-9a-zA-Z]{40}))")
_MARK: Final = 40
"""Bytes of the mark that ends a copy of unknown size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outflow:
    """A copy under way.

    `keys` counts the keys of all databases at the moment of the snapshot; None when the node was through
    with it, and had taken writes since, before it could be asked. `used_memory` is what the node uses, in
    bytes. `size` is the RDB's in bytes where the node says it beforehand. `parts` are exactly the RDB's
    bytes, for a thread that takes them: each has some KiB, or none when nothing came for a moment; they raise
    `LinkTrouble` when the node ends, or is silent for too long, before all have come.
    """

    keys: int | None
    used_memory: int
    size: int | None
    parts: Iterator[bytes]


@asynccontextmanager
async def outflow(target: Target, controllers: Controllers, *, deadline: float) -> AsyncIterator[Outflow]:
    """Have the node make a snapshot and send it; leaving the block ends the node's work on it.

    Logs in as the controller that acts, which must have the node. A silence of `deadline` seconds, before the
    first part or between two, raises `LinkTrouble`; so does a refusal: a replica without its primary
    (`NOMASTERLINK`), one that loads. A node that is at another snapshot makes ours after it. A reader that
    stands still for 20 s is cut off by the node (`repl-timeout`).
    No thread may take parts any more when the block is left.
    """
    logins = dialect_of(target, controllers).logins
    async with _talk(target, logins, deadline) as copy, _talk(target, logins, deadline) as account:
        if capabilities_of(target.version).rdb_only:
            await copy.ask(("REPLCONF", "rdb-only", "1"))
        await copy.ask(("REPLCONF", "capa", "eof", "capa", "psync2"))
        offset = await copy.begin()
        # A node refuses PSYNC while an answer waits for us, so we ask by another way, now that it has forked.
        info = fields_of(await account.ask(("INFO",)))
        size, mark = await copy.framing()
        yield Outflow(
            keys=_keys(info, offset),
            used_memory=int(info["used_memory"]),
            size=size,
            parts=copy.marked(mark) if size is None else copy.counted(size),
        )


def _keys(info: Mapping[str, str], offset: int) -> int | None:
    """The keys of the snapshot that began at `offset`: counted at the fork, as long as its child lives."""
    counted = info.get("current_save_keys_total")
    if counted is not None and info["rdb_bgsave_in_progress"] == "1":
        return int(counted)
    unchanged = int(info["master_repl_offset"]) == offset
    return keys_of(info) if unchanged else None


@asynccontextmanager
async def _talk(target: Target, logins: Sequence[Command], deadline: float) -> AsyncIterator["_Talk"]:
    with socket.socket() as connection:
        talk = _Talk(target, connection, deadline)
        await talk.log_in(logins)
        yield talk


class _Talk:
    """A connection of ours to the node. Everything raises `LinkTrouble`, with the bytes that had come."""

    def __init__(self, target: Target, connection: socket.socket, deadline: float) -> None:
        self._target = target
        self._dialogue = Dialogue(connection, deadline=deadline, trouble=self._trouble)
        self._came = 0

    async def log_in(self, logins: Sequence[Command]) -> None:
        """Connect; by the last way in when the node takes none of the others."""
        *others, last = logins
        await self._dialogue.connect(self._target.host, self._target.port)
        if self._target.tls is not None:
            context = client_context(self._target.tls.authorities)
            await self._dialogue.secure(context, host=self._target.host)
        for login in others:
            try:
                await self.ask(login)
            except LinkTrouble:
                continue
            return
        await self.ask(last)

    async def ask(self, command: Command) -> bytes:
        """Send a command and return its answer, a line or a string."""
        await self._dialogue.send(packed((command,)))
        await self._dialogue.something()
        line = await self._dialogue.line()
        match line[:1]:
            case b"+":
                return line[1:]
            case b"$" if line[1:].isdigit():
                return await self._dialogue.string(int(line[1:]))
            case b"-":
                raise self._trouble(f"{command[0]}: {line[1:].decode(errors='replace')}")
            case _:
                raise self._dialogue.foreign(line)

    async def begin(self) -> int:
        """Ask for the whole data; return the offset (bytes) at which the snapshot was begun."""
        answer = await self.ask(("PSYNC", "?", "-1"))
        begun = _BEGUN.fullmatch(answer)
        if begun is None:
            raise self._dialogue.foreign(answer)
        return int(begun[1])

    async def framing(self) -> tuple[int | None, bytes]:
        """The size of the data in bytes, or the mark that ends it."""
        await self._dialogue.something()
        line = await self._dialogue.line()
        framing = _FRAMING.fullmatch(line)
        if framing is None:
            raise self._dialogue.foreign(line)
        return (int(framing[1]), b"") if framing[1] else (None, framing[2])

    def counted(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes."""
        for came in self._dialogue.parts():
            part = came[: size - self._came]
            self._came += len(part)
            yield part
            if self._came == size:
                return

    def marked(self, mark: bytes) -> Iterator[bytes]:
        """The bytes up to the mark, behind which nothing comes.

        Each part is held back until the next one is here, so that only small ones need to be put together.
        """
        held = b""
        for came in self._dialogue.parts():
            if not came:
                yield came
                continue
            part = came
            self._came += len(part)
            if len(part) < _MARK:
                seen = held + part
                held, part = seen[:-_MARK], seen[-_MARK:]
            if held:
                yield held
            held = part
            if held[-_MARK:] == mark:
                break
        if rest := held[:-_MARK]:
            yield rest

    def _trouble(self, words: str) -> LinkTrouble:
        so_far = f" after {self._came} bytes of its data" if self._came else ""
        return LinkTrouble(f"{self._target.host}:{self._target.port}: {words}{so_far}")
