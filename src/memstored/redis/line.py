"""A connection that is made again by itself: at once after it ended, then with a growing pause."""

import asyncio
import ssl
from typing import Protocol

from memstored.domain.ports import TlsClient
from memstored.redis.connection import Connection
from memstored.redis.tls import client_context

__all__ = ["Line", "Party"]

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.5


class Party(Protocol):
    """Who speaks over a line."""

    def up(self, connection: Connection) -> None:
        """A connection stands; nothing was said yet."""
        ...

    def heard(self) -> None:
        """The node said something, whatever it was."""
        ...

    def down(self) -> None:
        """The connection ended; the line tries again by itself."""
        ...


class Line:
    """Keeps one connection to `host`:`port` up until it is closed. `deadline` bounds one attempt, in seconds.

    The pause between attempts begins at 10 ms and doubles up to 500 ms; `settle` sets it back. It costs
    a task only while it connects. With `tls` each attempt trusts those who are trusted then.
    """

    def __init__(
        self, host: str, port: int, party: Party, *, deadline: float, tls: TlsClient | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._party = party
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._pause = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.connection: Connection | None = None
        self.trouble = "not connected yet"
        """Why there is no connection, in the words of the system or the engine."""
        self.refused = False
        """Whether the last attempt was refused, or ended by the other side before `settle`: someone answered
        for the address, but not the node."""
        self._settled = False
        self._attempt = self._loop.create_task(self._connect())

    def settle(self) -> None:
        """The connection proved good: should it end, the next attempt comes at once."""
        self._settled = True
        self._pause = 0.0
        self.trouble = "the connection ended"

    def renew(self, trouble: str) -> None:
        """Give the present connection up and make another, whatever becomes of the old one's end."""
        self.trouble = trouble
        connection = self.connection
        if connection is not None:
            connection.abort()
            self._down()

    def close(self) -> None:
        """End the connection and make none again."""
        self._closed = True
        self._attempt.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self.connection is not None:
            self.connection.abort()

    def made(self, connection: Connection) -> None:
        """Called by the connection."""
        self.refused = False
        self._settled = False
        if self._closed:
            connection.abort()
            return
        self.connection = connection
        self._party.up(connection)

    def heard(self) -> None:
        """Called by the connection."""
        self._party.heard()

    def lost(self, connection: Connection) -> None:
        """Called by the connection."""
        if self.connection is not connection:
            return
        if not self._settled and not self._closed:
            self._turned_away()
        self._down()

    def _turned_away(self) -> None:
        """A full node says why, but the system drops the words when ours were still unread there (H15).

        To end a connection is a sign of life: a node that stands still does not.
        """
        self.refused = True
        self.trouble = "the node ended the connection before it let us in, as it does at maxclients"
        self._party.heard()

    def _distrusted(self, error: ssl.SSLError) -> None:
        """Somebody answered, so it is a sign of life; whether it is the node can not be told (H15)."""
        self.refused = True
        reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
        self.trouble = f"no TLS that can be trusted: {reason or error}"
        self._party.heard()

    def _context(self) -> ssl.SSLContext | None:
        return client_context(self._tls.authorities) if self._tls is not None else None

    def _down(self) -> None:
        self.connection = None
        if not self._closed:
            self._again()
            self._party.down()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                await self._loop.create_connection(
                    lambda: Connection(self), self._host, self._port, ssl=self._context()
                )
        except OSError as error:  # TimeoutError is one; it may come just after the connection stood
            if self.connection is not None:
                # uvloop closes a connection made too late without ever saying that it is lost.
                late, self.connection = self.connection, None
                late.connection_lost(error)
                self.refused, self.trouble = False, _words(error)
                self._down()
                return
            if isinstance(error, ConnectionResetError):
                self._turned_away()
            elif isinstance(error, ssl.SSLError):
                self._distrusted(error)
            else:
                self.refused = isinstance(error, ConnectionRefusedError)
                self.trouble = "connection refused" if self.refused else _words(error)
            self._again()

    def _again(self) -> None:
        if self._timer is not None:
            return
        pause, self._pause = self._pause, min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._timer = self._loop.call_later(pause, self._try)

    def _try(self) -> None:
        self._timer = None
        self._attempt = self._loop.create_task(self._connect())


def _words(error: OSError) -> str:
    return "the connection was not answered in time" if isinstance(error, TimeoutError) else str(error)
