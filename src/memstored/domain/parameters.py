"""The parameters of the default groups, engine family by engine family.

Pure tables: what a node of a family runs with, and which of it a custom group may change. Not editable
is what would break the service (API.md 7). Values are the engine's own defaults but for `maxmemory`, the
eviction policy, and what keeps a node quick to answer and off the disk (H16, H21).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from memstored.domain.catalogue import FAMILIES

__all__ = ["Apply", "Parameter", "ParameterType", "parameters_of"]


class ParameterType(StrEnum):
    """How a value is to be read."""

    BOOLEAN = "boolean"
    ENUM = "enum"
    INTEGER = "integer"
    SIZE = "size"
    STRING = "string"


class Apply(StrEnum):
    """How a change reaches a running node: at once, or by a new node that takes its place."""

    IMMEDIATE = "immediate"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One setting of the engine; `unit` and `allowed` are words for people, `""` where there are none.

    `default` may be given in `%`: of the memory of the flavor, for `maxmemory`.
    """

    name: str
    default: str
    type: ParameterType
    unit: str = ""
    allowed: str = ""
    editable: bool = True
    apply: Apply = Apply.IMMEDIATE


def parameters_of(family: str) -> tuple[Parameter, ...]:
    """The parameters of an engine family (`7.0`), by name; none for a family that is not known."""
    if family not in FAMILIES:
        return ()
    known = [*_EDITABLE, *_FIXED, *_packed(family)]
    return tuple(sorted((p for p in known if _exists(p.name, family)), key=lambda p: p.name))


def _exists(name: str, family: str) -> bool:
    return _number(_SINCE.get(name, "5.0")) <= _number(family)


def _number(family: str) -> tuple[int, ...]:
    return tuple(int(part) for part in family.split("."))


def _packed(family: str) -> Iterator[Parameter]:
    """The limits of compact encodings, which 7.0 renamed from `ziplist` to `listpack`."""
    encoding = "listpack" if _number(family) >= (7, 0) else "ziplist"
    yield _integer(f"hash-max-{encoding}-entries", "512", "entries")
    yield _integer(f"hash-max-{encoding}-value", "64", "bytes")
    yield _integer(f"list-max-{encoding}-size", "-2", "entries, or -1 to -5 for 4 to 64 KiB", least=-5)
    yield _integer(f"zset-max-{encoding}-entries", "128", "entries")
    yield _integer(f"zset-max-{encoding}-value", "64", "bytes")


def _integer(name: str, default: str, unit: str, *, least: int = 0, most: int = 2**31 - 1) -> Parameter:
    allowed = f"{least} to {most}"
    return Parameter(name=name, default=default, type=ParameterType.INTEGER, unit=unit, allowed=allowed)


def _truth(name: str, default: str) -> Parameter:
    return Parameter(name=name, default=default, type=ParameterType.BOOLEAN, allowed="yes, no")


def _text(name: str, default: str, unit: str, allowed: str) -> Parameter:
    return Parameter(name=name, default=default, type=ParameterType.STRING, unit=unit, allowed=allowed)


def _fixed(name: str, value: str, kind: ParameterType, unit: str = "") -> Parameter:
    return Parameter(
        name=name, default=value, type=kind, unit=unit, allowed=value, editable=False, apply=Apply.REPLACE
    )


_POLICIES = (
    "allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random, volatile-ttl, "
    "noeviction"
)

_EDITABLE = (
    Parameter(
        name="maxmemory",
        default="65%",
        type=ParameterType.SIZE,
        unit="bytes, or % of the flavor's memory",
        allowed="not below what is used",
    ),
    Parameter(name="maxmemory-policy", default="allkeys-lru", type=ParameterType.ENUM, allowed=_POLICIES),
    _integer("maxmemory-samples", "5", "keys", least=1, most=64),
    _integer("maxmemory-eviction-tenacity", "10", "", most=100),
    _integer("timeout", "0", "seconds"),
    _integer("tcp-keepalive", "60", "seconds"),
    _integer("maxclients", "10000", "connections", least=1),
    _integer("slowlog-log-slower-than", "10000", "microseconds", least=-1),
    _integer("slowlog-max-len", "128", "entries"),
    _integer("latency-monitor-threshold", "0", "milliseconds"),
    _integer("hz", "10", "times a second", least=1, most=500),
    _integer("active-expire-effort", "1", "", least=1, most=10),
    _integer("lfu-log-factor", "10", ""),
    _integer("lfu-decay-time", "1", "minutes"),
    _integer("set-max-intset-entries", "512", "entries"),
    _integer("hll-sparse-max-bytes", "3000", "bytes"),
    _integer("stream-node-max-bytes", "4096", "bytes"),
    _integer("stream-node-max-entries", "100", "entries"),
    _integer("list-compress-depth", "0", "entries"),
    _integer("tracking-table-max-keys", "1000000", "keys"),
    _truth("activedefrag", "no"),
    _truth("activerehashing", "yes"),
    _truth("dynamic-hz", "yes"),
    _truth("lazyfree-lazy-eviction", "yes"),
    _truth("lazyfree-lazy-expire", "yes"),
    _truth("lazyfree-lazy-server-del", "yes"),
    _text("notify-keyspace-events", "", "", "characters of AKEg$lshzxetdmn"),
    _text(
        "client-output-buffer-limit",
        "normal 0 0 0 pubsub 33554432 8388608 60",
        "class, hard bytes, soft bytes, seconds",
        "only the classes normal and pubsub",
    ),
)

_FIXED = (
    _fixed("appendonly", "no", ParameterType.BOOLEAN),
    _fixed("databases", "16", ParameterType.INTEGER),
    _fixed("lazyfree-lazy-user-del", "yes", ParameterType.BOOLEAN),
    _fixed("lazyfree-lazy-user-flush", "yes", ParameterType.BOOLEAN),
    _fixed("protected-mode", "no", ParameterType.BOOLEAN),
    _fixed("repl-backlog-ttl", "0", ParameterType.INTEGER, "seconds"),
    _fixed("replica-lazy-flush", "yes", ParameterType.BOOLEAN),
    _fixed("replica-read-only", "yes", ParameterType.BOOLEAN),
    _fixed("save", "", ParameterType.STRING),
)

_SINCE = {
    "active-expire-effort": "6.2",
    "lazyfree-lazy-user-del": "6.2",
    "lazyfree-lazy-user-flush": "6.2",
    "maxmemory-eviction-tenacity": "6.2",
    "tracking-table-max-keys": "6.2",
}
