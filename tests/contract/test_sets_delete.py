"""API.md 2.2: deleting a set."""

from typing import Any

import pytest
from backup_calls import lines, put_use, saved, stored_backup
from harness import Api
from set_calls import SETS, created, delete, faults, put_state, running, stored

from memstored.domain.backup import Backup
from memstored.domain.words import BackupState, BackupType, OperationKind, SetState, UseKind


async def test_a_deletion_is_recorded_before_it_is_answered(api: Api) -> None:
    """The set is `Terminating` when the answer, its id, comes; the control loop was told."""
    set_id = await running(api)
    api.control.woken.clear()

    answer = await delete(api, set_id)

    it = await stored(api, set_id)
    assert answer.status_code == 200
    assert answer.content == f'{{"objectId":"{set_id}"}}\n'.encode()
    assert it.status is SetState.TERMINATING
    assert it.operation is not None
    assert it.operation.kind is OperationKind.DELETE
    assert api.control.woken == [set_id]


@pytest.mark.parametrize("status", [s for s in SetState if s is not SetState.TERMINATED])
async def test_every_state_allows_it(api: Api, status: SetState) -> None:
    """A set can be deleted whatever it is doing."""
    set_id = await created(api)
    await put_state(api, set_id, status)

    answer = await delete(api, set_id)

    assert answer.status_code == 200
    assert (await stored(api, set_id)).status is SetState.TERMINATING


async def test_a_repeat_is_harmless(api: Api) -> None:
    """Asked again while the set goes, the answer is the same and nothing changes."""
    set_id = await running(api)
    await delete(api, set_id)
    before = await stored(api, set_id)

    again = await delete(api, set_id)

    assert again.status_code == 200
    assert await stored(api, set_id) == before


async def test_the_operation_before_is_closed(api: Api) -> None:
    """What ran before the deletion is filed as failed, so one operation runs at a time."""
    set_id = await created(api)

    await delete(api, set_id)

    rows = (await api.get(f"{SETS}/{set_id}/operations")).json()["data"]
    assert [(r["kind"], r["state"]) for r in rows] == [("delete", "running"), ("create", "failed")]


@pytest.mark.parametrize("value", ["true", "false"])
async def test_the_word_on_backups_is_accepted(api: Api, value: str) -> None:
    """Without automatic backups the parameter is not needed and changes nothing."""
    set_id = await running(api)

    assert (await delete(api, f"{set_id}?keepAutomaticBackups={value}")).status_code == 200


async def _automatic(api: Api, set_id: str, **changes: Any) -> Backup:  # noqa: ANN401 - the fields of the record
    return await saved(api, set_id=set_id, type=BackupType.AUTOMATIC, **changes)


KEPT = [BackupState.AVAILABLE, BackupState.ERROR, BackupState.PENDING, BackupState.CREATING]


@pytest.mark.parametrize("status", KEPT)
async def test_what_becomes_of_automatic_backups_must_be_said(api: Api, status: BackupState) -> None:
    """Without the parameter nothing is deleted, as soon as there is one automatic backup."""
    set_id = await running(api)
    backup = await _automatic(api, set_id, status=status)

    answer = await delete(api, set_id)

    assert answer.status_code == 400
    assert faults(answer) == {("keepAutomaticBackups", "missing")}
    assert (await stored(api, set_id)).status is SetState.RUNNING
    assert await stored_backup(api, backup.id) == backup


@pytest.mark.parametrize("query", ["", "?keepAutomaticBackups=true", "?keepAutomaticBackups=false"])
async def test_other_backups_ask_for_nothing_and_stay(api: Api, query: str) -> None:
    """Made by hand, on their way out already, or of another set."""
    set_id = await running(api)
    others = [
        await saved(api, name="by-hand", set_id=set_id),
        await _automatic(api, set_id, name="going", status=BackupState.DELETING),
        await _automatic(api, "another set", name="other"),
    ]

    assert (await delete(api, set_id + query)).status_code == 200
    assert [await stored_backup(api, backup.id) for backup in others] == others


