"""Answers as Keystone gives them: its error bodies, which are not those of `/v1` (API.md 8)."""

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel

from memstored.api.answers import Answer
from memstored.api.errors import shortened, status_of
from memstored.domain.errors import Fault

__all__ = ["VARY", "KeystoneError", "error", "internal_error", "refusal"]

VARY = {"vary": "X-Auth-Token"}
"""Keystone's answers depend on who asks."""


class KeystoneWords(BaseModel):
    """What is wrong; `title` is the status in words."""

    code: int
    message: str
    title: str


class KeystoneError(BaseModel):
    """The body of every refusal under `/identity`."""

    error: KeystoneWords


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error in Keystone's shape; a 401 names the scheme, as Keystone's does."""
    challenge = {"www-authenticate": "Keystone"} if status == HTTPStatus.UNAUTHORIZED else {}
    words = KeystoneWords(code=status, message=shortened(message), title=HTTPStatus(status).phrase)
    return Answer(KeystoneError(error=words), status, {**VARY, **challenge, **(headers or {})})


def refusal(fault: Fault) -> Answer:
    """A refusal of ours in Keystone's shape."""
    return error(status_of(fault), fault.message)


def internal_error(request_id: str) -> Answer:
    """The answer when something broke in here."""
    message = "An unexpected error prevented the server from fulfilling your request."
    return error(HTTPStatus.INTERNAL_SERVER_ERROR, f"{message} The request id is {request_id}.")
