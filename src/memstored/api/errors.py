"""Every refusal as an HTTP answer: the tree of `domain.errors` becomes statuses here and nowhere else.

The shape and the rules are those of API.md 1: `details` lists every fault at once, in the order of the
fields; the top code is that of the only detail, else the general one of the status. What a caller sent
is never echoed at length: a request can not make an answer larger than itself by much.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog

from memstored.api.answers import Answer
from memstored.domain.errors import (
    CannotBeMet,
    Conflict,
    Detail,
    Fault,
    Forbidden,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    Unavailable,
)
from memstored.objects.storage import ObjectTrouble
from memstored.store.errors import StoreTrouble
from memstored.telemetry.requests import current_request_id

__all__ = [
    "MOST_DETAILS",
    "BodyTooLarge",
    "error_body",
    "internal_error",
    "object_storage_unavailable",
    "refusal",
    "shortened",
    "status_of",
    "store_unavailable",
]

MOST_DETAILS = 100
"""Entries of `details`; with more faults than that, the last entry says how many are not shown."""

LONGEST_FIELD, LONGEST_MESSAGE = 200, 1000
"""Characters of a field's name and of a message: both may hold what the caller sent."""

_log = structlog.stdlib.get_logger("memstored.api")


class BodyTooLarge(Fault):
    """The request body is over the limit."""

    code = "body_too_large"


_STATUSES: Mapping[type[Fault], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    CannotBeMet: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_of(fault: Fault) -> int:
    """The status of a refusal, by its place in the tree; 500 for what has none."""
    known = (_STATUSES[kind] for kind in type(fault).__mro__ if kind in _STATUSES)
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal(fault: Fault) -> Answer:
    """The answer to a request that is refused with this fault."""
    headers = {"retry-after": str(fault.retry_after)} if isinstance(fault, Unavailable) else {}
    message = _with_request_id(fault.message) if isinstance(fault, Unavailable) else fault.message
    return error_body(status_of(fault), _top_code(fault), message, _shown(fault.details), headers)


def internal_error(request_id: str) -> Answer:
    """The answer when something broke in here: it names the request and tells nothing else."""
    message = f"Something went wrong in the service; tell its operator the request id {request_id}."
    return error_body(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", message)


def store_unavailable(trouble: StoreTrouble) -> Unavailable:
    """The refusal when the store can not be used: the reason is for the operator's log, not the caller."""
    _log.error("store unavailable", reason=str(trouble), kind=type(trouble).__name__)
    return Unavailable("The store can not be used at the moment; try again later")


def object_storage_unavailable(trouble: ObjectTrouble) -> Unavailable:
    """The refusal when object storage can not be used; the reason is for the log here too."""
    _log.error("object storage unavailable", reason=str(trouble), kind=type(trouble).__name__)
    message = "The object storage can not be used at the moment; try again later"
    return Unavailable(message, code="object_storage_unavailable")


def _top_code(fault: Fault) -> str:
    if not fault.details:
        return fault.code
    codes = [detail.code for detail in fault.details]
    return codes[0] if len(codes) == 1 else type(fault).code


def _with_request_id(message: str) -> str:
    return f"{message.rstrip('.')}. The request id is {current_request_id()}."


def _shown(details: Sequence[Detail]) -> list[Detail]:
    """The faults in the order of their fields, as many as an answer holds, and how many there are beside."""
    ordered = sorted(details)
    if len(ordered) <= MOST_DETAILS:
        return ordered
    shown = ordered[: MOST_DETAILS - 1]
    rest = f"{len(ordered) - len(shown)} more faults are not shown; correct these first."
    return [*shown, Detail("", "more_faults", rest)]


def shortened(text: str, most: int = LONGEST_MESSAGE) -> str:
    """The text, cut in its middle to `most` characters: a path tells as much by its end as by its head."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 2]}\u2026{text[-(kept // 2) :]}"


def error_body(
    status: int,
    code: str,
    message: str,
    details: Iterable[Detail] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer with an error body of these parts."""
    rows: list[dict[str, Any]] = [
        {"field": shortened(d.field, LONGEST_FIELD), "code": d.code, "message": shortened(d.message)}
        for d in details
    ]
    words = {"code": code, "message": shortened(message), "details": rows}
    return Answer({"error": words}, status, headers)
