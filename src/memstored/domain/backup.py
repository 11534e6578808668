"""Backups as the store keeps them: what was saved, of which set, where it lies, and who uses it now.

Times are seconds since 1970 (UTC) with fractions.
"""

from dataclasses import dataclass

from memstored.domain.words import BackupId, BackupState, BackupType, NodeId, SetId, UseKind

__all__ = ["USED", "Backup", "BackupUse", "Progress"]

USED = {
    UseKind.RESTORE: BackupState.RESTORING,
    UseKind.COPY: BackupState.COPYING,
    UseKind.EXPORT: BackupState.EXPORTING,
}
"""The state that callers see while an available backup is used so; a verification changes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the making or using of a backup is, in bytes of its object; `total` is None while not known."""

    done: int
    total: int | None

    @property
    def percent(self) -> int | None:
        """0 to 100; None while the whole is not known."""
        if self.total is None:
            return None
        return min(100, 100 * self.done // self.total) if self.total else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupUse:
    """An available backup is being used: nobody may delete it meanwhile; a restart takes the work up again.

    `holder` is the id of the set that is being restored, or of the copy that is being made; `path` is
    `bucket/folder/name` of an export.
    """

    id: str
    backup_id: BackupId
    kind: UseKind
    since: float
    holder: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One backup of one set.

    `key` is where its object lies in object storage; there is one exactly when the backup is `AVAILABLE`
    (or being deleted). `status` is never one of the words of use: `uses` tell those. `size` and
    `used_memory` are in bytes, `keys` counts the keys of all databases at the moment of the snapshot,
    `checksum` is the SHA-256 of the object (64 hex digits). `expires_at` is None for manual ones. `reason`
    says why it is in `ERROR`, or why it still waits. `copy_of` is the backup that it was copied from.
    `verified_at` is when it was last proved to load, `damage` what was found wrong then.
    """

    id: BackupId
    project_id: str
    name: str
    set_id: SetId
    set_name: str
    type: BackupType
    status: BackupState
    version: str
    flavor_id: str
    key: str
    created_at: float
    actor: str
    request_id: str | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    size: int = 0
    used_memory: int = 0
    keys: int | None = None
    checksum: str | None = None
    reason: str | None = None
    node: NodeId | None = None
    copy_of: BackupId | None = None
    verified_at: float | None = None
    damage: str | None = None
    uses: tuple[BackupUse, ...] = ()

    @property
    def under_way(self) -> bool:
        """Whether it waits for being made of its set, or is being made: there is one such of a set."""
        return self.copy_of is None and self.status in (BackupState.PENDING, BackupState.CREATING)

    @property
    def shown(self) -> BackupState:
        """The state as callers see it: the latest use of an available backup (API.md 4)."""
        if self.status is not BackupState.AVAILABLE:
            return self.status
        words = [USED[use.kind] for use in self.uses if use.kind in USED]
        return words[-1] if words else self.status
