"""Automatic backups: the calendar of a project and of one set, and the schedule of a set.

Days are days in Korea, as the schedules count them.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from memstored.api.reading import read_change
from memstored.api.schemas.forms import QueryForm
from memstored.api.schemas.sets import FIXED, UPDATE_STAND_IN, UpdateSet
from memstored.console.forms import NOTHING_REFUSED, Posted, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import Language, english
from memstored.console.pages import backups
from memstored.console.visit import Visit
from memstored.domain.calendar import Entry, Mark
from memstored.domain.errors import Fault
from memstored.domain.schedule import hour_of, minute_of
from memstored.domain.words import SetId

__all__ = ["group"]

group = PageGroup(
    within=backups.group,
    notices={"schedule_changed": english("The schedule was changed.")},
)

FIRST, LAST = "2000-01", "2099-12"
"""Months that there is a calendar of."""


def _month(text: str) -> str:
    try:
        date.fromisoformat(f"{text}-01")
    except ValueError:
        raise PydanticCustomError("malformed", "Give a month, like 2026-11.") from None
    if not FIRST <= text <= LAST:
        raise PydanticCustomError("out_of_range", "Give a month of this century.")
    return text


class MonthQuery(QueryForm):
    """Which month to show; the present one by default."""

    month: Annotated[str, AfterValidator(_month)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month as a sheet of weeks. `before` and `after` are the months beside it, `day_names` the columns."""

    name: str
    today: str
    before: str | None
    after: str | None
    day_names: Sequence[str]
    weeks: Sequence[Sequence[str | None]]
    entries: Mapping[str, Sequence[Entry]]

    def of(self, day: str, mark: Mark) -> list[Entry]:
        """What there is to say of that kind of that day."""
        return [entry for entry in self.entries.get(day, ()) if entry.mark is mark]


@group.get("/backup-calendar", name="backup_calendar")
async def show_calendar(visit: Visit) -> Response:
    """The calendar of the whole project, and the schedule of every set."""
    return visit.page(
        "backups/calendar.html",
        month=await _of_month(visit, None),
        sets=await visit.services.sets.all(visit.caller),
        marks=tuple(Mark),
        hour_of=hour_of,
        minute_of=minute_of,
    )


@group.get("/backup-schedules/{set_id}", name="backup_schedule")
async def show_schedule(visit: Visit, set_id: str) -> Response:
    """The schedule of a set, and its calendar."""
    return await _page(visit, set_id)


@group.post(
    "/backup-schedules/{set_id}",
    name="change_backup_schedule",
    fields=("backupSchedule.cron", "backupSchedule.retentionLimit"),
)
async def change_schedule(visit: Visit, set_id: str) -> Response:
    """Change the hour and how long backups are kept, or switch automatic backups off."""
    found = await visit.services.sets.get(visit.caller, set_id)
    reading = read_change(UpdateSet, _document(visit.posted), UPDATE_STAND_IN, fixed=FIXED)
    try:
        await visit.services.sets.update(visit.caller, found.id, reading.form.wishes(), reading.misread)
    except Fault as fault:
        return await _page(visit, set_id, refusal_of(fault))
    return visit.redirect("backup_schedule", notice="schedule_changed", set_id=found.id)


def _document(posted: Posted) -> dict[str, Any]:
    """The change as `PATCH /v1/instance-sets/{id}` takes it."""
    cron = posted.text("backupSchedule.cron") or ""
    limit = posted.number("backupSchedule.retentionLimit")
    kept = {"retentionLimit": limit} if cron and limit is not None else {}
    return {"backupSchedule": {"cron": cron, **kept}}


async def _page(visit: Visit, set_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    found = await visit.services.sets.get(visit.caller, set_id)
    return visit.page(
        "backups/schedule.html",
        status=refusal.status,
        refusal=refusal,
        it=found,
        minute=minute_of(found.id),
        month=await _of_month(visit, found.id),
        marks=tuple(Mark),
    )


async def _of_month(visit: Visit, set_id: SetId | None) -> Month:
    today = visit.services.backups.today()
    name = visit.query(MonthQuery).month or today[:7]
    year, number = int(name[:4]), int(name[5:])
    # A week begins on Sunday in Korea, and on Monday where English is read.
    sheet = calendar.Calendar(6 if visit.language is Language.KOREAN else 0)
    weeks = [
        [str(date(year, number, day)) if day else None for day in week]
        for week in sheet.monthdayscalendar(year, number)
    ]
    days = [day for week in weeks for day in week if day]
    told: dict[str, list[Entry]] = {}
    for entry in await visit.services.backups.calendar(visit.caller, days, set_id=set_id):
        told.setdefault(entry.day, []).append(entry)
    return Month(
        name=name,
        today=today,
        before=_beside(year, number - 1),
        after=_beside(year, number + 1),
        day_names=[DAY_NAMES[day] for day in sheet.iterweekdays()],
        weeks=weeks,
        entries=told,
    )


def _beside(year: int, number: int) -> str | None:
    """The month of that number, 0 and 13 being those of the years beside; None where there is no calendar."""
    year, number = year + (number - 1) // 12, (number - 1) % 12 + 1
    name = f"{year}-{number:02d}"
    return name if FIRST <= name <= LAST else None


DAY_NAMES = (
    english("Monday"),
    english("Tuesday"),
    english("Wednesday"),
    english("Thursday"),
    english("Friday"),
    english("Saturday"),
    english("Sunday"),
)
