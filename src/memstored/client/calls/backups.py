"""Calls about backups (API.md 4). `cluster_id` is a set's `object_id`, in the API's word for it here."""

from memstored.client.calls.reading import get, one, removal, rows, write
from memstored.client.models import Backup
from memstored.client.wire import Call, path

__all__ = [
    "copy_backup",
    "create_backup",
    "delete_backup",
    "export_backup",
    "list_backups",
    "show_backup",
    "verify_backup",
]

BACKUPS = "backups"


def create_backup(cluster_id: str, name: str) -> Call[str]:
    """Save a set as it is; returns the id of the backup."""
    return write("POST", path(BACKUPS), {"clusterId": cluster_id, "name": name})


def list_backups(
    *, cluster_name: str | None = None, cluster_id: str | None = None
) -> Call[tuple[Backup, ...]]:
    """The project's backups, the oldest first: all, or those of one set, or of sets of one name."""
    return get(path(BACKUPS), rows(Backup, "backups"), clusterName=cluster_name, clusterId=cluster_id)


def show_backup(backup_id: str) -> Call[Backup]:
    """Everything about a backup."""
    return get(path(BACKUPS, backup_id), one(Backup))


def delete_backup(backup_id: str) -> Call[str]:
    """Delete a backup that is `Available` or in `Error`."""
    return removal(path(BACKUPS, backup_id), backup_id)


def copy_backup(backup_id: str, name: str) -> Call[str]:
    """Keep the same data under another name; returns the id of the copy."""
    return write("POST", path(BACKUPS, backup_id, "copy"), {"name": name})


def export_backup(backup_id: str, to: str) -> Call[str]:
    """Write a backup to a file `bucket/[folder/…]name`, as a plain RDB."""
    return write("POST", path(BACKUPS, backup_id, "export"), {"path": to})


def verify_backup(backup_id: str) -> Call[str]:
    """Have a backup proved to load; while that is under way, asking again does nothing."""
    return write("POST", path(BACKUPS, backup_id, "verify"), {}, harmless=True)
