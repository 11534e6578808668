"""The users of a node: tenants, the replication user, those of the service. Arguments of `ACL SETUSER`.

The set's control user is the way in and has nothing else to do: it may see who has the node, and make or
delete users (S7). Whoever acts is a controller, each by a user of its own beside that one.

Every list begins with `reset`, so that it says all there is and can be repeated (H18). Clear passwords
never appear: Redis takes their SHA-256.
"""

import hashlib
import hmac

from memstored.domain.controllers import Controller
from memstored.domain.engine import family_of
from memstored.domain.model import DEFAULT_USER, TenantUser
from memstored.domain.ports import Identity
from memstored.redis.commands import allowed_commands

__all__ = [
    "DEFAULT_USER",
    "acting",
    "acting_prefix",
    "acting_rules",
    "control_rules",
    "replication_rules",
    "tenant_rules",
]


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


def control_rules(control: Identity) -> tuple[str, ...]:
    """The set's control user: the way in, from birth on and for every controller.

    A node that a script keeps from all else does not let anybody take it, so the script can be ended (H16).
    """
    may = ("+acl|list", "+acl|setuser", "+acl|deluser", "+info", "+script|kill")
    return (control.user, "reset", "on", _hashed(control), *may)


def acting(control: Identity, controller: Controller) -> Identity:
    """Who a controller is on the nodes of a set. Its secret follows from the set's and its name, so that
    nothing more is kept, and one controller's tells nothing of another's.
    """
    user = f"{acting_prefix(control)}{controller.name}"
    secret = hmac.new(control.secret.encode(), user.encode(), hashlib.sha256).hexdigest()
    return Identity(user=user, secret=secret)


def acting_prefix(control: Identity) -> str:
    """How the name of every controller's user begins; the controller's follows."""
    return f"{control.user}-"


def acting_rules(identity: Identity) -> tuple[str, ...]:
    """The user of a controller, which may do everything."""
    return (identity.user, "reset", "on", _hashed(identity), "~*", "&*", "+@all")


def _hashed(identity: Identity) -> str:
    return "#" + hashlib.sha256(identity.secret.encode()).hexdigest()
