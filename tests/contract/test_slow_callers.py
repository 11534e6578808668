"""API.md 1: who connects and sends no whole request is not waited for, and only so many may connect."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from over_the_wire import exchange, listening
from starlette.types import Receive, Scope, Send

from memstored.api import wire

PATIENCE = 0.4
SLOW = 0.3
"""Seconds that a slow caller lets pass between two pieces of a request."""
GOOD = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
POST = b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for less long."""
    monkeypatch.setattr(wire, "PATIENCE", PATIENCE)


async def test_who_says_nothing_is_hung_up_on(port: int) -> None:
    """A connection on which nothing comes is closed, without a word."""
    assert await exchange(port) == []


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\n", id="half a head"),
        pytest.param(b"\r\n", id="an empty line"),
        pytest.param(POST % 10 + b"{", id="a byte of a body"),
        pytest.param(POST.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"5", id="a chunk"),
    ],
)
async def test_who_does_not_go_on_is_refused(port: int, begun: bytes) -> None:
    """A request that does not come to its end is answered with 408, and the connection ends."""
    [answer] = await exchange(port, begun)

    assert (answer.status, answer.error["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


async def test_who_does_not_go_on_after_an_answer_is_refused(port: int) -> None:
    """A connection that was good once is waited for no longer than any other."""
    answers = await exchange(port, GOOD, b"GET ")

    assert [answer.status for answer in answers] == [200, 408]


async def test_who_never_shakes_hands_is_hung_up_on() -> None:
    """With TLS no request can come before that: it is waited for no longer than for a request."""
    async with listening(_slow_stream, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as port:
        answers = await exchange(port)

    assert answers == []


async def test_a_slow_body_is_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes bit by bit has the more time, the more of it has come."""
    monkeypatch.setattr(wire, "PACE", 10)

    [answer] = await exchange(port, POST % 60 + b" " * 20, *[b" " * 20] * 2, apart=SLOW)

    assert (answer.status, len(answer.body) > 0) == (400, True)


async def test_a_body_that_is_too_slow_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not keep a connection."""
    monkeypatch.setattr(wire, "PACE", 1000)

    [answer] = await exchange(port, POST % 60, *[b" "] * 3, apart=SLOW)

    assert answer.status == 408


async def test_a_connection_may_idle_between_requests(port: int) -> None:
    """The next request is served, though it comes later than one that was begun may."""
    answers = await exchange(port, GOOD, LAST, apart=2 * PATIENCE)

    assert [answer.status for answer in answers] == [200, 200]


@pytest.mark.parametrize("more", [b"", b"\r\n", b"GET ", POST % 10 + b"{"])
async def test_an_answer_under_way_is_not_cut(more: bytes) -> None:
    """A stream ends when it ends, also where something follows its request that does not come to an end."""
    async with listening(_slow_stream) as port:
        answers = await exchange(port, GOOD.replace(b"/healthz", b"/") + more)

    assert answers[0].body == b"beginning and end"


async def test_only_so_many_may_connect(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is sent away, and is let in when another has left: else none to a node could be opened."""
    monkeypatch.setattr(wire, "PATIENCE", 20.0)
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 2)
    async with _connected(port), _connected(port) as (first, going):
        [refused] = await exchange(port)
        going.close()
        await going.wait_closed()
        await first.read()
        [served] = await exchange(port, LAST)

    assert (refused.status, refused.error["code"]) == (503, "too_many_connections")
    assert served.status == 200


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


async def _slow_stream(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"beginning", "more_body": True})
    await asyncio.sleep(PATIENCE * 3)
    await send({"type": "http.response.body", "body": b" and end"})
