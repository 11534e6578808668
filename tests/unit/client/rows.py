"""What a service answers about sets, operations and backups, to scripts that are played."""

from typing import Any

from played import reply

from memstored.client.wire import Reply

AT = "2026-01-31T23:59:59Z"


def shown_set(status: str, **changes: object) -> Reply:
    """A set in that state."""
    reason = {"code": "x", "message": "It is not well.", "since": AT, "trying": "", "next": ""}
    row: dict[str, Any] = {
        "objectId": "s1",
        "instanceSetName": "orders",
        "description": "",
        "projectId": "p1",
        "status": status,
        "reason": None if status == "Running" else reason,
        "version": "7.0.15",
        "flavorId": "f1",
        "replicas": 3,
        "recoveryEnabled": True,
        "tlsEnabled": False,
        "port": 6379,
        "endpoints": None,
        "subnets": [{"id": "n1"}],
        "securityGroups": [{"id": "g1"}],
        "backupSchedule": None,
        "user": None,
        "parameterGroup": {"id": "p1", "name": "Redis.7.0.Default", "applyStatus": "In-Sync"},
        "creator": "mia",
        "license": "BSD-3-Clause",
        "createdAt": AT,
        "updatedAt": AT,
        "operation": None,
    }
    return reply(row | changes)


def operation(percent: int, state: str = "running", **changes: object) -> dict[str, Any]:
    """An operation that is so far."""
    row: dict[str, Any] = {
        "id": "o1",
        "kind": "create",
        "state": state,
        "step": "load",
        "steps": [{"name": "load", "state": "running", "startedAt": AT, "finishedAt": None}],
        "percent": percent,
        "transferredBytes": percent * 10,
        "totalBytes": 1000,
        "startedAt": AT,
        "finishedAt": None,
        "error": None,
    }
    return row | changes


def operations(*rows: dict[str, Any]) -> Reply:
    """A page of operations, newest first."""
    return reply({"size": len(rows), "data": list(rows), "next": None})


def backup(status: str, **changes: object) -> Reply:
    """A backup in that state."""
    row: dict[str, Any] = {
        "id": "b1",
        "name": "nightly",
        "projectId": "p1",
        "clusterName": "orders",
        "clusterId": "s1",
        "clusterMode": False,
        "type": "manual",
        "status": status,
        "version": "7.0.15",
        "flavorId": "f1",
        "size": 0,
        "usedMemory": 0,
        "keys": None,
        "checksum": None,
        "createdAt": AT,
        "completedAt": None,
        "expiresAt": None,
        "reason": None,
        "copyOf": None,
        "verifying": False,
        "verifiedAt": None,
        "damage": None,
        "progress": None,
    }
    return reply(row | changes)


def linked(*statuses: str) -> Reply:
    """The sets of a parameter group, how far its values have come to each; the first one is `s1`."""
    sets = [
        {"id": f"s{n}", "name": f"orders-{n}", "applyStatus": status, "since": AT, "error": None}
        for n, status in enumerate(statuses, 1)
    ]
    return reply({"instanceSets": sets})
