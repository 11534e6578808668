"""How one caller goes about every call: with a token, and again where that is harmless. Scripts, no I/O.

A token is fetched with the first call, and when the service does not take the one there is. A call is
repeated, after growing random pauses, when the service can not have begun it, or when it is harmless
(`wire.Call`) and no answer came or the answer says that a part is away for the moment. All others are tried
once: a set must not be ordered twice.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from memstored.client.calls import identity
from memstored.client.errors import (
    ApiFault,
    Detail,
    Unauthorized,
    Unavailable,
    Unreachable,
    UnreadableAnswer,
    fault_class,
)
from memstored.client.models import Token
from memstored.client.wire import Call, Reply, Request, Script, Silence, send, sleep

__all__ = ["NEVER", "Access", "Patience", "Session", "refusal"]

T = TypeVar("T")

_UNAUTHORIZED, _NOT_FOUND = 401, 404
_TOKEN_HEADER = "x-auth-token"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a call is tried, and for how long is paused in between: seconds.

    The n-th pause is a random part of `first * 2 ** n`, of `longest` at most, so that many callers who lost
    the service at the same time do not come back at the same time.
    """

    tries: int = 5
    first: float = 0.2
    longest: float = 5.0

    def pause(self, repeat: int, chance: float, asked: float) -> float:
        """Seconds before the repeat (the first is 0); `chance` from 0 to 1, `asked` by the service."""
        longest = min(self.first * 2.0**repeat, self.longest)
        return max(longest * chance, min(asked, self.longest))


NEVER = Patience(tries=1)
"""No call is tried twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who calls: a credential with which tokens are fetched, or one token for as long as it is valid."""

    auth_url: str
    credential_id: str = ""
    secret: str = ""
    token: str | None = None

    @property
    def renewable(self) -> bool:
        """Whether another token can be fetched."""
        return bool(self.credential_id)

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Access(auth_url={self.auth_url!r}, credential_id={self.credential_id!r})"


class Session:
    """What a client knows between its calls. `chance` gives numbers from 0 to 1, `clock` seconds."""

    def __init__(
        self,
        access: Access,
        *,
        patience: Patience,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.access = access
        self.clock = clock
        self._patience = patience
        self._chance = chance
        self._token = access.token
        self._project_id: str | None = None

    def perform(self, call: Call[T]) -> Script[T]:
        """Have a call done; returns what it answers, or raises what went wrong (`errors`)."""
        begun = False
        for repeat in range(self._patience.tries):
            heard = yield from self._attempt(call)
            if isinstance(heard, Reply) and (not heard.refused or heard.status in call.accepts):
                return call.read(heard)
            if begun and call.gone is not None and _status(heard) == _NOT_FOUND:
                return call.gone
            trouble = _trouble(heard)
            if repeat + 1 == self._patience.tries or not _repeatable(call, heard, trouble):
                raise trouble
            begun = begun or (isinstance(heard, Silence) and heard.begun)
            asked = trouble.retry_after if isinstance(trouble, Unavailable) else 0.0
            yield from sleep(self._patience.pause(repeat, self._chance(), asked))
        raise AssertionError("a call is tried at least once")

    def new_token(self) -> Script[Token]:
        """Fetch a fresh token, which is used from now on."""
        if not self.access.renewable:
            raise Unauthorized(
                _UNAUTHORIZED,
                "not_authenticated",
                "The token is not valid, or not any more, and there is no credential to fetch another with.",
            )
        access = self.access
        issue = identity.issue_token(access.auth_url, access.credential_id, access.secret)
        token = yield from self.perform(issue)
        self._token, self._project_id = token.value, token.project_id
        return token

    def token(self) -> Script[str]:
        """The token that is used, fetched if need be."""
        if self._token is None:
            yield from self.new_token()
        assert self._token is not None, "a fetched token is used"
        return self._token

    def forget(self, token: str) -> None:
        """That token is not used any more."""
        if self._token == token:
            self._token = None

    def project_id(self) -> Script[str | None]:
        """The project that the caller acts in."""
        own = yield from self.token()
        if self._project_id is None:
            about = yield from self.perform(identity.show_token(self.access.auth_url, own))
            self._project_id = about.project_id
        return self._project_id

    def _attempt(self, call: Call[T]) -> Script[Reply | Silence]:
        """Send once; once more with another token when the one there is was refused before all else."""
        if call.open_to_all:
            return (yield from send(call.request))
        token = yield from self.token()
        heard = yield from send(_signed(call.request, token))
        if _status(heard) != _UNAUTHORIZED or not self.access.renewable:
            return heard
        self.forget(token)
        return (yield from send(_signed(call.request, (yield from self.token()))))


def _signed(request: Request, token: str) -> Request:
    return replace(request, headers={**request.headers, _TOKEN_HEADER: token})


def _status(heard: Reply | Silence) -> int | None:
    return heard.status if isinstance(heard, Reply) else None


def _trouble(heard: Reply | Silence) -> ApiFault | Unreachable | UnreadableAnswer:
    return Unreachable(heard.why) if isinstance(heard, Silence) else refusal(heard)


def _repeatable(call: Call[T], heard: Reply | Silence, trouble: Exception) -> bool:
    if isinstance(heard, Silence):
        return call.harmless or not heard.begun
    return call.harmless and isinstance(trouble, Unavailable)


def refusal(reply: Reply) -> ApiFault | UnreadableAnswer:
    """What a refusal says, whether in our form, in Keystone's, or in that of a proxy before the service."""
    asked = _seconds(reply.headers.get("retry-after"))
    code, message, details = _words(reply)
    kind = fault_class(reply.status, code, passing=asked is not None)
    fault = kind(reply.status, code, message, details, request_id=reply.headers.get("x-request-id"))
    if isinstance(fault, Unavailable) and asked is not None:
        fault.retry_after = asked
    return fault


def _words(reply: Reply) -> tuple[str, str, tuple[Detail, ...]]:
    try:
        error: dict[str, Any] = reply.json()["error"]
        details = tuple(Detail(**detail) for detail in error.get("details", ()))
        return str(error["code"]), str(error["message"]), details
    except (UnreadableAnswer, KeyError, TypeError):
        text = reply.content[:200].decode(errors="replace")
        return "unreadable_answer", f"The answer is {reply.status}, and not memstored's: {text}", ()


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
