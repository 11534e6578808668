"""Backups, parameter groups, the catalogue and what happened, on the command line."""

import json
from typing import Any

import pytest
from backup_calls import saved
from group_calls import made, refused_by_the_engine
from harness import Api
from set_calls import running
from typed_commands import Run

from memstored.domain.backup import BackupUse
from memstored.domain.model import EventDraft
from memstored.domain.words import EventName, Outcome, UseKind


async def test_backups(run: Run, api: Api) -> None:
    """Made, listed, copied, exported, restored, deleted, by names."""
    await running(api)
    await saved(api, name="saved")

    made = await run("backup", "create", "orders", "nightly")
    listed = await run("backup", "list", "-o", "name")
    copied = await run("backup", "copy", "saved", "kept")
    exported = await run("backup", "export", "saved", "archive/saved.rdb")
    restored = await run("backup", "restore", "saved", "again", "--nodes", "2")
    in_use = await run("backup", "delete", "saved", "--yes")
    shown = await run("backup", "show", "saved")

    assert [it.code for it in (made, listed, copied, exported, restored, in_use)] == [0, 0, 0, 0, 0, 3]
    assert (made.out, copied.out, restored.out) == ("nightly\n", "kept\n", "again\n")
    assert set(listed.out.split()) == {"nightly", "saved"}
    assert ["size", "4.0", "KiB"] in shown.words
    uses = {use.kind for it in await api.backups.of_project(api.project) for use in it.uses}
    assert {UseKind.RESTORE, UseKind.COPY, UseKind.EXPORT} <= uses


async def test_an_export_that_failed_ends_with_1(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backup is as whole as before, so only the event tells."""
    backup = await saved(api, name="saved")
    begin_use = api.backups.begin_use

    async def begin_and_fail(use: BackupUse, **more: Any) -> None:  # noqa: ANN401 - as it comes
        await begin_use(use, **more)
        await api.backups.end_use(use)
        event = EventDraft(
            name=EventName.BACKUP_EXPORT_FAILED,
            message="The bucket is gone.",
            outcome=Outcome.FAILURE,
            cause=EventName.BACKUP_EXPORT,
        )
        await api.backups.update(backup, backup, [event])

    monkeypatch.setattr(api.backups, "begin_use", begin_and_fail)

    done = await run("backup", "export", "saved", "archive/saved.rdb", "--wait")

    assert (done.code, "The bucket is gone." in done.err) == (1, True)


async def test_an_export_of_which_nothing_is_on_record_ends_with_4(
    run: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell how it ended, so neither success nor failure is told."""
    await saved(api, name="saved")

    async def forget(_use: BackupUse, **_more: Any) -> None:  # noqa: ANN401 - as it comes
        """Record nothing."""

    monkeypatch.setattr(api.backups, "begin_use", forget)

    done = await run("backup", "export", "saved", "archive/saved.rdb", "--wait")

    assert (done.code, "look for archive/saved.rdb" in done.err) == (4, True)


async def test_a_backup_that_was_verified(run: Run, api: Api) -> None:
    """`verify` asks, and waits in vain in a house where nobody verifies."""
    await saved(api, name="saved")

    done = await run("backup", "verify", "saved", "--timeout", "0")

    assert done.code == 4
    assert "being verified" in done.err


async def test_parameter_groups(run: Run, api: Api) -> None:
    """Made, changed, shown, rolled back, reset, deleted, by names."""
    made = await run("parameters", "create", "mine", "--from", "Redis.7.0.Default")
    changed = await run("parameters", "set", "mine", "timeout=300", "maxmemory-policy=noeviction")
    shown = await run("parameters", "show", "mine", "--changed")
    one_back = await run("parameters", "reset", "mine", "timeout")
    after_reset = await run("parameters", "show", "mine", "--changed", "-o", "name")
    rolled = await run("parameters", "rollback", "mine")
    deleted = await run("parameters", "delete", "mine", "--yes")
    listed = await run("parameters", "list", "--version", "7.0", "-o", "name")

    assert {it.code for it in (made, changed, one_back, rolled, deleted)} == {0}
    assert [line[:2] for line in shown.words[1:]] == [["maxmemory-policy", "noeviction"], ["timeout", "300"]]
    assert listed.out == "Redis.7.0.Default\n"
    assert (
        json.loads((await run("parameters", "show", "Redis.7.0.Default", "-o", "json")).out)["version"] == 0
    )
    assert after_reset.code == 0


async def test_other_values_are_waited_for_set_by_set(
    run: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused is told in the engine's words; what does not come in time ends with 4."""
    group_id = await made(api)
    set_id = await running(api, parameterGroupId=group_id)

    late = await run("parameters", "set", "sessions", "timeout=300", "--wait", "--timeout", "0")
    await refused_by_the_engine(api, set_id, group_id)
    refused = await run("parameters", "set", "sessions", "timeout=300", "--wait")
    back = await run("parameters", "rollback", "sessions", "--wait")

    assert (late.code, "every set yet: orders" in late.err) == (4, True)
    assert (refused.code, refused.err.splitlines()[-1]) == (1, "  orders: ERR no")
    assert (back.code, back.out, back.err) == (0, "sessions\n", "orders: succeeded, In-Sync")


async def test_the_catalogue(run: Run) -> None:
    """Each of its lists."""
    lists = [
        await run("catalogue", it, "-o", "name")
        for it in ("versions", "flavors", "subnets", "security-groups")
    ]

    assert lists[0].out == "7.0.15\n6.2.5\n5.0.6\n"
    assert "a1-2-co\n" in lists[1].out
    assert all(it.code == 0 and it.out for it in lists)


async def test_events_and_operations(run: Run, api: Api) -> None:
    """Newest first, and not more than one wants."""
    await running(api)
    await run("set", "update", "orders", "--description", "new")

    events = await run("events", "--set", "orders", "--limit", "1")
    operations = await run("operations", "orders", "-o", "json")

    assert "Cluster Update" in events.out
    assert len(events.words) == 2
    assert [it["kind"] for it in json.loads(operations.out)] == ["create"]


async def test_events_are_exported_as_they_are(run: Run, api: Api) -> None:
    """All of them, or as many as one wants, as JSON lines."""
    ids = {await running(api, instanceSetName=f"orders-{n}") for n in range(3)}

    whole = await run("events", "--export")
    part = await run("events", "--export", "--set", "orders-1", "--limit", "1")

    assert {json.loads(line)["resourceId"] for line in whole.out.splitlines()} == ids
    assert [json.loads(line)["resourceName"] for line in part.out.splitlines()] == ["orders-1"]
