"""A topic as server-sent events, to one browser.

Each part that changed is an event of its name, with the HTML as its data; `sse-swap` of the page takes it. It
ends with the event `end` when the session does, and when there is nothing to see any more: then the browser
does not come back (`sse-close`), and `live.js` says why. When the service stops it ends without.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from memstored.console.feed import Feed, Holder, Listener, Topic

__all__ = ["END", "Stream", "Why", "event", "farewell"]

END = "end"
"""The event after which nothing comes; its data is a `Why`."""


class Why(StrEnum):
    """Why nothing comes any more."""

    SIGNED_OUT = "signed-out"
    GONE = "gone"
    """What the page shows is gone, as its parts say, or what it asks for can not be."""


HEARTBEAT = 15.0
"""Seconds after which something is sent in any case, so that nothing in between takes it for dead."""
PATIENCE = 20.0
"""Seconds that a reader may take to take something; a slower one is dropped."""

_BEAT = b": still here\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    # Said to proxies that would collect it first.
    (b"x-accel-buffering", b"no"),
]


def event(name: str, content: str = "") -> bytes:
    """One event; a line of its data for each line of the content."""
    data = "".join(f"data: {line}\n" for line in content.splitlines() or [""])
    return f"event: {name}\n{data}\n".encode()


def farewell(why: Why) -> Response:
    """A stream of nothing but its end: to any other answer a browser would come back again and again."""
    return Response(event(END, why), headers={name.decode(): value.decode() for name, value in _HEADERS})


class Stream(Response):
    """The response. `valid` tells whether the session of its `holder` still is."""

    def __init__(
        self, feed: Feed, topic: Topic, *, holder: Holder, valid: Callable[[], Awaitable[bool]]
    ) -> None:
        super().__init__()
        self._feed = feed
        self._topic = topic
        self._holder = holder
        self._valid = valid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        """Send events until the reader is gone, or too slow, or the session is over."""
        tasks = {asyncio.create_task(self._send(send)), asyncio.create_task(_left(receive))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, TimeoutError):
                raise outcome

    async def _send(self, send: Send) -> None:
        with self._feed.joined(self._topic, self._holder) as listener:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            async for piece in self._pieces(listener):
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self, listener: Listener) -> AsyncIterator[bytes]:
        try:
            news = await listener.news(HEARTBEAT)
            # Asked after the wait: what comes once the session is over is not for its holder.
            while await self._valid():
                yield b"".join(event(name, content) for name, content in news.items()) or _BEAT
                news = await listener.news(HEARTBEAT)
            yield event(END, Why.SIGNED_OUT)
        except ConnectionAbortedError:
            # Without a word: the browser comes back by itself, to who serves then.
            return
        except EOFError:
            yield event(END, Why.GONE)


async def _left(receive: Receive) -> None:
    """Return when the reader is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
