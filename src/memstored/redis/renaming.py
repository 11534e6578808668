"""The commands that tenants of an engine without users do not have: taken away, or known to us alone.

Such an engine lets everyone who logged in run everything, so what API.md 5 refuses is renamed where the node
is born. What the service needs itself gets a name that follows from the set's secret, so that nothing more is
kept. The engine shows only the former names: in `COMMAND`, `INFO commandstats`, `CLIENT LIST`; what shows
commands as they were sent (MONITOR, SLOWLOG) is taken away (H19).

SYNC, PSYNC and REPLCONF stay within reach: replicas send them literally.
"""

import hashlib
import hmac

__all__ = ["KEPT", "REMOVED", "renamings", "secret_name"]

KEPT = ("CLIENT", "CONFIG", "REPLICAOF", "SCRIPT")
"""What the service needs itself. Subcommands can not be told apart here, so the whole command goes: CLIENT
for PAUSE and KILL, SCRIPT for DEBUG (H18)."""

REMOVED = (
    "ASKING",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLUSTER",
    "DEBUG",
    "MIGRATE",
    "MODULE",
    "MONITOR",
    "PFDEBUG",
    "PFSELFTEST",
    "READONLY",
    "READWRITE",
    "RESTORE-ASKING",
    "SAVE",
    "SHUTDOWN",
    "SLAVEOF",
    "SLOWLOG",
)


def secret_name(secret: str, command: str) -> str:
    """What a kept command is called where `secret` is the set's: 64 hex digits."""
    return hmac.new(secret.encode(), command.encode(), hashlib.sha256).hexdigest()


def renamings(secret: str) -> tuple[tuple[str, str], ...]:
    """The lines (name, value) of redis.conf that rename all of them."""
    kept = (f"{command} {secret_name(secret, command)}" for command in KEPT)
    removed = (f'{command} ""' for command in REMOVED)
    return tuple(("rename-command", value) for value in (*kept, *removed))
