"""The audit lines."""

from dataclasses import replace
from typing import Any

import pytest
from samples import IDENTITIES, NOW, PROJECT, a_set, an_event
from sqlalchemy import Connection, Engine, event

from clocks import StillClock
from memstored.domain.words import EventName, NodeId, Outcome
from memstored.store.database import Database
from memstored.store.errors import MarkerUnknown
from memstored.store.events import Event, EventRepository, Resource
from memstored.store.sets import SetRepository

GROUP = Resource(project_id=PROJECT, type="parameter-group", id="group-1", name="cache")


async def _told(events: EventRepository) -> list[Event]:
    return list((await events.page(PROJECT, limit=100)).rows)


async def test_an_event_says_all_that_is_known(
    sets: SetRepository, events: EventRepository, clock: StillClock
) -> None:
    """Who, what, when, of which set, about which node, for which request, and how it ended."""
    kept = await sets.add(a_set("orders"), IDENTITIES, node_quota=9)
    clock.now = NOW + 5
    draft = an_event(
        EventName.NODE_DOWN,
        message="It ended.",
        outcome=Outcome.FAILURE,
        actor="somebody",
        request_id="request-1",
        node=NodeId("node-1"),
    )

    await sets.commit(kept, replace(kept, description="changed"), [draft])

    (event,) = await _told(events)
    assert replace(event, id="") == Event(
        id="",
        name="Cluster Node Down",
        time=NOW + 5,
        actor="somebody",
        project_id=PROJECT,
        resource_type="instance-set",
        resource_id=kept.id,
        resource_name="orders",
        outcome=Outcome.FAILURE,
        request_id="request-1",
        cause_id=None,
        instance_id="node-1",
        message="It ended.",
    )


async def test_newest_first_even_when_the_clock_goes_back(events: EventRepository, clock: StillClock) -> None:
    """Their order is that in which they were written."""
    await events.record(GROUP, [an_event(EventName.CREATE), an_event(EventName.UPDATE)])
    clock.now = NOW - 100
    await events.record(GROUP, [an_event(EventName.DELETE)])

    assert [e.name for e in await _told(events)] == ["Cluster Delete", "Cluster Update", "Cluster Create"]


async def test_a_cause_is_the_newest_of_its_name(events: EventRepository) -> None:
    """What led to an event is found by name, among those of the same resource."""
    await events.record(GROUP, [an_event(EventName.NODE_DOWN)])
    await events.record(GROUP, [an_event(EventName.NODE_DOWN)])
    await events.record(replace(GROUP, id="group-2"), [an_event(EventName.NODE_DOWN)])

    await events.record(GROUP, [an_event(EventName.FAILOVER, cause=EventName.NODE_DOWN)])

    failover, _, down, _ = await _told(events)
    assert failover.cause_id == down.id


async def test_a_cause_may_be_of_the_same_change(events: EventRepository) -> None:
    """A death and the failover it leads to are often one commit."""
    await events.record(
        GROUP, [an_event(EventName.NODE_DOWN), an_event(EventName.FAILOVER, cause=EventName.NODE_DOWN)]
    )

    failover, down = await _told(events)
    assert failover.cause_id == down.id


async def test_a_cause_of_the_same_change_is_the_newest(events: EventRepository) -> None:
    """Of two deaths in one commit the failover names the later."""
    deaths = [an_event(EventName.NODE_DOWN, message=which) for which in ("first", "second")]
    await events.record(GROUP, [*deaths, an_event(EventName.FAILOVER, cause=EventName.NODE_DOWN)])

    failover, second, _ = await _told(events)
    assert (second.message, failover.cause_id) == ("second", second.id)


async def test_a_cause_that_is_not_on_record(events: EventRepository) -> None:
    """An event without a known cause is told all the same."""
    await events.record(GROUP, [an_event(EventName.FAILOVER, cause=EventName.NODE_DOWN)])

    (event,) = await _told(events)
    assert event.cause_id is None


