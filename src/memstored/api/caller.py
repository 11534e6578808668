"""Who calls and what they may do: roles as FastAPI dependencies over what the gate has checked.

`api.gate` authenticates every call under `/v1` and checks reading and writing; the dependencies hand
the caller to a route and say in the OpenAPI document that a token is needed.
"""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from memstored.domain.errors import Forbidden
from memstored.identity.protocol import Caller, RoleName

__all__ = [
    "AdminCaller",
    "ReadingCaller",
    "WritingCaller",
    "check_admin",
    "check_role",
    "project_of",
    "strongest_role",
]

TOKEN = APIKeyHeader(
    name="X-Auth-Token",
    scheme_name="token",
    description="A token from `POST /identity/v3/auth/tokens`, or from the Keystone that is configured.",
    auto_error=False,
)

_STRENGTH = (RoleName.ADMIN, RoleName.MEMBER, RoleName.READER)


def strongest_role(caller: Caller) -> RoleName | None:
    """The strongest of the caller's roles that mean something here; None: there is none."""
    return next((role for role in _STRENGTH if role in caller.roles), None)


def check_role(caller: Caller, method: str) -> None:
    """Raise `Forbidden` unless the caller may use this HTTP method under `/v1` (API.md 1)."""
    if caller.project_id is None:
        raise Forbidden("Use a token of a project; this one has none.", code="no_project")
    role = strongest_role(caller)
    if role is None:
        raise Forbidden("Ask for the role reader, member or admin in this project.", code="no_role")
    if role is RoleName.READER and method != "GET":
        raise Forbidden("The role reader only reads; ask for the role member.", code="read_only")


def check_admin(caller: Caller) -> None:
    """Raise `Forbidden` unless the caller is an administrator (API.md 3)."""
    if strongest_role(caller) is not RoleName.ADMIN:
        message = "This concerns every project, so it takes the role admin, which is the operator's."
        raise Forbidden(message, code="admin_only")


def project_of(caller: Caller) -> str:
    """The project of a caller that passed the gate."""
    assert caller.project_id is not None
    return caller.project_id


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _reading(request: Request, _token: Annotated[str | None, Security(TOKEN)]) -> Caller:
    return await _caller(request)


async def _writing(request: Request, _token: Annotated[str | None, Security(TOKEN)]) -> Caller:
    return await _caller(request)


async def _admin(request: Request, _token: Annotated[str | None, Security(TOKEN)]) -> Caller:
    caller = await _caller(request)
    check_admin(caller)
    return caller


ReadingCaller = Annotated[Caller, Depends(_reading)]
"""A caller who may read; for GET routes."""

WritingCaller = Annotated[Caller, Depends(_writing)]
"""A caller who may write; for all other routes."""

AdminCaller = Annotated[Caller, Depends(_admin)]
"""A caller with the role admin, the operator's: for what concerns every project."""
