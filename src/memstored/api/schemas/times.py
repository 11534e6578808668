"""Times as this API writes and reads them: RFC 3339, UTC, `Z` (API.md 1)."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

__all__ = ["Instant", "in_milliseconds", "in_seconds", "seconds_of"]

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def in_seconds(time: float) -> str:
    """Seconds since 1970 as a time in whole seconds, the begun one not counted."""
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_milliseconds(time: float) -> str:
    """Seconds since 1970 as a time with milliseconds."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(instant: str) -> float:
    """Seconds since 1970 of a time; raises `ValueError` when it is none."""
    if not _RFC_3339.fullmatch(instant):
        raise ValueError(instant)
    return datetime.fromisoformat(instant).timestamp()


def _readable(instant: str) -> str:
    try:
        seconds_of(instant)
    except (ValueError, OverflowError):
        raise PydanticCustomError("malformed", "Give a time like 2026-01-31T23:59:59Z.") from None
    return instant


Instant = Annotated[str, AfterValidator(_readable), Field(json_schema_extra={"format": "date-time"})]
"""A time in a query."""
