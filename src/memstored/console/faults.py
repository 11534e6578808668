"""The page that a visitor gets instead of the one that was asked for: what happened and what to do.

The statuses are those of the API, but for what is away for the moment: that is 503 here.
"""

from contextlib import suppress
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from memstored.api.errors import object_storage_unavailable, shortened, status_of, store_unavailable
from memstored.console.languages import english
from memstored.console.visit import Visit
from memstored.domain.errors import Fault, Unavailable
from memstored.objects.storage import ObjectTrouble
from memstored.store.errors import StoreTrouble
from memstored.telemetry.requests import current_request_id

__all__ = ["fault_page"]

_TITLES = {
    400: english("That did not work"),
    403: english("This is not allowed"),
    404: english("There is no such page"),
    405: english("There is no such page"),
    409: english("That did not work"),
    413: english("That was too much"),
    422: english("That did not work"),
    500: english("Something went wrong in the service"),
    503: english("This can not be shown at the moment"),
}
_ABSENT = english("It may be gone, or be in another project than yours.")
_BROKEN = english("It was recorded. Tell the operator the request id below, if it happens again.")
_AWAY = english("Try again in some seconds.")

_log = structlog.stdlib.get_logger("memstored.console")


async def fault_page(visit: Visit, fault: Exception) -> Response:
    """The page for what a page, or the gate before it, raised."""
    if isinstance(fault, StoreTrouble):
        fault = store_unavailable(fault)
    if isinstance(fault, ObjectTrouble):
        fault = object_storage_unavailable(fault)
    if isinstance(fault, HTTPException):
        # Nobody was looked for yet: the path led to no page.
        with suppress(StoreTrouble):
            await visit.identify()
        return _no_page(visit, fault.status_code)
    if isinstance(fault, Unavailable):
        return _page(visit, HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)
    if isinstance(fault, Fault):
        return _page(visit, status_of(fault), fault.message, fault)
    _log.exception("page failed", path=shortened(ascii(visit.path)), request_id=current_request_id())
    return _page(visit, HTTPStatus.INTERNAL_SERVER_ERROR, _BROKEN)


def _no_page(visit: Visit, status: int) -> Response:
    answer = _page(visit, status, _ABSENT)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["allow"] = ", ".join(visit.console.methods(visit.request.scope))
    return answer


def _page(visit: Visit, status: int, message: str, fault: Fault | None = None) -> Response:
    details = fault.details if fault else ()
    title = _TITLES.get(status, _TITLES[400])
    return visit.page(
        "error.html",
        status=status,
        title=title,
        message=message,
        details=details,
        request_id=current_request_id(),
    )
