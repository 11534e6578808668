"""API.md 1: what is no HTTP is answered in the error body too, by the server as it is run."""

import asyncio
import json
from uuid import UUID

import pytest
from harness import JSON_TYPE
from over_the_wire import Answers, exchange

from memstored.api.wire import HEAD_LIMIT

GOOD = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"hello\r\n\r\n", id="no request line"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n", id="unknown method"),
        pytest.param(b"GET /healthz HTTP/7.3\r\n\r\n", id="unknown version"),
        pytest.param(b"GET /healthz FTP/1.1\r\n\r\n", id="other protocol"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param("GET /ü HTTP/1.1\r\nHost: h\r\n\r\n".encode("latin-1"), id="path not in ASCII"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", id="header without colon"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\nb ad: x\r\n\r\n", id="header name with blank"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\na: x\0y\r\n\r\n", id="header value with NUL"),
        pytest.param(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: ten\r\n\r\n", id="length in words"),
        pytest.param(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", id="length below zero"),
        pytest.param(
            b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            id="length beyond numbers",
        ),
        pytest.param(
            b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            id="two lengths",
        ),
        pytest.param(
            b"POST /v1/x HTTP/1.1\r\nHost: h\r\n"
            b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="length and chunks",
        ),
        pytest.param(
            b"POST /healthz HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="bad chunk"
        ),
        pytest.param(b"GET /healthz HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: h\r\nHost: other\r\n\r\n", id="two hosts"),
        pytest.param(b"GET /healthz HTTP/1.0\r\nHost: h\r\nhost: h\r\n\r\n", id="a host twice"),
    ],
)
async def test_what_is_no_http_gets_the_error_body(port: int, request_bytes: bytes) -> None:
    """400 in JSON with a request id, and the connection ends."""
    [answer] = await exchange(port, request_bytes)

    assert answer.status == 400
    assert answer.headers["content-type"] == JSON_TYPE
    assert answer.headers["connection"] == "close"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert str(UUID(answer.headers["x-request-id"])) == answer.headers["x-request-id"]
    assert answer.error["code"] == "malformed_request"
    assert answer.error["details"] == []
    assert answer.body.endswith(b"}\n")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"GET /healthz HTTP/1.1\r\na: " + b"x" * HEAD_LIMIT + b"\r\n\r\n"], id="one header"),
        pytest.param([b"GET /healthz HTTP/1.1\r\n" + b"a: x\r\n" * 40_000 + b"\r\n"], id="many headers"),
        pytest.param([b"GET /" + b"x" * (HEAD_LIMIT + 1)], id="a path that does not end"),
        pytest.param([b"GET / HTTP/1.1\r\na: ", *[b"x" * 20_000] * 4], id="a header that does not end"),
    ],
)
async def test_a_head_has_a_limit(port: int, pieces: list[bytes]) -> None:
    """Over 64 KiB of request line and headers: 431, also when they never end."""
    [answer] = await exchange(port, *pieces)

    assert answer.status == 431
    assert answer.headers["content-type"] == JSON_TYPE
    assert answer.headers["x-request-id"]
    assert answer.error["code"] == "headers_too_large"


async def test_a_head_may_fill_its_limit(port: int) -> None:
    """A head of just under 64 KiB is served, and so is the next one on the connection."""
    filling = b"GET /healthz HTTP/1.1\r\nHost: h\r\na: " + b"x" * (HEAD_LIMIT - 100) + b"\r\n\r\n"
    last = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    answers = await exchange(port, filling, filling, last)

    assert [answer.status for answer in answers] == [200, 200, 200]


async def test_the_first_version_need_not_name_a_host(port: int) -> None:
    """HTTP/1.0 has no `Host`: what watches over services speaks it still."""
    [answer] = await exchange(port, b"GET /healthz HTTP/1.0\r\n\r\n")

    assert answer.status == 200


async def test_an_answer_that_is_due_comes_before_the_hanging_up(port: int) -> None:
    """What follows a good request and is no HTTP does not spoil the answer to it."""
    [answer] = await exchange(port, GOOD + b"hello\r\n\r\n")

    assert (answer.status, json.loads(answer.body)["status"]) == (200, "ok")


async def test_after_an_answer_that_was_given_the_refusal_follows(port: int) -> None:
    """A connection that was good once is refused like any other when it goes wrong."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = Answers()
    writer.write(GOOD)
    while not answers.answers:
        answers.parser.feed_data(await reader.read(65536))
    writer.write(b"hello\r\n\r\n")
    answers.parser.feed_data(await reader.read())
    writer.close()

    assert [answer.status for answer in answers.answers] == [200, 400]


async def test_asking_for_another_protocol_changes_nothing(port: int) -> None:
    """There is no other protocol here: the request is answered as if it had not asked."""
    asking = b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = Answers()
    writer.write(asking)
    while not answers.answers:
        answers.parser.feed_data(await reader.read(65536))
    writer.close()

    assert [answer.status for answer in answers.answers] == [200]