@pytest.mark.parametrize("status", KEPT)
async def test_automatic_backups_that_are_kept(api: Api, status: BackupState) -> None:
    """`true` leaves each as it is, until its own expiry."""
    set_id = await running(api)
    backup = await _automatic(api, set_id, status=status, expires_at=1_750_604_860.0)

    assert (await delete(api, f"{set_id}?keepAutomaticBackups=true")).status_code == 200
    assert await stored_backup(api, backup.id) == backup


async def test_automatic_backups_go_with_their_set(api: Api) -> None:
    """`false`: they are `Deleting` when the answer comes, each with its event; the keeper was told."""
    set_id = await running(api)
    statuses = (BackupState.AVAILABLE, BackupState.ERROR)
    going = [await _automatic(api, set_id, name=f"b-{status.value}", status=status) for status in statuses]
    woken = api.keeper.woken

    answer = await delete(api, f"{set_id}?keepAutomaticBackups=false")

    assert (answer.status_code, answer.json()) == (200, {"objectId": set_id})
    assert api.keeper.woken == woken + 1
    for backup in going:
        assert (await stored_backup(api, backup.id)).status is BackupState.DELETING
        assert await lines(api, backup.id) == [("Scheduled Backup Delete", "mia", "success")]


async def test_automatic_backups_in_use_go_afterwards(api: Api) -> None:
    """One that is restored, copied or exported, or being made, expires now and goes when that has ended."""
    set_id = await running(api)
    used = await _automatic(api, set_id, name="used", expires_at=1_750_604_860.0)
    await put_use(api, used, UseKind.RESTORE)
    making = await _automatic(api, set_id, name="making", status=BackupState.CREATING)

    assert (await delete(api, f"{set_id}?keepAutomaticBackups=false")).status_code == 200
    for backup in (used, making):
        after = await stored_backup(api, backup.id)
        assert (after.status, after.expires_at) == (backup.status, api.clock.wall())


async def test_a_backup_that_is_used_at_this_moment_is_judged_anew(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody begins to use it between the reading and the writing: it is not taken away from them."""
    set_id = await running(api)
    backup = await _automatic(api, set_id)
    commit = api.sets.commit

    async def overtaken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        monkeypatch.undo()
        await put_use(api, backup, UseKind.COPY)
        return await commit(*args, **kwargs)

    monkeypatch.setattr(api.sets, "commit", overtaken)
    answer = await delete(api, f"{set_id}?keepAutomaticBackups=false")

    assert answer.status_code == 200
    after = await stored_backup(api, backup.id)
    assert (after.status, after.expires_at) == (BackupState.AVAILABLE, api.clock.wall())


async def test_a_repeat_needs_no_parameter(api: Api) -> None:
    """While the set is `Terminating`, nothing more is decided, whatever is said now."""
    set_id = await running(api)
    backup = await _automatic(api, set_id)
    await delete(api, f"{set_id}?keepAutomaticBackups=true")

    repeats = [await delete(api, set_id), await delete(api, f"{set_id}?keepAutomaticBackups=false")]

    assert [answer.status_code for answer in repeats] == [200, 200]
    assert await stored_backup(api, backup.id) == backup


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("keepAutomaticBackups=True", "malformed"),
        ("keepAutomaticBackups=", "malformed"),
        ("keepautomaticbackups=true", "unknown_field"),
    ],
)
async def test_a_query_that_is_wrong_deletes_nothing(api: Api, query: str, code: str) -> None:
    """A typo must not delete a set in another way than was meant."""
    set_id = await running(api)

    answer = await delete(api, f"{set_id}?{query}")

    assert answer.status_code == 400
    assert faults(answer) == {(query.partition("=")[0], code)}
    assert (await stored(api, set_id)).status is SetState.RUNNING


async def test_a_set_that_is_gone_is_not_found(api: Api) -> None:
    """A `Terminated` set answers 404 like one that never was."""
    set_id = await running(api)
    await put_state(api, set_id, SetState.TERMINATED)

    assert (await delete(api, set_id)).status_code == 404
    assert (await delete(api, "none")).status_code == 404
