"""The keys that callers encrypt passwords with: which one is given out, which ones still open, when one goes.

One is in use, for a period that the operator may set; the one before it is tried for `GRACE` more, so that
what was encrypted just before a change can still be sent (API.md 5). Times are seconds since 1970 (UTC).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["GRACE", "PasswordKey", "in_use", "opening", "outdated", "over"]

GRACE = 24 * 3600.0
"""Seconds for which a key that was retired is tried still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordKey:
    """An RSA key pair in PEM: SubjectPublicKeyInfo and PKCS #8.

    `private_key` is None when it can not be opened: it was sealed with an encryption key that is lost.
    """

    id: str
    public_key: str
    private_key: str | None = field(repr=False)
    created_at: float
    retired_at: float | None = None


def in_use(keys: Iterable[PasswordKey]) -> PasswordKey | None:
    """The key that is given out; None when there is none, or none that could open anything."""
    return next((key for key in keys if key.retired_at is None and key.private_key is not None), None)


def opening(keys: Iterable[PasswordKey], now: float) -> list[str]:
    """The private keys (PEM) that are tried at a password."""
    return [key.private_key for key in keys if key.private_key is not None and not over(key, now)]


def outdated(keys: Iterable[PasswordKey], now: float, period: float) -> bool:
    """Whether another key is to take over: the one in use is `period` seconds old, or there is none."""
    present = in_use(keys)
    return present is None or now >= present.created_at + period


def over(key: PasswordKey, now: float) -> bool:
    """Whether its time has passed altogether."""
    return key.retired_at is not None and now >= key.retired_at + GRACE
