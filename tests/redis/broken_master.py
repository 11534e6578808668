"""A master that breaks off every full sync in the middle of the first key, once it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from servers import free_address

_PORT = 7777
_MARK = b"x" * 40
_HALF_A_COPY = b"+FULLRESYNC " + b"f" * 40 + b" 1000\r\n$EOF:" + _MARK + b"\r\nREDIS0009\xfe\x00\x00\x03abc"


@contextlib.asynccontextmanager
async def broken_master() -> AsyncIterator[tuple[str, int, asyncio.Event]]:
    """Its address, while it takes replicas, and what makes it break off; until then half a copy has come."""
    host, break_off = free_address(), asyncio.Event()
    server = await asyncio.start_server(partial(_serve, break_off), host, _PORT)
    async with server:
        yield host, _PORT, break_off


async def _serve(
    break_off: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while (word := await _command(reader)) != b"PSYNC":
            writer.write(b"+PONG\r\n" if word == b"PING" else b"+OK\r\n")
        writer.write(_HALF_A_COPY)
        await writer.drain()
        await break_off.wait()
    writer.close()


async def _command(reader: asyncio.StreamReader) -> bytes:
    """The first word of the next command."""
    count = int((await reader.readuntil(b"\r\n"))[1:])
    words = []
    for _ in range(count):
        length = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(length + 2))[:-2])
    return words[0].upper()
