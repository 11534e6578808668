"""Answers that come line by line, without a server."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from memstored.client import AsyncClient, Client, Patience, Unreachable, UnreadableAnswer
from memstored.client.transport import Lines

URL = "http://memstored.test"
TYPE = {"content-type": "application/x-ndjson"}


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer in these pieces; it breaks off where one is None."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if piece is None:
                raise httpx.ReadError("reset")
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def client_of(*answers: httpx.Response) -> tuple[Client, list[httpx.Request]]:
    """A client that gets these answers one after the other, and what it asked."""
    left, asked = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return left.pop(0)

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url=URL)
    patience = Patience(tries=3)
    return Client(url=URL, token="t", http=http, patience=patience, sleep=lambda _: None), asked


def lines(*pieces: bytes | None) -> httpx.Response:
    """JSON lines in these pieces."""
    return httpx.Response(200, headers=TYPE, stream=Pieces(*pieces))


def test_lines_are_put_together_of_pieces() -> None:
    """Wherever they were cut, and only at line feeds: JSON may hold what else Unicode takes for an end."""
    rows = [json.dumps({"message": f"a\u2028b\x85c {n}"}, ensure_ascii=False) for n in range(3)]
    whole = "".join(f"{row}\n" for row in rows).encode()
    put_together = Lines()

    taken = [line for at in range(len(whole)) for line in put_together.take(whole[at : at + 1])]

    put_together.end()
    assert taken == rows


def test_what_is_no_text_is_refused() -> None:
    """Whoever answers so is no memstored."""
    with pytest.raises(UnreadableAnswer):
        Lines().take(b"\xff\n")


def test_an_answer_that_breaks_off_is_no_whole_one() -> None:
    """What was given can not be taken back, so it is not asked for again."""
    client, asked = client_of(lines(b"1\n2\n3", None))
    given: list[str] = []

    with pytest.raises(Unreachable, match="broke off"):
        given.extend(client.export_events())

    assert (len(asked), given) == (1, ["1", "2"])


def test_an_end_in_the_middle_of_a_line_is_none() -> None:
    """As a proxy makes one that does not know where the answer ends."""
    client, _ = client_of(lines(b"1\n2"))
    exported = client.export_events()

    first = next(exported)
    with pytest.raises(Unreachable, match="middle of a line"):
        next(exported)

    assert first == "1"


def test_it_is_asked_for_again_as_long_as_nothing_came() -> None:
    """A part that is away for a moment, and a connection that broke at once."""
    away = httpx.Response(500, headers={"retry-after": "1"}, json={"error": {"code": "x", "message": "y"}})
    client, asked = client_of(away, lines(None), lines(b"1\n"))

    assert list(client.export_events()) == ["1"]
    assert [request.headers["accept"] for request in asked] == ["application/x-ndjson"] * 3


def test_a_page_is_not_taken_for_lines() -> None:
    """An older service knows none."""
    client, _ = client_of(httpx.Response(200, json={"size": 0, "data": [], "next": None}))

    with pytest.raises(UnreadableAnswer, match="older"):
        list(client.export_events())


async def test_the_asynchronous_client_does_the_same() -> None:
    """Line by line, to the end or to where it breaks off."""
    left = [lines(b"1\n2", b"\n"), lines(b"1\n", None)]
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: left.pop(0)), base_url=URL)

    async with AsyncClient(url=URL, token="t", http=http) as client:
        whole = [line async for line in client.export_events()]
        with pytest.raises(Unreachable, match="broke off"):
            _ = [line async for line in client.export_events()]

    assert whole == ["1", "2"]
