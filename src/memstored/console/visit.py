"""One request of a visitor: who it is, what was sent, and how a page answers.

The gate of `console.group` makes one for each request and hands it to the page.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlencode

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Router

from memstored.api.caller import strongest_role
from memstored.api.faults import validation_details
from memstored.api.gate import state
from memstored.api.schemas.forms import QueryForm
from memstored.console.cookies import LANGUAGE, SESSION, VISITOR, keep
from memstored.console.feed import Holder, Topic
from memstored.console.forms import NOTHING_REFUSED, Posted, Refusal, refusal_of
from memstored.console.languages import Language, Words, chosen, english
from memstored.console.protection import FIELD, form_token
from memstored.console.rendering import render
from memstored.console.stream import Stream
from memstored.domain.errors import Fault, InvalidRequest
from memstored.identity.protocol import Caller, RoleName

if TYPE_CHECKING:
    from memstored.console.group import PageGroup
    from memstored.console.house import Console
    from memstored.service.services import Services

__all__ = ["Fragments", "Urls", "Visit"]

Q = TypeVar("Q", bound=QueryForm)

_FILTER = english("Correct what the list is filtered by.")


class Urls:
    """Addresses of pages, relative to the page that shows them: so they are right behind every proxy.

    `page` is the path of that page from the console's own place on: `/sets/3f0c`.
    """

    def __init__(self, router: Router, page: str) -> None:
        self._router = router
        self._up = "../" * (page.count("/") - 1) or "./"

    def __call__(self, name: str, query: Mapping[str, object] | None = None, **params: object) -> str:
        """The address of the page of that name; what is None in `query` is left out."""
        path = str(self._router.url_path_for(name, **params)).lstrip("/")
        given = {key: value for key, value in (query or {}).items() if value is not None}
        return f"{self._up}{path}" + (f"?{urlencode(given)}" if given else "")

    def at(self, place: str) -> str:
        """The address of a place that is given from the console's own place on, and lies there."""
        path = unquote(place.partition("?")[0]).replace("\\", "/")
        within = not {".", ".."} & set(path.split("/"))
        return self._up + (place.lstrip("/") if within else "")


@dataclass(frozen=True, slots=True)
class Fragments:
    """Makes parts of a page that are the same for everybody who reads its language: it knows no visitor.

    Their templates have no form: a form is one visitor's.
    """

    language: Language
    url: Urls

    def __call__(self, template: str, **values: object) -> str:
        """The HTML that this template makes of these values."""
        return render(template, self.own | values)

    @property
    def own(self) -> dict[str, object]:
        """What every template has."""
        return {"_": Words(self.language), "language": self.language, "url": self.url}


