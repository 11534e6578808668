"""The redis.conf a node is born with: fenced (S1), and set so that it can be watched and followed.

Each setting stands with the trap it avoids; those that users see are in `domain.parameters`. Address, port,
folder and log file belong to the place where the node lives and are added by the runtime.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from memstored.domain.directive import quoted
from memstored.domain.engine import Family, capabilities_of, family_of
from memstored.domain.parameters import engine_values, parameters_of
from memstored.domain.ports import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE, NODE_FILES, Identity
from memstored.redis.acl import DEFAULT_USER, control_rules
from memstored.redis.renaming import renamings
from memstored.redis.tls import CIPHERS

__all__ = ["TLS", "TLS_FILES", "directives"]

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
    ("acl-pubsub-default", "resetchannels"),
    # Memory is the only place of the data; the folder keeps nothing of it (H21).
    ("rdb-del-sync-files", "yes"),
    ("stop-writes-on-bgsave-error", "no"),
    # A load streams into memory ten times faster than over a file, and only where nothing is lost (H27).
    ("repl-diskless-load", "on-empty-db"),
    # A first sync over the disk is a matter of milliseconds; a diskless one is over only with the next
    # once-a-second ACK (H5). Admission switches to diskless: from then on there is data.
    ("repl-diskless-sync", "no"),
    ("repl-diskless-sync-delay", "0"),
    ("repl-timeout", "20"),
    ("repl-ping-replica-period", "5"),
    ("replica-serve-stale-data", "yes"),
    # A crash is seen at once (H17).
    ("crash-memcheck-enabled", "no"),
    # A crafted RESTORE would crash every node that gets it (H25).
    ("sanitize-dump-payload", "clients"),
    ("daemonize", "no"),
)

_BUFFER_LIMIT = "client-output-buffer-limit"
_WORDS_OF_A_LIMIT = 4
_UNKNOWN: Mapping[Family, frozenset[str]] = MappingProxyType(
    {
        Family.V5_0: frozenset(
            {
                "acl-pubsub-default",
                "crash-memcheck-enabled",
                "rdb-del-sync-files",
                "repl-diskless-load",
                "sanitize-dump-payload",
            }
        )
    }
)
"""What an engine of the family does not start with."""


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

    `control` is the set's: which controller acts, a node is told when one comes (`redis.takeover`). The lines
    of an engine without users hold `control.secret` in clear: they must never lie on a disk (H19).
    `memory_gib` is the flavor's memory, `failure_detection` in seconds (H16). `parameters` are values of
    editable parameters as the engine takes them (`domain.parameters.engine_values`); the others have the
    defaults of the family. Raises `ValueError` for any other parameter and for a version not known here. With
    `tls` the node finds the files that `TLS_FILES` names when it starts.
    """
    family = family_of(version)
    defaults = engine_values(family, (), memory_gib)
    if guarded := sorted(parameters.keys() - defaults.keys()):
        raise ValueError(f"not to be chosen: {', '.join(guarded)}")
    return (
        *_fixed(family),
        *_shown(family),
        *(_users(control) if capabilities_of(version).acl else _passwords(control)),
        *_sized(memory_gib, failure_detection),
        *_chosen({**defaults, **parameters}),
        *(TLS if tls else ()),
    )


def _shown(family: str) -> Iterator[tuple[str, str]]:
    """What the default parameter group shows and nobody edits."""
    for parameter in parameters_of(family):
        if not parameter.editable:
            yield (parameter.name, quoted(parameter.default))


def _chosen(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if name == _BUFFER_LIMIT:
            yield from ((name, limit) for limit in _limits(value))
        else:
            yield (name, quoted(value))


def _limits(value: str) -> Iterator[str]:
    """One line a class of clients: before 7.0 the file knows no longer ones."""
    words = value.split()
    for i in range(0, len(words), _WORDS_OF_A_LIMIT):
        yield " ".join(words[i : i + _WORDS_OF_A_LIMIT])


def _fixed(family: Family) -> tuple[tuple[str, str], ...]:
    unknown = _UNKNOWN.get(family, frozenset())
    return tuple((name, value) for name, value in _FIXED if name not in unknown)


def _passwords(control: Identity) -> tuple[tuple[str, str], ...]:
    return (("requirepass", quoted(control.secret)), *renamings(control.secret))


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
        (_BUFFER_LIMIT, f"replica {buffer} 0 0"),
        ("lua-time-limit", str(int(failure_detection * 500))),
    )
