"""The parameters of every engine family: what a node runs with, and what of it a custom group may change.

Pure, and the one source of it: `redis.config` writes what stands here into a node's redis.conf, API and
documents show it, requests are judged by it. Not editable is what would break the service or the data
(API.md 7, H30). Where engines differ in what they take, the strictest counts, so that none refuses what was
accepted here. Defaults are the engine's own but for those of `maxmemory` and the eviction policy, of what
keeps a node quick to answer (H16) and its data off the disk (H21), and of what ends dead connections sooner.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from memstored.domain.bounds import Bound, BufferLimits, Events, Free, Memory, Shared, Truth, Whole, Words
from memstored.domain.engine import Family
from memstored.domain.model import Setting

__all__ = [
    "MAXCLIENTS",
    "MAXMEMORY",
    "MOST_CLIENTS",
    "RESERVED_CLIENTS",
    "Apply",
    "Parameter",
    "ParameterType",
    "effective",
    "engine_value",
    "engine_values",
    "memory_span",
    "normalized",
    "parameter_of",
    "parameters_of",
    "usual_memory",
]

MAXMEMORY = "maxmemory"
MAXCLIENTS = "maxclients"
MOST_CLIENTS = 10_000
RESERVED_CLIENTS = 32
"""Connections that an engine takes beyond a group's `maxclients`: for replicas, backups and the service."""


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
    """One setting of the engine; `unit` is a word for people, `""` where there is none.

    `default` is a value as groups have it: `maxmemory` may be in `%` of the flavor's memory.
    """

    name: str
    default: str
    type: ParameterType
    bound: Bound
    unit: str = ""
    editable: bool = True
    apply: Apply = Apply.IMMEDIATE

    @property
    def allowed(self) -> str:
        """Which values it may have, in words for people."""
        return self.bound.words if self.editable else self.default


@cache
def parameters_of(family: str) -> tuple[Parameter, ...]:
    """The parameters of an engine family (`7.0`), by name; none for a family that is not known."""
    if family not in set(Family):
        return ()
    known = Family(family)
    rows = [*_EDITABLE, *_FIXED, *_packed(known), *_sets(known), _events(known)]
    return tuple(sorted((p for p in rows if _exists(p.name, known)), key=lambda p: p.name))


def parameter_of(family: str, name: str) -> Parameter | None:
    """The parameter of that name, or None when the family shows none such."""
    return _by_name(family).get(name)


@cache
def _by_name(family: str) -> Mapping[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters_of(family)}


def effective(family: str, settings: Iterable[Setting] = ()) -> dict[str, str]:
    """The value of every editable parameter of a family where a group sets these, by name."""
    chosen = {setting.name: setting.value for setting in settings}
    return {p.name: chosen.get(p.name, p.default) for p in parameters_of(family) if p.editable}


def engine_values(family: str, settings: Iterable[Setting], memory_gib: int) -> dict[str, str]:
    """The value of every editable parameter as the engine takes it, on a node of so much memory (GiB)."""
    known = _by_name(family)
    values = effective(family, settings).items()
    return {name: engine_value(known[name], value, memory_gib) for name, value in values}


def engine_value(parameter: Parameter, value: str, memory_gib: int) -> str:
    """A group's value as `CONFIG SET` takes it: `65%` in bytes, of a flavor's memory in GiB."""
    return parameter.bound.engine_value(value, memory_gib)


def normalized(parameter: Parameter, read: str) -> str:
    """What `CONFIG GET` says, or `CONFIG SET` was given, so that equal settings are equal strings."""
    return parameter.bound.normalized(read)


def usual_memory(memory_gib: int) -> int:
    """The bytes that `maxmemory` is by default on a flavor with that memory."""
    return int(_MEMORY.engine_value(_USUAL, memory_gib))


def memory_span(memory_gib: int) -> tuple[int, int]:
    """The fewest and the most bytes that `maxmemory` may be on a flavor with that memory."""
    return _MEMORY.span(memory_gib)


def _exists(name: str, family: Family) -> bool:
    ages = tuple(Family)
    return ages.index(_SINCE.get(name, Family.V5_0)) <= ages.index(family)


