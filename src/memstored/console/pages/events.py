"""What happened in the project: to find, to read page by page, and to take along as JSON lines."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from starlette.responses import Response

from memstored.api.export import json_lines
from memstored.api.schemas.set_views import EventRow
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.listing import ListingQuery
from memstored.console.visit import Visit
from memstored.domain.words import EventName
from memstored.service.sets import EventFilter
from memstored.store.events import Event
from memstored.store.paging import Page

__all__ = ["group"]

group = PageGroup(title=english("Events"), home="events")

ROWS = 50
"""Events on a page."""
EXPORT_PAGE = 500
"""Events that are read at once for a file."""
_DAY = timedelta(days=1)


class DaysQuery(ListingQuery):
    """Which events to show: `since` and `until` are days (UTC), both included."""

    resource_id: str | None = None
    name: str | None = None
    since: date | None = None
    until: date | None = None

    def wanted(self, limit: int) -> EventFilter:
        """The filter in the words of the service."""
        return EventFilter(
            limit=limit,
            marker=self.marker,
            resource_id=self.resource_id,
            name=self.name,
            since=None if self.since is None else _start(self.since),
            # The last moment of the day; times of events are compared as they are.
            until=None if self.until is None else _start(self.until) + _DAY.total_seconds() - 1e-6,
        )


def _start(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


@group.get("/events", name="events")
async def list_events(visit: Visit) -> Response:
    """The events, newest first."""
    query = visit.query(DaysQuery)
    page = await visit.services.sets.events(visit.caller, query.wanted(ROWS))
    causes = {event.id: event.name for event in page.rows}
    about = page.rows[0] if page.rows and query.resource_id else None
    return visit.page(
        "events/list.html", page=page, query=query, causes=causes, about=about, names=tuple(EventName)
    )


@group.get("/events.jsonl", name="events_file")
async def export_events(visit: Visit) -> Response:
    """All events that match, each as a line of JSON, as the API writes them."""
    sets, caller = visit.services.sets, visit.caller
    wanted = visit.query(DaysQuery).wanted(EXPORT_PAGE)

    async def page(marker: str | None) -> Page[Event]:
        return await sets.events(caller, replace(wanted, marker=marker or wanted.marker))

    answer = await json_lines(page, EventRow.of)
    answer.headers["content-disposition"] = 'attachment; filename="events.jsonl"'
    return answer
