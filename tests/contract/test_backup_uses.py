"""API.md 4: copying, exporting and verifying backups."""

from typing import Any

import pytest
from backup_calls import (
    BACKUPS,
    lines,
    post_backup,
    put_file,
    put_use,
    saved,
    stored_backup,
    take_storage_away,
)
from harness import OTHER_PROJECT, PROJECT, Api
from set_calls import Pairs, faults, label

from memstored.domain.backup import Backup
from memstored.domain.words import BackupState, BackupType, UseKind

COPY = {"name": "twin"}
EXPORT = {"path": "archive/folder/nightly.rdb"}
UNUSABLE = [BackupState.PENDING, BackupState.CREATING, BackupState.ERROR, BackupState.DELETING]
IN_USE = [UseKind.RESTORE, UseKind.COPY, UseKind.EXPORT]
USES: list[tuple[str, Any, int]] = [("copy", COPY, 201), ("export", EXPORT, 200), ("verify", None, 200)]


async def _untouched(api: Api, backup: Backup) -> bool:
    return await api.backups.all() == [backup]


@pytest.mark.parametrize(("path", "body", "_status"), USES)
@pytest.mark.parametrize("status", UNUSABLE)
async def test_backups_that_can_not_be_used(
    api: Api, path: str, body: object, _status: int, status: BackupState
) -> None:
    """Only what is whole can be copied, exported and verified; 400, and the state is named."""
    backup = await saved(api, status=status)

    answer = await post_backup(api, body, f"{backup.id}/{path}")

    assert answer.status_code == 400
    assert faults(answer) == {("backupId", "backup_wrong_state")}
    assert status.value in answer.json()["error"]["message"]
    assert await _untouched(api, backup)


@pytest.mark.parametrize(("path", "body", "status"), USES)
@pytest.mark.parametrize("kind", IN_USE)
async def test_a_backup_has_several_uses_at_once(
    api: Api, path: str, body: object, status: int, kind: UseKind
) -> None:
    """In `Restoring`, `Copying` and `Exporting` it can be used again."""
    backup = await saved(api)
    await put_use(api, backup, kind)

    answer = await post_backup(api, body, f"{backup.id}/{path}")

    assert answer.status_code == status, answer.text
    assert len((await stored_backup(api, backup.id)).uses) == 2


# Copying


async def test_a_copy_answers_with_its_own_id(api: Api) -> None:
    """201 with the new id; the copy waits, counts as made by hand and never expires."""
    source = await saved(api, type=BackupType.AUTOMATIC, expires_at=1_750_604_860.0)
    woken = api.keeper.woken

    answer = await post_backup(api, COPY, f"{source.id}/copy")

    copy_id = answer.json()["objectId"]
    assert answer.status_code == 201
    assert answer.content == f'{{"objectId":"{copy_id}"}}\n'.encode()
    assert api.keeper.woken == woken + 1
    copy = await stored_backup(api, copy_id)
    assert (copy.status, copy.type, copy.name) == (BackupState.PENDING, BackupType.MANUAL, "twin")
    assert (copy.copy_of, copy.expires_at, copy.key != source.key) == (source.id, None, True)
    assert (copy.set_id, copy.set_name, copy.version) == (source.set_id, source.set_name, source.version)
    [use] = (await stored_backup(api, source.id)).uses
    assert (use.kind, use.holder) == (UseKind.COPY, copy_id)
    assert await lines(api, copy_id) == [("Backup Copy", "mia", "success")]


async def test_the_source_shows_that_it_is_copied(api: Api) -> None:
    """It is `Copying`, the copy `Pending`."""
    source = await saved(api)
    await post_backup(api, COPY, f"{source.id}/copy")

    rows = (await api.get(BACKUPS)).json()["backups"]

    assert {row["name"]: row["status"] for row in rows} == {"nightly": "Copying", "twin": "Pending"}


async def test_a_copy_may_not_take_a_name_that_is_used(api: Api) -> None:
    """409, its source's own included; nothing is kept."""
    source = await saved(api)

    answer = await post_backup(api, {"name": "nightly"}, f"{source.id}/copy")

    assert answer.status_code == 409
    assert faults(answer) == {("name", "name_in_use")}
    assert await _untouched(api, source)


BAD_COPIES: list[tuple[object, Pairs]] = [
    ({}, {("name", "missing")}),
    ({"name": None}, {("name", "missing")}),
    ({"name": "Twin"}, {("name", "malformed")}),
    ({"name": "x"}, {("name", "out_of_range")}),
    ({"name": 5, "to": "x"}, {("name", "wrong_type"), ("to", "unknown_field")}),
]


@pytest.mark.parametrize(("body", "expected"), BAD_COPIES, ids=label)
async def test_copies_that_are_malformed(api: Api, body: object, expected: Pairs) -> None:
    """Names as for a backup."""
    source = await saved(api)

    answer = await post_backup(api, body, f"{source.id}/copy")

    assert answer.status_code == 400
    assert faults(answer) == expected
    assert await _untouched(api, source)


