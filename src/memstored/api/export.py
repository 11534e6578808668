"""A list as JSON lines: one object a line, page after page, for who wants all of it (API.md 2.10, ours)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse

from memstored.store.paging import Page

__all__ = ["JSON_LINES", "json_lines", "wants_json_lines"]

JSON_LINES = "application/x-ndjson"

Row = TypeVar("Row")


def wants_json_lines(request: Request) -> bool:
    """Whether the caller names it in `Accept`."""
    accepted = request.headers.get("accept", "").lower().split(",")
    return any(kind.partition(";")[0].strip() == JSON_LINES for kind in accepted)


async def json_lines(
    page: Callable[[str | None], Awaitable[Page[Row]]], shape: Callable[[Row], BaseModel]
) -> StreamingResponse:
    """All rows from the first page on; `page` reads the one that a marker (None: the first) begins.

    The first is read before anything is answered, so what is wrong is refused as ever. One page is held at a
    time, and the next is read when the caller has taken it. A fault in between breaks the answer off, which a
    caller sees by the missing end of the transfer.
    """
    first = await page(None)
    return StreamingResponse(_lines(first, page, shape), media_type=JSON_LINES)


async def _lines(
    present: Page[Row], page: Callable[[str | None], Awaitable[Page[Row]]], shape: Callable[[Row], BaseModel]
) -> AsyncIterator[bytes]:
    while True:
        rows = (shape(row).model_dump_json(by_alias=True) for row in present.rows)
        if text := "".join(f"{row}\n" for row in rows):
            yield text.encode()
        if present.next is None:
            return
        present = await page(present.next)
