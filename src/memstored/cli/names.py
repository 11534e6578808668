"""Names where the API takes ids: what is no id is looked up, and not found is said with where to look."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from memstored.cli.errors import Stop

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = [
    "NOT_FOUND",
    "backup_id",
    "flavor_id",
    "group_id",
    "node_id",
    "security_group_id",
    "set_id",
    "subnet_id",
]

T = TypeVar("T")

NOT_FOUND = 5
"""The exit code when there is no such thing."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def set_id(client: "Client", name: str) -> str:
    """The id of a set."""
    if _ID.fullmatch(name):
        return name
    found = next(client.list_sets(name=name), None)
    return found.object_id if found else _missing("set", name, "set list")


def node_id(client: "Client", of_set: str, name: str) -> str:
    """The id of a node of a set."""
    rows = () if _ID.fullmatch(name) else client.list_instances(of_set)
    return _of(((it.instance_name, it.object_id) for it in rows), "node", name, "node list SET")


def backup_id(client: "Client", name: str) -> str:
    """The id of a backup."""
    rows = () if _ID.fullmatch(name) else client.list_backups()
    return _of(((it.name, it.id) for it in rows), "backup", name, "backup list")


def group_id(client: "Client", name: str) -> str:
    """The id of a parameter group."""
    rows = () if _ID.fullmatch(name) else client.list_parameter_groups()
    return _of(((it.name, it.id) for it in rows), "parameter group", name, "parameters list")


def flavor_id(client: "Client", name: str) -> str:
    """The id of a flavor."""
    return _of(((it.name, it.id) for it in client.list_flavors()), "flavor", name, "catalogue flavors")


def subnet_id(client: "Client", name: str) -> str:
    """The id of a subnet; those that come from outside have any form."""
    return _of(((it.name, it.id) for it in client.list_subnets()), "subnet", name, "catalogue subnets")


def security_group_id(client: "Client", name: str) -> str:
    """The id of a security group."""
    rows = ((it.name, it.id) for it in client.list_security_groups())
    return _of(rows, "security group", name, "catalogue security-groups")


def _of(rows: Iterable[tuple[str, str]], kind: str, name: str, listing: str) -> str:
    if _ID.fullmatch(name):
        return name
    known = list(rows)
    ids = [one for called, one in known if called == name] or [one for _, one in known if one == name]
    return ids[0] if ids else _missing(kind, name, listing)


def _missing(kind: str, name: str, listing: str) -> str:
    raise Stop(f"There is no {kind} {name}; `memstored {listing}` shows what there is.", code=NOT_FOUND)
