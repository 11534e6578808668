"""The data of a node as a stream: we ask for a copy as a replica would, and pass on what comes.

The node writes nothing to its disk and nothing piles up in its memory: `REPLCONF rdb-only` makes it send the
snapshot and no stream of writes after it (H26), as fast as we read. Meanwhile it lists us as a replica
without a port, which is never `online`: nobody counts us, and nobody waits for us.
"""

import asyncio
import os
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Never, TypeVar

from memstored.domain.ports import LinkTrouble, Target
from memstored.redis.connection import Command, packed
from memstored.redis.readings import fields_of, keys_of

__all__ = ["Outflow", "outflow"]

Answer = TypeVar("Answer")

_PART: Final = 256 * 1024
"""Bytes read at once, and so the most that is held."""
_LINE: Final = 4096
"""Bytes that a line of an answer may have."""
_BEGUN = re.compile(rb"FULLRESYNC [0-9a-f]{40} (\d+)")
_FRAMING = re.compile(rb"\$(?:(\d+)|EOF:([0-9a-zA-Z]{40}))")
_MARK: Final = 40
"""Bytes of the mark that ends a copy of unknown size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outflow:
    """A copy under way.

    `keys` counts the keys of all databases at the moment of the snapshot; None when the node was through
    with it, and had taken writes since, before it could be asked. `used_memory` is what the node uses, in
    bytes. `size` is the RDB's in bytes where the node says it beforehand. `chunks` are exactly the RDB's
    bytes, each at most 256 KiB; they raise `LinkTrouble` when the node ends, or is silent for too long,
    before all have come.
    """

    keys: int | None
    used_memory: int
    size: int | None
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def outflow(target: Target, *, deadline: float) -> AsyncIterator[Outflow]:
    """Have the node make a snapshot and send it; leaving the block ends the node's work on it.

    Logs in as `target.control`. A silence of `deadline` seconds, before the first chunk or between two,
    raises `LinkTrouble`; so does a refusal: a replica without its primary (`NOMASTERLINK`), one that loads.
    A node that is at another snapshot makes ours after it. A reader that stands still for 20 s is cut off
    by the node (`repl-timeout`).
    """
    async with _talk(target, deadline) as copy, _talk(target, deadline) as account:
        await copy.ask(("REPLCONF", "rdb-only", "1"))
        await copy.ask(("REPLCONF", "capa", "eof", "capa", "psync2"))
        answer = await copy.ask(("PSYNC", "?", "-1"))
        begun = _BEGUN.fullmatch(answer) or copy.foreign(answer)
        # The node takes no PSYNC while an earlier answer waits for us. It has forked before it hears this.
        info = fields_of(await account.ask(("INFO",)))
        line = await copy.line()
        framing = _FRAMING.fullmatch(line) or copy.foreign(line)
        size = int(framing[1]) if framing[1] else None
        async with aclosing(copy.marked(framing[2]) if size is None else copy.counted(size)) as chunks:
            yield Outflow(
                keys=_keys(info, int(begun[1])),
                used_memory=int(info["used_memory"]),
                size=size,
                chunks=chunks,
            )


def _keys(info: Mapping[str, str], offset: int) -> int | None:
    """The keys of the snapshot that began at `offset`: counted at the fork, as long as its child lives."""
    if info["rdb_bgsave_in_progress"] == "1":
        return int(info["current_save_keys_total"])
    unchanged = int(info["master_repl_offset"]) == offset
    return keys_of(info) if unchanged else None


@asynccontextmanager
async def _talk(target: Target, deadline: float) -> AsyncIterator["_Talk"]:
    with socket.socket() as connection:
        talk = _Talk(target, connection, deadline)
        await talk.begin()
        yield talk


class _Talk:
    """A connection of our own, on which one thing is asked after the other; reads only what is wanted."""

    def __init__(self, target: Target, connection: socket.socket, deadline: float) -> None:
        self._target = target
        self._socket = connection
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._kept = b""
        self._passed = 0

    async def begin(self) -> None:
        """Connect and log in."""
        control = self._target.control
        self._socket.setblocking(False)
        await self._in_time(self._loop.sock_connect(self._socket, (self._target.host, self._target.port)))
        await self.ask(("AUTH", control.user, control.secret))

    async def ask(self, command: Command) -> bytes:
        """Send a command and return its answer, a line or a string. Raises `LinkTrouble` for an error."""
        await self._in_time(self._loop.sock_sendall(self._socket, packed((command,))))
        line = await self.line()
        match line[:1]:
            case b"+":
                return line[1:]
            case b"$":
                return await self._string(int(line[1:]))
            case b"-":
                raise self._trouble(f"{command[0]}: {_words(line[1:])}")
            case _:
                return self.foreign(line)

    async def line(self) -> bytes:
        """The next line; empty ones, which say that the node is at it, are signs of life alone."""
        while True:
            line, end, rest = self._kept.partition(b"\n")
            if end:
                self._kept = rest
                if line:
                    return line.removesuffix(b"\r")
            elif len(line) > _LINE:
                self.foreign(line)
            else:
                self._kept += await self._receive()

    def foreign(self, line: bytes) -> Never:
        """Raise what becomes of an answer that no node gives."""
        raise self._trouble(f"this is no answer of Redis: {_words(line[:100])}")

    async def counted(self, size: int) -> AsyncGenerator[bytes, None]:
        """The next `size` bytes."""
        while self._passed < size:
            part = (await self._part())[: size - self._passed]
            self._passed += len(part)
            yield part

    async def marked(self, mark: bytes) -> AsyncGenerator[bytes, None]:
        """The bytes up to the mark, behind which nothing comes."""
        end = b""
        while end != mark:
            seen = end + await self._part()
            part, end = seen[:-_MARK], seen[-_MARK:]
            self._passed += len(part)
            if part:
                yield part

    async def _string(self, size: int) -> bytes:
        while len(self._kept) < size + 2:
            self._kept += await self._receive()
        string, self._kept = self._kept[:size], self._kept[size + 2 :]
        return string

    async def _part(self) -> bytes:
        """What was read with the lines before, then what comes."""
        part, self._kept = self._kept, b""
        return part or await self._receive()

    async def _receive(self) -> bytes:
        received = await self._in_time(self._loop.sock_recv(self._socket, _PART))
        if not received:
            raise self._trouble("the node ended the connection")
        return received

    async def _in_time(self, work: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._deadline):
                return await work
        except TimeoutError:
            raise self._trouble(f"the node was silent for {self._deadline} s") from None
        except OSError as error:
            raise self._trouble(os.strerror(error.errno) if error.errno else str(error)) from None

    def _trouble(self, words: str) -> LinkTrouble:
        so_far = f" after {self._passed} bytes of its data" if self._passed else ""
        return LinkTrouble(f"{self._target.host}:{self._target.port}: {words}{so_far}")


def _words(line: bytes) -> str:
    return line.decode(errors="replace")
