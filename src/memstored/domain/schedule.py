"""When the automatic backup of a set is due, what it is called, and when it ends (API.md 4).

Pure. A day is a day in Korea (KST, UTC+9 all year round). Every set has one moment a day, its slot: the
hour that its schedule names, at a minute of its own, so that the sets of a service do not all begin at once.
A day is written `2026-11-25`; such words compare as the days do. Times are seconds since 1970 (UTC).
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from memstored.domain.model import BackupSchedule, InstanceSet
from memstored.domain.words import SetId

__all__ = [
    "Agenda",
    "agenda",
    "begin_of",
    "day_of",
    "expiry",
    "hour_of",
    "minute_of",
    "scheduled_name",
    "scheduled_of",
    "scheduled_since",
    "slot_of",
    "time_of",
]

_KST = timezone(timedelta(hours=9), "KST")
_DAY = timedelta(days=1)
MINUTES = 60
_NAME = re.compile(r"scheduled\.([^.]+)\.(\d{4}-\d{2}-\d{2})-\d{2}-\d{2}\.KST", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What the schedule of a set asks for now.

    `due` is today when the backup of today may be made: its slot has come, and nothing was done yet.
    `missed` are the days that ended without one, the earliest first.
    """

    due: str | None = None
    missed: tuple[str, ...] = ()


def agenda(instance_set: InstanceSet, now: float) -> Agenda:
    """What is due, and what can not be made up for any more.

    A slot that passed before the schedule was set is neither; nor is any day up to `scheduled_day`.
    """
    schedule = instance_set.backup_schedule
    if schedule is None:
        return Agenda()
    today = _kst(now).date()
    first = _first_open(instance_set, schedule)
    missed = tuple(str(first + _DAY * n) for n in range((today - first).days))
    due = first <= today and slot_of(instance_set.id, schedule, str(today)) <= now
    return Agenda(due=str(today) if due else None, missed=missed)


def _first_open(instance_set: InstanceSet, schedule: BackupSchedule) -> date:
    """The first day that is neither settled nor was over before the schedule was set."""
    since = scheduled_since(instance_set)
    chosen = _kst(since).date()
    first = chosen if slot_of(instance_set.id, schedule, str(chosen)) >= since else chosen + _DAY
    if instance_set.scheduled_day is None:
        return first
    return max(first, date.fromisoformat(instance_set.scheduled_day) + _DAY)


def scheduled_since(instance_set: InstanceSet) -> float:
    """When the schedule of a set begins to count: when its hour was chosen, else when the set was made."""
    return instance_set.created_at if instance_set.schedule_since is None else instance_set.schedule_since


def slot_of(set_id: SetId, schedule: BackupSchedule, day: str) -> float:
    """When the backup of that day begins to be due."""
    return begin_of(day) + timedelta(hours=hour_of(schedule), minutes=minute_of(set_id)).total_seconds()


def begin_of(day: str) -> float:
    """When that day begins in Korea."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), _KST).timestamp()


def hour_of(schedule: BackupSchedule) -> int:
    """The hour in Korea, 0 to 23, that the schedule names."""
    return int(schedule.cron.split(" ")[1])


def minute_of(set_id: SetId) -> int:
    """The minute of the hour, 0 to 59, that is the set's for life."""
    digest = hashlib.sha256(set_id.encode()).digest()
    return int.from_bytes(digest[:8]) % MINUTES


def day_of(now: float) -> str:
    """The day in Korea at that time."""
    return str(_kst(now).date())


def time_of(now: float) -> str:
    """The time of the day in Korea at that time: `03:17`."""
    return f"{_kst(now):%H:%M}"


def scheduled_name(set_name: str, now: float) -> str:
    """The name of an automatic backup that is begun now: `scheduled.{set}.{yyyy-MM-dd-HH-mm}.KST`."""
    return f"scheduled.{set_name}.{_kst(now):%Y-%m-%d-%H-%M}.KST"


def scheduled_of(name: str) -> tuple[str, str] | None:
    """The set's name and the day that the name of an automatic backup tells; None for another name."""
    found = _NAME.fullmatch(name)
    return (found[1], found[2]) if found else None


def expiry(completed_at: float, schedule: BackupSchedule) -> float:
    """When an automatic backup ends that was completed at that time under that schedule."""
    return completed_at + timedelta(days=schedule.retention_limit).total_seconds()


def _kst(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(_KST)