# Exporting


@pytest.mark.parametrize(
    "path", ["archive/nightly.rdb", "archive/a/b/c", "archive/밤", "archive/" + "x" * 900]
)
async def test_an_export_answers_with_the_id_of_the_backup(api: Api, path: str) -> None:
    """200; what is written where is recorded, and told."""
    backup = await saved(api)
    woken = api.keeper.woken

    answer = await post_backup(api, {"path": path}, f"{backup.id}/export")

    assert (answer.status_code, answer.json()) == (200, {"objectId": backup.id})
    assert api.keeper.woken == woken + 1
    after = await stored_backup(api, backup.id)
    assert (after.shown, [(u.kind, u.path) for u in after.uses]) == (
        BackupState.EXPORTING,
        [(UseKind.EXPORT, path)],
    )
    assert await lines(api, backup.id) == [("Backup Export", "mia", "success")]


async def test_a_bucket_that_is_just_there(api: Api) -> None:
    """A folder of the project's own is a bucket without being declared."""
    backup = await saved(api)
    await put_file(api, f"buckets/{PROJECT}/mine/old.rdb", b"x")

    assert (await post_backup(api, {"path": "mine/new.rdb"}, f"{backup.id}/export")).status_code == 200


async def test_nothing_is_overwritten(api: Api) -> None:
    """An object that is already there is 400, and stays."""
    backup = await saved(api)
    await put_file(api, "archive/folder/nightly.rdb", b"precious")

    answer = await post_backup(api, EXPORT, f"{backup.id}/export")

    assert answer.status_code == 400
    assert faults(answer) == {("path", "object_exists")}
    assert await api.objects.beginning("archive/folder/nightly.rdb", 99) == b"precious"
    assert await _untouched(api, backup)


BAD_EXPORTS: list[tuple[object, int, Pairs]] = [
    ({}, 400, {("path", "missing")}),
    ({"path": None}, 400, {("path", "missing")}),
    ({"path": 5}, 400, {("path", "wrong_type")}),
    ({"path": ""}, 400, {("path", "out_of_range")}),
    ({"path": "archive/" + "x" * 1017}, 400, {("path", "out_of_range")}),
    ({"path": "archive/x", "overwrite": True}, 400, {("overwrite", "unknown_field")}),
    ({"path": "archive"}, 400, {("path", "bad_path")}),
    ({"path": "archive/"}, 400, {("path", "bad_path")}),
    ({"path": "/archive/x"}, 400, {("path", "bad_path")}),
    ({"path": "archive//x"}, 400, {("path", "bad_path")}),
    ({"path": "archive/../x"}, 400, {("path", "bad_path")}),
    ({"path": "../archive/x"}, 400, {("path", "bad_path")}),
    ({"path": "archive/..\\x"}, 400, {("path", "bad_path")}),
    ({"path": "nowhere/x"}, 400, {("path", "unknown_bucket")}),
    ({"path": "foreign/x"}, 400, {("path", "unknown_bucket")}),
    ({"path": "backups/x"}, 400, {("path", "unknown_bucket")}),
    ({"path": "read-only/x"}, 403, {("path", "no_edit_right")}),
]


@pytest.mark.parametrize(("body", "status", "expected"), BAD_EXPORTS, ids=label)
async def test_exports_that_lead_nowhere(api: Api, body: object, status: int, expected: Pairs) -> None:
    """No way out of the project's buckets; a bucket that may only be read is 403."""
    backup = await saved(api)
    await put_file(api, f"buckets/{OTHER_PROJECT}/nowhere/x", b"x")

    answer = await post_backup(api, body, f"{backup.id}/export")

    assert answer.status_code == status
    assert faults(answer) == expected
    assert await _untouched(api, backup)


async def test_object_storage_that_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 with a time to come back; the reason is for the operator."""
    backup = await saved(api)
    take_storage_away(api, monkeypatch)

    answer = await post_backup(api, EXPORT, f"{backup.id}/export")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "object_storage_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["x-request-id"] in error["message"]
    assert "s3://" not in answer.text
    assert await _untouched(api, backup)


# Verifying


async def test_a_verification_is_under_way_once(api: Api) -> None:
    """200 with the id of the backup; asked again meanwhile, nothing more happens."""
    backup = await saved(api)

    first = await api.request("POST", f"{BACKUPS}/{backup.id}/verify")
    again = await api.request("POST", f"{BACKUPS}/{backup.id}/verify")

    assert [(a.status_code, a.json()) for a in (first, again)] == [(200, {"objectId": backup.id})] * 2
    after = await stored_backup(api, backup.id)
    assert [use.kind for use in after.uses] == [UseKind.VERIFY]
    assert after.shown is BackupState.AVAILABLE
