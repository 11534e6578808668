"""Parts to put into storage, and all of an object that was read."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterable, Generator, Iterator

import pytest

from memstored.objects.storage import Objects


class BrokeOff(Exception):
    """What a source breaks off with."""


def chunks(*parts: bytes) -> Iterator[bytes]:
    """These parts, one after the other."""
    yield from parts


def broken(*parts: bytes) -> Iterator[bytes]:
    """These parts, and then a source that breaks off."""
    for part in parts:
        yield part
        # What came so far is handed on.
        yield b""
    raise BrokeOff


async def whole(stream: AsyncIterable[bytes]) -> bytes:
    """All bytes of the stream."""
    return b"".join([chunk async for chunk in stream])


def own_niceness() -> int:
    """That of the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def cancelled_within_its_source(objects: Objects, key: str) -> None:
    """Cancel a put while its thread is within the source, and fail unless it has left it then."""
    within = threading.Event()

    def waiting() -> Generator[bytes, None, None]:
        while True:
            within.set()
            time.sleep(0.05)
            yield b""

    source = waiting()
    putting = asyncio.create_task(objects.put(key, source))
    assert await asyncio.to_thread(within.wait, 10)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting

    # Whose code runs can not be closed: that raises ValueError.
    source.close()
