"""Automatic backups of sets, ordered by a keeper over days that pass when the test says so."""

from dataclasses import replace

import pytest
from keeper_ground import BROKEN, Ground, running_set, schedule
from looking import eventually

from memstored.control.rota import NOBODY
from memstored.domain.backup import Backup
from memstored.domain.model import InstanceSet
from memstored.domain.schedule import slot_of
from memstored.domain.words import BackupState, BackupType, SetState

HOUR, DAY = 3600.0, 86400.0


async def scheduled_set(kept: Ground, **changes: object) -> InstanceSet:
    """A set with a schedule; the clock stands at its slot of the second day of 2027."""
    made = running_set(backup_schedule=schedule(1, 7), **changes)
    slot = slot_of(made.id, schedule(1), "2027-01-02")
    kept.clock.now = slot
    return await kept.add_set(replace(made, schedule_since=slot - HOUR))


async def first(kept: Ground, made_of: InstanceSet, status: BackupState) -> Backup:
    """The latest backup of the set as soon as one is in that state."""
    found: list[Backup] = []

    async def look() -> bool:
        found[:] = [b for b in await kept.named(made_of) if b.status is status]
        return bool(found)

    await kept.when(look)
    return found[-1]


async def test_what_is_due_is_made_named_and_expires(kept: Ground) -> None:
    """By the contract's form, with the limit of the schedule; the day is then over."""
    made_of = await scheduled_set(kept)

    async with kept.keeper():
        done = await first(kept, made_of, BackupState.AVAILABLE)
        kept.clock.now += 10 * HOUR
        await kept.rest()

    stored = await kept.sets.load(made_of.id)
    minute = round((slot_of(made_of.id, schedule(0), "2027-01-02") % HOUR) // 60)
    assert done.name == f"scheduled.orders.2027-01-02-01-{minute:02}.KST"
    assert (done.type, done.actor) == (BackupType.AUTOMATIC, "memstored")
    assert done.expires_at == done.completed_at + 7 * DAY
    assert len(await kept.named(made_of)) == 1
    assert stored is not None
    assert (stored.scheduled_day, stored.backup) == ("2027-01-02", None)
    told = [event.name for event in await kept.told(done.id)]
    assert told == ["Scheduled Backup Create", "Scheduled Backup Create Complete"]


async def test_it_expires_by_the_limit_that_is_valid_when_it_is_done(kept: Ground) -> None:
    """The limit is changed while it is made."""
    made_of = await scheduled_set(kept)
    kept.tap.shut()

    async with kept.keeper():
        await first(kept, made_of, BackupState.CREATING)
        await kept.change_set(made_of.id, backup_schedule=schedule(1, 30))
        kept.tap.opened.set()
        done = await first(kept, made_of, BackupState.AVAILABLE)

    assert done.expires_at == kept.clock.wall() + 30 * DAY


async def test_what_failed_is_tried_again_the_same_day_after_growing_pauses(kept: Ground) -> None:
    """Each try is a backup of its own, of which the failed ones stay to be seen for some days."""
    made_of = await scheduled_set(kept)
    kept.tap.breaks = BROKEN

    async with kept.keeper():
        await first(kept, made_of, BackupState.ERROR)
        kept.clock.now += 59
        await kept.rest()
        early = len(await kept.named(made_of))
        kept.clock.now += 1
        await kept.when(lambda: kept.count(made_of, BackupState.ERROR, 2))
        kept.clock.now += 61
        await kept.rest()
        second = len(await kept.named(made_of))
        kept.tap.breaks = None
        kept.clock.now += 60
        done = await first(kept, made_of, BackupState.AVAILABLE)
        failures = [b for b in await kept.named(made_of) if b.status is BackupState.ERROR]

    assert (early, second) == (1, 2)
    assert done.type is BackupType.AUTOMATIC
    assert all(b.expires_at is not None for b in failures)


async def test_a_set_that_does_not_run_is_waited_for_until_its_day_ends(kept: Ground) -> None:
    """Then an event tells it, and the next day is another one."""
    made_of = await scheduled_set(kept, status=SetState.WARNING)

    async with kept.keeper():
        await kept.rest()
        waiting = await kept.named(made_of)
        kept.clock.now += DAY
        await eventually(lambda: made_of.id in kept.seen.woken)
        await kept.change_set(made_of.id, status=SetState.RUNNING)
        await first(kept, made_of, BackupState.AVAILABLE)

    stored = await kept.sets.load(made_of.id)
    told = await kept.told(made_of.id)
    assert waiting == []
    assert [(event.name, event.outcome) for event in told] == [("Scheduled Backup Failed", "failure")]
    assert told[0].message == (
        "There is no automatic backup of 2027-01-02 (KST): The set is Warning, not Running."
    )
    assert stored is not None
    assert stored.scheduled_day == "2027-01-03"


async def test_a_set_that_runs_again_in_time_has_its_backup(kept: Ground) -> None:
    """Hours after its slot, on the same day."""
    made_of = await scheduled_set(kept, status=SetState.RECOVERING)

    async with kept.keeper():
        await kept.rest()
        kept.clock.now += 12 * HOUR
        await kept.change_set(made_of.id, status=SetState.RUNNING)
        done = await first(kept, made_of, BackupState.AVAILABLE)

    assert done.name.startswith("scheduled.orders.2027-01-02-13-")
    assert await kept.told(made_of.id) == []


async def test_a_service_that_was_down_for_days_says_so_once_and_makes_todays(kept: Ground) -> None:
    """It can not make up for what is over."""
    made_of = await scheduled_set(kept)
    kept.clock.now += 3 * DAY

    async with kept.keeper():
        await first(kept, made_of, BackupState.AVAILABLE)

    messages = [event.message for event in await kept.told(made_of.id)]
    assert messages == [
        "There is no automatic backup of the days from 2027-01-02 to 2027-01-04 (KST): " + NOBODY
    ]


async def test_tries_that_all_failed_end_with_the_last_reason(kept: Ground) -> None:
    """The owner learns what stood in the way."""
    made_of = await scheduled_set(kept)
    kept.tap.breaks = BROKEN

    async with kept.keeper():
        await first(kept, made_of, BackupState.ERROR)
        kept.clock.now += 23 * HOUR
        await kept.when(lambda: kept.closed(made_of, "2027-01-02"))

    message = (await kept.told(made_of.id))[0].message
    assert message.endswith("The replica orders-2 stopped giving its data: the connection ended")


async def test_one_without_room_says_so_and_is_made_when_there_is(kept: Ground) -> None:
    """It is not silently lost: its owner sees it fail, and may delete something the same day."""
    made_of = await scheduled_set(kept)
    others = [await kept.saved(name) for name in ("one", "two")]
    kept.quota = 2

    async with kept.keeper():
        skipped = await first(kept, made_of, BackupState.ERROR)
        await kept.backups.remove(others[0])
        kept.clock.now += 60
        done = await first(kept, made_of, BackupState.AVAILABLE)

    told = [event.name for event in await kept.told(skipped.id)]
    assert skipped.reason == "This project may have 2 backups and has 2; delete some."
    assert skipped.expires_at == skipped.created_at + 7 * DAY
    assert told == ["Scheduled Backup Create", "Scheduled Backup Create Failed"]
    assert done.type is BackupType.AUTOMATIC


async def test_a_day_without_room_ends_with_that_reason(kept: Ground) -> None:
    """As one of which every try failed; nothing that is there goes for it."""
    made_of = await scheduled_set(kept)
    other = await kept.saved("one")
    kept.quota = 1

    async with kept.keeper():
        await first(kept, made_of, BackupState.ERROR)
        kept.clock.now += 23 * HOUR
        await kept.when(lambda: kept.closed(made_of, "2027-01-02"))

    message = (await kept.told(made_of.id))[0].message
    assert message.endswith("This project may have 1 backups and has 1; delete some.")
    assert await kept.backups.load(other.id) is not None


async def test_one_that_is_made_over_midnight_counts_for_the_day_it_was_due(kept: Ground) -> None:
    """The next day has its own."""
    made_of = await scheduled_set(kept)
    kept.tap.shut()

    async with kept.keeper():
        await first(kept, made_of, BackupState.CREATING)
        kept.clock.now += DAY
        await kept.rest()
        one = len(await kept.named(made_of))
        kept.tap.opened.set()
        await kept.when(lambda: kept.count(made_of, BackupState.AVAILABLE, 2))

    assert one == 1
    assert await kept.told(made_of.id) == []


async def test_one_by_hand_that_is_under_way_goes_first(kept: Ground) -> None:
    """Never two at once of a set."""
    made_of = await scheduled_set(kept)
    kept.tap.shut()
    by_hand = await kept.ask(made_of)

    async with kept.keeper():
        await kept.settled(by_hand, BackupState.CREATING)
        await kept.rest()
        alone = await kept.named(made_of)
        kept.tap.opened.set()
        await kept.when(lambda: kept.count(made_of, BackupState.AVAILABLE, 2))

    assert [b.id for b in alone] == [by_hand.id]
    assert kept.tap.most == 1


async def test_a_restart_makes_no_second_one_and_ends_the_one_under_way(kept: Ground) -> None:
    """The one that was cut off is tried again; the day still has one that is whole."""
    made_of = await scheduled_set(kept)
    kept.tap.shut()
    async with kept.keeper():
        await first(kept, made_of, BackupState.CREATING)
    kept.tap.opened.set()

    async with kept.keeper():
        cut = await first(kept, made_of, BackupState.ERROR)
        kept.clock.now += 60
        await first(kept, made_of, BackupState.AVAILABLE)
    async with kept.keeper():
        kept.clock.now += HOUR
        await kept.rest()

    assert cut.reason == "The service was restarted while it was being made."
    assert len(await kept.named(made_of)) == 2


async def test_a_clock_that_was_ahead_for_a_moment_does_not_end_the_backups_of_the_days_until_then(
    kept: Ground,
) -> None:
    """Settled by it is what has not come yet; once the clock has proven itself that does not count."""
    made_of = await scheduled_set(kept)
    async with kept.keeper():
        await kept.when(lambda: kept.closed(made_of, "2027-01-02"))
        kept.clock.now += 40 * DAY
        await kept.when(lambda: kept.closed(made_of, "2027-02-11"))
    kept.clock.now -= 39 * DAY

    async with kept.keeper():
        await kept.when(lambda: kept.closed(made_of, "2027-01-03"))


@pytest.mark.parametrize("written", ["schedule_since", "created_at"])
async def test_a_schedule_that_was_chosen_while_the_clock_was_ahead_counts_from_now(
    kept: Ground, written: str
) -> None:
    """Else the set would have no backup until that time comes, and nobody would be told."""
    made_of = running_set(backup_schedule=schedule(1, 7), **{written: kept.clock.now + 3650 * DAY})
    kept.clock.now = slot_of(made_of.id, schedule(1), "2027-01-02") - HOUR
    await kept.add_set(made_of)

    async with kept.keeper():
        await kept.rest()
        early = await kept.named(made_of)
        kept.clock.now += HOUR
        await kept.when(lambda: kept.closed(made_of, "2027-01-02"))

    assert early == []
    assert await kept.told(made_of.id) == []


async def test_a_clock_that_is_behind_for_a_while_opens_no_day_again(kept: Ground) -> None:
    """By it every day that was settled is ahead."""
    kept.rhythm = replace(kept.rhythm, proof=HOUR)
    made_of = await scheduled_set(kept)
    async with kept.keeper():
        await kept.when(lambda: kept.closed(made_of, "2027-01-02"))
    kept.clock.now -= 40 * DAY

    async with kept.keeper():
        kept.clock.go_by(HOUR - 60)
        await kept.rest()

    assert await kept.closed(made_of, "2027-01-02")
    assert len(await kept.named(made_of)) == 1


async def test_a_schedule_that_is_switched_off_makes_none(kept: Ground) -> None:
    """Nor does one of a set that is being deleted."""
    made_of = await scheduled_set(kept)
    await kept.change_set(made_of.id, backup_schedule=None)
    leaving = await kept.add_set(
        running_set(
            "leaving",
            backup_schedule=schedule(1),
            schedule_since=kept.clock.now - 5 * DAY,
            status=SetState.TERMINATING,
        )
    )

    async with kept.keeper():
        await kept.rest()

    assert await kept.named(made_of) == await kept.named(leaving) == []
    assert await kept.told(leaving.id) == []


async def test_one_that_is_given_up_with_its_set_goes_as_soon_as_it_is_done(kept: Ground) -> None:
    """Deleting a set without its automatic backups marks the one under way: it may not outlive that."""
    made_of = await scheduled_set(kept)
    kept.tap.shut()

    async with kept.keeper():
        making = await first(kept, made_of, BackupState.CREATING)
        await kept.backups.update(making, replace(making, expires_at=kept.clock.wall()))
        kept.tap.opened.set()
        await kept.gone(making)

    assert await kept.objects.keys("backups") == []
