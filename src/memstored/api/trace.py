"""Every request gets an id, a log line, and an answer even when something breaks (API.md 1).

The outermost part of the house, in pure ASGI. It is the one place where an unexpected exception ends:
the caller learns the request id and nothing else, the log has the traceback.
"""

import time
from typing import TYPE_CHECKING, Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memstored.api.errors import shortened
from memstored.api.gate import state
from memstored.api.handlers import broken
from memstored.telemetry.requests import new_request_id, serving

if TYPE_CHECKING:
    from memstored.service.services import Services

__all__ = ["Trace"]

_LONGEST_PATH = 500
"""Characters of a path in a log line."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = structlog.stdlib.get_logger("memstored.api")


class Trace:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        with serving(request_id):
            await self._serve(scope, receive, _Reply(send, request_id))

    async def _serve(self, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        began = time.perf_counter()
        try:
            await self._app(scope, receive, reply)
        except Exception:
            _log.exception("request failed", **_about(scope, reply))
            if reply.status is not None:
                raise
            await broken(scope, reply.request_id)(scope, receive, reply)
        finally:
            seconds = time.perf_counter() - began
            _measure(scope, reply, seconds)
            _log.info("request", **_about(scope, reply), milliseconds=round(1000 * seconds, 1))


def _measure(scope: Scope, reply: "_Reply", seconds: float) -> None:
    """Count it by the template of its path, never by the path itself; a method that nobody knows is one.

    A stream is not counted: it takes as long as somebody listens.
    """
    if reply.status is None or state(scope).get("streaming"):
        return
    services: Services = scope["app"].state.services
    route = scope.get("route")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    services.measures.answered(method, route.path if route else None, reply.status, seconds)


class _Reply:
    """The way back to the caller: adds the request id and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], self._header()]}
        await self._send(message)

    def _header(self) -> tuple[bytes, bytes]:
        return b"x-request-id", self.request_id.encode()


def _about(scope: Scope, reply: _Reply) -> dict[str, Any]:
    """What a log line says of a request: never a header, a query or a body, which may hold secrets."""
    caller = state(scope).get("caller")
    return {
        "request_id": reply.request_id,
        "method": scope["method"],
        "path": _one_line(scope["path"]),
        "status": reply.status,
        "client": scope["client"][0] if scope.get("client") else None,
        "caller": caller.user_name if caller else None,
        "project": caller.project_id if caller else None,
    }


def _one_line(text: str) -> str:
    """The text as it can stand in a line: a path may be long, and break lines to forge lines of its own."""
    short = shortened(text, _LONGEST_PATH)
    return short if short.isprintable() else ascii(short)
