"""How a node is spoken to where engines differ: those with users (6.2 and later), and those before.

Chosen once for each link by what the engine can do. Commands are named in Redis's own words everywhere; a
dialect that has other names for them says so only on the wire (`spoken`), and keeps them out of what an error
shows (`hidden`).
"""

import hmac
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from memstored.domain.controllers import Controllers
from memstored.domain.engine import capabilities_of
from memstored.domain.model import TenantUser
from memstored.domain.ports import FENCE, TENANTS, Identity, LinkTrouble, Target
from memstored.redis.acl import DEFAULT_USER, acting, replication_rules, tenant_rules
from memstored.redis.connection import Command, Reply
from memstored.redis.readings import (
    BOUND,
    COMMON_READERS,
    REPLICATION,
    SERVER,
    USERS,
    USERS_READERS,
    Readers,
    Readings,
)
from memstored.redis.renaming import KEPT, secret_name

__all__ = ["Dialect", "Passwords", "Users", "dialect_of"]

Commands = tuple[Command, ...]

_GET_MASTERAUTH: Command = ("CONFIG", "GET", "masterauth")
_GET_REQUIREPASS: Command = ("CONFIG", "GET", "requirepass")
_DISKLESS: Command = ("CONFIG", "SET", "repl-diskless-sync", "yes")


class Dialect(Protocol):
    """What differs. Commands are in Redis's own words; `spoken` makes of one what goes over the wire."""

    @property
    def logins(self) -> Commands:
        """The ways in for who has the node, to be tried one after the other."""
        ...

    @property
    def entrance(self) -> Command | None:
        """The login of who comes to take the node (`redis.takeover`); None where nothing is to be taken."""
        ...

    @property
    def users(self) -> Commands:
        """Ask who may log in."""
        ...

    @property
    def account(self) -> Commands:
        """Ask all there is to know of a node."""
        ...

    @property
    def readers(self) -> Readers:
        """What the answers to these say."""
        ...

    @property
    def pauses(self) -> bool:
        """Whether somebody before us may have left a write pause at the node."""
        ...

    def spoken(self, command: Command) -> Command:
        """The command as this node knows it."""
        ...

    def hidden(self, words: str, secret: str | None) -> str:
        """The words of the engine without anything secret; `secret` was in the command."""
        ...

    def equip(self, replication: Identity) -> Commands:
        """Let it follow, and be followed, as this identity; what `take_in` changed is as it was at birth."""
        ...

    def admit(self, user: TenantUser | None) -> Commands:
        """Let tenants in. Later replicas are synced without a file of the data on this disk (H21)."""
        ...

    def shut(self, seen: Readings) -> Commands:
        """Keep tenants out and end their connections, subscribers too (H13)."""
        ...

    def take_in(self, guest: Identity) -> Commands:
        """Be this guest at a loading door; what comes is checked in full, where the engine can (H25)."""
        ...


def dialect_of(target: Target, controllers: Controllers) -> Dialect:
    """The dialect of the node's engine, for the controller that acts."""
    if capabilities_of(target.version).acl:
        return Users(version=target.version, control=target.control, controllers=controllers)
    return Passwords(fence=target.control.secret, password=target.password)


class Users:
    """Engines with ACLs: everyone has a user of their own."""

    account = (*SERVER, *REPLICATION, *BOUND, *USERS)
    users = USERS
    readers = USERS_READERS
    pauses = True

    def __init__(self, *, version: str, control: Identity, controllers: Controllers) -> None:
        self._version = version
        own = acting(control, controllers.own)
        self.logins: Commands = (("AUTH", own.user, own.secret),)
        self.entrance: Command | None = ("AUTH", control.user, control.secret)

    def spoken(self, command: Command) -> Command:
        """The same."""
        return command

    def hidden(self, words: str, secret: str | None) -> str:
        """Less that one secret."""
        return _without(words, () if secret is None else (secret,))

    def equip(self, replication: Identity) -> Commands:
        """The user comes last: whoever sees it may rely on the rest."""
        return (
            _checking("clients"),
            ("CONFIG", "SET", "masterauth", replication.secret),
            ("CONFIG", "SET", "masteruser", replication.user),
            ("ACL", "SETUSER", *replication_rules(replication)),
        )

    def admit(self, user: TenantUser | None) -> Commands:
        """The tenants' user with its commands."""
        rules = tenant_rules(self._version, user)
        return (_DISKLESS, *(("ACL", "SETUSER", *words) for words in rules))

    def shut(self, seen: Readings) -> Commands:
        """All tenants' users off."""
        names = sorted({DEFAULT_USER, *seen.tenants})
        off = (("ACL", "SETUSER", name, "off") for name in names)
        kill = (("CLIENT", "KILL", "USER", name, "SKIPME", "yes") for name in names)
        return (*off, *kill)

    def take_in(self, guest: Identity) -> Commands:
        """By name and secret."""
        return (
            _checking("yes"),
            ("CONFIG", "SET", "masterauth", guest.secret),
            ("CONFIG", "SET", "masteruser", guest.user),
        )


