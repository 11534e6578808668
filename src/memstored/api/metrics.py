"""`/metrics`, for Prometheus (API.md 11): at the address of the API, or at one of its own.

It tells the names of all projects' sets, so it is no page for everybody. With a token it is for
who has it. Without one it is served only where the service listens to its own machine, and then only to
requests that were meant for this machine: not to what a proxy forwards from elsewhere, and not to a page in
somebody's browser that had its name resolve to 127.0.0.1.
"""

import hmac
import ipaddress
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from memstored.api.answers import Answer
from memstored.api.errors import error_body
from memstored.service.exposition import Exposition

__all__ = ["MetricsDoor", "MetricsSite"]

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""What tells that a request came through a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsDoor:
    """Who may read the page. `token` None: anybody on this machine if `local`, else anybody."""

    exposition: Exposition
    token: str | None = field(default=None, repr=False)
    local: bool = True

    async def answer(self, request: Request) -> Response:
        """The page, or why not."""
        refused = self._refusal(request.headers)
        if refused is not None:
            return refused
        return Response(await self.exposition.text(), headers={"content-type": CONTENT_TYPE})

    def _refusal(self, headers: Headers) -> Answer | None:
        if self.token is not None:
            return None if _bears(headers, self.token) else _unknown()
        if self.local and not _from_here(headers):
            return _elsewhere()
        return None


def _bears(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _from_here(headers: Headers) -> bool:
    return not any(name in headers for name in _FORWARDED) and _is_local(headers.get("host", ""))


def _is_local(host: str) -> bool:
    """Whether a `Host` means this machine: `localhost:8700`, `127.0.0.1`, `[::1]:8700`."""
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _unknown() -> Answer:
    message = "Send the metrics token in the header Authorization, as Bearer."
    challenge = {"www-authenticate": "Bearer"}
    return error_body(HTTPStatus.UNAUTHORIZED, "metrics_token_required", message, headers=challenge)


def _elsewhere() -> Answer:
    message = "Metrics are for this machine only; the operator can set a token or an address for them."
    return error_body(HTTPStatus.FORBIDDEN, "metrics_local_only", message)


class MetricsSite:
    """An ASGI application with this one page, for an address of its own."""

    def __init__(self, door: MetricsDoor) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assert scope["type"] == "http", "this server has neither a lifespan nor websockets"
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.path != PATH:
            return error_body(HTTPStatus.NOT_FOUND, "path_unknown", f"There is only {PATH} here.")
        if request.method not in ("GET", "HEAD"):
            message = f"{request.method} is not possible here; use GET."
            allow = {"allow": "GET"}
            return error_body(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", message, headers=allow)
        return await self._door.answer(request)
