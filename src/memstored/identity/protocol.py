"""Who is calling: what the rest of the service knows of a caller, whoever vouches for it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Caller", "Gatekeeper", "RoleName"]


class RoleName(StrEnum):
    """The roles that mean something here; the strongest of a caller's counts (API.md 1)."""

    READER = "reader"
    MEMBER = "member"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller. `project_id` is None for a token without a project."""

    user_id: str
    user_name: str
    project_id: str | None
    roles: frozenset[str]
    expires_at: float


class Gatekeeper(Protocol):
    """Tells who a token belongs to."""

    async def caller(self, token: str) -> Caller | None:
        """The caller behind a token; None when it is unknown, revoked or expired."""
        ...
