"""Pages of lists: `marker` is the `next` of the page before, None for the first (API.md 2.10)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from memstored.client.calls.reading import get, rows
from memstored.client.errors import UnreadableAnswer
from memstored.client.wire import Call, Reply

__all__ = ["Page", "page"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows, and the marker of the next page, if there is one."""

    rows: tuple[T, ...]
    next: str | None


def page(
    url: str, kind: type[T], marker: str | None, limit: int | None, **query: str | None
) -> Call[Page[T]]:
    """The call for one page of at most `limit` rows (1 to 500; the service's default is 100)."""
    most = None if limit is None else str(limit)
    return get(url, _reader(kind), marker=marker, limit=most, **query)


def _reader(kind: type[T]) -> Callable[[Reply], Page[T]]:
    data = rows(kind, "data")

    def read(reply: Reply) -> Page[T]:
        following = reply.json().get("next") if reply.content.startswith(b"{") else None
        if not isinstance(following, str | None):
            raise UnreadableAnswer("The answer has no marker where this API has one.")
        return Page(data(reply), following)

    return read
