"""Pieces on their way from the task that has them to the one that uploads them, some parts at a time.

obstore asks for pieces in tasks of its own. A source, though, is to be read for the task that puts: only so
its cancellation holds.
"""

import asyncio
from typing import Self

__all__ = ["BrokenOff", "Handover"]


class BrokenOff(Exception):
    """There will be no more pieces, and the object is not whole."""


class Handover:
    """An asynchronous iterator of batches of `batch` bytes, the last one shorter, that ends when told to.

    After each batch comes an empty one. obstore, when it is to send one part at a time, begins to send all
    parts that a batch completes at once, and waits until they have arrived before it goes on, be it with
    nothing. So nothing is on its way when it hears the end, or that the batches broke off: an upload that is
    given up while a part is on its way may come back with that part.
    """

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._next = bytearray(batch)
        self._filled = 0
        self._taken = False
        self._ended = False
        self._broken_off = False
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def give(self, piece: bytes) -> None:
        """Hand over the next piece; returns when there was room for all of it."""
        rest = memoryview(piece)
        while rest:
            await self._room.wait()
            rest = rest[self._fill(rest) :]

    def end(self) -> None:
        """That was the last piece."""
        self._ended = True
        self._ready.set()

    def break_off(self) -> None:
        """Let whoever takes the batches fail with `BrokenOff` instead of the next one."""
        self._broken_off = True
        self._ready.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> memoryview:
        if self._taken:
            self._taken = False
            return memoryview(b"")
        await self._ready.wait()
        if self._broken_off:
            raise BrokenOff
        if not self._filled:
            raise StopAsyncIteration
        return self._take()

    def _fill(self, rest: memoryview) -> int:
        """Add what there is room for; returns how many bytes that were."""
        end = min(self._filled + len(rest), self._batch)
        count = end - self._filled
        self._next[self._filled : end] = rest[:count]
        self._filled = end
        if end == self._batch:
            self._room.clear()
            self._ready.set()
        return count

    def _take(self) -> memoryview:
        batch = memoryview(self._next)[: self._filled]
        # Another one each time: of a large part obstore keeps batches for longer than until it asks again.
        self._next, self._filled, self._taken = bytearray(self._batch), 0, True
        if not self._ended:
            self._ready.clear()
        self._room.set()
        return batch
