"""Signing in and out, and the choice of a language.

A session is a token of the API, which the browser keeps; the service has no other memory of it.
"""

from contextlib import suppress
from datetime import UTC, datetime

from starlette.responses import RedirectResponse, Response

from memstored.console.cookies import LANGUAGE, SESSION, VISITOR, forget, keep
from memstored.console.forms import Refusal
from memstored.console.group import PageGroup
from memstored.console.languages import Language, english
from memstored.console.visit import Visit
from memstored.identity.errors import IdentityFault

__all__ = ["group"]

group = PageGroup(notices={"signed_out": english("You are signed out.")})

_YEAR = 365 * 24 * 3600
_UNKNOWN = Refusal(status=401, message=english("This credential is not known, or it has expired."))
_UNKNOWN_TOKEN = Refusal(status=401, message=english("This token is not known, or it has expired."))


@group.open_get("/sign-in", name="sign_in")
async def show_sign_in(visit: Visit) -> Response:
    """The form, for a credential, or where another service issues tokens, for one of those."""
    return _form(visit, next_page=visit.request.query_params.get("next", ""))


@group.open_post("/sign-in", name="do_sign_in", fields=("id", "secret", "token", "next"))
async def sign_in(visit: Visit) -> Response:
    """Keep a token in the browser, and go where the visitor wanted to."""
    next_page = visit.posted.text("next") or ""
    token = await _token(visit)
    caller = await visit.services.gatekeeper.caller(token) if token else None
    if token is None or caller is None:
        refusal = _UNKNOWN if visit.services.issuer else _UNKNOWN_TOKEN
        return _form(visit, next_page=next_page, refusal=refusal)
    response = RedirectResponse(visit.url.at(next_page), 303)
    expires = datetime.fromtimestamp(caller.expires_at, UTC)
    keep(response, SESSION, token, secure=visit.secure, expires=expires)
    forget(response, VISITOR, secure=visit.secure)
    return response


async def _token(visit: Visit) -> str | None:
    """A fresh token for the credential, or the one that was pasted; None when it is no credential of ours."""
    issuer = visit.services.issuer
    if issuer is None:
        return visit.posted.text("token")
    claim = {"id": visit.posted.text("id") or "", "secret": visit.posted.text("secret") or ""}
    identity = {"methods": ["application_credential"], "application_credential": claim}
    try:
        return (await issuer.issue({"auth": {"identity": identity}})).token
    except IdentityFault:
        return None


def _form(visit: Visit, *, next_page: str, refusal: Refusal | None = None) -> Response:
    refusal = refusal or Refusal()
    own_issuer = visit.services.issuer is not None
    return visit.page(
        "signing/sign_in.html",
        status=refusal.status,
        refusal=refusal,
        next_page=next_page,
        own_issuer=own_issuer,
    )


@group.open_post("/sign-out", name="sign_out")
async def sign_out(visit: Visit) -> Response:
    """End the token, where it is ours to end, and have the browser forget it."""
    if visit.services.issuer is not None:
        with suppress(IdentityFault):
            await visit.services.issuer.revoke(visit.token, asked_by=visit.token)
    response = visit.redirect("sign_in", notice="signed_out")
    forget(response, SESSION, secure=visit.secure)
    return response


@group.open_get("/language", name="language")
async def choose_language(visit: Visit) -> Response:
    """Keep another language, and show the same page in it."""
    query = visit.request.query_params
    response = RedirectResponse(visit.url.at(query.get("back", "")), 303)
    if query.get("to") in set(Language):
        keep(response, LANGUAGE, query["to"], secure=visit.secure, expires=_YEAR)
    return response
