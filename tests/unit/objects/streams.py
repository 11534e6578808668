"""Chunks to put into storage, and all of an object that was read."""

from collections.abc import AsyncIterable, AsyncIterator


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """These chunks, one after the other."""
    for part in parts:
        yield part


async def broken(*parts: bytes) -> AsyncIterator[bytes]:
    """These chunks, and then a source that breaks off."""
    for part in parts:
        yield part
    raise ConnectionResetError("the source broke off")


async def whole(stream: AsyncIterable[bytes]) -> bytes:
    """All bytes of the stream."""
    return b"".join([chunk async for chunk in stream])
