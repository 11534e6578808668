"""A node that answers a copy's few commands by script, for what no real one can be made to do on demand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from memstored.domain.controllers import Controller, Controllers
from memstored.domain.ports import Identity, Target
from memstored.domain.words import NodeId
from memstored.redis.certificates import Signer, new_authority
from memstored.redis.tls import server_context

CONTROLLERS = Controllers(own=Controller(number=7, nonce="5f0c21ab"), since=7)
OFFSET = 4711
BEGUN = b"+FULLRESYNC " + b"a" * 40 + b" %d\r\n" % OFFSET
HOST = "127.0.0.1"


class _Authority:
    """An authority of the tests; as a `TlsClient` it is all that is trusted."""

    def __init__(self) -> None:
        self.authorities, key = new_authority("memstored authority", now=time.time(), days=1)
        papers = Signer.from_pem(self.authorities, key).leaf("n", [HOST], now=time.time(), days=1).papers
        self.server = server_context(papers)


_OURS = _Authority()


@dataclass(slots=True)
class ScriptedNode:
    """What it answers. `copy` is all that comes after PSYNC; then it ends, or goes on standing if `stays`.

    With `tls` it speaks nothing else, and says that it ends right behind its last byte.
    `heard` collects what it was told, one list of words a command.
    """

    copy: bytes = b""
    stays: bool = False
    tls: bool = False
    auth: bytes = b"+OK\r\n"
    keys: int = 3
    saving: bool = True
    offset: int = OFFSET
    port: int = 0
    heard: list[list[str]] = field(default_factory=list)
    _serving: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def target(self) -> Target:
        """Where it answers."""
        control = Identity(user="memstored-control", secret="hidden")
        return Target(
            node=NodeId("n"),
            host=HOST,
            port=self.port,
            version="7.0.15",
            control=control,
            tls=_OURS if self.tls else None,
        )

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator["ScriptedNode"]:
        """The node, while it takes connections; those that stand when the block is left end by themselves."""
        server = await asyncio.start_server(self._serve, HOST, 0, ssl=_OURS.server if self.tls else None)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (words := await _command(reader))[0] != "PSYNC":
                self.heard.append(words)
                writer.write(self._answer(words[0]))
            self.heard.append(words)
            writer.write(self.copy)
            await writer.drain()
            if self.stays:
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def _answer(self, word: str) -> bytes:
        match word:
            case "AUTH":
                return self.auth
            case "INFO":
                return self._info()
            case _:
                return b"+OK\r\n"

    def _info(self) -> bytes:
        total = self.keys if self.saving else 0
        lines = (
            "# Memory\r\nused_memory:1000",
            f"rdb_bgsave_in_progress:{int(self.saving)}\r\ncurrent_save_keys_total:{total}",
            f"master_repl_offset:{self.offset}",
            f"db0:keys={self.keys - 1},expires=0,avg_ttl=0\r\ndb5:keys=1,expires=0,avg_ttl=0\r\n",
        )
        text = "\r\n".join(lines).encode()
        return b"$%d\r\n%s\r\n" % (len(text), text)


async def _command(reader: asyncio.StreamReader) -> list[str]:
    count = int((await reader.readuntil(b"\r\n"))[1:])
    words = []
    for _ in range(count):
        length = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(length + 2))[:-2].decode())
    return words
