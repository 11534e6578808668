"""One connection to a node, TCP or TLS: commands go out as they come, answers come back in their order.

Made cheap for the one command that is sent all day: when what lasts of a poll's answer is what it was the
last time, nothing is parsed. `redis.line` makes connections; `redis.link` asks.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import hiredis

__all__ = ["Command", "Connection", "Listener", "Reply", "packed"]

Command = tuple[str, ...]
Reply = Any
"""What hiredis makes of an answer: bytes, int, None, a list of them, or a `hiredis.ReplyError`."""

_NOTHING = object()
# hiredis declares a tuple of one word; it packs tuples of any length.
_packed = cast("Callable[[Command], bytes]", hiredis.pack_command)


def packed(commands: Sequence[Command]) -> bytes:
    """The commands in Redis's protocol, one after the other."""
    return b"".join(map(_packed, commands))


class Listener(Protocol):
    """Who is told what happens to a connection."""

    def made(self, connection: "Connection") -> None:
        """It stands; nothing was said yet."""
        ...

    def heard(self) -> None:
        """The node said something, whatever it was: it lives (H15)."""
        ...

    def lost(self, connection: "Connection") -> None:
        """It ended; its exchanges were told before."""
        ...


@dataclass(slots=True, eq=False)
class _Exchange:
    """Commands sent at once and what becomes of their answers; `poll` only for polls.

    `begun`: bytes of its answer may have come already.
    """

    count: int
    then: Callable[[list[Reply] | None], None]
    poll: "_Poll | None" = None
    replies: list[Reply] = field(default_factory=list)
    begun: bool = False


@dataclass(slots=True, eq=False)
class _Poll:
    """What is done when `lasting` of an answer is what it was the last time."""

    same: Callable[[], None]
    lasting: Callable[[bytes], bytes]


class Connection(asyncio.Protocol):
    """Pipelines commands. Every method is for the event loop's thread."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._exchanges: deque[_Exchange] = deque()
        self._transport: asyncio.Transport | None = None
        self._last_poll = b""
        self._aborted = False

    @property
    def transport(self) -> asyncio.Transport:
        """What it goes over; there is none before the connection was made."""
        assert self._transport is not None, "asked before the connection was made"
        return self._transport

    def ask(self, payload: bytes, count: int, then: Callable[[list[Reply] | None], None]) -> None:
        """Send `count` packed commands; `then` gets their answers, None when the connection ended first."""
        self._send(payload, _Exchange(count, then))

    def poll(
        self,
        payload: bytes,
        then: Callable[[list[Reply] | None], None],
        same: Callable[[], None],
        lasting: Callable[[bytes], bytes],
    ) -> None:
        """Send one packed command, always the same; `same` is called when its answer did not change.

        `lasting` takes from the bytes of an answer what changes without meaning anything.
        """
        self._send(payload, _Exchange(1, then, _Poll(same, lasting)))

    def abort(self) -> None:
        """End the connection and hear nothing more; what was sent may still be carried out (H9)."""
        self._aborted = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._listener.made(self)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._aborted:
            return
        self._listener.heard()
        poll = self._lone_poll()
        lasts = poll.lasting(data) if poll is not None else b""
        if poll is not None and lasts == self._last_poll:
            self._exchanges.popleft()
            poll.same()
            return
        self._last_poll = lasts
        self._parse(data)
        if self._exchanges:
            self._exchanges[0].begun = True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the event loop gives it
        """Called by the event loop."""
        ended, self._exchanges = self._exchanges, deque()
        for exchange in ended:
            exchange.then(None)
        self._listener.lost(self)

    def _send(self, payload: bytes, exchange: _Exchange) -> None:
        transport = self.transport
        self._exchanges.append(exchange)
        if not self._aborted and not transport.is_closing():
            transport.write(payload)

    def _lone_poll(self) -> _Poll | None:
        """The poll whose answer, and nothing else, begins with the next byte."""
        if len(self._exchanges) != 1:
            return None
        exchange = self._exchanges[0]
        return None if exchange.begun else exchange.poll

    def _parse(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while not self._aborted and (reply := self._reader.gets()) is not _NOTHING:
                self._take(reply)
        except hiredis.ProtocolError:
            self.abort()

    def _take(self, reply: Reply) -> None:
        if not self._exchanges:
            return
        exchange = self._exchanges[0]
        exchange.replies.append(reply)
        if len(exchange.replies) == exchange.count:
            self._exchanges.popleft()
            exchange.then(exchange.replies)