async def test_events_are_looked_for(events: EventRepository, clock: StillClock) -> None:
    """By resource, by name and by time, both ends included, and never another project's."""
    other = replace(GROUP, id="group-2")
    await events.record(GROUP, [an_event(EventName.CREATE)])
    clock.now = NOW + 10
    await events.record(other, [an_event(EventName.CREATE)])
    clock.now = NOW + 20
    await events.record(other, [an_event(EventName.DELETE)])
    await events.record(replace(GROUP, project_id="other"), [an_event(EventName.CREATE)])

    async def found(**conditions: object) -> list[tuple[str, float]]:
        page = await events.page(PROJECT, limit=9, **conditions)
        return [(event.resource_id, event.time - NOW) for event in page.rows]

    assert await found() == [("group-2", 20), ("group-2", 10), ("group-1", 0)]
    assert await found(resource_id="group-2") == [("group-2", 20), ("group-2", 10)]
    assert await found(name="Cluster Create") == [("group-2", 10), ("group-1", 0)]
    assert await found(since=NOW + 10) == [("group-2", 20), ("group-2", 10)]
    assert await found(until=NOW + 10) == [("group-2", 10), ("group-1", 0)]


@pytest.mark.parametrize(
    ("conditions", "found_by"),
    [
        ({}, "(project_id=?)"),
        ({"name": "none"}, "(project_id=? AND name=?)"),
        ({"resource_id": "none"}, "(resource_id=?)"),
        ({"resource_id": "none", "name": "none"}, "(resource_id=? AND name=?)"),
    ],
)
async def test_a_page_is_found_without_reading_all_events(
    database: Database, events: EventRepository, conditions: dict[str, str], found_by: str
) -> None:
    """An index leads to the newest that fit, and says at once when there are none."""
    asked = _asked(database._reading)  # noqa: SLF001 - what SQLite is asked

    await events.page(PROJECT, limit=9, **conditions)

    assert await _plan(database, asked[-1]) == [found_by]


async def test_a_cause_is_found_without_reading_all_events(
    database: Database, events: EventRepository
) -> None:
    """Nor does looking for a cause that is not there, in the writer that failovers wait for."""
    asked = _asked(database._writing)  # noqa: SLF001 - what SQLite is asked

    await events.record(GROUP, [an_event(EventName.FAILOVER, cause=EventName.NODE_DOWN)])

    [search] = [it for it in asked if it[0].startswith("SELECT")]
    assert await _plan(database, search) == ["(resource_id=? AND name=?)"]


def _asked(engine: Engine) -> list[tuple[str, Any]]:
    """Every statement from now on, with what is put into it."""
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def keep(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401 - the driver's
        asked.append((statement, values))

    return asked


async def _plan(database: Database, asked: tuple[str, Any]) -> list[str]:
    """What each step of SQLite's plan for this has an index look for."""
    statement, values = asked

    def explain(connection: Connection) -> list[str]:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [step.detail[step.detail.find("(") :] for step in steps]

    return await database.read(explain)


async def test_pages_go_through_all_events(events: EventRepository) -> None:
    """Each event is on exactly one page, also when newer ones come in between."""
    await events.record(GROUP, [an_event(message=str(number)) for number in range(5)])

    first = await events.page(PROJECT, limit=2)
    await events.record(GROUP, [an_event(message="late")])
    second = await events.page(PROJECT, limit=2, marker=first.next)
    third = await events.page(PROJECT, limit=2, marker=second.next)

    assert [e.message for e in (*first.rows, *second.rows, *third.rows)] == ["4", "3", "2", "1", "0"]
    assert third.next is None


async def test_a_marker_of_another_project_is_unknown(events: EventRepository) -> None:
    """Nobody learns by a marker that another project's event exists."""
    await events.record(GROUP, [an_event()])
    (event,) = await _told(events)

    with pytest.raises(MarkerUnknown):
        await events.page("other", limit=1, marker=event.id)
