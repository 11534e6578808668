"""Calls about sets, their nodes, operations and events (API.md 2). `set_id` is the set's `object_id`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memstored.client.calls.paging import Page, page
from memstored.client.calls.reading import get, given, one, removal, require_lines, rows, write
from memstored.client.models import (
    Event,
    FailoverCheck,
    History,
    Instance,
    InstanceSet,
    Operation,
    RestoreSource,
    User,
)
from memstored.client.wire import JSON_LINES, Call, Request, path

__all__ = [
    "add_replica",
    "check_failover",
    "create_set",
    "delete_instance",
    "delete_set",
    "event_lines",
    "event_page",
    "list_instances",
    "operation_page",
    "promote_replica",
    "renew_certificates",
    "set_event_page",
    "set_page",
    "show_history",
    "show_set",
    "switch_recovery",
    "update_set",
]

SETS = "instance-sets"


def create_set(
    *,
    instance_set_name: str,
    replicas: int,
    flavor_id: str,
    recovery_enabled: bool,
    subnets: Sequence[str],
    primary_subnet: str,
    replica_subnets: Sequence[str],
    security_groups: Sequence[str],
    parameter_group_id: str,
    port: int,
    project_id: str,
    version: str,
    description: str | None = None,
    backup_cron: str | None = None,
    backup_retention_limit: int | None = None,
    user: User | None = None,
    tls_enabled: bool = False,
    restore_source: RestoreSource | None = None,
) -> Call[str]:
    """Order a set; see `scripts.create_set`."""
    body = {
        "instanceSetName": instance_set_name,
        "description": description,
        "replicas": replicas,
        "flavorId": flavor_id,
        "recoveryEnabled": recovery_enabled,
        "subnets": _references(subnets),
        "subnetAssignments": [{"primary": {"id": primary_subnet}, "replicas": _references(replica_subnets)}],
        "securityGroups": _references(security_groups),
        "backupSchedule": _schedule(backup_cron, backup_retention_limit),
        "user": None if user is None else {"name": user.name, "password": user.password},
        "tlsEnabled": tls_enabled,
        "parameterGroupId": parameter_group_id,
        "port": port,
        "projectId": project_id,
        "version": version,
        "restoreSource": None if restore_source is None else _source(restore_source),
    }
    return write("POST", path(SETS), body)


def delete_set(set_id: str, *, keep_automatic_backups: bool | None = None) -> Call[str]:
    """Delete a set with its data; what becomes of its automatic backups must be said when it has any."""
    keep = None if keep_automatic_backups is None else str(keep_automatic_backups).lower()
    return removal(path(SETS, set_id), set_id, keepAutomaticBackups=keep)


def update_set(
    set_id: str,
    *,
    description: str | None = None,
    backup_cron: str | None = None,
    backup_retention_limit: int | None = None,
    parameter_group_id: str | None = None,
    security_groups: Sequence[str] | None = None,
) -> Call[str]:
    """Change what is given; `backup_cron=""` ends automatic backups, `security_groups` is the whole list."""
    body = {
        "description": description,
        "backupSchedule": _schedule(backup_cron, backup_retention_limit),
        "parameterGroupId": parameter_group_id,
        "securityGroups": None if security_groups is None else _references(security_groups),
    }
    return write("PATCH", path(SETS, set_id), body)


def list_instances(set_id: str) -> Call[tuple[Instance, ...]]:
    """The nodes of a set, the primary first."""
    return get(path(SETS, set_id, "instances"), rows(Instance, "data"))


def delete_instance(set_id: str, instance_id: str) -> Call[str]:
    """Take one node out of its set; returns the id of the set."""
    return removal(path(SETS, set_id, "instances", instance_id), set_id)


def promote_replica(set_id: str, primary_id: str) -> Call[str]:
    """Make a replica the primary, with high availability off."""
    return write("PATCH", path(SETS, set_id, "primary"), {"primaryId": primary_id})


def add_replica(set_id: str, subnet_id: str) -> Call[str]:
    """Add one replica in that subnet."""
    return write("PATCH", path(SETS, set_id, "replicas"), {"subnet": {"id": subnet_id}})


def switch_recovery(set_id: str, *, enabled: bool) -> Call[str]:
    """Switch high availability on or off."""
    return write("PATCH", path(SETS, set_id, "recovery"), {"enabled": enabled}, harmless=True)


def set_page(
    marker: str | None, *, name: str | None = None, status: str | None = None, limit: int | None = None
) -> Call[Page[InstanceSet]]:
    """A page of the project's sets, oldest first."""
    return page(path(SETS), InstanceSet, marker, limit, name=name, status=status)


def show_set(set_id: str) -> Call[InstanceSet]:
    """Everything about a set: why it is not `Running`, where to connect, what is under way."""
    return get(path(SETS, set_id), one(InstanceSet))


def operation_page(marker: str | None, set_id: str, *, limit: int | None = None) -> Call[Page[Operation]]:
    """A page of what was done to a set, newest first."""
    return page(path(SETS, set_id, "operations"), Operation, marker, limit)


def set_event_page(marker: str | None, set_id: str, *, limit: int | None = None) -> Call[Page[Event]]:
    """A page of what happened to a set, newest first."""
    return page(path(SETS, set_id, "events"), Event, marker, limit)


def event_page(
    marker: str | None,
    *,
    resource_id: str | None = None,
    name: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> Call[Page[Event]]:
    """A page of what happened in the project, newest first, to what is gone too; times are aware."""
    wanted = _events(resource_id, name, since, until)
    return page(path("events"), Event, marker, limit, **wanted)


def event_lines(
    *,
    resource_id: str | None = None,
    name: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Call[None]:
    """All that happened in the project, newest first: one JSON object a line, while they come."""
    request = Request(
        method="GET",
        url=path("events"),
        query=given(_events(resource_id, name, since, until)),
        headers={"accept": JSON_LINES},
        lines=True,
    )
    return Call(request=request, read=require_lines, harmless=True)


def check_failover(set_id: str) -> Call[FailoverCheck]:
    """Whether a set could fail over now, from what was last seen of its nodes."""
    return get(path(SETS, set_id, "failover-check"), one(FailoverCheck))


def show_history(set_id: str, *, since: datetime | None = None, step: int | None = None) -> Call[History]:
    """The last hours of a set for charts: since an aware time, `step` seconds a point (60 and multiples)."""
    return get(
        path(SETS, set_id, "metrics"),
        one(History),
        since=None if since is None else since.isoformat(),
        step=None if step is None else str(step),
    )


def renew_certificates(set_id: str) -> Call[str]:
    """Give every node of a set with TLS another certificate; clients stay connected."""
    return write("POST", path(SETS, set_id, "certificates", "renew"), {})


def _references(ids: Sequence[str]) -> list[dict[str, str]]:
    return [{"id": one} for one in ids]


def _events(
    resource_id: str | None, name: str | None, since: datetime | None, until: datetime | None
) -> dict[str, str | None]:
    return {
        "resourceId": resource_id,
        "name": name,
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
    }


def _schedule(cron: str | None, retention_limit: int | None) -> dict[str, Any] | None:
    return given({"cron": cron, "retentionLimit": retention_limit}) or None


def _source(source: RestoreSource) -> dict[str, Any]:
    files = None if source.file is None else [source.file]
    return given({"backupName": source.backup_name, "files": files})
