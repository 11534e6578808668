"""Whose connections a node has: which of them are surplus, out of what `CLIENT LIST` says."""

import re

__all__ = ["CLIENTS", "CLIENT_LIST", "surplus"]

CLIENTS = ("INFO", "clients")
CLIENT_LIST = ("CLIENT", "LIST")

_CLIENT = re.compile(
    rb"^id=(\d+) .*? name=(\S*) age=(\d+) idle=\d+ flags=(\S+) .*? cmd=(\S*)(?: user=(\S*))?", re.MULTILINE
)
_OWN = b"memstored"
_LINKS = re.compile(rb"[SM]")
"""Flags of a replica, and of the primary as its replica has it."""
_JOINING = frozenset({b"ping", b"auth", b"replconf", b"psync"})
"""What a replica says first, in this order, within a moment of its connection."""


def surplus(listing: bytes, most: int) -> tuple[str, ...]:
    """The ids of the youngest connections of tenants beyond `most` connections of everybody, youngest first.

    Where the engine has users, ours are told by theirs; elsewhere by the name of the connection, for tenants
    can give it none there. One that begins as a replica does is left alone for its first second.
    """
    clients = _CLIENT.findall(listing)
    tenants = sorted(
        (
            int(number)
            for number, name, age, flags, command, user in clients
            if not (_LINKS.search(flags) or _ours(name, user) or (command in _JOINING and int(age) <= 1))
        ),
        reverse=True,
    )
    return tuple(str(number) for number in tenants[: max(0, len(clients) - most)])


def _ours(name: bytes, user: bytes) -> bool:
    return user.startswith(_OWN) if user else name == _OWN
