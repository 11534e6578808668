"""Automatic backups day by day: which there are, which are to come, and which there are not, and why.

Pure. What was is told by the backups that are kept and by the audit lines, which outlive them; what is to
come by the sets' schedules. A day is a day in Korea, written `2026-11-25` (`domain.schedule`). Times are
seconds since 1970 (UTC).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from memstored.domain.backup import Backup
from memstored.domain.course import days_given_up
from memstored.domain.donor import unready
from memstored.domain.model import InstanceSet
from memstored.domain.schedule import agenda, day_of, scheduled_of, slot_of
from memstored.domain.words import BackupId, BackupState, BackupType, EventName, SetId

__all__ = ["Entry", "Line", "Mark", "entries"]


class Mark(IntEnum):
    """What is to be said of a set's day; of several things the one that is least here."""

    MADE = 1
    MAKING = 2
    MISSED = 3
    FAILED = 4
    DUE = 5
    PLANNED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is read of an audit line; `about` is the id of a set or of a backup, `called` its name then."""

    name: EventName
    about: str
    called: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A day of a set: `at` is when it was or will be begun, `reason` why there is no backup (yet).

    `set_id` and `backup_id` are None where the set or the backup is gone.
    """

    day: str
    set_name: str
    mark: Mark
    at: float | None = None
    reason: str | None = None
    set_id: SetId | None = None
    backup_id: BackupId | None = None


_MARKS = {
    BackupState.AVAILABLE: Mark.MADE,
    BackupState.PENDING: Mark.MAKING,
    BackupState.CREATING: Mark.MAKING,
    BackupState.ERROR: Mark.FAILED,
}


def entries(
    days: Sequence[str],
    sets: Iterable[InstanceSet],
    backups: Iterable[Backup],
    lines: Iterable[Line],
    now: float,
) -> list[Entry]:
    """One entry for each of these days and each set of which there is something to say, by day and name.

    `lines` are those of automatic backups; what they tell of backups that are kept is told by these.
    """
    ids = {it.name: it.id for it in sets}
    kept = frozenset(backup.id for backup in backups)
    told = [*_kept(backups, ids), *_told(lines, kept, ids), *_to_come(days, sets, now)]
    best: dict[tuple[str, str], Entry] = {}
    for entry in sorted(told, key=lambda it: (it.day, it.set_name, it.mark)):
        best.setdefault((entry.day, entry.set_name), entry)
    shown = frozenset(days)
    return [entry for entry in best.values() if entry.day in shown]


def _kept(backups: Iterable[Backup], ids: Mapping[str, SetId]) -> Iterator[Entry]:
    for backup in backups:
        if backup.type is BackupType.AUTOMATIC and backup.status in _MARKS:
            yield Entry(
                day=day_of(backup.created_at),
                set_name=backup.set_name,
                mark=_MARKS[backup.status],
                at=backup.created_at,
                reason=backup.reason,
                set_id=ids.get(backup.set_name),
                backup_id=backup.id,
            )


def _told(
    lines: Iterable[Line], kept: frozenset[str] | set[BackupId], ids: Mapping[str, SetId]
) -> Iterator[Entry]:
    for line in lines:
        if line.name is EventName.SCHEDULED_BACKUP_FAILED:
            yield from _given_up(line, ids)
        elif line.about not in kept and (scheduled := scheduled_of(line.called)) is not None:
            set_name, day = scheduled
            made = line.name is EventName.SCHEDULED_BACKUP_CREATE_COMPLETE
            yield Entry(
                day=day,
                set_name=set_name,
                mark=Mark.MADE if made else Mark.FAILED,
                reason=None if made else line.message,
                set_id=ids.get(set_name),
            )


def _given_up(line: Line, ids: Mapping[str, SetId]) -> Iterator[Entry]:
    first, last, reason = days_given_up(line.message)
    for day in _from_to(first, last):
        yield Entry(
            day=day, set_name=line.called, mark=Mark.MISSED, reason=reason, set_id=ids.get(line.called)
        )


def _to_come(days: Sequence[str], sets: Iterable[InstanceSet], now: float) -> Iterator[Entry]:
    today = day_of(now)
    for it in sets:
        schedule = it.backup_schedule
        if schedule is None or it.deleting:
            continue
        asked = agenda(it, now)
        for day in asked.missed:
            why = unready(it) or "It was not made while there was time."
            yield Entry(day=day, set_name=it.name, set_id=it.id, mark=Mark.MISSED, reason=why)
        for day in days:
            at = slot_of(it.id, schedule, day)
            if day == asked.due:
                yield Entry(day=day, set_name=it.name, set_id=it.id, mark=Mark.DUE, at=at, reason=unready(it))
            elif day >= today and at > now and day > (it.scheduled_day or ""):
                yield Entry(day=day, set_name=it.name, set_id=it.id, mark=Mark.PLANNED, at=at)


def _from_to(first: str, last: str) -> list[str]:
    begin = date.fromisoformat(first)
    return [str(begin + timedelta(days=n)) for n in range((date.fromisoformat(last) - begin).days + 1)]
