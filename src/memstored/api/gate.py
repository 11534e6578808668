"""The door of the house: what is checked before any route is looked for.

Pure ASGI, so that it costs next to nothing. The order is that of API.md 1: token (401), size of the body
(413, also of a chunked one), role (403); the path and the body come after. Outside `/v1` only the size
is checked.
"""

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memstored.api.caller import check_role
from memstored.api.errors import BodyTooLarge, store_unavailable
from memstored.api.handlers import refused, within
from memstored.domain.errors import Fault, NotAuthenticated
from memstored.identity.protocol import Caller, Gatekeeper
from memstored.store.errors import StoreTrouble

__all__ = ["BODY_LIMIT", "Gate"]

BODY_LIMIT = 1024 * 1024
"""Bytes that a request body may have (API.md 1)."""


class _Hungup(Exception):
    """The caller went away in the middle of the request."""


class Gate:
    """ASGI middleware that lets a request in or answers why not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            whole = await _admit(scope, receive)
        except StoreTrouble as trouble:
            await refused(scope, store_unavailable(trouble))(scope, receive, send)
        except Fault as fault:
            await refused(scope, fault)(scope, receive, send)
        except _Hungup:
            return
        else:
            await self._app(scope, whole, send)


async def _admit(scope: Scope, receive: Receive) -> Receive:
    """Check the request; returns a `receive` that gives its whole body."""
    headers = Headers(scope=scope)
    if not within(scope, "/v1"):
        return _replay(await _body(headers, receive), receive)
    caller = await _caller(scope, headers)
    state(scope)["caller"] = caller
    body = await _body(headers, receive)
    check_role(caller, scope["method"])
    return _replay(body, receive)


async def _caller(scope: Scope, headers: Headers) -> Caller:
    gatekeeper: Gatekeeper = scope["app"].state.services.gatekeeper
    token = headers.get("x-auth-token")
    caller = await gatekeeper.caller(token) if token else None
    if caller is None:
        raise NotAuthenticated("Send a valid token in the header X-Auth-Token.")
    return caller


def state(scope: Scope) -> MutableMapping[str, Any]:
    """What is kept about the request while it is served; `request.state` shows the same."""
    kept: MutableMapping[str, Any] = scope.setdefault("state", {})
    return kept


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The whole body; raises `BodyTooLarge` as soon as it is known to be over the limit."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > BODY_LIMIT:
        raise _too_large()
    if not announced and "transfer-encoding" not in headers:
        return b""
    return await _received(receive)


async def _received(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Hungup
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise _too_large()
        more = message.get("more_body", False)
    return bytes(body)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"Send at most {BODY_LIMIT} bytes.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole body first and then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
