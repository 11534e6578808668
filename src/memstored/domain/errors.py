"""Every refusal of the service, as one tree.

    Fault                      a sentence that says what to do, a stable `code`, maybe details
    ├── InvalidRequest         400  a field is wrong, or a documented precondition does not hold
    ├── NotAuthenticated       401
    ├── Forbidden              403
    ├── NotFound               404
    ├── Conflict               409  a name is in use
    ├── CannotBeMet            422  well-formed, but not to be had here (plain create only)
    └── Unavailable            500  a part that we need is away; `retry_after` in seconds

The API turns the tree into statuses in one place (`api.errors`). Source: API.md 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "CannotBeMet",
    "Conflict",
    "Detail",
    "Fault",
    "Forbidden",
    "InvalidRequest",
    "NotAuthenticated",
    "NotFound",
    "Unavailable",
]


@dataclass(frozen=True, slots=True, order=True)
class Detail:
    """One fault of a request: the field (`subnetAssignments[0].replicas`), a stable code, and words."""

    field: str
    code: str
    message: str


class Fault(Exception):
    """A refusal. `code` is stable, `message` says what to do."""

    code = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, details: Iterable[Detail] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.code = code or type(self).code


class InvalidRequest(Fault):
    """A field is missing, malformed or out of range, or a precondition does not hold."""

    code = "invalid_request"


class NotAuthenticated(Fault):
    """The token is missing, unknown or expired."""

    code = "not_authenticated"


class Forbidden(Fault):
    """The caller may not do this."""

    code = "forbidden"


class NotFound(Fault):
    """No such object for this caller: an object of another project counts as absent."""

    code = "not_found"


class Conflict(Fault):
    """A name is already in use in this project."""

    code = "name_in_use"


class CannotBeMet(Fault):
    """Every field is well-formed, but the request can not be met here."""

    code = "cannot_be_met"


class Unavailable(Fault):
    """A part that the service needs is away for the moment."""

    code = "store_unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
