"""The calendar of automatic backups: which days have one, and why others have none."""

from dataclasses import replace

import pytest
from backup_samples import a_backup, a_set

from memstored.domain.backup import Backup
from memstored.domain.calendar import Entry, Line, Mark, entries
from memstored.domain.course import days_given_up, given_up
from memstored.domain.model import BackupSchedule, InstanceSet
from memstored.domain.schedule import begin_of, scheduled_name, scheduled_of
from memstored.domain.words import BackupId, BackupState, BackupType, EventName, SetId, SetState

DAYS = [f"2027-01-{day:02d}" for day in range(1, 32)]
TODAY = "2027-01-15"
NOON = begin_of(TODAY) + 12 * 3600.0
EARLY = BackupSchedule(cron="* 1 * * *", retention_limit=7)
LATE = BackupSchedule(cron="* 22 * * *", retention_limit=7)


def daily(schedule: BackupSchedule | None = LATE, **changes: object) -> InstanceSet:
    """A set with a schedule since the year's first day, all done up to yesterday."""
    bare = replace(
        a_set(), backup_schedule=schedule, schedule_since=begin_of(DAYS[0]), scheduled_day="2027-01-14"
    )
    return replace(bare, **changes)


def automatic(day: str, **changes: object) -> Backup:
    """An automatic backup that was begun at noon of that day."""
    made = replace(
        a_backup(BackupType.AUTOMATIC),
        id=BackupId(day),
        created_at=begin_of(day) + 12 * 3600.0,
        status=BackupState.AVAILABLE,
        set_name=a_set().name,
    )
    return replace(made, **changes)


def of_days(found: list[Entry]) -> dict[str, Mark]:
    """What is said of each day."""
    return {entry.day: entry.mark for entry in found}


def of(day: str, found: list[Entry]) -> Entry:
    """The one entry of that day."""
    (one,) = (entry for entry in found if entry.day == day)
    return one


def test_every_day_to_come_is_planned() -> None:
    """Today, too, while its hour is still to come; nothing is said of days on which nothing was done."""
    found = of_days(entries(DAYS, [daily()], [], [], NOON))

    assert found == dict.fromkeys(DAYS[14:], Mark.PLANNED)


def test_what_is_due_waits_with_its_reason() -> None:
    """The hour is over, and the set does not run: why is said."""
    found = of(TODAY, entries(DAYS, [daily(EARLY)], [], [], NOON))

    assert found.mark is Mark.DUE
    assert found.at is not None
    assert found.at < NOON


def test_a_day_that_is_done_is_not_planned() -> None:
    """At most one a day, whatever the hour is changed to."""
    found = entries([TODAY], [daily(scheduled_day=TODAY)], [], [], NOON)

    assert found == []


@pytest.mark.parametrize("change", [{"backup_schedule": None}, {"status": SetState.TERMINATING}])
def test_without_a_schedule_nothing_is_planned(change: dict[str, object]) -> None:
    """Nor for a set that goes."""
    assert entries(DAYS, [daily(**change)], [], [], NOON) == []


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (BackupState.AVAILABLE, Mark.MADE),
        (BackupState.PENDING, Mark.MAKING),
        (BackupState.CREATING, Mark.MAKING),
        (BackupState.ERROR, Mark.FAILED),
    ],
)
def test_a_backup_that_is_kept_tells_its_day(status: BackupState, mark: Mark) -> None:
    """With its id, to look at it, and why it failed."""
    backup = automatic("2027-01-10", status=status, reason="why")

    found = of("2027-01-10", entries(DAYS, [daily()], [backup], [], NOON))

    assert (found.mark, found.backup_id, found.reason) == (mark, backup.id, "why")


def test_backups_by_hand_are_not_in_the_calendar() -> None:
    """They are nobody's schedule."""
    backup = automatic("2027-01-10", type=BackupType.MANUAL)

    assert "2027-01-10" not in of_days(entries(DAYS, [daily()], [backup], [], NOON))


def test_a_second_try_that_succeeds_is_what_counts() -> None:
    """A day with a backup is a good day, whatever failed before."""
    failed = automatic("2027-01-10", status=BackupState.ERROR)
    made = automatic("2027-01-10", id=BackupId("other"))

    assert of("2027-01-10", entries(DAYS, [daily()], [failed, made], [], NOON)).mark is Mark.MADE


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        (EventName.SCHEDULED_BACKUP_CREATE_COMPLETE, Mark.MADE),
        (EventName.SCHEDULED_BACKUP_CREATE_FAILED, Mark.FAILED),
    ],
)
def test_what_is_kept_no_more_is_told_by_its_line(name: EventName, mark: Mark) -> None:
    """A backup that expired was made all the same; its day is the one in its name."""
    called = scheduled_name("orders", begin_of("2027-01-03") + 23 * 3600.0)
    line = Line(name=name, about="gone", called=called, message="said")

    found = of("2027-01-03", entries(DAYS, [daily()], [], [line], NOON))

    assert (found.mark, found.backup_id, found.set_name) == (mark, None, "orders")


def test_a_line_about_a_backup_that_is_kept_says_nothing_more() -> None:
    """The backup itself tells more."""
    backup = automatic("2027-01-10")
    called = scheduled_name(backup.set_name, backup.created_at)
    line = Line(
        name=EventName.SCHEDULED_BACKUP_CREATE_COMPLETE, about=backup.id, called=called, message="said"
    )

    found = entries(DAYS, [daily()], [backup], [line], NOON)

    assert of("2027-01-10", found).backup_id == backup.id


@pytest.mark.parametrize("missed", [("2027-01-05",), ("2027-01-05", "2027-01-06", "2027-01-07")])
def test_days_that_were_given_up_say_why(missed: tuple[str, ...]) -> None:
    """Every day that the line of `given_up` is about, with the reason in it."""
    _, draft = given_up(daily(), missed, "the set was Warning (KST): really.")
    line = Line(name=draft.name, about=daily().id, called="orders", message=draft.message)

    found = entries(DAYS[:14], [daily()], [], [line], NOON)

    assert days_given_up(draft.message) == (missed[0], missed[-1], "the set was Warning (KST): really.")
    assert of_days(found) == dict.fromkeys(missed, Mark.MISSED)
    assert {entry.reason for entry in found} == {"the set was Warning (KST): really."}


def test_days_that_will_be_given_up_are_missed_already() -> None:
    """Between midnight and the next turn of the loop, or while it is down."""
    found = of_days(entries(DAYS, [daily(scheduled_day="2027-01-12")], [], [], NOON))

    assert (found["2027-01-13"], found["2027-01-14"], found[TODAY]) == (
        Mark.MISSED,
        Mark.MISSED,
        Mark.PLANNED,
    )


def test_sets_are_told_apart() -> None:
    """One entry for each set of a day."""
    users = daily(id=SetId("u"), name="users")

    found = entries([TODAY], [daily(), users], [], [], NOON)

    assert {(entry.set_name, entry.set_id) for entry in found} == {
        (daily().name, daily().id),
        ("users", SetId("u")),
    }


def test_names_of_automatic_backups_are_read_as_they_are_written() -> None:
    """Other names are none of these."""
    assert scheduled_of(scheduled_name("orders-2", begin_of("2027-01-03"))) == ("orders-2", "2027-01-03")
    assert scheduled_of("nightly") is None
    assert scheduled_of("scheduled.orders.2027-01-03.KST") is None
