"""The redis.conf a node is born with: fenced (S1), and set so that it can be watched and followed.

Each setting stands with the trap it avoids. Address, port, folder and log file belong to the place
where the node lives and are added by the runtime.
"""

from collections.abc import Mapping
from types import MappingProxyType

from memstored.domain.engine import family_of
from memstored.domain.ports import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE, NODE_FILES, Identity
from memstored.redis.acl import DEFAULT_USER, control_rules
from memstored.redis.tls import CIPHERS

__all__ = ["TLS", "TLS_FILES", "directives", "maxmemory"]

TLS_FILES: tuple[tuple[str, str], ...] = (
    ("tls-cert-file", f"{NODE_FILES}/{CERTIFICATE_FILE}"),
    ("tls-key-file", f"{NODE_FILES}/{KEY_FILE}"),
    ("tls-ca-cert-file", f"{NODE_FILES}/{AUTHORITIES_FILE}"),
)
"""The settings that name what a node shows and whom it trusts: relative to its own folder, never changed."""

TLS: tuple[tuple[str, str], ...] = (
    *TLS_FILES,
    # Clients need no certificate. Between nodes the chain is verified, though not which node it is (H31).
    ("tls-auth-clients", "no"),
    ("tls-replication", "yes"),
    ("tls-protocols", '"TLSv1.2 TLSv1.3"'),
    ("tls-ciphers", CIPHERS),
    ("tls-prefer-server-ciphers", "yes"),
)
"""The directives, beside the port, of a node that speaks TLS."""

_GIB = 1024**3
_MIB = 1024**2

_FIXED: tuple[tuple[str, str], ...] = (
    # Born fenced, so nobody gets in by address alone (S1, H20).
    ("protected-mode", "no"),
    ("acl-pubsub-default", "resetchannels"),
    # Memory is the only place of the data; the folder keeps nothing of it (H21).
    ("save", '""'),
    ("appendonly", "no"),
    ("rdb-del-sync-files", "yes"),
    ("stop-writes-on-bgsave-error", "no"),
    # A load streams into memory ten times faster than over a file, and only where nothing is lost (H27).
    ("repl-diskless-load", "on-empty-db"),
    # A first sync over the disk is a matter of milliseconds; a diskless one is over only with the next
    # once-a-second ACK (H5). Admission switches to diskless: from then on there is data.
    ("repl-diskless-sync", "no"),
    ("repl-diskless-sync-delay", "0"),
    # A primary without replicas keeps its replid (H4).
    ("repl-backlog-ttl", "0"),
    ("repl-timeout", "20"),
    ("repl-ping-replica-period", "5"),
    ("replica-read-only", "yes"),
    ("replica-serve-stale-data", "yes"),
    # Ordinary commands do not block for long (H16); a crash is seen at once (H17).
    ("lazyfree-lazy-eviction", "yes"),
    ("lazyfree-lazy-expire", "yes"),
    ("lazyfree-lazy-server-del", "yes"),
    ("lazyfree-lazy-user-del", "yes"),
    ("lazyfree-lazy-user-flush", "yes"),
    ("replica-lazy-flush", "yes"),
    ("crash-memcheck-enabled", "no"),
    # A crafted RESTORE would crash every node that gets it (H25).
    ("sanitize-dump-payload", "clients"),
    ("databases", "16"),
    ("tcp-keepalive", "60"),
    ("daemonize", "no"),
)

_PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "maxclients": "10000",
        "maxmemory-policy": "allkeys-lru",
        "notify-keyspace-events": "",
        "slowlog-log-slower-than": "10000",
        "slowlog-max-len": "128",
        "timeout": "0",
    }
)


def maxmemory(memory_gib: int) -> int:
    """The bytes that tenants' data may take of a flavor's memory (GiB); the rest is for buffers."""
    return memory_gib * _GIB * 65 // 100


def directives(
    version: str,
    *,
    memory_gib: int,
    control: Identity,
    failure_detection: float,
    parameters: Mapping[str, str] = MappingProxyType({}),
    tls: bool = False,
) -> tuple[tuple[str, str], ...]:
    """The lines (name, value) of a node's redis.conf, values quoted as the file wants them.

    `memory_gib` is the flavor's memory, `failure_detection` in seconds (H16). `parameters` replace the
    defaults that tenants may choose (`maxmemory`, `maxmemory-policy`, `timeout` …). Raises `ValueError` for
    any other parameter and for a version that is not known here. With `tls` the node finds the files that
    `TLS_FILES` names when it starts.
    """
    family_of(version)
    defaults = {**_PARAMETERS, "maxmemory": str(maxmemory(memory_gib))}
    if guarded := sorted(parameters.keys() - defaults.keys()):
        raise ValueError(f"not to be chosen: {', '.join(guarded)}")
    chosen = {**defaults, **parameters}
    return (
        *_FIXED,
        *_users(control),
        *_sized(memory_gib, failure_detection),
        *((name, _quoted(value)) for name, value in chosen.items()),
        *(TLS if tls else ()),
    )


def _users(control: Identity) -> tuple[tuple[str, str], ...]:
    name, _reset, *rules = control_rules(control)
    fence = ("user", f"{DEFAULT_USER} off resetchannels -@all")
    return (fence, ("user", " ".join((name, *rules))))


def _sized(memory_gib: int, failure_detection: float) -> tuple[tuple[str, str], ...]:
    """What follows the flavor's memory and the time after which silence is death.

    The backlog is what a replica may miss and still continue: 1 % of the memory, 16 MiB to 1 GiB. The buffer
    holds what is written while a replica copies: 10 %, at least 256 MiB, so that a copy of a full node at S
    bytes a second ends as long as less than 0.15 S are written. It has no soft limit: that one would cut
    off the long copies of large nodes, which are just those that must not begin anew. A replica that
    stands still is ended after `failure_detection` or left after `repl-timeout`, whichever comes first.
    """
    memory = memory_gib * _GIB
    backlog = min(max(16 * _MIB, memory // 100), _GIB)
    buffer = max(256 * _MIB, memory // 10)
    return (
        ("repl-backlog-size", str(backlog)),
        ("client-output-buffer-limit", f"replica {buffer} 0 0"),
        ("lua-time-limit", str(int(failure_detection * 500))),
    )


def _quoted(value: str) -> str:
    """One value in double quotes, as redis.conf reads them."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
