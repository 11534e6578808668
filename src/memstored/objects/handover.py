"""Pieces on their way from the task that has them to the one that uploads them, one at a time.

obstore asks for pieces in tasks of its own. A source, though, is to be read by the task that opened it: only
so its own deadlines and cancellation hold.
"""

import asyncio
from typing import Self

__all__ = ["BrokenOff", "Handover"]


class BrokenOff(Exception):
    """There will be no more pieces, and the object is not whole."""


class Handover:
    """An asynchronous iterator of pieces that ends when it is told to."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | BrokenOff | None] = asyncio.Queue(maxsize=1)

    async def give(self, piece: bytes | None) -> None:
        """Hand over the next piece, None for the end; returns when the one before was taken."""
        await self._waiting.put(piece)

    def break_off(self) -> None:
        """Let whoever takes the pieces fail, also when there is one that was not taken yet."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(BrokenOff())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._waiting.get()
        if piece is None:
            raise StopAsyncIteration
        if isinstance(piece, BrokenOff):
            raise piece
        return piece
