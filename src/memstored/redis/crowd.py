"""Whose connections a node has: which of them are surplus, out of what `CLIENT LIST` says."""

import re
from itertools import islice

__all__ = ["AT_ONCE", "CLIENTS", "CLIENT_LIST", "surplus"]

CLIENTS = ("INFO", "clients")
CLIENT_LIST = ("CLIENT", "LIST")
AT_ONCE = 256
"""So many are named at most: a node looks through all its connections for each, and the rest can wait.

More than a node ever takes beyond `maxclients`; only a `maxclients` that was lowered leaves more than these.
"""

_CLIENT = re.compile(rb"id=(\d+) .*? name=(\S*) age=(\d+) idle=\d+ flags=(\S+) .*? cmd=(\S*)(?: user=(\S*))?")
_OWN = b"memstored"
_LINKS = re.compile(rb"[SM]")
"""Flags of a replica, and of the primary as its replica has it."""
_JOINING = frozenset({b"ping", b"auth", b"replconf", b"psync"})
"""What a replica says first, in this order, within a moment of its connection."""


def surplus(listing: bytes, most: int) -> tuple[str, ...]:
    """The ids of the youngest connections of tenants beyond `most` connections of everybody, youngest first.

    Where the engine has users, ours are told by theirs; elsewhere by the name of the connection, for tenants
    can give it none there. One that begins as a replica does is left alone for its first second.

    All sets wait meanwhile, so only the lines of those are read that may have to go: 10,032 connections take
    some 6 ms, and 1 ms where nobody has to.
    """
    beyond = listing.count(b"\n") - most
    if beyond <= 0:
        return ()
    # Engines list them in no order that holds: they turn the list as they look after their clients.
    youngest = sorted(listing.splitlines(), key=_number, reverse=True)
    tenants = (number.decode() for line in youngest if (number := _tenant(line)) is not None)
    return tuple(islice(tenants, min(beyond, AT_ONCE)))


def _number(line: bytes) -> int:
    return int(line[len(b"id=") : line.index(b" ")])


def _tenant(line: bytes) -> bytes | None:
    """The id of a connection that may be ended."""
    said = _CLIENT.match(line)
    if said is None:
        return None
    number, name, age, flags, command, user = said.groups(default=b"")
    joining = command in _JOINING and int(age) <= 1
    return None if _LINKS.search(flags) or joining or _ours(name, user) else number


def _ours(name: bytes, user: bytes) -> bool:
    return user.startswith(_OWN) if user else name == _OWN
