"""The console put together: its pages, the headers of every answer, and a page for every fault.

It is mounted beside the API, in the same process and at the same port (`install`), and has the API's use
cases, at `app.state.services`. Nothing here does what the API could not.
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Mount, Route, Router
from starlette.types import Message, Receive, Scope, Send

from memstored.api.gate import state
from memstored.console.assets import asset
from memstored.console.faults import fault_page
from memstored.console.feed import Feed
from memstored.console.group import PLACE, PageGroup
from memstored.console.pages import (
    backups,
    create,
    credentials,
    events,
    one_set,
    parameter_groups,
    parameter_values,
    project,
    schedules,
    set_changes,
    set_charts,
    set_group,
    sets,
    signing,
    webhook,
)
from memstored.console.rendering import prepare
from memstored.console.visit import Visit
from memstored.store.database import Database
from memstored.store.sets import SetRepository

__all__ = ["Console", "install"]

_GROUPS: Sequence[PageGroup] = (
    sets.group,
    one_set.group,
    set_charts.group,
    set_changes.group,
    set_group.group,
    create.group,
    backups.group,
    schedules.group,
    parameter_groups.group,
    parameter_values.group,
    events.group,
    project.group,
    webhook.group,
    credentials.group,
    signing.group,
)
"""Every group of pages, in the order of the navigation."""

_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with that a browser hides from us, too, which page a form was sent by.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_UNKEPT = "no-store"


class Console:
    """All pages. `public_url` is where visitors find the service; behind a proxy `Host` may not tell."""

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        self.public_origin = f"{parts.scheme}://{parts.netloc}"
        pages = [route for group in _GROUPS for route in group.routes]
        self._routes = [*pages, Route("/assets/{digest}/{name}", asset)]
        self.router = Router(self._routes, redirect_slashes=False, default=_unknown)
        self.feed = Feed()
        self._prepared = False
        self.nav = tuple(group for group in _GROUPS if group.title)
        self.notices = {code: text for group in _GROUPS for code, text in group.notices.items()}

    def told_by(self, sets: SetRepository, database: Database) -> None:
        """Have open pages look again, from now on, whenever a set of theirs is written, or an event."""
        loop = asyncio.get_running_loop()
        sets.observe(lambda written: self.feed.wake(written.project_id))
        # Told in a thread of the database's, which ends before the loop does.
        database.listen(lambda project_id: loop.call_soon_threadsafe(self.feed.wake, project_id))

    def methods(self, scope: Scope) -> list[str]:
        """The methods that this request's path has, sorted, for `Allow`; none for an unknown path."""
        found = (route for route in self._routes if route.matches(scope)[0] is not Match.NONE)
        return sorted({method for route in found for method in route.methods or ()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        visit = Visit(Request(scope, receive), self)
        state(scope)["visit"] = visit
        # What a page raises is answered here; the API's handlers, which are found in the scope, write JSON.
        scope["starlette.exception_handlers"] = ({}, {})
        reply = _Reply(send)
        try:
            if not self._prepared:
                await asyncio.to_thread(prepare)
                self._prepared = True
            await self.router(scope, receive, reply)
        except Exception as fault:
            if reply.began:
                raise
            page = await fault_page(visit, fault)
            await page(scope, receive, reply)


class _Reply:
    """The way back: adds the headers that every answer has, and knows whether one began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            given = {name for name, _ in message["headers"]}
            own = {"cache-control": _UNKEPT, **_HEADERS}
            added = [(n.encode(), v.encode()) for n, v in own.items() if n.encode() not in given]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


async def _unknown(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise HTTPException(404)


def install(app: FastAPI, public_url: str) -> Console:
    """Mount the console, and lead people who come to the service's own address to it."""
    console = Console(public_url)
    app.router.routes.append(Route("/", _welcome))
    app.router.routes.append(Route(PLACE, _enter))
    app.router.routes.append(Mount(PLACE, app=console))
    return console


async def _enter(_request: Request) -> Response:
    return RedirectResponse(f".{PLACE}/")


async def _welcome(request: Request) -> Response:
    """People go to the console; to a program there is nothing here, as at every unknown path."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return RedirectResponse(f".{PLACE}/", 303)
