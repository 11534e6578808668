"""The users of a node: tenants, the replication user, the control user. Arguments of `ACL SETUSER`.

Every list begins with `reset`, so that it says all there is and can be repeated (H18). Clear passwords
never appear: Redis takes their SHA-256.
"""

import hashlib

from memstored.domain.engine import family_of
from memstored.domain.model import DEFAULT_USER, TenantUser
from memstored.domain.ports import Identity
from memstored.redis.commands import allowed_commands

__all__ = ["DEFAULT_USER", "control_rules", "replication_rules", "tenant_rules"]


def tenant_rules(version: str, user: TenantUser | None) -> tuple[tuple[str, ...], ...]:
    """The users that let tenants in, as `ACL SETUSER` argument lists, to be sent in this order.

    Without a user the default user needs no password. With a user of another name the default user is
    off. Source: API.md 5.
    """
    may = tuple(f"+{name}" for name in sorted(allowed_commands(family_of(version))))
    everything = ("~*", "&*", *may)
    if user is None:
        return ((DEFAULT_USER, "reset", "on", "nopass", *everything),)
    named = (user.name, "reset", "on", f"#{user.password_hash}", *everything)
    return (named,) if user.name == DEFAULT_USER else ((DEFAULT_USER, "reset"), named)


def replication_rules(identity: Identity) -> tuple[str, ...]:
    """The user by which replicas copy: it can follow, and touches neither keys nor channels."""
    return (identity.user, "reset", "on", _hashed(identity), "+psync", "+replconf", "+ping")


def control_rules(identity: Identity) -> tuple[str, ...]:
    """The user of a controller, which may do everything (S7)."""
    return (identity.user, "reset", "on", _hashed(identity), "~*", "&*", "+@all")


def _hashed(identity: Identity) -> str:
    return "#" + hashlib.sha256(identity.secret.encode()).hexdigest()
