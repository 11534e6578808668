"""Application credentials and the tokens they were exchanged for, as they are kept: hashes, no secrets.

Times are seconds since 1970 (UTC). Source: API.md 8, Keystone's application credentials.
"""

from dataclasses import dataclass, field

__all__ = ["Credential", "Session", "Token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Lets a program act for a user in one project with these roles, until `expires_at` or for ever.

    `id`, `user_id` and, unless it comes from outside, `project_id` are 32 hex digits. `name` is unique
    among the user's. `secret_hash` is the SHA-256 of the secret in lower-case hex digits.
    """

    id: str
    name: str
    secret_hash: str = field(repr=False)
    user_id: str
    user_name: str
    project_id: str
    project_name: str
    roles: tuple[str, ...]
    created_at: float
    expires_at: float | None = None

    def valid_at(self, now: float) -> bool:
        """Whether it may still be used."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was handed out, known only by the SHA-256 of it (lower-case hex digits)."""

    hash: str = field(repr=False)
    credential_id: str
    audit_id: str
    issued_at: float
    expires_at: float

    def valid_at(self, now: float) -> bool:
        """Whether it has not yet expired."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A token together with the credential it was issued for."""

    token: Token
    credential: Credential