class Visit:
    """A request, its visitor's language, and once the gate knows it: the caller, and the form."""

    def __init__(self, request: Request, console: "Console") -> None:
        self.request = request
        self.console = console
        self.url = Urls(console.router, self.path)
        self.language = chosen(request.cookies.get(LANGUAGE), request.headers.get("accept-language", ""))
        self.posted = Posted({})
        self.group: PageGroup | None = None
        self._caller: Caller | None = None
        self._visitor = request.cookies.get(VISITOR) or secrets.token_urlsafe(32)

    @property
    def path(self) -> str:
        """The path from the console's own place on, with a slash before it."""
        return self.request.scope["path"].removeprefix(self.request.scope.get("root_path", "")) or "/"

    @property
    def services(self) -> "Services":
        """The use cases."""
        services: Services = self.request.app.state.services
        return services

    @property
    def token(self) -> str | None:
        """The token that the visitor's browser sent, valid or not."""
        return self.request.cookies.get(SESSION)

    @property
    def caller(self) -> Caller:
        """Who is signed in; pages that are open to everybody have none."""
        assert self._caller is not None, "this page is open: nobody need be signed in"
        return self._caller

    @property
    def signed_in(self) -> bool:
        """Whether somebody is."""
        return self._caller is not None

    @property
    def may_write(self) -> bool:
        """Whether forms that change something would be taken from this visitor."""
        return self.signed_in and strongest_role(self.caller) in (RoleName.ADMIN, RoleName.MEMBER)

    @property
    def is_admin(self) -> bool:
        """Whether this visitor may handle what belongs to the whole service."""
        return self.signed_in and strongest_role(self.caller) is RoleName.ADMIN

    @property
    def section(self) -> "PageGroup | None":
        """The group that the navigation has for this page."""
        return self.group and (self.group.within or self.group)

    async def identify(self) -> None:
        """Find out who is signed in. Raises `StoreTrouble`."""
        self._caller = await self.services.gatekeeper.caller(self.token) if self.token else None
        state(self.request.scope)["caller"] = self._caller

    @property
    def form_key(self) -> str | None:
        """What the forms of this visitor are bound to; None when the browser sent no cookie of ours."""
        return self.token if self.signed_in else self.request.cookies.get(VISITOR)

    @property
    def secure(self) -> bool:
        """Whether the browser came by https, whatever is behind its proxy; by its own word, if any."""
        origin = self.request.headers.get("origin", self.console.public_origin)
        return self.request.url.scheme == "https" or origin.startswith("https://")

    def query(self, shape: type[Q]) -> Q:
        """The query as the API reads it, less what is empty; raises `InvalidRequest`."""
        own = {key: value for key, value in self.request.query_params.items() if value and key != "notice"}
        try:
            return shape.model_validate(own)
        except ValidationError as error:
            details = validation_details(error.errors(include_url=False, include_input=False))
            raise InvalidRequest(_FILTER, details=details) from None

    def page(
        self, template: str, *, status: int = 200, refusal: Refusal = NOTHING_REFUSED, **values: object
    ) -> Response:
        """The page that this template makes of these values, and of what every page has (`base.html`)."""
        own: dict[str, object] = {
            **self.part.own,
            "visit": self,
            "posted": self.posted,
            "refusal": refusal,
            "notice": self.console.notices.get(self.request.query_params.get("notice", "")),
            "nav": self.console.nav,
            "languages": tuple(Language),
            "form_field": FIELD,
            "form_token": form_token((self.signed_in and self.token) or self._visitor),
        }
        response = HTMLResponse(render(template, own | values), int(status))
        if not self.signed_in and VISITOR not in self.request.cookies and self.path.count("/") == 1:
            keep(response, VISITOR, self._visitor, secure=self.secure)
        return response

    def live(self, topic: Topic) -> Response:
        """The stream of a topic, for the page that shows it, until the session is over."""
        token = self.token or ""
        state(self.request.scope)["streaming"] = True

        async def valid() -> bool:
            return await self.services.gatekeeper.caller(token) is not None

        holder = Holder(session=token, user_id=self.caller.user_id)
        return Stream(self.console.feed, topic, holder=holder, valid=valid)

    @property
    def part(self) -> Fragments:
        """What makes the live parts of this page; it is kept by who looks for them, and the visit is not."""
        return Fragments(self.language, self.url)

    def to_sign_in(self) -> Response:
        """Lead to the sign-in, which leads back to this page; of a form there is nothing to come back to."""
        place = self.place if self.request.method == "GET" else None
        return RedirectResponse(self.url("sign_in", {"next": place}), 303)

    @property
    def place(self) -> str:
        """This page with its query, from the console's own place on, as `next` and `back` have it."""
        query = self.request.url.query
        return self.path.lstrip("/") + (f"?{query}" if query else "")

    def refused(self, template: str, fault: Fault, **values: object) -> Response:
        """The form again, as it was filled in, with what is wrong at its fields.

        Raises the fault again when it is not about what was filled in: then it gets a page of its own.
        """
        refusal = refusal_of(fault)
        return self.page(template, status=refusal.status, refusal=refusal, **values)

    def redirect(self, name: str, *, notice: str | None = None, **params: object) -> Response:
        """Lead to the page of that name; it says what a group of pages has as its notice of that code."""
        assert notice is None or notice in self.console.notices, notice
        return RedirectResponse(self.url(name, {"notice": notice}, **params), 303)
