"""HTTP below the application: what the parser refuses is answered as every other refusal is (API.md 1).

uvicorn speaks to the parser, and by itself answers in plain text what it can not parse, takes heads of any
length, waits for a request for ever, and takes any number of connections, until none to a node can be opened
any more. `cli.serve` has it use this protocol instead.
"""

import asyncio
import resource
import socket
from functools import partial
from http import HTTPStatus

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from memstored.api.answers import Answer
from memstored.api.errors import error_body
from memstored.telemetry.requests import new_request_id

__all__ = ["HEAD_LIMIT", "MOST_CONNECTIONS", "PACE", "PATIENCE", "HttpProtocol", "HttpServer"]

HEAD_LIMIT = 64 * 1024
"""Bytes that the request line and all headers may have together (API.md 1)."""

PATIENCE = 20.0
"""Seconds that a request may take to come, from the connection on, or from its own first byte (API.md 1); and
a TLS handshake before that.
"""

PACE = 4096
"""Bytes of a body for which a caller gets a second more: a slow one may send a mebibyte."""

MOST_CONNECTIONS = 2000
"""Connections of callers at a time, or a third of the files that this process may have open where that is
less: nodes, the store and metrics at an address of their own need some as well.
"""

LINGER = 2.0
"""Seconds that a caller whose request was refused unread may take to hear so."""

_log = structlog.stdlib.get_logger("memstored.api")


class HeadTooLong(Exception):
    """The head of the request is over the limit."""


class NotOneHost(Exception):
    """The request does not name one host (RFC 9112, 3.2)."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _head_unfinished = True
    _head_began = True
    _head_size = 0
    _body_seen = 0
    _refused = False
    _since = 0.0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A caller comes; one too many is sent away at once."""
        super().connection_made(transport)
        if len(self.connections) > _most_connections():
            self._refused = True
            self._say(_too_many(), new_request_id())
            transport.close()
            return
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._await_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end is refused before it fills the memory."""
        if self._refused:
            return
        if self._patience is None:
            self._await_request()
        self._head_began = False
        super().data_received(data)
        if not self._head_unfinished:
            return
        self._head_size = self._tail(data) if self._head_began else self._head_size + len(data)
        if self._head_size > HEAD_LIMIT:
            self._refuse(_too_long())

    def _tail(self, data: bytes) -> int:
        """Bytes of a head that began in this data: what comes after the end of the request before it."""
        before = max(0, data.rfind(b"\r\n\r\n") + 4)
        return max(0, len(data) - before - self._body_seen)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._await_request()
        self._head_unfinished = self._head_began = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Raises `HeadTooLong` or `NotOneHost`, which the parser turns into a refusal; else the request is
        served.
        """
        self._head_unfinished, self._body_seen = False, 0
        self._head_size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self._head_size > HEAD_LIMIT:
            raise HeadTooLong
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            raise NotOneHost
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_seen += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._await_nothing()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next one is read on, where it was held up by the answer to the one before."""
        if self._patience is not None:
            self._await_request()
        super().on_response_complete()

    def _await_request(self) -> None:
        """Give the caller time from now on; while a connection idles between requests uvicorn has a timer."""
        self._await_nothing()
        self._since = self.loop.time()
        self._patience = self.loop.call_later(PATIENCE, self._out_of_patience)

    def _await_nothing(self) -> None:
        """Nothing is awaited of the caller any more."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _out_of_patience(self) -> None:
        """Hang up on who does not send what was begun, unless it is ours to read on, or more time is due."""
        paid = 0.0 if self._head_unfinished else self._body_seen / PACE
        left = self._since + PATIENCE + paid - self.loop.time()
        if self.pipeline or self.flow.read_paused:
            left = PATIENCE
        if left > 0:
            self._patience = self.loop.call_later(left, self._out_of_patience)
            return
        self._patience = None
        if self._head_size or self._latest() is not None:
            self._refuse(_too_slow())
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, in its form
        """Refuse what could not be parsed."""
        over = not self._head_unfinished and self._head_size > HEAD_LIMIT
        self._refuse(_too_long() if over else _malformed())

    def _refuse(self, answer: Answer) -> None:
        """Answer and hang up: where the next request begins can not be known any more.

        An answer that is due to an earlier request, or was begun, goes out first and is the last.
        """
        self._refused = True
        self._await_nothing()
        cycle = self._latest()
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body:
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
        request_id = new_request_id()
        _log.info("request refused unread", request_id=request_id, status=answer.status_code)
        self._hang_up(answer, request_id)

    def _latest(self) -> RequestResponseCycle | None:
        """The latest request whose head was read; None at first, which uvicorn's types do not say."""
        return self.cycle

    def _hang_up(self, answer: Answer, request_id: str) -> None:
        """Say this and no more. What the caller still sends is read and dropped for a while: closed at once,
        the connection would be reset, and the answer lost on its way.
        """
        self._say(answer, request_id)
        if self.transport.can_write_eof():  # TLS has no half of a connection
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)

    def _say(self, answer: Answer, request_id: str) -> None:
        own = [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
        headers = [*self.server_state.default_headers, *answer.raw_headers, *own]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body))


class HttpServer(uvicorn.Server):
    """Listens for callers, and waits no longer for a TLS handshake than for a request.

    Until that is over none of the bounds of `HttpProtocol` holds: the loop alone knows of the caller,
    and gives it a minute, which uvicorn has no setting for.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer at these sockets."""
        await super().startup([])
        caller = partial(
            HttpProtocol, self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        secured = self.config.ssl
        for listener in sockets or ():
            server = await asyncio.get_running_loop().create_server(
                caller,
                sock=listener,
                backlog=self.config.backlog,
                ssl=secured,
                ssl_handshake_timeout=PATIENCE if secured is not None else None,
            )
            self.servers.append(server)


def _most_connections() -> int:
    granted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, granted // 3)


def _malformed() -> Answer:
    message = (
        "This is no well-formed HTTP/1.1 request; "
        "correct its request line, its headers (one Host among them) or its framing."
    )
    return error_body(HTTPStatus.BAD_REQUEST, "malformed_request", message)


def _too_long() -> Answer:
    message = f"Send a request line and headers of at most {HEAD_LIMIT} bytes together."
    return error_body(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", message)


def _too_slow() -> Answer:
    message = (
        f"Send a request within {PATIENCE:.0f} seconds, with one more for each {PACE} bytes of its body."
    )
    return error_body(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", message)


def _too_many() -> Answer:
    message = "There are too many connections to this service; close some, or try again later."
    headers = {"retry-after": "1"}
    return error_body(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", message, headers=headers)
