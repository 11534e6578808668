"""The house as uvicorn serves it, and answers as they come over the wire."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httptools


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


async def exchange(port: int, *pieces: bytes) -> list[Served]:
    """Send these pieces one by one, and return all answers until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = Answers()
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(20):
            answers.parser.feed_data(await reader.read())
    finally:
        writer.close()
    return answers.answers