class Passwords:
    """Engines without ACLs: whoever knows the password of the moment is everyone (H19).

    A node is born with the `fence`, which only the service knows. When it is admitted it takes the tenants'
    `password` instead, for tenants, replicas and us alike; shut, the fence again.
    """

    users = (_GET_MASTERAUTH, _GET_REQUIREPASS)
    account = (*SERVER, *REPLICATION, *users)
    pauses = False
    entrance: Command | None = None

    def __init__(self, *, fence: str, password: str | None) -> None:
        self._secrets = {FENCE: fence} | ({} if password is None else {TENANTS: password})
        self._names = {command: secret_name(fence, command) for command in KEPT}
        self.logins: Commands = tuple(("AUTH", secret) for secret in self._secrets.values())
        self.readers: Readers = MappingProxyType(
            {
                **COMMON_READERS,
                _GET_MASTERAUTH: self._read_masterauth,
                _GET_REQUIREPASS: self._read_requirepass,
            }
        )

    def spoken(self, command: Command) -> Command:
        """By the name that it was given at birth."""
        name, *words = command
        return (self._names.get(name, name), *words)

    def hidden(self, words: str, secret: str | None) -> str:
        """Less all secrets and all names."""
        secrets = (*self._secrets.values(), *self._names.values(), *(() if secret is None else (secret,)))
        return _without(words, secrets)

    def equip(self, replication: Identity) -> Commands:
        """What it says where it follows; what it is told by who follows it is a matter of `admit`."""
        return (("CONFIG", "SET", "masterauth", replication.secret),)

    def admit(self, user: TenantUser | None) -> Commands:  # noqa: ARG002 - there is one user, and nothing to choose
        """The password of tenants. It follows by the same one, for its primary takes that from now on."""
        password = self._secrets.get(TENANTS)
        if password is None:
            raise LinkTrouble("an engine without users admits nobody without a password")
        return (
            _DISKLESS,
            ("CONFIG", "SET", "masterauth", password),
            ("CONFIG", "SET", "requirepass", password),
        )

    def shut(self, seen: Readings) -> Commands:  # noqa: ARG002 - there is nobody else to be known
        """The fence again. Who logged in before stays logged in, so all are ended; replicas are not."""
        return (
            ("CONFIG", "SET", "requirepass", self._secrets[FENCE]),
            ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
            ("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"),
        )

    def take_in(self, guest: Identity) -> Commands:
        """By the secret alone. What comes is data, so it goes to replicas without a file (H21)."""
        return (_DISKLESS, ("CONFIG", "SET", "masterauth", guest.secret))

    def _read_masterauth(self, _known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
        return {"follows_as": self._known_as(reply), "copiers": None}

    def _read_requirepass(self, _known: Readings, reply: Reply, _asked_at: float) -> dict[str, Any]:
        tenants: Mapping[str, bool] = MappingProxyType({DEFAULT_USER: self._known_as(reply) == TENANTS})
        return {"tenants": tenants}

    def _known_as(self, reply: Reply) -> str | None:
        """Whose password it is, so that the password itself is not kept; None for anybody else's."""
        known = (
            who for who, secret in self._secrets.items() if hmac.compare_digest(secret.encode(), reply[1])
        )
        return next(known, None)


def _checking(payloads: str) -> Command:
    """Whose values are checked in full before they are taken: those of `clients`, or of a copy as well."""
    return ("CONFIG", "SET", "sanitize-dump-payload", payloads)


def _without(words: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        words = words.replace(secret, "…")
    return words
