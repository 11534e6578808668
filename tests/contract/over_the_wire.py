"""The house as uvicorn serves it, and answers as they come over the wire."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp

from memstored.api.wire import HttpProtocol, HttpServer


@dataclass(frozen=True, slots=True)
class Served:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """What the error body says."""
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


class Answers:
    """Takes answers apart."""

    def __init__(self) -> None:
        self.answers: list[Served] = []
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        """An answer begins."""
        self.headers: dict[str, str] = {}
        self.body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self.body += body

    def on_message_complete(self) -> None:
        """It is whole."""
        self.answers.append(Served(self.parser.get_status_code(), self.headers, self.body))


@asynccontextmanager
async def listening(app: ASGIApp, secured: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port at which uvicorn serves an application by our protocol, and over TLS if `secured`."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=HttpProtocol, lifespan="off", log_config=None, access_log=False, server_header=False
    )
    config.load()
    config.ssl = secured
    server = HttpServer(config)
    serving = asyncio.create_task(server._serve([listener]))  # noqa: SLF001 - `serve` takes over the signals
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


async def exchange(port: int, *pieces: bytes, apart: float = 0.0) -> list[Served]:
    """Send these pieces, so many seconds apart, and return all answers until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = Answers()
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(apart)
        async with asyncio.timeout(20):
            answers.parser.feed_data(await reader.read())
    finally:
        writer.close()
    return answers.answers
