"""How calls are made and their answers read."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from memstored.client.decoding import decode
from memstored.client.errors import UnreadableAnswer
from memstored.client.wire import JSON_LINES, Call, Reply, Request

__all__ = ["get", "given", "object_id", "one", "removal", "require_lines", "rows", "write"]

T = TypeVar("T")


def get(url: str, read: Callable[[Reply], T], **query: str | None) -> Call[T]:
    """A reading call; what is None of the query is not sent."""
    return Call(request=Request(method="GET", url=url, query=given(query)), read=read, harmless=True)


def write(method: str, url: str, body: Mapping[str, Any], *, harmless: bool = False) -> Call[str]:
    """A writing call that answers an id; what is None of the body is not sent."""
    return Call(request=Request(method=method, url=url, body=given(body)), read=object_id, harmless=harmless)


def removal(url: str, known_as: str, **query: str | None) -> Call[str]:
    """A deleting call, which answers the id `known_as`."""
    request = Request(method="DELETE", url=url, query=given(query))
    return Call(request=request, read=object_id, harmless=True, gone=known_as)


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def object_id(reply: Reply) -> str:
    """The id that a write answers."""
    return str(_field(reply, "objectId"))


def one(kind: type[T]) -> Callable[[Reply], T]:
    """Reads a whole answer as one record."""
    return lambda reply: decode(kind, reply.json())


def require_lines(reply: Reply) -> None:
    """What is left to read of an answer that was lines; raises `UnreadableAnswer` when it was none."""
    if reply.headers.get("content-type") != JSON_LINES:
        raise UnreadableAnswer("The answer is no JSON lines: the service is of an older version, or another.")


def rows(kind: type[T], name: str) -> Callable[[Reply], tuple[T, ...]]:
    """Reads the list in the field `name` of an answer."""
    return lambda reply: decode(tuple[kind, ...], _field(reply, name))  # type: ignore[valid-type]


def _field(reply: Reply, name: str) -> object:
    document = reply.json()
    if not isinstance(document, dict) or name not in document:
        raise UnreadableAnswer(f"The answer lacks {name}, so this is no memstored.")
    return document[name]
