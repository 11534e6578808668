"""Whoever calls at a loading door and says what a test wants said."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from memstored.redis.connection import packed
from memstored.redis.door import LoadingDoor

PATIENCE = 10.0


@dataclass(slots=True)
class Caller:
    """One connection to a door."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, door: LoadingDoor) -> AsyncIterator["Caller"]:
        """A connection, ended with the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def say(self, *words: str) -> None:
        """Send a command."""
        self.writer.write(packed((words,)))

    async def line(self) -> str:
        """The next line; "" when the connection ended."""
        async with asyncio.timeout(PATIENCE):
            try:
                return (await self.reader.readline()).decode().strip()
            except ConnectionError:
                return ""

    async def rest(self) -> bytes:
        """All that comes until the connection ends."""
        found = b""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                while part := await self.reader.read(65536):
                    found += part
        return found

    async def log_in(self, door: LoadingDoor) -> None:
        """What a node says first."""
        self.say("PING")
        assert (await self.line()).startswith("-NOAUTH")
        self.say("AUTH", door.identity.user, door.identity.secret)
        self.say("REPLCONF", "listening-port", "6379")
        self.say("REPLCONF", "capa", "eof", "capa", "psync2")
        assert [await self.line() for _ in range(3)] == ["+OK"] * 3

    async def ask(self, door: LoadingDoor) -> None:
        """All that a node says before it gets the data."""
        await self.log_in(door)
        self.say("PSYNC", "?", "-1")

    async def load(self, size: int) -> tuple[str, bytes]:
        """Take the data in, up to its mark; return the replid and the data."""
        began = re.fullmatch(r"\+FULLRESYNC ([0-9a-f]{40}) 1000", await self.line())
        mark = re.fullmatch(r"\$EOF:([0-9a-f]{40})", await self.line())
        assert began
        assert mark
        async with asyncio.timeout(PATIENCE):
            data = await self.reader.readexactly(size)
            assert (await self.reader.readexactly(40)).decode() == mark[1]
        return began[1], data
