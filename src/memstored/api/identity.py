"""Routes of the embedded issuer, by Keystone's rules (API.md 8). There are none with a real Keystone."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from memstored.api.answers import Answer
from memstored.api.body import json_body
from memstored.api.keystone import VARY, KeystoneError
from memstored.api.openapi import Responses
from memstored.identity.embedded import EmbeddedIssuer

__all__ = ["router"]

router = APIRouter(prefix="/identity/v3", tags=["identity"])

_TOKEN_HEADER: dict[str, Any] = {
    "X-Subject-Token": {"description": "The token.", "schema": {"type": "string"}},
}

_TOKEN: dict[str, Any] = {
    "description": "The token, in the header, and what it stands for.",
    "headers": _TOKEN_HEADER,
    "content": {"application/json": {"schema": {"type": "object", "required": ["token"]}}},
}

_REQUEST = {
    "title": "TokenRequest",
    "type": "object",
    "required": ["auth"],
    "properties": {
        "auth": {
            "type": "object",
            "required": ["identity"],
            "properties": {
                "identity": {
                    "type": "object",
                    "required": ["methods", "application_credential"],
                    "properties": {
                        "methods": {
                            "type": "array",
                            "items": {"const": "application_credential"},
                            "minItems": 1,
                        },
                        "application_credential": {
                            "type": "object",
                            "required": ["secret"],
                            "properties": {
                                "id": {"type": "string"},
                                "name": {"type": "string"},
                                "secret": {"type": "string"},
                                "user": {
                                    "type": "object",
                                    "required": ["id"],
                                    "properties": {"id": {"type": "string"}},
                                },
                            },
                        },
                    },
                }
            },
        }
    },
}

_ISSUED: Responses = {201: _TOKEN}

_SHOWN: Responses = {200: _TOKEN}

_VALID: Responses = {200: {"description": "It is valid.", "headers": _TOKEN_HEADER}}

_WORDS = {
    400: "The request is not of the form that Keystone expects.",
    401: "The credential or the token that vouches for the caller is not valid.",
    403: "The token belongs to another user.",
    404: "The token asked about is unknown, expired or revoked.",
    413: "The request body is over 1 MiB.",
    500: "A fault of the service.",
}

SubjectToken = Annotated[str | None, Header(alias="X-Subject-Token", description="The token asked about.")]
AuthToken = Annotated[str | None, Header(alias="X-Auth-Token", description="A token of the caller's own.")]


def _refusals(*statuses: int) -> Responses:
    return {status: {"model": KeystoneError, "description": _WORDS[status]} for status in statuses}


@router.get("", summary="Find the identity service", responses=_refusals(500))
@router.get("/", include_in_schema=False)
async def show_version(request: Request) -> Answer:
    """Keystone's version document."""
    return Answer(_issuer(request).version(), headers=VARY)


@router.post(
    "/auth/tokens",
    status_code=201,
    summary="Exchange an application credential for a token",
    responses=_ISSUED | _refusals(400, 401, 413, 500),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}}},
)
async def issue_token(request: Request) -> Answer:
    """The token is in the header `X-Subject-Token`; it is valid for twelve hours."""
    issued = await _issuer(request).issue(await json_body(request))
    return Answer(issued.body, 201, {**VARY, "x-subject-token": issued.token})


@router.get(
    "/auth/tokens",
    summary="Look at a token",
    responses=_SHOWN | _refusals(401, 403, 404, 500),
)
async def show_token(request: Request, subject: SubjectToken = None, own: AuthToken = None) -> Answer:
    """One's own token, or as an administrator any."""
    body = await _issuer(request).show(subject, asked_by=own)
    return Answer(body, headers={**VARY, "x-subject-token": subject or ""})


@router.head(
    "/auth/tokens",
    summary="Check a token",
    responses=_VALID | _refusals(401, 403, 404, 500),
)
async def check_token(request: Request, subject: SubjectToken = None, own: AuthToken = None) -> Response:
    """As GET, without a body."""
    await _issuer(request).show(subject, asked_by=own)
    return Response(headers={**VARY, "x-subject-token": subject or ""})


@router.delete(
    "/auth/tokens",
    status_code=204,
    summary="End a token",
    responses=_refusals(401, 403, 404, 500),
)
async def revoke_token(request: Request, subject: SubjectToken = None, own: AuthToken = None) -> Response:
    """One's own token, or as an administrator any; it ends at once."""
    await _issuer(request).revoke(subject, asked_by=own)
    return Response(status_code=204, headers=VARY)


def _issuer(request: Request) -> EmbeddedIssuer:
    issuer: EmbeddedIssuer = request.app.state.services.issuer
    return issuer
