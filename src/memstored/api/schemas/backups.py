"""The bodies and answers of backups (API.md 4)."""

from typing import Annotated, Self

from pydantic import Field

from memstored.api.schemas.forms import Document, Form, QueryForm
from memstored.api.schemas.sets import Id, ObjectPath
from memstored.api.schemas.times import in_seconds
from memstored.domain.backup import Progress
from memstored.domain.words import UseKind
from memstored.service.backups import BackupView

__all__ = ["BackupList", "BackupQuery", "BackupRow", "CopyBackup", "CreateBackup", "ExportBackup"]

BackupName = Annotated[
    str,
    Field(
        min_length=2,
        max_length=63,
        pattern=r"^[a-z][a-z0-9-]*[a-z0-9]$",
        description="Give 2 to 63 characters of a-z, 0-9 and -: a letter first, no - last.",
    ),
]


class CreateBackup(Form):
    """The backup that is wanted, and of which set."""

    cluster_id: Annotated[Id, Field(description="Give the objectId of an instance set.")]
    name: BackupName


class CopyBackup(Form):
    """What the copy is called."""

    name: BackupName


class ExportBackup(Form):
    """Where the backup is written to, as a plain RDB file."""

    path: ObjectPath


class BackupQuery(QueryForm):
    """Which backups to list: all of the project, or those of one set, or of sets of one name."""

    cluster_name: str | None = None
    cluster_id: str | None = None


class ProgressRow(Document):
    """How much of the data was moved; `totalBytes` and `percent` are null while the whole is not known."""

    bytes: int
    total_bytes: int | None
    percent: int | None

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """The progress in the words of the API."""
        return cls(bytes=progress.done, total_bytes=progress.total, percent=progress.percent)


class BackupRow(Document):
    """A backup; `size` and `usedMemory` are in bytes, `checksum` is the SHA-256 of the object."""

    id: str
    name: str
    project_id: str
    cluster_name: str
    cluster_id: str
    cluster_mode: bool
    type: str
    status: str
    version: str
    flavor_id: str
    size: int
    used_memory: int
    keys: int | None
    checksum: str | None
    created_at: str
    completed_at: str | None
    expires_at: str | None
    reason: str | None
    copy_of: str | None
    verifying: bool
    verified_at: str | None
    damage: str | None
    progress: ProgressRow | None

    @classmethod
    def of(cls, view: BackupView) -> Self:
        """The backup in the words of the API."""
        it = view.backup
        return cls(
            id=it.id,
            name=it.name,
            project_id=it.project_id,
            cluster_name=it.set_name,
            cluster_id=it.set_id,
            cluster_mode=False,
            type=it.type,
            status=it.shown,
            version=it.version,
            flavor_id=it.flavor_id,
            size=it.size,
            used_memory=it.used_memory,
            keys=it.keys,
            checksum=it.checksum,
            created_at=in_seconds(it.created_at),
            completed_at=_seconds(it.completed_at),
            expires_at=_seconds(it.expires_at),
            reason=it.reason,
            copy_of=it.copy_of,
            verifying=any(use.kind is UseKind.VERIFY for use in it.uses),
            verified_at=_seconds(it.verified_at),
            damage=it.damage,
            progress=ProgressRow.of(view.progress) if view.progress else None,
        )


class BackupList(Document):
    """Backups, the oldest first."""

    backups: list[BackupRow]


def _seconds(time: float | None) -> str | None:
    return None if time is None else in_seconds(time)
