"""A link to an S3 server on which the last byte of some requests takes its time, though the sender is gone.

The server has the rest by then: of a part, it found the upload, and writes the part.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from looking import DEADLINE
from servers import free_address

DELAY = 0.5
"""Seconds that it takes: much longer than giving up an upload."""
_PORT = 7777
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_PIECE = 64 * 1024


@dataclass(slots=True)
class SlowLink:
    """Takes connections at `host` (`address:port`) for the server at `server`.

    Requests are slow that have `slow` in their query. `begun` is set when one of them is on its way.
    """

    server: str
    host: str
    slow: bytes
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _on_their_way: int = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, server: str, *, slow: str) -> AsyncIterator[Self]:
        """One to that server, for the length of the block."""
        address = free_address()
        link = cls(server, f"{address}:{_PORT}", slow.encode())
        talks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.create_task(link._talk(reader, writer)))

        async with await asyncio.start_server(connected, address, _PORT):
            yield link
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)

    async def settled(self) -> None:
        """Return when the server has answered every slow request, whoever hears that."""
        async with asyncio.timeout(DEADLINE):
            while self._on_their_way:  # noqa: ASYNC110 - seen, not announced
                await asyncio.sleep(0.01)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = self.server.split(":")
        answers, requests = await asyncio.open_connection(address, int(port))
        unanswered: list[bytes] = []
        returning = asyncio.create_task(self._return(answers, writer, unanswered))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self._forward(reader, requests, unanswered)
            requests.write_eof()
            await returning
        finally:
            returning.cancel()
            requests.close()
            writer.close()

    async def _forward(
        self, reader: asyncio.StreamReader, requests: asyncio.StreamWriter, unanswered: list[bytes]
    ) -> None:
        """One request on its way to the server."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        request = head + await reader.readexactly(int(length[1]) if length else 0)
        if self.slow in head.partition(b"\r\n")[0]:
            self._on_their_way += 1
            unanswered.append(head)
            requests.write(request[:-1])
            self.begun.set()
            await asyncio.sleep(DELAY)
            requests.write(request[-1:])
        else:
            requests.write(request)
        await requests.drain()

    async def _return(
        self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, unanswered: list[bytes]
    ) -> None:
        """Answers on their way back, until the server ends the connection."""
        while data := await answers.read(_PIECE):
            self._on_their_way -= len(unanswered)
            unanswered.clear()
            with suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
