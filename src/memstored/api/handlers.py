"""Where refusals become answers: in our error body, and under `/identity` in Keystone's (API.md 1 and 8)."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from memstored.api import keystone
from memstored.api.answers import Answer
from memstored.api.errors import (
    error_body,
    internal_error,
    object_storage_unavailable,
    refusal,
    store_unavailable,
)
from memstored.api.faults import validation_details
from memstored.domain.errors import Fault, InvalidRequest
from memstored.identity.errors import IdentityFault
from memstored.objects.storage import ObjectTrouble
from memstored.store.errors import StoreTrouble

__all__ = ["broken", "install", "refused", "within"]

_IDENTITY = "/identity"


def within(scope: Scope, base: str) -> bool:
    """Whether the request is for this path or one below it."""
    path: str = scope["path"]
    return path == base or path.startswith(f"{base}/")


def refused(scope: Scope, fault: Fault) -> Answer:
    """The answer to a request that is refused with this fault."""
    return keystone.refusal(fault) if within(scope, _IDENTITY) else refusal(fault)


def broken(scope: Scope, request_id: str) -> Answer:
    """The answer to a request at which something broke in here."""
    answer = keystone.internal_error if within(scope, _IDENTITY) else internal_error
    return answer(request_id)


def install(app: FastAPI) -> None:
    """Make the app answer every fault, unknown path and wrong method so."""
    app.add_exception_handler(Fault, _on_fault)
    app.add_exception_handler(StoreTrouble, _on_store_trouble)
    app.add_exception_handler(ObjectTrouble, _on_object_trouble)
    app.add_exception_handler(IdentityFault, _on_identity_fault)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


async def _on_fault(request: Request, exc: Exception) -> Answer:
    assert isinstance(exc, Fault)
    return refused(request.scope, exc)


async def _on_store_trouble(request: Request, exc: Exception) -> Answer:
    assert isinstance(exc, StoreTrouble)
    return refused(request.scope, store_unavailable(exc))


async def _on_object_trouble(request: Request, exc: Exception) -> Answer:
    assert isinstance(exc, ObjectTrouble)
    return refused(request.scope, object_storage_unavailable(exc))


async def _on_identity_fault(_request: Request, exc: Exception) -> Answer:
    assert isinstance(exc, IdentityFault)
    return keystone.error(exc.status, exc.message)


async def _on_validation_error(request: Request, exc: Exception) -> Answer:
    assert isinstance(exc, RequestValidationError)
    # The first step of a place only says that it is in the query.
    errors = [{**error, "loc": error["loc"][1:]} for error in exc.errors()]
    fault = InvalidRequest("Correct the query parameters.", details=validation_details(errors))
    return refused(request.scope, fault)


async def _on_http_exception(request: Request, exc: Exception) -> Answer:
    assert isinstance(exc, HTTPException)
    status, code, message, headers = exc.status_code, "invalid_request", str(exc.detail), {}
    if status == HTTPStatus.NOT_FOUND:
        code, message = "path_unknown", f"There is no path {request.url.path} in this API."
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = await _methods(request, exc)
        code, message = "method_not_allowed", f"{request.method} is not possible here; use {methods}."
        headers = {"allow": methods}
    if within(request.scope, _IDENTITY):
        return keystone.error(status, message, headers)
    return error_body(status, code, message, headers=headers)


async def _methods(request: Request, exc: HTTPException) -> str:
    """The methods that the path has, for `Allow`."""
    paths = (await request.app.state.published()).paths
    documented = ", ".join(paths.methods(request.url.path))
    return documented or (exc.headers or {}).get("Allow", "GET")
