"""A master that lets everybody in and answers every PSYNC with the same bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from servers import free_address

_PORT = 7778


@dataclass(slots=True)
class ScriptedMaster:
    """What it answers, and how many replicas asked."""

    answer: bytes
    host: str = field(default_factory=free_address)
    port: int = _PORT
    asked: int = 0
    _serving: list["asyncio.Task[None]"] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator["ScriptedMaster"]:
        """The master, while it takes replicas."""
        server = await asyncio.start_server(self._serve, self.host, self.port)
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError):
                while heard := await reader.read(4096):
                    self._reply(heard, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _reply(self, heard: bytes, writer: asyncio.StreamWriter) -> None:
        if b"PSYNC" in heard:
            self.asked += 1
            writer.write(self.answer)
        elif b"ACK" not in heard:
            writer.write(b"+OK\r\n" * heard.count(b"*"))
