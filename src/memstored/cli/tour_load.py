"""Writers that keep every write that was acknowledged, so that neither a pause nor a loss can hide.

A writer uses a key once: what was not acknowledged is forgotten, never tried again. Some writers have each
write confirmed by a replica (`WAIT 1`) before the next one; a confirmed write outlives its primary. Used
by `memstored demo`, by the benchmarks and by the fault campaign.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from typing import Self

from redis.asyncio import Redis

__all__ = ["Acknowledged", "Load", "Losses", "Place", "Record", "at", "missing"]

Place = Callable[[], Awaitable[tuple[str, int]]]
"""Tells host and port of where to write now; raises `OSError` while it can not tell."""

BREATH = 0.001
"""Seconds between two writes of a writer."""
RETRY = 0.001
"""Seconds before a writer whose connection broke or was refused connects again."""
PATIENCE = 5.0
"""Seconds without an answer after which a writer gives a connection up."""
CONFIRMATION = 200
"""Milliseconds to wait for a replica."""
MOST = 200_000
"""Writes after which a writer ends."""
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A write that was answered `OK`, over a connection made at `connected_at` (monotonic seconds)."""

    key: str
    at: float
    connected_at: float
    confirmed: bool


class Refusal(Exception):
    """The node answered a write with an error."""


def at(host: str, port: int) -> Place:
    """The place that stays the same."""

    async def place() -> tuple[str, int]:
        return host, port

    return place


class Writer:
    """One client of the set: writes one key after the other and comes back whenever it is cut off."""

    def __init__(self, name: str, place: Place, *, confirming: bool) -> None:
        self.acknowledged: list[Acknowledged] = []
        self._name = name
        self._place = place
        self._confirming = confirming
        self._tried = 0

    async def run(self) -> None:
        """Write until cancelled."""
        while self._tried < MOST:
            with suppress(OSError, EOFError, TimeoutError, Refusal):
                await self._session()
            await asyncio.sleep(RETRY)

    async def _session(self) -> None:
        """Write over one connection until it breaks."""
        reader, stream = await asyncio.open_connection(*await self._place())
        connected_at = time.monotonic()
        try:
            while self._tried < MOST:
                async with asyncio.timeout(PATIENCE):
                    await self._write(reader, stream, connected_at)
                await asyncio.sleep(BREATH)
        finally:
            stream.close()

    async def _write(
        self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter, connected_at: float
    ) -> None:
        self._tried += 1
        key = f"{self._name}:{self._tried}"
        wait = f"WAIT 1 {CONFIRMATION}\r\n" if self._confirming else ""
        stream.write(f"SET {key} {key}\r\n{wait}".encode())
        if await reader.readuntil() != b"+OK\r\n":
            raise Refusal
        at, confirmed = time.monotonic(), False
        try:
            if self._confirming:
                copies = await reader.readuntil()
                confirmed = copies.startswith(b":") and int(copies[1:]) >= 1
        finally:
            self.acknowledged.append(Acknowledged(key, at, connected_at, confirmed))


@dataclass(frozen=True, slots=True)
class Record:
    """What every writer had acknowledged, in the order of time."""

    writers: Sequence[Sequence[Acknowledged]]

    @property
    def all(self) -> list[Acknowledged]:
        """All writers' writes, in the order of time."""
        return sorted((a for w in self.writers for a in w), key=lambda a: a.at)

    def resumed_after(self, moment: float) -> float | None:
        """Seconds from the moment to the first write over a connection made since; None: there is none.

        Only new connections count: an answer that a dead primary sent before may be read a little later.
        """
        return min((a.at - moment for a in self.all if a.connected_at > moment), default=None)

    def longest_gap(self, since: float = 0.0) -> float:
        """The longest time, in seconds, in which no writer at all had a write acknowledged."""
        return _longest(self.all, since)

    def longest_gaps(self, since: float = 0.0) -> list[float]:
        """The longest time, in seconds, that each writer went without."""
        return [_longest(w, since) for w in self.writers]

    def longest_pause(self, since: float, until: float) -> float:
        """The longest time, in seconds, that a single writer went without, be it to the end at `until`."""
        return max(
            _longest([*w, replace(w[-1], at=until)], since) if w else until - since for w in self.writers
        )


def _longest(writes: Sequence[Acknowledged], since: float) -> float:
    return max((b.at - a.at for a, b in pairwise(writes) if b.at > since), default=0.0)


@dataclass(frozen=True, slots=True)
class Losses:
    """Acknowledged writes that can not be read back, and how many of them a replica had confirmed."""

    acknowledged: int = 0
    confirmed: int = 0
    lost: int = 0
    lost_confirmed: int = 0

    def __add__(self, other: "Losses") -> "Losses":
        """Both together."""
        return Losses(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class Load:
    """Writers at work for the length of an `async with` block; the first `confirming` confirm each write."""

    def __init__(self, place: Place, *, name: str, writers: int, confirming: int) -> None:
        self._writers = [
            Writer(f"{name}:{number}", place, confirming=number < confirming) for number in range(writers)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._tasks = [asyncio.create_task(writer.run()) for writer in self._writers]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """End all writers; what was not acknowledged by now does not count."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def record(self) -> Record:
        """All that was acknowledged so far."""
        return Record([tuple(writer.acknowledged) for writer in self._writers])

    @property
    def count(self) -> int:
        """How many writes were acknowledged so far."""
        return sum(len(writer.acknowledged) for writer in self._writers)


async def missing(host: str, port: int, writes: Sequence[Acknowledged]) -> list[Acknowledged]:
    """Those of the writes that can not be read there with what was written."""
    gone = []
    async with Redis(host=host, port=port, decode_responses=True) as node:
        for start in range(0, len(writes), CHUNK):
            chunk = writes[start : start + CHUNK]
            values = await node.mget([write.key for write in chunk])
            gone += [write for write, value in zip(chunk, values, strict=True) if value != write.key]
    return gone
