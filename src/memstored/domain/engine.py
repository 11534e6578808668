"""Which generation of Redis a version belongs to, and what that generation can do.

The one place that reads version numbers. Whoever has to do something differently asks for the capability
(`capabilities_of`) or looks up its own table by `Family`; nothing else compares versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

__all__ = ["Capabilities", "Family", "Product", "capabilities_of", "family_of", "unfit"]


class Product(StrEnum):
    """Whose program it is. Only Redis is offered; the other is listed where it is found (API.md 3)."""

    REDIS = "redis"
    VALKEY = "valkey"


class Family(StrEnum):
    """The generations known, oldest first."""

    V5_0 = "5.0"
    V6_2 = "6.2"
    V7_0 = "7.0"
    V7_2 = "7.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What every build of a family can do. TLS is a matter of the build: `runtime.protocol.Engine.tls`.

    `acl`: users with commands of their own; without it one password serves tenants, replication and
    control (H19). `floating`: `CONFIG SET bind`, so an address can move from node to node; without it a
    proxy carries it. `write_pause`: `CLIENT PAUSE … WRITE` and `UNPAUSE` (H12). `kill_by_address`:
    `CLIENT KILL LADDR` (H13). `rdb_only`: `REPLCONF rdb-only` (H26). `diskless_load`: a copy streams into
    memory (H27). `sanitizing`: `sanitize-dump-payload` (H25). `several_settings`: one `CONFIG SET` takes
    more than one name (H31). `functions`: `FUNCTION`.
    """

    acl: bool = True
    floating: bool = True
    write_pause: bool = True
    kill_by_address: bool = True
    rdb_only: bool = True
    diskless_load: bool = True
    sanitizing: bool = True
    several_settings: bool = True
    functions: bool = True


_ALL = Capabilities()

_CAPABILITIES: Mapping[Family, Capabilities] = MappingProxyType(
    {
        Family.V5_0: Capabilities(
            acl=False,
            floating=False,
            write_pause=False,
            kill_by_address=False,
            rdb_only=False,
            diskless_load=False,
            sanitizing=False,
            several_settings=False,
            functions=False,
        ),
        Family.V6_2: Capabilities(several_settings=False, functions=False),
        Family.V7_0: _ALL,
        Family.V7_2: _ALL,
    }
)


def capabilities_of(version: str) -> Capabilities:
    """What an engine of that version (`7.0.15`) can do. Raises `ValueError` for one before 5.0."""
    return _CAPABILITIES[family_of(version)]


@lru_cache(maxsize=64)
def family_of(version: str) -> Family:
    """The newest family that is not newer than `version` (`7.0.15`); one later than known gets the last.

    Raises `ValueError` for versions before 5.0.
    """
    wanted = _numbers(version)
    known = [family for family in Family if _numbers(family) <= wanted]
    if not known:
        raise ValueError(f"Redis {version} is older than any family known here ({Family.V5_0}).")
    return known[-1]


def unfit(version: str) -> str | None:
    """Why no set can have an engine of that version (`6.0.16`), in words; None when one can.

    Only generations of which there is a parameter group can be ordered.
    """
    generation = ".".join(version.split(".")[:2])
    if generation in set(Family):
        return None
    if generation == "6.0":
        return "it can not bind an address while it runs, as 6.2 can"
    known = ", ".join(Family)
    return f"Redis {generation} is not known here; known are {known}"


def _numbers(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)
