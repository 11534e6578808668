"""Backups put into the states that the keeper would bring them to, and files in buckets."""

from dataclasses import replace
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from harness import NOW, PROJECT, Api
from httpx import Response

from memstored.domain.backup import Backup, BackupUse
from memstored.domain.object_keys import backup_key
from memstored.domain.words import BackupId, BackupState, BackupType, SetId, UseKind
from memstored.objects.storage import ObjectTrouble

BACKUPS = "/v1/backups"
GIB = 1 << 30


async def saved(api: Api, **changes: Any) -> Backup:  # noqa: ANN401 - the fields of the record, checked by replace
    """An available backup that was made by hand of a set that is gone, or a changed one."""
    backup_id = BackupId(str(uuid4()))
    backup = Backup(
        id=backup_id,
        project_id=PROJECT,
        name="nightly",
        set_id=SetId(str(uuid4())),
        set_name="orders",
        type=BackupType.MANUAL,
        status=BackupState.AVAILABLE,
        version="7.0.15",
        flavor_id="3830ebad-ea2f-4822-8a7d-9e301c86a58d",
        key=backup_key(PROJECT, backup_id),
        created_at=NOW,
        actor="mia",
        completed_at=NOW + 60,
        size=4096,
        used_memory=8192,
        keys=3,
        checksum="c" * 64,
    )
    backup = replace(backup, **changes)
    await api.backups.add(backup)
    return backup


async def put_use(api: Api, backup: Backup, kind: UseKind, **changes: Any) -> BackupUse:  # noqa: ANN401 - see saved
    """Record that a backup is being used."""
    use = replace(BackupUse(id=str(uuid4()), backup_id=backup.id, kind=kind, since=NOW), **changes)
    await api.backups.begin_use(use, project_id=backup.project_id)
    return use


async def stored_backup(api: Api, backup_id: str) -> Backup:
    """The backup as it is recorded."""
    found = await api.backups.load(backup_id)
    assert found is not None
    return found


async def post_backup(api: Api, body: object, path: str = "", *, token: str | None = None) -> Response:
    """POST to the backups, or to something of one: `path` begins with its id."""
    return await api.request("POST", f"{BACKUPS}/{path}" if path else BACKUPS, json=body, token=token)


async def put_file(api: Api, key: str, content: bytes) -> None:
    """Put an object where it lies in object storage."""
    await api.objects.put(key, iter((content,)))


def take_storage_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Object storage answers nothing from now on, for a reason that is no caller's."""

    async def away(*_: object) -> NoReturn:
        raise ObjectTrouble("The bucket s3://ours does not answer.")

    monkeypatch.setattr(api.objects, "head", away)


def rdb(version: str | None = "7.0.15", *, used_memory: int | None = 1000, rdb_format: int = 10) -> bytes:
    """A small RDB, as an engine of that version begins one."""
    fields = {"redis-ver": version, "redis-bits": "64", "ctime": "1750000000", "used-mem": used_memory}
    written = {name: str(value).encode() for name, value in fields.items() if value is not None}
    aux = b"".join(b"\xfa" + _string(name.encode()) + _string(value) for name, value in written.items())
    return b"REDIS%04d" % rdb_format + aux + b"\xff" + bytes(8)


def _string(value: bytes) -> bytes:
    return bytes([len(value)]) + value


async def lines(api: Api, backup_id: str) -> list[tuple[str, str, str]]:
    """Name, actor and outcome of every event about a backup, the oldest first."""
    rows = (await api.get("/v1/events", params={"resourceId": backup_id})).json()["data"]
    assert all(row["resourceType"] == "backup" for row in rows)
    return [(row["name"], row["actor"], row["outcome"]) for row in reversed(rows)]
