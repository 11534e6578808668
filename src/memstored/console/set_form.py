"""The form of a new set: what can be chosen, what goes with what, and the order that was filled in.

A form is always shown from a `Posted`: the one that was sent, or `begun` where nothing was yet. `completed`
puts right what depends on another choice, so a form that is sent again and again comes to an order that can
be met. The document is that of `POST /v1/instance-sets`, by the API's names. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from memstored.api.body import without_nulls
from memstored.console.forms import MOST_FIELDS, Posted
from memstored.domain.backup import Backup
from memstored.domain.catalogue import Flavor, SecurityGroup, Subnet
from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.model import DEFAULT_USER
from memstored.domain.parameter_group import AnyGroup
from memstored.domain.requests.update import DEFAULT_RETENTION

__all__ = [
    "FIELDS",
    "PRIMARY",
    "Choices",
    "Going",
    "begun",
    "completed",
    "document_of",
    "going_with",
    "replica",
]

PRIMARY = "subnetAssignments[0].primary.id"
_SOURCES = {"backup": "restoreSource.backupName", "file": "restoreSource.files[0]"}
"""The field of what a set begins with, by the kind of it."""
_USUAL_NODES = 2
_USUAL_PORT = 6379


def replica(index: int) -> str:
    """The field of the subnet of a replica."""
    return f"subnetAssignments[0].replicas[{index}].id"


FIELDS = frozenset(
    {
        "instanceSetName",
        "description",
        "source",
        "restoreSource.backupName",
        "restoreSource.files[0]",
        "version",
        "parameterGroupId",
        "port",
        "tlsEnabled",
        "flavorId",
        "replicas",
        "recoveryEnabled",
        PRIMARY,
        *(replica(index) for index in range(MOST_FIELDS)),
        "securityGroups",
        "user.name",
        "user.password",
        "passwordAgain",
        "backupSchedule.cron",
        "backupSchedule.retentionLimit",
    }
)
"""Every field that there may be; which of them there are depends on what was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a project can choose from; the first of everything is what a form begins with.

    `versions` are newest first, at least one; `tls` those of them with TLS. `flavors` are smallest first.
    `groups` are the parameter groups of all versions; `most_nodes` is how many a set may have.
    """

    versions: Sequence[str]
    tls: Collection[str]
    flavors: Sequence[Flavor]
    subnets: Sequence[Subnet]
    security_groups: Sequence[SecurityGroup]
    groups: Sequence[AnyGroup]
    most_nodes: int

    def groups_for(self, version: str) -> list[AnyGroup]:
        """The parameter groups that a set of this version may have."""
        family = family_of(version)
        return [group for group in self.groups if group.family == family]


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What goes with the version and the number of nodes that are chosen."""

    version: str
    nodes: int
    groups: Sequence[AnyGroup]
    tls: bool
    users: bool

    @property
    def replicas(self) -> bool:
        """Whether there are any: high availability and automatic backups need one."""
        return self.nodes > 1


def going_with(posted: Posted, choices: Choices) -> Going:
    """What goes with what was chosen; what can not be chosen counts as the first that can."""
    chosen = posted.text("version")
    version = chosen if chosen and chosen in choices.versions else choices.versions[0]
    nodes = posted.number("replicas")
    return Going(
        version=version,
        nodes=min(max(nodes, 1), choices.most_nodes) if isinstance(nodes, int) else 1,
        groups=choices.groups_for(version),
        tls=version in choices.tls,
        users=capabilities_of(version).acl,
    )


def begun(choices: Choices, backup: Backup | None = None) -> Posted:
    """The form as it is at first: the smallest set that heals itself, or one for that backup."""
    fields = {
        "version": choices.versions[0],
        "replicas": str(min(_USUAL_NODES, choices.most_nodes)),
        "recoveryEnabled": "on",
        "flavorId": choices.flavors[0].id,
        "securityGroups": choices.security_groups[0].id,
        "port": str(_USUAL_PORT),
        "backupSchedule.retentionLimit": str(DEFAULT_RETENTION),
    }
    if backup is not None:
        fields |= {"source": "backup", "restoreSource.backupName": backup.name, "flavorId": backup.flavor_id}
        if backup.version in choices.versions:
            fields["version"] = backup.version
    return completed(Posted({name: [value] for name, value in fields.items()}), choices)


def completed(posted: Posted, choices: Choices) -> Posted:
    """The form with what goes with it: a subnet for each node, a parameter group of the version.

    What the set begins with is a field that is empty at first.
    """
    going = going_with(posted, choices)
    spread = islice(cycle(subnet.id for subnet in choices.subnets), going.nodes)
    names = [PRIMARY, *(replica(index) for index in range(going.nodes - 1))]
    fields = {**posted.fields}
    for name, subnet_id in zip(names, spread, strict=True):
        fields.setdefault(name, [subnet_id])
    if (source := _SOURCES.get(posted.text("source") or "")) is not None:
        fields.setdefault(source, [""])
    if posted.text("parameterGroupId") not in {group.id for group in going.groups}:
        fields["parameterGroupId"] = [going.groups[0].id]
    if not going.users and posted.text("user.name") is None:
        fields["user.name"] = [DEFAULT_USER]
    return Posted(fields)


def places(posted: Posted) -> list[str]:
    """The subnet of every node that was filled in, the primary first."""
    count = posted.number("replicas")
    # However many are asked for, a form holds no more.
    last = min(count, MOST_FIELDS) - 1 if isinstance(count, int) else 0
    names = [PRIMARY, *(replica(index) for index in range(last))]
    return [subnet_id for name in names if (subnet_id := posted.text(name)) is not None]


def document_of(posted: Posted, project_id: str, password: str | None) -> dict[str, Any]:
    """The order as the API takes it; `password` as the API takes that, None where there is none."""
    subnets = [{"id": subnet_id} for subnet_id in places(posted)]
    document: dict[str, Any] = without_nulls(
        {
            "instanceSetName": posted.text("instanceSetName"),
            "description": posted.text("description"),
            "version": posted.text("version"),
            "flavorId": posted.text("flavorId"),
            "replicas": posted.number("replicas"),
            "recoveryEnabled": posted.checked("recoveryEnabled"),
            "subnets": [{"id": subnet_id} for subnet_id in dict.fromkeys(places(posted))],
            "subnetAssignments": [{"primary": subnets[0], "replicas": subnets[1:]}] if subnets else [],
            "securityGroups": [{"id": group_id} for group_id in posted.all("securityGroups")],
            "parameterGroupId": posted.text("parameterGroupId"),
            "port": posted.number("port"),
            "tlsEnabled": posted.checked("tlsEnabled"),
            "user": _user(posted, password),
            "backupSchedule": _schedule(posted),
            "restoreSource": _source(posted),
            "projectId": project_id,
        }
    )
    return document


def _user(posted: Posted, password: str | None) -> Mapping[str, object] | None:
    name = posted.text("user.name")
    return {"name": name, "password": password} if name or password else None


def _schedule(posted: Posted) -> Mapping[str, object] | None:
    cron = posted.text("backupSchedule.cron")
    return {"cron": cron, "retentionLimit": posted.number("backupSchedule.retentionLimit")} if cron else None


def _source(posted: Posted) -> Mapping[str, object] | None:
    match posted.text("source"):
        case "backup":
            return {"backupName": posted.text("restoreSource.backupName") or ""}
        case "file":
            return {"files": [posted.text("restoreSource.files[0]") or ""]}
        case _:
            return None
