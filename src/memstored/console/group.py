"""Groups of pages: what a module of `console.pages` declares, and the gate before each of its pages.

A page is a function of a `Visit` and of what its path names, and returns a response:

    group = PageGroup(title=english("Sets"), home="sets")

    @group.get("/sets/{set_id}", name="set")
    async def show_set(visit: Visit, set_id: str) -> Response: ...

    @group.post("/sets/{set_id}/delete", name="delete_set", fields=("instanceSetName",))
    async def delete_set(visit: Visit, set_id: str) -> Response: ...

Whoever gets to see such a page is signed in, in a project, and has the role that its method takes; a form
that is posted came from one of our own pages, and has no fields but those. Refusals that a page raises become
a page of their own.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from memstored.api.caller import check_role
from memstored.api.gate import state
from memstored.console.forms import Posted, read_posted
from memstored.console.protection import FIELD, require_own_form, require_own_page
from memstored.console.stream import Why, farewell
from memstored.console.visit import Visit

__all__ = ["PLACE", "Page", "PageGroup"]

PLACE = "/console"
"""Where the console is mounted."""

Page = Callable[..., Awaitable[Response]]
"""A function of a `Visit` and, by name, of what the path holds."""

_Decorator = Callable[[Page], Page]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageGroup:
    """Pages that belong together.

    `title` (English, for `_`) and `home` (the name of a page) are what the navigation has of it, if anything;
    one that has no place there of its own may lie `within` another.
    `notices` are the texts (English, for `_`) that its pages redirect with, by code.
    """

    title: str | None = None
    home: str | None = None
    within: "PageGroup | None" = None
    notices: Mapping[str, str] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)

    def get(self, path: str, *, name: str) -> _Decorator:
        """A page to read, for who is signed in."""
        return self._page("GET", path, name, _read)

    def live(self, path: str, *, name: str) -> _Decorator:
        """The stream of a page's live parts, for who is signed in; others are told that it is over."""
        return self._page("GET", path, name, _follow)

    def post(self, path: str, *, name: str, fields: Collection[str] = ()) -> _Decorator:
        """What a form with these fields is sent to, by who is signed in and may write.

        A name that ends in `*` is of all fields that begin so.
        """
        return self._page("POST", path, name, partial(_write, fields=fields))

    def open_get(self, path: str, *, name: str) -> _Decorator:
        """A page for everybody."""
        return self._page("GET", path, name, _open)

    def open_post(self, path: str, *, name: str, fields: Collection[str] = ()) -> _Decorator:
        """What a form with these fields is sent to by everybody."""
        return self._page("POST", path, name, partial(_open_form, fields=fields))

    def _page(
        self, method: str, path: str, name: str, gate: Callable[[Visit], Awaitable[Response | None]]
    ) -> _Decorator:
        def declare(page: Page) -> Page:
            async def endpoint(request: Request) -> Response:
                visit: Visit = state(request.scope)["visit"]
                request.scope["route"] = _Measured(path=f"{PLACE}{path}")
                visit.group = self
                await visit.identify()
                return await gate(visit) or await page(visit, **request.path_params)

            self.routes.append(Route(path, endpoint, methods=[method], name=name))
            return page

        return declare


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What a request is counted as (`api.trace`): the path of its page, with names where it has ids."""

    path: str


async def _read(visit: Visit) -> Response | None:
    """Let in who may read; lead everybody else to the sign-in, and from there back."""
    if not visit.signed_in:
        return visit.to_sign_in()
    check_role(visit.caller, "GET")
    return None


async def _follow(visit: Visit) -> Response | None:
    """Let in who may read; a page of anybody else is left open from an earlier session."""
    if not visit.signed_in:
        return farewell(Why.SIGNED_OUT)
    check_role(visit.caller, "GET")
    return None


async def _write(visit: Visit, fields: Collection[str]) -> Response | None:
    """Let in who may write, with a form of ours that has these fields."""
    if not visit.signed_in:
        return visit.to_sign_in()
    posted = await _own_form(visit)
    check_role(visit.caller, "POST")
    posted.require_only({FIELD, *fields})
    visit.posted = posted
    return None


async def _open(_visit: Visit) -> Response | None:
    return None


async def _open_form(visit: Visit, fields: Collection[str]) -> Response | None:
    """Take the form, if it is one of ours that has these fields."""
    posted = await _own_form(visit)
    posted.require_only({FIELD, *fields})
    visit.posted = posted
    return None


async def _own_form(visit: Visit) -> Posted:
    """What was sent; raises `Forbidden` unless one of our pages sent it."""
    require_own_page(visit.request.headers, visit.console.public_origin)
    posted = read_posted(await visit.request.body())
    require_own_form(visit.form_key, posted.exact(FIELD))
    return posted
