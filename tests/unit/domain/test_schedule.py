"""Automatic backups by the day in Korea: over two years, with restarts and changes of the schedule."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.domain.model import BackupSchedule, InstanceSet
from memstored.domain.schedule import (
    agenda,
    day_of,
    expiry,
    minute_of,
    scheduled_name,
    slot_of,
)
from memstored.domain.words import SetId, SetState

SET = SetId("5a0c0a34-3c53-4f4a-a2a6-5d1a4c1c9c10")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
YEARS = 731
"""Days of 2027 and 2028, the leap day among them."""


def utc(text: str) -> float:
    """Seconds since 1970 of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def at_hour(hour: int, limit: int = 7) -> BackupSchedule:
    """A schedule for that hour in Korea."""
    return BackupSchedule(cron=f"* {hour} * * *", retention_limit=limit)


def scheduled(
    schedule: BackupSchedule | None, since: float, *, set_id: SetId = SET, day: str | None = None
) -> InstanceSet:
    """A set with that schedule since then; `day` is the last one for which all is done."""
    return InstanceSet(
        id=set_id,
        project_id="p",
        name="orders",
        description=None,
        replicas=3,
        flavor_id="flavor",
        memory=4,
        recovery_enabled=True,
        tls_enabled=False,
        subnets=("subnet",),
        security_groups=("group",),
        backup_schedule=schedule,
        user=None,
        parameter_group_id="group",
        port=6379,
        version="7.0.15",
        creator="admin",
        created_at=since,
        updated_at=since,
        status=SetState.RUNNING,
        reason=None,
        next_number=4,
        schedule_since=since,
        scheduled_day=day,
    )


@dataclass
class Diary:
    """A keeper that looks every few minutes, and what it did: backups by time, days that it gave up."""

    set: InstanceSet
    made: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def look(self, now: float, *, works: bool = True) -> None:
        """Do what is due now; when it does not work, today stays open."""
        asked = agenda(self.set, now)
        if asked.missed:
            self.missed.extend(asked.missed)
            self.set = replace(self.set, scheduled_day=asked.missed[-1])
        if asked.due and works:
            self.made.append(now)
            self.set = replace(self.set, scheduled_day=asked.due)

    def live(self, start: float, days: int, works: Callable[[float], bool], *, every: float = HOUR) -> None:
        """Let so many days pass."""
        now = start
        while now < start + days * DAY:
            self.look(now, works=works(now))
            now += every

    @property
    def days(self) -> list[str]:
        """The days in Korea on which a backup was made."""
        return [day_of(now) for now in self.made]


def calendar(start: float, days: int) -> list[str]:
    """The days in Korea, counted by the calendar rather than by seconds."""
    first = datetime.fromtimestamp(start, UTC) + timedelta(hours=9)
    return [str((first + timedelta(days=n)).date()) for n in range(days)]


START = utc("2026-12-31T15:00")
"""Midnight in Korea, the first of January 2027."""


def test_two_years_have_one_backup_on_every_day_the_leap_day_included() -> None:
    """Each at the set's own minute of the chosen hour."""
    diary = Diary(scheduled(at_hour(1), START))

    diary.live(START, YEARS, lambda _: True, every=MINUTE * 20)

    assert diary.days == calendar(START, YEARS)
    assert "2028-02-29" in diary.days
    assert diary.missed == []
    assert all(0 <= now - slot_of(SET, at_hour(1), day_of(now)) < 20 * MINUTE for now in diary.made)


@pytest.mark.parametrize("hour", [0, 8, 9, 15, 23])
def test_the_hour_is_koreas_whatever_day_it_is_in_utc(hour: int) -> None:
    """Nine hours ahead: hours before 9 belong to the day before in UTC."""
    slot = slot_of(SET, at_hour(hour), "2028-03-01")

    korean = datetime.fromtimestamp(slot, UTC) + timedelta(hours=9)

    assert (korean.year, korean.month, korean.day) == (2028, 3, 1)
    assert (korean.hour, korean.minute) == (hour, minute_of(SET))


def test_a_schedule_with_a_leading_zero_means_the_same_hour() -> None:
    """`01` and `1` are both allowed."""
    padded = BackupSchedule(cron="* 01 * * *", retention_limit=7)

    assert slot_of(SET, padded, "2027-05-05") == slot_of(SET, at_hour(1), "2027-05-05")


def test_nothing_is_due_before_the_slot_and_everything_from_it_to_midnight() -> None:
    """A moment before, at, and at the last second of the day; then the day is missed."""
    slot = slot_of(SET, at_hour(4), "2027-01-05")
    diary = scheduled(at_hour(4), START, day="2027-01-04")
    midnight = utc("2027-01-05T15:00")

    assert agenda(diary, slot - 0.001).due is None
    assert agenda(diary, slot).due == "2027-01-05"
    assert agenda(diary, midnight - 0.001).due == "2027-01-05"
    assert agenda(diary, midnight) == agenda(diary, midnight + HOUR)
    assert agenda(diary, midnight).missed == ("2027-01-05",)
    assert agenda(diary, midnight).due is None


def test_an_hour_that_passed_before_the_schedule_was_set_is_not_missed() -> None:
    """Set a second after the slot it begins tomorrow; set at the slot it begins today."""
    slot = slot_of(SET, at_hour(4), "2027-01-05")

    late, in_time = scheduled(at_hour(4), slot + 1), scheduled(at_hour(4), slot)

    assert agenda(late, slot + 2).due is None
    assert agenda(late, slot + DAY - 1) == agenda(late, slot + 2)
    assert agenda(late, slot + DAY).due == "2027-01-06"
    assert agenda(in_time, slot).due == "2027-01-05"