def _packed(family: Family) -> Iterator[Parameter]:
    """The limits of compact encodings, which 7.0 renamed from `ziplist` to `listpack`.

    Longer ones make single commands slow (H16); before 6.2.6 very long ones break the engine's arithmetic.
    """
    encoding = "ziplist" if family in (Family.V5_0, Family.V6_2) else "listpack"
    yield _integer(f"hash-max-{encoding}-entries", "512", "entries", most=10_000)
    yield _integer(f"hash-max-{encoding}-value", "64", "bytes", most=4096)
    yield _integer(
        f"list-max-{encoding}-size", "-2", "entries, or -1 to -5 for 4 to 64 KiB", least=-5, most=10_000
    )
    yield _integer(f"zset-max-{encoding}-entries", "128", "entries", most=10_000)
    yield _integer(f"zset-max-{encoding}-value", "64", "bytes", most=4096)


def _sets(family: Family) -> Iterator[Parameter]:
    """The limits of compact sets of strings, which came with 7.2."""
    if family is Family.V7_2:
        yield _integer("set-max-listpack-entries", "128", "entries", most=10_000)
        yield _integer("set-max-listpack-value", "64", "bytes", most=4096)


def _events(family: Family) -> Parameter:
    bound = Events(all=_ALL_EVENTS[family], further=_FURTHER_EVENTS[family], untold=_UNTOLD_EVENTS[family])
    return Parameter(name="notify-keyspace-events", default="", type=ParameterType.STRING, bound=bound)


_MOST = 2**31 - 1


def _integer(
    name: str, default: str, unit: str = "", *, least: int = 0, most: int = _MOST, off: bool = False
) -> Parameter:
    """A whole number; with `off`, 0 is allowed beside the range."""
    bound = Whole(least=least, most=most, off=off)
    return Parameter(name=name, default=default, type=ParameterType.INTEGER, bound=bound, unit=unit)


def _truth(name: str, default: str, apply: Apply = Apply.IMMEDIATE) -> Parameter:
    return Parameter(name=name, default=default, type=ParameterType.BOOLEAN, bound=Truth(), apply=apply)


def _fixed(name: str, value: str, kind: ParameterType, unit: str = "") -> Parameter:
    return Parameter(
        name=name, default=value, type=kind, bound=Free(), unit=unit, editable=False, apply=Apply.REPLACE
    )


_MIB = 1024**2

# `redis.config` sizes the backlog, which counts as data, and the buffers of replicas that copy, which do not:
# there must be more than the one, and enough must be left for the others.
_USUAL = "65%"
_MEMORY = Memory(least=64 * _MIB, least_percent=5, most_percent=80)

_EDITABLE = (
    Parameter(
        name=MAXMEMORY,
        default=_USUAL,
        type=ParameterType.SIZE,
        bound=_MEMORY,
        unit="bytes, or % of the flavor's memory",
    ),
    Parameter(
        name="maxmemory-policy",
        default="allkeys-lru",
        type=ParameterType.ENUM,
        bound=Words(
            (
                "allkeys-lru",
                "allkeys-lfu",
                "allkeys-random",
                "volatile-lru",
                "volatile-lfu",
                "volatile-random",
                "volatile-ttl",
                "noeviction",
            )
        ),
    ),
    _integer("maxmemory-samples", "5", "keys", least=1, most=64),
    _integer("maxmemory-eviction-tenacity", "10", most=100),
    # Below that it would end the service's own connections, which ask about once a second.
    _integer("timeout", "0", "seconds", least=10, off=True),
    # More than this Linux does not take.
    _integer("tcp-keepalive", "60", "seconds", most=32_767),
    # More than this not every machine lets a process have.
    Parameter(
        name=MAXCLIENTS,
        default=str(MOST_CLIENTS),
        type=ParameterType.INTEGER,
        bound=Shared(least=100, most=MOST_CLIENTS, reserve=RESERVED_CLIENTS),
        unit="connections",
    ),
    _integer("slowlog-log-slower-than", "10000", "microseconds", least=-1),
    _integer("slowlog-max-len", "128", "entries", most=10_000),
    _integer("latency-monitor-threshold", "0", "milliseconds"),
    _truth("latency-tracking", "yes"),
    _integer("hz", "10", "times a second", least=1, most=500),
    _truth("dynamic-hz", "yes"),
    _integer("active-expire-effort", "1", least=1, most=10),
    _truth("activerehashing", "yes"),
    _integer("lfu-log-factor", "10"),
    _integer("lfu-decay-time", "1", "minutes"),
    # A longer one is rewritten as a whole at every change.
    _integer("set-max-intset-entries", "512", "entries", most=100_000),
    # Above this a sparse one is larger than a dense one.
    _integer("hll-sparse-max-bytes", "3000", "bytes", most=16_000),
    # Without a limit a node of a stream grows until the engine breaks.
    _integer("stream-node-max-bytes", "4096", "bytes", least=256, most=_MIB),
    _integer("stream-node-max-entries", "100", "entries", most=100_000),
    _integer("list-compress-depth", "0", "nodes", most=10_000),
    # 0 would let it grow without end.
    _integer("tracking-table-max-keys", "1000000", "keys", least=1, most=10_000_000),
    _truth("lazyfree-lazy-eviction", "yes"),
    _truth("lazyfree-lazy-expire", "yes"),
    _truth("lazyfree-lazy-server-del", "yes"),
    Parameter(
        name="client-output-buffer-limit",
        default="normal 0 0 0 pubsub 33554432 8388608 60",
        type=ParameterType.STRING,
        # That of replicas follows the flavor's memory.
        bound=BufferLimits(classes=("normal", "pubsub"), least=_MIB),
        unit="class, hard bytes, soft bytes, seconds",
    ),
    Parameter(
        name="io-threads",
        default="1",
        type=ParameterType.INTEGER,
        bound=Whole(least=1, most=8),
        unit="threads",
        apply=Apply.REPLACE,
    ),
    _truth("io-threads-do-reads", "no", Apply.REPLACE),
    Parameter(
        name="tcp-backlog",
        default="511",
        type=ParameterType.INTEGER,
        bound=Whole(least=128, most=65_535),
        unit="connections",
        apply=Apply.REPLACE,
    ),
)

