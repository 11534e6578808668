"""A connection on which one thing is said after the other: for data that goes to a node or comes from it.

Reads and writes no more than it is asked for, so what is fast waits for what is slow and nothing piles up.
Links, which never wait, have `redis.connection`.
"""

import asyncio
import os
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

__all__ = ["PART", "TAKEN", "Dialogue"]

Answer = TypeVar("Answer")

PART: Final = 256 * 1024
"""Bytes read or written at once, and so the most that is held."""
TAKEN: Final = 64 * 1024
"""The same for what a thread takes: a server may have to wait for the processor for as long as that lasts."""
_MOMENT: Final = 0.02
"""Seconds that a thread waits for bytes before it says that there are none."""
_LINE: Final = 4096
"""Bytes that a line may have."""


class Dialogue:
    """Our end of a connection with a node, whose every step may take `deadline` seconds.

    What goes wrong is raised as what `trouble` makes of a few words: a silence, an end, the system's words.
    """

    def __init__(
        self, connection: socket.socket, *, deadline: float, trouble: Callable[[str], Exception]
    ) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._deadline = deadline
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._kept = b""
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    async def connect(self, host: str, port: int) -> None:
        """Connect; the host is an address."""
        await self._in_time(self._loop.sock_connect(self._socket, (host, port)))

    async def secure(self, context: ssl.SSLContext, *, host: str | None = None) -> None:
        """Go on over TLS: as the client of `host` (an address), or as the server when there is none.

        What is wrong with the other end's certificate is raised as trouble as well.
        """
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=host is None, server_hostname=host)
        await self._in_time(self._shake_hands(tls))
        self._tls = tls

    async def send(self, data: bytes) -> None:
        """Hand all of it to the system, which takes it as fast as the node reads."""
        rest = memoryview(data)
        while rest:
            part, rest = rest[:PART], rest[PART:]
            if self._tls is not None:
                self._tls.write(part)
                part = memoryview(self._outgoing.read())
            await self._in_time(self._loop.sock_sendall(self._socket, part))

    def parts(self) -> Iterator[bytes]:
        """What comes from here on, for a thread that takes it, without an end.

        Up to `TAKEN` bytes at once, over TLS what these decrypt to; first what had come before. A part
        without bytes says that nothing came for a moment. The event loop has no more to do with the
        connection: it would be woken by every few KiB, and before whoever else the machine works for.
        """
        with self._in_words():
            self._socket.setblocking(True)
            moment = struct.pack("@ll", 0, int(_MOMENT * 1_000_000))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, moment)
        kept, self._kept = self._kept, b""
        yield kept
        while True:
            silent_since = time.monotonic()
            while (part := self._taken()) is None:
                if time.monotonic() - silent_since >= self._deadline:
                    raise self._silence()
                yield b""
            if not part:
                raise self._end()
            yield part

    async def something(self) -> None:
        """Return when the next line is none of the empty ones, by which a node says that it is at it."""
        while not (kept := self._kept.lstrip(b"\r\n")):
            self._kept = await self._receive()
        self._kept = kept

    async def line(self) -> bytes:
        """The next line, an empty one too."""
        while True:
            line, end, rest = self._kept.partition(b"\n")
            if end:
                self._kept = rest
                return line.removesuffix(b"\r")
            if len(line) > _LINE:
                raise self.foreign(line)
            self._kept += await self._receive()

    async def string(self, size: int) -> bytes:
        """The next `size` bytes, which end with a line break of their own."""
        while len(self._kept) < size + 2:
            self._kept += await self._receive()
        string, self._kept = self._kept[:size], self._kept[size + 2 :]
        return string

    def foreign(self, line: bytes) -> Exception:
        """What is to be raised for something that no node says."""
        return self._trouble(f"this is not what a Redis says: {line[:100].decode(errors='replace')}")

    async def _receive(self) -> bytes:
        received = await self._in_time(self._next())
        if not received:
            raise self._end()
        return received

    async def _next(self) -> bytes:
        return await (self._decrypted() if self._tls is not None else self._raw())

    def _taken(self) -> bytes | None:
        """What came within a moment, None when it was nothing, no bytes at the end. Runs in a thread."""
        with self._in_words():
            if self._tls is not None and (ready := self._readable(self._tls)) is not None:
                return ready
            try:
                received = self._socket.recv(TAKEN)
            except BlockingIOError:
                return None
            if self._tls is None or not received:
                return received
            self._incoming.write(received)
            return self._readable(self._tls)

    def _readable(self, tls: ssl.SSLObject) -> bytes | None:
        """What is decrypted by now, None when nothing is; no bytes when the other end said that it ends."""
        parts: list[bytes] = []
        try:
            # No bytes for ever, and no error, once the other end said so.
            while part := tls.read(PART):
                parts.append(part)
        except ssl.SSLWantReadError:
            # What is to be said beside the data, as a new key.
            if self._outgoing.pending:
                self._socket.sendall(self._outgoing.read())
            return b"".join(parts) or None
        return b"".join(parts)

    async def _raw(self) -> bytes:
        return await self._loop.sock_recv(self._socket, PART)

    async def _decrypted(self) -> bytes:
        """What came last over TLS; nothing when the other end said that it ends, or just ended."""
        assert self._tls is not None, "asked before TLS was begun"
        while True:
            try:
                return self._tls.read(PART)
            except ssl.SSLWantReadError:
                # What is to be said beside the data, as a new key.
                await self._flush()
                if not await self._feed():
                    return b""

    async def _shake_hands(self, tls: ssl.SSLObject) -> None:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._feed():
                    raise self._trouble("the node ended the connection during the TLS handshake") from None
            except ssl.SSLError:
                # The other end is to learn why.
                await self._flush()
                raise
            else:
                return await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self._socket, self._outgoing.read())

    async def _feed(self) -> bool:
        """Take in what comes next; false when nothing comes any more."""
        received = await self._raw()
        self._incoming.write(received)
        return bool(received)

    async def _in_time(self, work: Awaitable[Answer]) -> Answer:
        with self._in_words():
            async with asyncio.timeout(self._deadline):
                return await work

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise self._silence() from None
        except ssl.SSLError as error:
            raise self._trouble(f"no TLS that can be trusted: {error.reason or error}") from None
        except OSError as error:
            raise self._trouble(os.strerror(error.errno) if error.errno else str(error)) from None

    def _silence(self) -> Exception:
        return self._trouble(f"the node was silent for {self._deadline} s")

    def _end(self) -> Exception:
        return self._trouble("the node ended the connection")
