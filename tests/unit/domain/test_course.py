"""What becomes of a backup at each turn, and what is told of it."""

from dataclasses import replace

import pytest
from backup_samples import NOW, a_backup, a_set

from memstored.domain.course import (
    FAILED_KEPT,
    Taken,
    checked,
    completed,
    copied,
    deleted,
    failed,
    given_up,
    not_checked,
    removal,
    scheduled,
    settled,
)
from memstored.domain.model import BackupSchedule
from memstored.domain.words import BackupId, BackupState, BackupType, EventName, Outcome

DAY = 86400.0
WEEKLY = BackupSchedule(cron="* 1 * * *", retention_limit=7)
TAKEN = Taken(size=10, checksum="c" * 64, keys=3, used_memory=100)


@pytest.mark.parametrize(
    ("kind", "prefix"), [(BackupType.MANUAL, "Backup"), (BackupType.AUTOMATIC, "Scheduled Backup")]
)
def test_each_kind_has_words_of_its_own_and_names_its_cause(kind: BackupType, prefix: str) -> None:
    """The contract's words, letter for letter."""
    backup = a_backup(kind)

    drafts = [
        *completed(backup, TAKEN, WEEKLY, NOW).events,
        *failed(backup, "no", NOW).events,
        *deleted(backup, "away").events,
        *removal(backup),
    ]

    assert [(d.name.value, d.cause and d.cause.value) for d in drafts] == [
        (f"{prefix} Create Complete", f"{prefix} Create"),
        (f"{prefix} Create Failed", f"{prefix} Create"),
        (f"{prefix} Delete", None),
        (f"{prefix} Delete Complete", f"{prefix} Delete"),
    ]
    assert [d.outcome for d in drafts] == [
        Outcome.SUCCESS,
        Outcome.FAILURE,
        Outcome.SUCCESS,
        Outcome.SUCCESS,
    ]


def test_only_an_automatic_one_expires() -> None:
    """By the limit of the schedule; one by hand stays."""
    automatic = completed(a_backup(BackupType.AUTOMATIC), TAKEN, WEEKLY, NOW).after

    assert automatic.expires_at == NOW + 7 * DAY
    assert completed(a_backup(), TAKEN, WEEKLY, NOW).after.expires_at is None


@pytest.mark.parametrize("sooner", [NOW - 1, NOW + 1])
def test_one_that_is_to_go_sooner_goes_then(sooner: float) -> None:
    """It was given up with its set while it was being made."""
    doomed = a_backup(BackupType.AUTOMATIC, expires_at=sooner)

    assert completed(doomed, TAKEN, WEEKLY, NOW).after.expires_at == sooner
    assert failed(doomed, "no", NOW).after.expires_at == sooner


def test_a_failed_one_says_why_and_an_automatic_one_goes_after_some_days() -> None:
    """Each try of a day leaves one."""
    by_hand, automatic = (
        failed(a_backup(kind), "The set is gone.", NOW).after
        for kind in (BackupType.MANUAL, BackupType.AUTOMATIC)
    )

    assert (by_hand.status, by_hand.reason, by_hand.expires_at) == (
        BackupState.ERROR,
        "The set is gone.",
        None,
    )
    assert automatic.expires_at == NOW + FAILED_KEPT


def test_a_copy_knows_what_its_source_knows_and_where_it_comes_from() -> None:
    """Its end is told as caused by the wish for a copy."""
    source = a_backup(size=10, checksum="c" * 64, keys=3, used_memory=100)
    turn = copied(a_backup(name="copy", copy_of=source.id), source, NOW)

    it = turn.after
    assert (it.status, it.size, it.checksum, it.keys, it.used_memory) == (
        BackupState.AVAILABLE,
        10,
        "c" * 64,
        3,
        100,
    )
    assert [(e.name, e.cause) for e in turn.events] == [
        (EventName.BACKUP_COPY_COMPLETE, EventName.BACKUP_COPY)
    ]


def test_a_copy_that_failed_is_told_as_a_copy() -> None:
    """As the wish for it was."""
    turn = failed(a_backup(name="copy", copy_of="source"), "The disk is full.", NOW)

    assert [(e.name, e.cause, e.outcome) for e in turn.events] == [
        (EventName.BACKUP_COPY_FAILED, EventName.BACKUP_COPY, Outcome.FAILURE)
    ]


def test_damage_stays_until_the_next_verification_that_ends_well() -> None:
    """What could not be found out changes nothing but the reason."""
    sound = checked(a_backup(), None, NOW)
    damaged = checked(sound, "another hash", NOW + 1)
    unclear = not_checked(damaged, "no engine is here.")

    assert (damaged.verified_at, damaged.damage) == (NOW, "another hash")
    assert (unclear.damage, unclear.reason) == (
        "another hash",
        "It could not be verified: no engine is here.",
    )
    assert checked(unclear, None, NOW + 2) == replace(sound, verified_at=NOW + 2)


def test_a_scheduled_one_is_named_by_its_set_and_minute_and_waits() -> None:
    """By nobody's wish but the schedule's."""
    turn = scheduled(a_set(), BackupId("b"), NOW)

    assert turn.after.name.startswith("scheduled.orders.2027-01-15-")
    assert (turn.after.status, turn.after.type) == (BackupState.PENDING, BackupType.AUTOMATIC)
    assert turn.after.actor == turn.events[0].actor == "memstored"


def test_the_set_is_free_when_its_backup_is_done_and_of_no_other() -> None:
    """Only a whole automatic one ends the day."""
    marked = a_set(backup=BackupId("b"))
    whole = a_backup(BackupType.AUTOMATIC, status=BackupState.AVAILABLE)

    assert settled(marked, whole) == replace(marked, backup=None, scheduled_day="2027-01-15")
    assert settled(marked, replace(whole, status=BackupState.ERROR)) == replace(marked, backup=None)
    assert settled(marked, a_backup(status=BackupState.AVAILABLE)) == replace(marked, backup=None)
    assert settled(a_set(backup=BackupId("other")), a_backup()).backup == "other"


def test_a_day_that_is_over_stays_over() -> None:
    """However late the end of an earlier one is recorded."""
    ahead = a_set(scheduled_day="2027-01-20")
    whole = a_backup(BackupType.AUTOMATIC, status=BackupState.AVAILABLE)

    assert settled(ahead, whole).scheduled_day == "2027-01-20"


def test_days_without_a_backup_are_told_in_one_line() -> None:
    """With their reason; the last of them is over."""
    days = ("2027-01-13", "2027-01-14")

    after, draft = given_up(a_set(), days, "the set is Warning.")

    assert after.scheduled_day == "2027-01-14"
    assert (draft.name, draft.outcome) == (EventName.SCHEDULED_BACKUP_FAILED, Outcome.FAILURE)
    assert draft.message == (
        "There is no automatic backup of the days from 2027-01-13 to 2027-01-14 (KST): the set is Warning."
    )