_FIXED = (
    # Born fenced, so nobody gets in by address alone (S1, H20).
    _fixed("protected-mode", "no", ParameterType.BOOLEAN),
    # Memory is the only place of the data (H21).
    _fixed("save", "", ParameterType.STRING),
    _fixed("appendonly", "no", ParameterType.BOOLEAN),
    # Writes to a database that a replica has not would go to another one there (H30).
    _fixed("databases", "16", ParameterType.INTEGER),
    # A primary without replicas keeps its replid (H4).
    _fixed("repl-backlog-ttl", "0", ParameterType.INTEGER, "seconds"),
    _fixed("replica-read-only", "yes", ParameterType.BOOLEAN),
    # Ordinary commands do not block for long (H16).
    _fixed("replica-lazy-flush", "yes", ParameterType.BOOLEAN),
    _fixed("lazyfree-lazy-user-del", "yes", ParameterType.BOOLEAN),
    _fixed("lazyfree-lazy-user-flush", "yes", ParameterType.BOOLEAN),
    # Debian's build can not do it.
    _fixed("activedefrag", "no", ParameterType.BOOLEAN),
    # A replica with a lower limit than its primary would lose its stream at the first longer value.
    _fixed("proto-max-bulk-len", str(512 * _MIB), ParameterType.SIZE, "bytes"),
    _fixed("client-query-buffer-limit", str(1024 * _MIB), ParameterType.SIZE, "bytes"),
    # A whole load is proved by it (H29).
    _fixed("rdbchecksum", "yes", ParameterType.BOOLEAN),
)

_SINCE = {
    "active-expire-effort": Family.V6_2,
    "io-threads": Family.V6_2,
    "io-threads-do-reads": Family.V6_2,
    "latency-tracking": Family.V7_0,
    "lazyfree-lazy-user-del": Family.V6_2,
    "lazyfree-lazy-user-flush": Family.V6_2,
    "maxmemory-eviction-tenacity": Family.V6_2,
    "tracking-table-max-keys": Family.V6_2,
}

_ALL_EVENTS = {
    Family.V5_0: "g$lshzxet",
    Family.V6_2: "g$lshzxetd",
    Family.V7_0: "g$lshzxetd",
    Family.V7_2: "g$lshzxetd",
}
"""What the character `A` stands for."""

_FURTHER_EVENTS = {Family.V5_0: "", Family.V6_2: "m", Family.V7_0: "m", Family.V7_2: "m"}
_UNTOLD_EVENTS = {Family.V5_0: "", Family.V6_2: "", Family.V7_0: "n", Family.V7_2: "n"}
"""What `CONFIG GET` leaves out as soon as it says `A`."""
