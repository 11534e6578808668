"""The set that somebody wishes for on the command line, and how it is ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memstored.cli import names
from memstored.cli.errors import Stop
from memstored.cli.ordering import default_group, smallest, spread
from memstored.cli.secrets import secret

if TYPE_CHECKING:
    from memstored.client import Client, RestoreSource, User

__all__ = ["Wishes", "ordered"]

USAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What somebody said of the set that is wanted, by names or ids; what is None is chosen for them."""

    name: str
    nodes: int = 1
    version: str | None = None
    flavor: str | None = None
    ha: bool | None = None
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()
    parameter_group: str | None = None
    port: int = 6379
    description: str | None = None
    user: str | None = None
    tls: bool = False
    backup_cron: str | None = None
    backup_days: int | None = None
    backup: str | None = None
    file: str | None = None


def ordered(client: "Client", wishes: Wishes) -> str:
    """Order it and return its id: smallest size, all zones, newest version, unless said otherwise."""
    version = wishes.version or _newest(client)
    zones = [names.subnet_id(client, it) for it in wishes.subnets] or [it.id for it in client.list_subnets()]
    places = spread(zones, wishes.nodes)
    groups = wishes.security_groups or [it.id for it in client.list_security_groups()[:1]]
    return client.create_set(
        instance_set_name=wishes.name,
        replicas=wishes.nodes,
        flavor_id=names.flavor_id(client, wishes.flavor)
        if wishes.flavor
        else smallest(client.list_flavors()),
        recovery_enabled=wishes.nodes > 1 if wishes.ha is None else wishes.ha,
        subnets=list(dict.fromkeys(zones)),
        primary_subnet=places[0],
        replica_subnets=places[1:],
        security_groups=[names.security_group_id(client, it) for it in groups],
        parameter_group_id=names.group_id(client, wishes.parameter_group)
        if wishes.parameter_group
        else default_group(client.list_parameter_groups(), version),
        version=version,
        port=wishes.port,
        description=wishes.description,
        backup_cron=wishes.backup_cron,
        backup_retention_limit=wishes.backup_days,
        user=_user(client, wishes.user) if wishes.user else None,
        tls_enabled=wishes.tls,
        restore_source=_source(wishes.backup, wishes.file),
    )


def _newest(client: "Client") -> str:
    versions = client.list_versions()
    if not versions:
        raise Stop("The service has no Redis to offer; `memstored catalogue versions` shows none.")
    return versions[0]


def _user(client: "Client", name: str) -> "User":
    from memstored.client import User  # noqa: PLC0415 - only who has a user needs it

    try:
        return User(name=name, password=client.encrypt_password(secret("Password", again=True)))
    except ValueError as fault:
        raise Stop(str(fault), code=USAGE) from None


def _source(backup: str | None, file: str | None) -> "RestoreSource | None":
    from memstored.client import RestoreSource  # noqa: PLC0415 - only who restores needs it

    if backup and file:
        raise Stop("Give either --from-backup or --from-file.", code=USAGE)
    return RestoreSource(backup_name=backup, file=file) if backup or file else None
