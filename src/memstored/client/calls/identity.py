"""Calls about tokens, by Keystone's rules (API.md 8). `auth_url` ends in the identity service's version."""

from typing import Any

from memstored.client.decoding import decode
from memstored.client.errors import UnreadableAnswer
from memstored.client.models import Token
from memstored.client.wire import Call, Reply, Request

__all__ = ["check_token", "issue_token", "revoke_token", "show_identity", "show_token"]

_UNKNOWN = 404
SUBJECT = "x-subject-token"


def issue_token(auth_url: str, credential_id: str, secret: str) -> Call[Token]:
    """Exchange an application credential for a token. Harmless to repeat: a token more does no harm."""
    credential = {"id": credential_id, "secret": secret}
    identity = {"methods": ["application_credential"], "application_credential": credential}
    request = Request(method="POST", url=_tokens(auth_url), body={"auth": {"identity": identity}})
    return Call(request=request, read=_token, harmless=True, open_to_all=True)


def show_token(auth_url: str, token: str) -> Call[Token]:
    """Look at a token: one's own, or as an administrator any."""
    return Call(request=_about("GET", auth_url, token), read=_token, harmless=True)


def check_token(auth_url: str, token: str) -> Call[bool]:
    """Whether a token is valid."""
    return Call(
        request=_about("HEAD", auth_url, token),
        read=lambda reply: not reply.refused,
        harmless=True,
        accepts=frozenset({_UNKNOWN}),
    )


def revoke_token(auth_url: str, token: str) -> Call[None]:
    """End a token at once."""
    return Call(request=_about("DELETE", auth_url, token), read=lambda _reply: None, harmless=True)


def show_identity(auth_url: str) -> Call[Any]:
    """Keystone's version document, as it comes; needs no token."""
    request = Request(method="GET", url=auth_url)
    return Call(request=request, read=Reply.json, harmless=True, open_to_all=True)


def _tokens(auth_url: str) -> str:
    return f"{auth_url}/auth/tokens"


def _about(method: str, auth_url: str, token: str) -> Request:
    return Request(method=method, url=_tokens(auth_url), headers={SUBJECT: token})


def _token(reply: Reply) -> Token:
    try:
        said = reply.json()["token"]
        flat = {
            "value": reply.headers[SUBJECT],
            "expiresAt": said["expires_at"],
            "projectId": said.get("project", {}).get("id"),
            "userId": said["user"]["id"],
            "userName": said["user"]["name"],
            "roles": [role["name"] for role in said.get("roles", [])],
        }
    except (KeyError, TypeError, AttributeError):
        raise UnreadableAnswer("The answer is no token of Keystone's; correct the address.") from None
    return decode(Token, flat)
