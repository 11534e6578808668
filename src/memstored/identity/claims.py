"""What a request for a token claims, read from Keystone's form (API.md 8)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memstored.identity.errors import Malformed, Unauthenticated

__all__ = ["METHOD", "Claim", "ClaimById", "ClaimByName", "read_claim"]

METHOD = "application_credential"
"""The one method there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimById:
    """The secret of the credential of that id."""

    credential_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimByName:
    """The secret of a user's credential of that name."""

    user_id: str
    name: str
    secret: str = field(repr=False)


Claim = ClaimById | ClaimByName


def read_claim(body: object) -> Claim:
    """Read `{"auth": {"identity": {"methods": […], "application_credential": {…}}}}`.

    Raises `Malformed`, naming what is expected and where, and `Unauthenticated` for another method or a
    scope: a credential brings its own.
    """
    auth = _object(_mapping(body, "request body"), "auth", "request body")
    identity = _object(auth, "identity", "auth")
    _require_method(identity)
    if auth.get("scope") is not None:
        raise Unauthenticated("Application credentials cannot request a scope.")
    given = _object(identity, METHOD, "identity")
    secret = _text(given, "secret", METHOD)
    if "id" in given:
        return ClaimById(credential_id=_text(given, "id", METHOD), secret=secret)
    if "name" not in given:
        raise Malformed("id or name", METHOD)
    user = _object(given, "user", METHOD)
    name = _text(given, "name", METHOD)
    return ClaimByName(user_id=_text(user, "id", "user"), name=name, secret=secret)


def _require_method(identity: Mapping[str, Any]) -> None:
    methods = identity.get("methods")
    if not isinstance(methods, list) or not methods:
        raise Malformed("methods", "identity")
    if methods != [METHOD]:
        raise Unauthenticated("Attempted to authenticate with an unsupported method.")


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed("an object", place)
    return value


def _object(parent: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, Mapping):
        raise Malformed(name, place)
    return value


def _text(parent: Mapping[str, Any], name: str, place: str) -> str:
    """A string that can be stored and hashed: no lone surrogates, no NUL."""
    value = parent.get(name)
    if not isinstance(value, str) or "\0" in value or not _is_unicode(value):
        raise Malformed(name, place)
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
