"""Events: the audit lines of everything that happened, kept for ever.

Those of a set are written by `store.sets` in the transaction of the change they tell of. Their order is
that of writing, whatever the clock did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Select, bindparam, func, insert, select

from memstored.domain.clock import Clock
from memstored.domain.model import EventDraft
from memstored.domain.words import EventName, Outcome
from memstored.store.codec import plain, restore
from memstored.store.database import Database, announce, fetch
from memstored.store.errors import MarkerUnknown
from memstored.store.paging import Page
from memstored.store.tables import events

__all__ = ["Event", "EventRepository", "Resource", "write_events"]

EventQuery = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What an event is about. `type` is a word like `instance-set`; `name` is the name it had then."""

    project_id: str
    type: str
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An audit line (API.md 2.10). `time` is seconds since 1970; `instance_id` the node, if about one."""

    id: str
    name: str
    time: float
    actor: str
    project_id: str
    resource_type: str
    resource_id: str
    resource_name: str
    outcome: Outcome
    request_id: str | None
    cause_id: str | None
    instance_id: str | None
    message: str


class EventRepository:
    """Writes and finds events. Every method raises `StoreTrouble` when the database is away."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, resource: Resource, drafts: Sequence[EventDraft]) -> None:
        """Write events of a resource whose change needs no transaction of its own."""
        await self._database.write(write_events, resource, drafts, self._clock.wall())

    async def last_sequence(self) -> int:
        """The place of the newest event in the order of writing; 0 when there is none."""
        return await self._database.read(_last_sequence)

    async def tally(self, after: int) -> tuple[int, dict[tuple[str, str], int]]:
        """How many events, of all projects, were written after that place: by name and outcome.

        With the place of the newest.
        """
        return await self._database.read(_tally, after)

    async def following(self, project_id: str, after: int, limit: int) -> list[tuple[int, Event]]:
        """A project's events after that place, with their own, in the order of writing.

        What is written later has a later place: writers take turns, so none is passed over that comes late.
        """
        return await self._database.read(_following, project_id, after, limit)

    async def page(
        self,
        project_id: str,
        *,
        resource_id: str | None = None,
        name: str | None = None,
        since: float | None = None,
        until: float | None = None,
        limit: int,
        marker: str | None = None,
    ) -> Page[Event]:
        """A project's events, newest first; `since` and `until` are seconds since 1970, both included.

        Raises `MarkerUnknown`.
        """
        query = select(events).where(events.c.project_id == project_id)
        if resource_id is not None:
            query = query.where(events.c.resource_id == resource_id)
        if name is not None:
            query = query.where(events.c.name == name)
        if since is not None:
            query = query.where(events.c.time >= since)
        if until is not None:
            query = query.where(events.c.time <= until)
        return await self._database.read(_page, query, project_id, limit, marker)


_NEWEST = (
    select(events.c.id)
    .where(events.c.resource_id == bindparam("of"), events.c.name == bindparam("called"))
    .order_by(events.c.sequence.desc())
    .limit(1)
)


def write_events(
    connection: Connection, resource: Resource, drafts: Sequence[EventDraft], now: float
) -> None:
    """Write events in the transaction of the change they tell of; `now` is seconds since 1970."""
    written: list[Event] = []
    for draft in drafts:
        cause = draft.cause and _cause(connection, resource, draft.cause, written)
        written.append(_event(resource, draft, cause, now))
    if written:
        connection.execute(insert(events), [plain(event) for event in written])
        announce(connection, resource.project_id)


def _cause(
    connection: Connection, resource: Resource, name: EventName, written: Sequence[Event]
) -> str | None:
    """The id of the newest event of that name of the same resource, which may be one of this change."""
    for event in reversed(written):
        if event.name == name.value:
            return event.id
    told = {"of": resource.id, "called": name.value}
    return connection.execute(_NEWEST, told).scalar_one_or_none()


def _event(resource: Resource, draft: EventDraft, cause: str | None, now: float) -> Event:
    return Event(
        id=str(uuid4()),
        name=draft.name.value,
        time=now,
        actor=draft.actor,
        project_id=resource.project_id,
        resource_type=resource.type,
        resource_id=resource.id,
        resource_name=resource.name,
        outcome=draft.outcome,
        request_id=draft.request_id,
        cause_id=cause,
        instance_id=draft.node,
        message=draft.message,
    )


def _last_sequence(connection: Connection) -> int:
    return connection.execute(select(func.max(events.c.sequence))).scalar_one() or 0


def _following(connection: Connection, project_id: str, after: int, limit: int) -> list[tuple[int, Event]]:
    query = (
        select(events)
        .where(events.c.project_id == project_id, events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    return [(row["sequence"], restore(Event, row)) for row in fetch(connection, query)]


def _tally(connection: Connection, after: int) -> tuple[int, dict[tuple[str, str], int]]:
    newest = max(after, _last_sequence(connection))
    counted = (
        select(events.c.name, events.c.outcome, func.count())
        .where(events.c.sequence > after)
        .group_by(events.c.name, events.c.outcome)
    )
    return newest, {(name, outcome): count for name, outcome, count in connection.execute(counted)}


def _page(
    connection: Connection, query: EventQuery, project_id: str, limit: int, marker: str | None
) -> Page[Event]:
    if marker is not None:
        query = query.where(events.c.sequence < _place(connection, project_id, marker))
    ordered = query.order_by(events.c.sequence.desc()).limit(limit + 1)
    found = [restore(Event, row) for row in fetch(connection, ordered)]
    return Page.cut(found, [event.id for event in found], limit)


def _place(connection: Connection, project_id: str, marker: str) -> int:
    query = select(events.c.sequence).where(events.c.id == marker, events.c.project_id == project_id)
    place: int | None = connection.execute(query).scalar_one_or_none()
    if place is None:
        raise MarkerUnknown("The marker is none that this list gave; begin without one.")
    return place
