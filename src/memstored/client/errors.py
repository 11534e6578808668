"""How a call can fail.

ClientError            whatever goes wrong; everything below
├─ Unreachable         the service did not answer
├─ UnreadableAnswer    something answered that does not speak this API
├─ TimedOut            what was waited for did not come in time
├─ ComesToNothing      what was waited for will never come
└─ ApiFault            the service refused: status, code, message, details
   ├─ InvalidRequest   400: a field is wrong, or a precondition does not hold
   │  └─ Busy          … because something else is under way; ask again when that is done
   ├─ Unauthorized     401: no valid token or credential
   ├─ Forbidden        403: the role, the project or the bucket does not allow it
   ├─ NotFound         404
   ├─ Conflict         409: the name is in use
   ├─ TooLarge         413, 431
   ├─ CannotBeMet      422: well-formed, but not to be had here
   └─ ServiceFault     5xx: it is not the caller's doing
      └─ Unavailable   … and may pass: `retry_after` says when to ask again

Which class it is follows from the status, and of `Busy` and `Unavailable` from `code` and headers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "ApiFault",
    "Busy",
    "CannotBeMet",
    "ClientError",
    "ComesToNothing",
    "Conflict",
    "Detail",
    "Forbidden",
    "InvalidRequest",
    "NotFound",
    "ServiceFault",
    "TimedOut",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UnreadableAnswer",
    "fault_class",
]


class ClientError(Exception):
    """Whatever goes wrong with a call."""


class Unreachable(ClientError):
    """The service did not answer."""


class UnreadableAnswer(ClientError):
    """Something answered that does not speak this API: another service, a proxy, or a much newer version."""


class TimedOut(ClientError, TimeoutError):
    """What was waited for did not come in time; it may still come. The message says how far it was."""


class ComesToNothing(ClientError):
    """What was waited for will never come; the message says why."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong with a request: which field, a stable code, and what to do."""

    field: str
    code: str
    message: str


class ApiFault(ClientError):
    """The service refused. `code` is stable; `details` names everything that is wrong.

    `request_id` is what its operator finds the call by in the log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[Detail] = (),
        *,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.request_id = request_id


class InvalidRequest(ApiFault):
    """A field is missing, malformed or out of range, or a precondition does not hold."""


class Busy(InvalidRequest):
    """Something else is under way with the set or the backup; ask again when that is done."""


class Unauthorized(ApiFault):
    """The credential or the token is not valid, or not any more."""


class Forbidden(ApiFault):
    """The role, the project or the bucket does not allow it."""


class NotFound(ApiFault):
    """There is no such thing in this project."""


class Conflict(ApiFault):
    """The name is in use in this project."""


class TooLarge(ApiFault):
    """The request is larger than the service takes."""


class CannotBeMet(ApiFault):
    """Every field is well-formed, but what is asked for can not be had here."""


class ServiceFault(ApiFault):
    """The service, or something before it, failed."""


class Unavailable(ServiceFault):
    """A part that the service needs is away; `retry_after` is in seconds."""

    retry_after: float = 0.0


_BUSY = frozenset({"set_busy", "set_healing", "backup_under_way", "backup_in_use"})
_BY_STATUS: dict[int, type[ApiFault]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: CannotBeMet,
    431: TooLarge,
}
_FIRST_OF_SERVICE = 500
_PASSING = frozenset({502, 503, 504})
"""What proxies answer while the service behind them is away."""


def fault_class(status: int, code: str, *, passing: bool) -> type[ApiFault]:
    """The class of a refusal; `passing`: the answer says when to ask again."""
    if status >= _FIRST_OF_SERVICE:
        return Unavailable if passing or status in _PASSING else ServiceFault
    return Busy if code in _BUSY else _BY_STATUS.get(status, ApiFault)
