"""Which generation of Redis a version belongs to: the one place that reads version numbers.

What differs between generations is looked up by `Family` in tables (`redis.commands`, `redis.config`).
"""

from enum import StrEnum

__all__ = ["Family", "family_of"]


class Family(StrEnum):
    """The generations known, oldest first."""

    V6_2 = "6.2"
    V7_0 = "7.0"
    V7_2 = "7.2"


def family_of(version: str) -> Family:
    """The newest family that is not newer than `version` (`7.0.15`); one later than known gets the last.

    Raises `ValueError` for versions before 6.2: they have neither ACLs for channels nor a live `bind`.
    """
    wanted = _numbers(version)
    known = [family for family in Family if _numbers(family) <= wanted]
    if not known:
        raise ValueError(f"Redis {version} is older than any family known here ({Family.V6_2}).")
    return known[-1]


def _numbers(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)
