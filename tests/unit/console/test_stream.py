"""A topic as server-sent events."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from memstored.console import stream
from memstored.console.feed import Feed, Holder, Parts, Topic
from memstored.console.stream import Stream, event

ME = Holder(session="mine", user_id="me")

Message = MutableMapping[str, Any]


class Reader:
    """A browser's end of a stream: keeps what it is sent, is there until `leave`, or takes nothing at all."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.status = 0
        self.news = asyncio.Event()
        self._gone = asyncio.Event()
        self._stuck = stuck

    async def send(self, message: Message) -> None:
        """What ASGI calls."""
        if self._stuck and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.status = message.get("status", self.status)
        self.bodies += [message["body"]] if message.get("body") else []
        self.news.set()

    async def receive(self) -> Message:
        """What ASGI calls."""
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def holds(self, what: Callable[[bytes], bool]) -> None:
        """Return when something like that was sent."""
        async with asyncio.timeout(10):
            while not any(what(body) for body in self.bodies):
                await self.news.wait()
                self.news.clear()

    def leave(self) -> None:
        """Hang up."""
        self._gone.set()


async def look() -> Parts:
    """There is one part."""
    return {"rows": "<b>\n</b>"}


async def yes() -> bool:
    """The session is valid."""
    return True


async def no() -> bool:
    """The session is over."""
    return False


def served(feed: Feed, reader: Reader, valid: Callable[[], Awaitable[bool]] = yes) -> "asyncio.Task[None]":
    """The stream, being sent to the reader."""
    topic = Topic(key="sets", project_id="a project", look=look)
    response = Stream(feed, topic, holder=ME, valid=valid)
    return asyncio.create_task(response({}, reader.receive, reader.send))


def test_an_event_has_a_line_for_each_line() -> None:
    """As the standard has it: no line of the content can be taken for something else."""
    assert event("rows", "<p>\nid: 7\r\n</p>") == b"event: rows\ndata: <p>\ndata: id: 7\ndata: </p>\n\n"
    assert event("end") == b"event: end\ndata: \n\n"
    assert event("end", "gone") == b"event: end\ndata: gone\n\n"


async def test_parts_are_sent_until_the_reader_leaves() -> None:
    """The stream ends when nobody reads it."""
    feed, reader = Feed(), Reader()
    serving = served(feed, reader)
    await reader.holds(bool)
    reader.leave()
    await serving

    assert reader.status == 200
    assert reader.bodies == [b"event: rows\ndata: <b>\ndata: </b>\n\n"]
    await feed.close()


async def test_the_end_of_the_session_ends_the_stream() -> None:
    """A token that was revoked shows nothing more, and the browser is told not to come back."""
    feed, reader = Feed(), Reader()

    async with asyncio.timeout(10):
        await served(feed, reader, no)

    assert reader.bodies == [event("end", "signed-out")]
    await feed.close()


async def test_the_end_of_the_service_ends_the_stream() -> None:
    """Nobody has to be waited for; the browser is not told to stay away, so it comes to the next service."""
    feed, reader = Feed(), Reader()
    serving = served(feed, reader)
    await reader.holds(bool)
    await feed.close()

    async with asyncio.timeout(10):
        await serving

    assert not any(body.startswith(b"event: end") for body in reader.bodies)


async def test_something_is_sent_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without news there is a comment, so that nothing in between takes the stream for dead."""
    monkeypatch.setattr(stream, "HEARTBEAT", 0.01)
    feed, reader = Feed(), Reader()
    serving = served(feed, reader)
    await reader.holds(lambda body: body.startswith(b":"))

    reader.leave()
    await serving
    await feed.close()


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that nobody uses is given to others."""
    monkeypatch.setattr(stream, "PATIENCE", 0.01)
    feed, reader = Feed(), Reader(stuck=True)

    async with asyncio.timeout(10):
        await served(feed, reader)

    with feed.joined(Topic(key="sets", project_id="a project", look=look), ME):
        pass
    await feed.close()