def test_after_a_change_of_the_hour_there_is_still_one_a_day() -> None:
    """To a later hour when today's was made; to an earlier one when it was not."""
    morning = slot_of(SET, at_hour(3), "2027-01-05")
    diary = Diary(scheduled(at_hour(3), START, day="2027-01-04"))
    diary.look(morning)

    diary.set = replace(diary.set, backup_schedule=at_hour(20), schedule_since=morning + HOUR)
    diary.live(morning + HOUR, 2, lambda _: True)

    assert diary.days == ["2027-01-05", "2027-01-06"]
    assert diary.missed == []


def test_a_change_to_an_earlier_hour_before_todays_begins_tomorrow() -> None:
    """Its slot of today passed before it was set."""
    noon = utc("2027-01-05T03:00")
    diary = Diary(scheduled(at_hour(20), START, day="2027-01-04"))
    diary.set = replace(diary.set, backup_schedule=at_hour(2), schedule_since=noon)

    diary.live(noon, 2, lambda _: True)

    assert diary.days == ["2027-01-06", "2027-01-07"]
    assert diary.missed == []


def test_a_service_that_was_down_makes_todays_up_and_gives_up_the_days_before() -> None:
    """Down from the third to the sixth: three days are missed, the sixth is made when it is back."""
    diary = Diary(scheduled(at_hour(1), START, day="2027-01-02"))

    diary.look(utc("2027-01-06T12:00"))

    assert diary.missed == ["2027-01-03", "2027-01-04", "2027-01-05"]
    assert diary.days == ["2027-01-06"]


def test_without_a_schedule_nothing_is_due_or_missed() -> None:
    """As after it was switched off."""
    assert agenda(scheduled(None, START), START + 40 * DAY) == agenda(scheduled(None, START), START)


def test_a_clock_that_is_set_back_makes_no_second_one() -> None:
    """The day is over once it is done, whatever the clock says."""
    slot = slot_of(SET, at_hour(1), "2027-01-05")
    done = scheduled(at_hour(1), START, day="2027-01-05")

    assert [agenda(done, slot - back * DAY).due for back in range(4)] == [None] * 4


@given(st.integers(0))
def test_whatever_happens_a_day_has_one_backup_or_is_missed_and_never_both(seed: int) -> None:
    """Restarts, failures and changes of the hour over some weeks of the leap year's February."""
    rng = random.Random(seed)
    start = utc("2028-02-10T00:00") + rng.randrange(int(DAY))
    diary = Diary(
        scheduled(at_hour(rng.randrange(24)), start, set_id=SetId(str(UUID(int=rng.getrandbits(128)))))
    )
    now = start
    while now < start + 30 * DAY:
        now += rng.choice([MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, 40 * HOUR])
        if rng.random() < 0.1:
            diary.set = replace(diary.set, backup_schedule=at_hour(rng.randrange(24)), schedule_since=now)
        diary.look(now, works=rng.random() < 0.7)

    told = Counter(diary.days + diary.missed)
    assert set(told.values()) <= {1}
    assert all(earlier < later for earlier, later in pairwise(diary.days))


@given(st.integers(0, YEARS - 3), st.integers(0, 23), st.lists(st.booleans(), min_size=72, max_size=72))
def test_a_day_is_missed_exactly_when_nothing_worked_from_its_slot_to_its_end(
    first: int, hour: int, works: list[bool]
) -> None:
    """Looked at once an hour over three days."""
    start = START + first * DAY
    diary = Diary(scheduled(at_hour(hour), start))
    times = [start + n * HOUR + 59 * MINUTE for n in range(72)]

    for now, worked in zip(times, works, strict=True):
        diary.look(now, works=worked)
    diary.look(start + 3 * DAY, works=False)

    chances = dict.fromkeys(calendar(start, 3), False)
    for now, worked in zip(times, works, strict=True):
        chances[day_of(now)] |= worked and now >= slot_of(SET, at_hour(hour), day_of(now))
    assert diary.days == [day for day, had_one in chances.items() if had_one]
    assert diary.missed == [day for day, had_one in chances.items() if not had_one]


def test_the_minutes_of_a_fleet_spread_over_the_hour() -> None:
    """Of 6,000 sets no minute has twice its share."""
    rng = random.Random(5)
    counted = Counter(minute_of(SetId(str(UUID(int=rng.getrandbits(128))))) for _ in range(6000))

    assert len(counted) == 60
    assert max(counted.values()) < 200


def test_the_minute_of_a_set_never_changes() -> None:
    """Not with the process, and not with the version of the service: this one is written down."""
    assert minute_of(SET) == 33
    assert minute_of(SetId(str(uuid4()))) in range(60)


def test_an_automatic_backup_is_named_by_the_minute_it_was_begun_in_korea() -> None:
    """The form of the contract, letter for letter."""
    assert scheduled_name("orders", utc("2028-02-28T15:07:59")) == "scheduled.orders.2028-02-29-00-07.KST"


@pytest.mark.parametrize("limit", [1, 7, 35])
def test_a_backup_expires_so_many_days_after_it_was_made(limit: int) -> None:
    """Over the leap day as over any other."""
    made = utc("2028-02-27T18:30")

    assert expiry(made, at_hour(1, limit)) == made + limit * DAY
