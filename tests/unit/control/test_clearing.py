"""Backups and objects that go, and those that stay whatever the store knows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from keeper_ground import Ground, running_set
from looking import eventually
from structlog.testing import capture_logs

from memstored.control.steady import LEAP
from memstored.domain.backup import Backup
from memstored.domain.words import BackupState, BackupType, UseKind
from memstored.objects.storage import ObjectTrouble

HOUR, DAY = 3600.0, 24 * 3600.0
STRANGE = "backups/somebody/unknown.rdb"


@asynccontextmanager
async def at_work(kept: Ground) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A keeper at work, and a way to wait until it has swept and looked at all there is."""
    doomed = [await kept.saved(f"doomed-{number}") for number in range(2)]

    async def looked() -> None:
        one = doomed.pop()
        await kept.backups.update(one, replace(one, status=BackupState.DELETING))
        await kept.gone(one)

    async with kept.keeper():
        yield looked


async def test_a_deleted_backup_goes_with_its_object(kept: Ground) -> None:
    """The object first: a row without an object is harmless, an object without a row is lost room."""
    going = await kept.saved()
    await kept.backups.update(going, replace(going, status=BackupState.DELETING))

    async with kept.keeper():
        await kept.gone(going)

    assert (await kept.told(going.id))[-1].name == "Backup Delete Complete"


async def test_a_deletion_that_can_not_be_done_now_is_done_later(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long storage is away; that is said once, for all that wait."""
    going = [await kept.saved(f"going-{number}") for number in range(3)]
    for backup in going:
        await kept.backups.update(backup, replace(backup, status=BackupState.DELETING))
    delete, refusals = kept.objects.delete, [ObjectTrouble("It does not answer.")] * 30

    async def refuse(key: str) -> None:
        if refusals:
            raise refusals.pop()
        await delete(key)

    monkeypatch.setattr(kept.objects, "delete", refuse)
    with capture_logs() as logs:
        async with kept.keeper():
            for backup in going:
                await kept.gone(backup)

    names = [line["event"] for line in logs]
    assert (names.count("backups_held_up"), names.count("backups_go_on")) == (1, 1)


@pytest.mark.parametrize("status", [BackupState.AVAILABLE, BackupState.ERROR])
async def test_an_automatic_backup_goes_when_it_has_expired_and_not_before(
    kept: Ground, status: BackupState
) -> None:
    """To the second, by the clock of the service."""
    kept_one = await kept.saved(type=BackupType.AUTOMATIC, status=status, expires_at=kept.clock.wall() + 100)

    async with at_work(kept) as looked:
        kept.clock.now += 99
        await looked()
        before = await kept.backups.load(kept_one.id)
        kept.clock.now += 1
        await kept.gone(kept_one)

    assert before is not None
    told = [event.name for event in await kept.told(kept_one.id)]
    assert told[-2:] == ["Scheduled Backup Delete", "Scheduled Backup Delete Complete"]


async def test_an_expired_backup_that_is_in_use_stays_until_it_is_not(kept: Ground) -> None:
    """A restore of it is not spoiled."""
    expired = await kept.saved(type=BackupType.AUTOMATIC, expires_at=kept.clock.wall() - 1)
    restored = await kept.add_set(running_set("restored", opened=False))
    await kept.use(expired, UseKind.RESTORE, holder=restored.id)

    async with at_work(kept) as looked:
        await looked()
        used = await kept.backups.load(expired.id)
        assert await kept.content(expired.key) is not None
        await kept.change_set(restored.id, opened=True)
        await kept.gone(expired)

    assert used is not None


async def test_a_clock_that_is_ahead_for_a_while_costs_no_backup(kept: Ground) -> None:
    """As at a start, before the machine has asked what time it is: everything has expired by it."""
    kept.rhythm = replace(kept.rhythm, proof=HOUR)
    now = kept.clock.now
    saved = [
        await kept.saved(f"day-{day}", type=BackupType.AUTOMATIC, expires_at=now + day * DAY)
        for day in range(1, 8)
    ]
    kept.clock.now = now + 40 * DAY

    with capture_logs() as logs:
        async with at_work(kept) as looked:
            kept.clock.go_by(HOUR - 60)
            await looked()
            kept.clock.now -= 40 * DAY
            await looked()

    assert [await kept.backups.load(backup.id) for backup in saved] == saved
    assert [await kept.content(backup.key) for backup in saved] == [kept.tap.content] * 7
    # What the test takes counts as well: durations are real here.
    [leap] = [line["seconds"] for line in logs if line["event"] == "clock_leapt"]
    assert leap == pytest.approx(-40 * DAY, abs=LEAP)


async def test_a_service_that_is_restarted_every_day_keeps_nothing_longer(kept: Ground) -> None:
    """An hour of running is enough for what has expired, and what has not stays."""
    kept.rhythm = replace(kept.rhythm, proof=HOUR)
    days = [
        await kept.saved(f"day-{day}", type=BackupType.AUTOMATIC, expires_at=kept.clock.now + day * DAY)
        for day in range(1, 15)
    ]

    for day, expired in enumerate(days, start=1):
        kept.clock.go_by(DAY - HOUR)
        async with kept.keeper():
            await kept.rest()
            kept.clock.go_by(HOUR)
            await kept.gone(expired)
        assert [await kept.content(backup.key) for backup in days[day:]] == [kept.tap.content] * (14 - day)


async def left(kept: Ground, backup: Backup) -> bool:
    """Whether the backup's object is still there after a keeper began and worked."""
    async with at_work(kept) as looked:
        await looked()
    return await kept.content(backup.key) is not None


async def test_an_object_that_the_store_does_not_know_is_left_alone_and_said(kept: Ground) -> None:
    """The store may be an older copy, or empty: what lies there may be all that somebody has (S6)."""
    await kept.objects.put(STRANGE, iter((b"all that somebody has",)))

    with capture_logs() as logs:
        async with at_work(kept) as looked:
            await looked()

    assert await kept.content(STRANGE) == b"all that somebody has"
    said = [line for line in logs if line["event"] == "unknown_objects_left_alone"]
    assert [(line["count"], line["first"]) for line in said] == [(1, STRANGE)]


async def test_the_object_of_a_backup_that_never_came_to_be_goes_at_the_next_start(kept: Ground) -> None:
    """As when storage could not be asked to remove it."""
    assert not await left(kept, await kept.saved(status=BackupState.ERROR))


async def test_the_object_of_an_available_backup_stays(kept: Ground) -> None:
    """Whatever else goes."""
    assert await left(kept, await kept.saved())


async def test_a_mark_on_a_set_of_which_no_backup_is_made_is_taken_away(kept: Ground) -> None:
    """Else its nodes could never be deleted."""
    made_of = await kept.add_set(running_set(backup="11111111-0000-0000-0000-000000000001"))

    async with kept.keeper():
        await eventually(lambda: made_of.id in kept.seen.woken)

    stored = await kept.sets.load(made_of.id)
    assert stored is not None
    assert stored.backup is None


async def test_uploads_that_were_cut_off_are_removed_before_the_next_begins(kept: Ground) -> None:
    """What an earlier run left unfinished is in nobody's way."""
    unfinished = kept.folder / "objects" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_bytes(b"half of an upload")

    async with at_work(kept) as looked:
        await looked()

    assert list(unfinished.iterdir()) == []
