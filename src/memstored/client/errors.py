"""How a call can fail.

Unreachable   the service did not answer
ApiFault      it refused: status, code, message, details
"""

__all__ = ["ApiFault", "Unreachable"]


class Unreachable(Exception):
    """The service did not answer."""


class ApiFault(Exception):
    """The service refused. `code` is stable; `details` names every field that is wrong."""

    def __init__(self, status: int, code: str, message: str, details: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
