"""What a client and a transport say to each other: values, no I/O.

A *script* is a generator that asks for requests and pauses, and returns what came of them. A *stream* yields
items on the way. Both kinds of client play the same ones, each in its own manner (`client`, `async_client`);
whatever there is to decide is decided in here once.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

from memstored.client.errors import UnreadableAnswer

__all__ = [
    "JSON_LINES",
    "Call",
    "Item",
    "Pause",
    "Reply",
    "Request",
    "Script",
    "Silence",
    "Step",
    "Stream",
    "path",
    "send",
    "sleep",
]

T = TypeVar("T")
Y = TypeVar("Y")

JSON_LINES = "application/x-ndjson"
_FIRST_REFUSAL = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; a `url` without a host is one of the service's.

    `lines`: its answer may be long, and is taken line by line as it comes (`methods.lines`).
    """

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    lines: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def refused(self) -> bool:
        """Whether the status is that of an error."""
        return self.status >= _FIRST_REFUSAL

    def json(self) -> Any:  # noqa: ANN401 - JSON as it comes
        """The decoded body; raises `UnreadableAnswer` when it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            text = self.content[:200].decode(errors="replace")
            raise UnreadableAnswer(f"The answer is no JSON, so this is no memstored: {text!r}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No answer came. `begun`: the request may have reached the service all the same."""

    why: str
    begun: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is done for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """What a stream gives to whoever iterates over it."""

    value: T


Step: TypeAlias = Request | Pause
Heard: TypeAlias = Reply | Silence | None
"""What a transport says to a step: an answer or none to a request, nothing to a pause."""
Script: TypeAlias = Generator[Step, Heard, T]
Stream: TypeAlias = Generator[Step | Item[T], Heard, None]


def send(request: Request) -> Script[Reply | Silence]:
    """The script that is one request."""
    heard = yield request
    assert heard is not None, "a transport answers every request"
    return heard


def sleep(seconds: float) -> Script[None]:
    """The script that is one pause."""
    yield Pause(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """An operation of the API as a value: what is asked, and how its answer is read.

    `harmless`: asking again does nothing that the first time did not, so it is repeated when no answer came.
    `gone`: what is returned when such a repeat finds nothing left, since the first time had done it.
    `accepts`: statuses of errors that are answers all the same.
    """

    request: Request
    read: Callable[[Reply], T]
    harmless: bool
    gone: T | None = None
    open_to_all: bool = False
    accepts: frozenset[int] = frozenset()


def path(*words: str) -> str:
    """A path under `/v1` whose words are taken literally, whatever they hold."""
    return "/".join(("/v1", *(quote(word, safe="") for word in words)))
