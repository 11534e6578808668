"""What a node says of itself, read from the answers to a handful of commands.

`Readings.learned` is the only way from an answer to a fact; `redis.link` holds the result.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Self

import hiredis

from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.facts import ReadSettings, ReplicationFacts
from memstored.domain.figures import keys_of
from memstored.domain.parameters import parameters_of
from memstored.domain.ports import Holdings
from memstored.redis.connection import Command, Reply

__all__ = [
    "BOUND",
    "COMMON_READERS",
    "HOLDINGS",
    "INFO_REPLICATION",
    "REPLICATION",
    "SERVER",
    "USERS",
    "USERS_READERS",
    "Readers",
    "Readings",
    "fields_of",
    "holdings_of",
    "lasting",
    "settings_asked",
]

OWN_PREFIX = "memstored"
"""Users whose name begins so are the service's own; tenants can not have such a name (API.md 5)."""

_INFO_SERVER = ("INFO", "server")
_INFO_PERSISTENCE = ("INFO", "persistence")
INFO_REPLICATION = ("INFO", "replication")
_GET = ("CONFIG", "GET")
_GET_BIND = ("CONFIG", "GET", "bind")
_GET_MASTERUSER = ("CONFIG", "GET", "masteruser")
_ACL_LIST = ("ACL", "LIST")

SERVER = (_INFO_SERVER,)
REPLICATION = (_INFO_PERSISTENCE, INFO_REPLICATION)
BOUND = (_GET_BIND,)
USERS = (_GET_MASTERUSER, _ACL_LIST)
HOLDINGS = (("INFO", "keyspace"), ("INFO", "stats"), ("INFO", "memory"))
"""What `holdings_of` reads the answers of."""

# Each begins with plain words, so looking for it costs a microsecond.
_SINCE_HEARD = re.compile(rb"master_last_io_seconds_ago:\d+")
_ACKNOWLEDGED = re.compile(rb"\nslave\d+:[^\n]*")


def lasting(answer: bytes) -> bytes:
    """The bytes of an answer to `INFO replication` of which a fact may be made.

    Seconds pass by themselves, and what replicas acknowledged to this node they say of themselves. The rest
    of a healthy node's answer is the same for as long as nothing is written.
    """
    return _ACKNOWLEDGED.sub(b"", _SINCE_HEARD.sub(b"", answer))


@cache
def settings_asked(version: str) -> tuple[Command, ...]:
    """What an engine of that version is asked for the values of all parameters that a group may set."""
    names = [p.name for p in parameters_of(family_of(version)) if p.editable]
    if capabilities_of(version).several_settings:
        return (("CONFIG", "GET", *names),)
    return tuple(("CONFIG", "GET", name) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """The last answers of one node. `read_at` (monotonic seconds) does not count as a difference.

    `follows_as` is the user it logs in as at its primary; `tenants` holds every user that is not the
    service's own and whether it is on; `copiers` the users that may follow this node, None where the engine
    has no users. `settings` are the parameters that were asked for, by name; None before.
    """

    run_id: str | None = None
    process_id: int | None = None
    loading: bool = False
    replication: ReplicationFacts | None = None
    read_at: float = field(default=0.0, compare=False)
    bound: frozenset[str] = frozenset()
    follows_as: str | None = None
    tenants: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    copiers: frozenset[str] | None = frozenset()
    settings: ReadSettings | None = None

    def equipped_as(self, user: str) -> bool:
        """Whether it can follow and be followed by that replication user."""
        return self.follows_as == user and (self.copiers is None or user in self.copiers)

    @property
    def admitted(self) -> bool:
        """Whether any tenant can log in."""
        return any(self.tenants.values())

    def disconnected(self) -> Self:
        """These readings when the server behind the connection is not known any more."""
        return replace(self, run_id=None, process_id=None, settings=None)

    def confirmed(self, asked_at: float) -> Self:
        """These readings when `INFO replication`, asked for at `asked_at`, answered the same again."""
        return replace(self, read_at=asked_at)

    def learned(
        self, command: Command, reply: Reply, asked_at: float, readers: "Readers | None" = None
    ) -> Self:
        """These readings with what the answer to `command` says; errors and other commands say nothing.

        `readers` are those of the node's dialect, by default of one with users.
        """
        known = USERS_READERS if readers is None else readers
        read = known.get(command, _settings if command[:2] == _GET else None)
        if read is None or isinstance(reply, hiredis.ReplyError):
            return self
        return replace(self, **read(self, reply, asked_at))


def holdings_of(replies: Sequence[Reply]) -> Holdings:
    """What a node holds, from its answers to `HOLDINGS`."""
    keyspace, stats, memory = (fields_of(reply) for reply in replies)
    return Holdings(
        keys=keys_of(keyspace),
        evicted=int(stats["evicted_keys"]),
        used_memory=int(memory["used_memory"]),
        maxmemory=int(memory["maxmemory"]),
    )


def fields_of(info: bytes) -> dict[str, str]:
    """The `key:value` lines of `INFO`."""
    pairs = (line.partition(":") for line in info.decode(errors="replace").splitlines())
    return {key: value for key, colon, value in pairs if colon}


def _server(_known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
    info = fields_of(reply)
    return {"run_id": info["run_id"], "process_id": int(info["process_id"])}


def _persistence(_known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
    return {"loading": b"\nloading:1" in reply}


def _replication(known: Readings, reply: Reply, asked_at: float) -> dict[str, Any]:
    info = fields_of(reply)
    info["loading"] = "1" if known.loading else "0"
    return {"replication": ReplicationFacts.from_info(info), "read_at": asked_at}


def _bind(_known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
    return {"bound": frozenset(reply[1].decode().split())}


def _masteruser(_known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
    return {"follows_as": reply[1].decode() or None}


def _settings(known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
    """Names and values in turn; what was known of other parameters stays."""
    words = [word.decode() for word in reply]
    values = dict(known.settings or ()) | dict(zip(words[::2], words[1::2], strict=True))
    return {"settings": tuple(sorted(values.items()))}


def _users(_known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
    """Lines of `ACL LIST`: `user <name> on|off <rule> …`."""
    users = {words[1]: words[2:] for words in (line.decode().split() for line in reply)}
    tenants = {name: rules[0] == "on" for name, rules in users.items() if not name.startswith(OWN_PREFIX)}
    own = {name: rules for name, rules in users.items() if name not in tenants}
    copiers = (name for name, rules in own.items() if rules[0] == "on" and "+psync" in rules)
    return {"tenants": MappingProxyType(tenants), "copiers": frozenset(copiers)}


Readers = Mapping[Command, Callable[[Readings, Reply, float], dict[str, Any]]]
"""How the answer to a command changes the readings: the fields that it tells, by name."""

COMMON_READERS: Readers = MappingProxyType(
    {_INFO_SERVER: _server, _INFO_PERSISTENCE: _persistence, INFO_REPLICATION: _replication}
)
USERS_READERS: Readers = MappingProxyType(
    {**COMMON_READERS, _GET_BIND: _bind, _GET_MASTERUSER: _masteruser, _ACL_LIST: _users}
)
