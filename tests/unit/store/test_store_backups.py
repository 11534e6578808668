"""The repository of backups: what is kept, what is refused, and what changes with a set."""

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from samples import (
    IDENTITIES,
    NOW,
    PROJECT,
    a_backup,
    a_set,
    a_use,
    an_event,
    saved_backups,
)
from sqlalchemy import delete, func, select, text

from clocks import StillClock
from memstored.domain.backup import Backup
from memstored.domain.model import InstanceSet
from memstored.domain.words import BackupState, BackupType, EventName, Outcome, SetId, SetState, UseKind
from memstored.store import tables
from memstored.store.backups import BackupRepository
from memstored.store.database import Database
from memstored.store.errors import (
    BackupUnderWay,
    MarkerUnknown,
    NameTaken,
    QuotaExceeded,
    Stale,
    StoreTrouble,
)
from memstored.store.events import Event, EventRepository
from memstored.store.sets import SetRepository

PENDING, CREATING, ERROR = BackupState.PENDING, BackupState.CREATING, BackupState.ERROR
DONE = (BackupState.AVAILABLE, BackupState.ERROR, BackupState.DELETING)


async def _told(events: EventRepository) -> list[Event]:
    return list((await events.page(PROJECT, limit=100)).rows)


async def _kept(backups: BackupRepository, backup: Backup) -> Backup:
    await backups.add(backup)
    return backup


async def _kept_set(sets: SetRepository, **changes: object) -> InstanceSet:
    return await sets.add(a_set(**changes), IDENTITIES, node_quota=100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(first=saved_backups, second=saved_backups)
async def test_any_backup_is_kept_exactly(
    database: Database, clock: StillClock, sets: SetRepository, first: Backup, second: Backup
) -> None:
    """Whatever a backup is and whatever becomes of it, what is loaded is what was recorded."""
    backups = BackupRepository(database, clock, sets)
    await database.write(lambda c: c.execute(delete(tables.backups)))
    await backups.add(first)
    assert await backups.load(first.id) == first

    wanted = replace(second, id=first.id, project_id=first.project_id)
    await backups.update(first, wanted)

    assert await backups.load(first.id) == wanted
    assert await backups.named(wanted.project_id, wanted.name) == wanted


async def test_loading_what_is_not_there(backups: BackupRepository) -> None:
    """An unknown id or name is no backup, and a name is a project's own."""
    kept = await _kept(backups, a_backup())

    assert await backups.load("none") is None
    assert await backups.named(PROJECT, "none") is None
    assert await backups.named("other", kept.name) is None


async def test_backups_are_listed_oldest_first(backups: BackupRepository) -> None:
    """All of them, those of a project, of one of its sets, of every set that had a name."""
    young = await _kept(backups, a_backup("young", created_at=NOW + 9, set_name="shop"))
    old = await _kept(backups, a_backup("old"))
    foreign = await _kept(backups, a_backup("foreign", project_id="other", created_at=NOW + 5))
    await backups.begin_use(a_use(foreign), project_id="other")

    assert [b.name for b in await backups.all()] == ["old", "foreign", "young"]
    assert await backups.of_project(PROJECT) == [old, young]
    assert await backups.of_project(PROJECT, set_id=old.set_id) == [old]
    assert await backups.of_project(PROJECT, set_name="shop") == [young]
    assert await backups.of_project(PROJECT, set_id=old.set_id, set_name="shop") == []


async def _names(backups: BackupRepository, **wanted: Any) -> list[str]:  # noqa: ANN401 - as `page` takes it
    return [it.name for it in (await backups.page(PROJECT, limit=100, **wanted)).rows]


async def test_pages_of_backups_join(backups: BackupRepository) -> None:
    """The newest first, each once, with its uses; also when the one that a page ended with is gone."""
    for number in range(5):
        # Two of one moment are told apart by their ids.
        await _kept(backups, a_backup(f"b-{number}", created_at=NOW + number // 2))
    use = a_use(await _kept(backups, a_backup("newest", created_at=NOW + 9)))
    await backups.begin_use(use, project_id=PROJECT)
    everything = await backups.page(PROJECT, limit=6)

    first = await backups.page(PROJECT, limit=2)
    await backups.remove(first.rows[1])
    second = await backups.page(PROJECT, limit=2, marker=first.next)
    third = await backups.page(PROJECT, limit=2, marker=second.next)

    assert [it.created_at - NOW for it in everything.rows] == [9, 2, 1, 1, 0, 0]
    assert [*first.rows, *second.rows, *third.rows] == list(everything.rows)
    assert first.rows[0].uses == (use,)
    assert (everything.next, third.next) == (None, None)
    with pytest.raises(MarkerUnknown):
        await backups.page(PROJECT, limit=2, marker="nonsense")


async def test_pages_are_of_what_is_wanted(backups: BackupRepository) -> None:
    """Of a set by id or name, of a kind, and of no other project."""
    shop = await _kept(backups, a_backup("shop", set_name="shop"))
    await _kept(backups, a_backup("daily", created_at=NOW + 1, type=BackupType.AUTOMATIC))
    await _kept(backups, a_backup("foreign", project_id="other"))

    assert await _names(backups) == ["daily", "shop"]
    assert await _names(backups, set_id=shop.set_id) == ["shop"]
    assert await _names(backups, set_name="shop") == ["shop"]
    assert await _names(backups, kind=BackupType.AUTOMATIC) == ["daily"]
    assert await _names(backups, set_name="shop", kind=BackupType.AUTOMATIC) == []


async def test_pages_are_of_states_as_they_are_seen(backups: BackupRepository) -> None:
    """The latest use of an available backup is its state, a verification none; by each it is found."""
    for state in (PENDING, CREATING, ERROR, BackupState.DELETING):
        await _kept(backups, a_backup(state.lower(), status=state))
    for number, kinds in enumerate(product((*UseKind, None), repeat=2)):
        used = await _kept(backups, a_backup(f"used-{number}"))
        for age, kind in enumerate(filter(None, kinds)):
            await backups.begin_use(a_use(used, kind, since=NOW + age), project_id=PROJECT)
    kept = await backups.of_project(PROJECT)

    found = {state: set(await _names(backups, states=[state])) for state in BackupState}

    assert found == {state: {it.name for it in kept if it.shown is state} for state in BackupState}
    assert all(found.values())
    assert set(await _names(backups, states=[PENDING, ERROR])) == found[PENDING] | found[ERROR]


async def test_the_lines_about_a_backup_are_written_with_it(
    backups: BackupRepository, events: EventRepository, clock: StillClock
) -> None:
    """They name the backup, its project and the time."""
    clock.now = NOW + 5

    await backups.add(backup := a_backup(), [an_event(EventName.BACKUP_CREATE, request_id="request-1")])

    (event,) = await _told(events)
    assert replace(event, id="") == Event(
        id="",
        name="Backup Create",
        time=NOW + 5,
        actor="memstored",
        project_id=PROJECT,
        resource_type="backup",
        resource_id=backup.id,
        resource_name="nightly",
        outcome=Outcome.SUCCESS,
        request_id="request-1",
        cause_id=None,
        instance_id=None,
        message="It was so.",
    )


@pytest.mark.parametrize("status", [PENDING, CREATING])
async def test_one_backup_of_a_set_at_a_time(
    backups: BackupRepository, events: EventRepository, status: BackupState
) -> None:
    """While one waits or is made there is no other, whoever wants it."""
    first = await _kept(backups, a_backup("first", status=status))

    with pytest.raises(BackupUnderWay):
        await backups.add(a_backup("second", set_id=first.set_id, status=PENDING), [an_event()])

    assert await backups.all() == [first]
    assert await _told(events) == []


@pytest.mark.parametrize("status", DONE)
async def test_a_backup_that_is_done_does_not_hold_up_the_next(
    backups: BackupRepository, status: BackupState
) -> None:
    """A set may have any number of backups."""
    first = await _kept(backups, a_backup("first", status=status))

    await backups.add(a_backup("second", set_id=first.set_id, status=PENDING))

    assert len(await backups.all()) == 2


async def test_a_copy_in_the_making_does_not_hold_up_the_set(backups: BackupRepository) -> None:
    """A copy is made of an object, not of the set."""
    first = await _kept(backups, a_backup("first"))
    copy = a_backup("copy", set_id=first.set_id, status=PENDING, copy_of=first.id)
    await backups.begin_use(a_use(first, UseKind.COPY), project_id=PROJECT, copy=copy)

    await backups.add(a_backup("second", set_id=first.set_id, status=PENDING))

    assert len(await backups.all()) == 3


async def test_a_name_is_given_once_in_a_project(backups: BackupRepository, events: EventRepository) -> None:
    """Also one whose backup failed; another project may have the same."""
    await backups.add(a_backup(status=ERROR))

    with pytest.raises(NameTaken):
        await backups.add(a_backup(), [an_event()])
    await backups.add(a_backup(project_id="other"))

    assert len(await backups.all()) == 2
    assert await _told(events) == []


async def test_of_two_at_once_one_is_kept(backups: BackupRepository) -> None:
    """However many are asked for at the same moment, of a set or under a name."""
    set_id = SetId("one set")
    same_set = (backups.add(a_backup(f"b{n}", set_id=set_id, status=PENDING)) for n in range(5))
    same_name = (backups.add(a_backup("same")) for _ in range(5))

    of_set = await asyncio.gather(*same_set, return_exceptions=True)
    of_name = await asyncio.gather(*same_name, return_exceptions=True)

    assert sum(isinstance(outcome, BackupUnderWay) for outcome in of_set) == 4
    assert sum(isinstance(outcome, NameTaken) for outcome in of_name) == 4
    assert len(await backups.all()) == 2


async def test_a_project_has_so_many_backups(backups: BackupRepository, events: EventRepository) -> None:
    """A copy is one more; another project has its own."""
    kept = await _kept(backups, a_backup("one"))
    await backups.add(a_backup(project_id="other"), quota=1)
    copy = a_backup("copy", status=PENDING, copy_of=kept.id)

    with pytest.raises(QuotaExceeded) as refusal:
        await backups.add(a_backup("two"), [an_event()], quota=1)
    with pytest.raises(QuotaExceeded):
        await backups.begin_use(
            a_use(kept, UseKind.COPY), project_id=PROJECT, copy=copy, events=[an_event()], quota=1
        )
    await backups.begin_use(a_use(kept, UseKind.EXPORT), project_id=PROJECT, quota=1)
    await backups.add(a_backup("two"), quota=2)

    assert (refusal.value.limit, refusal.value.used) == (1, 1)
    assert {b.name: len(b.uses) for b in await backups.of_project(PROJECT)} == {"one": 1, "two": 0}
    assert await _told(events) == []


async def test_what_goes_by_itself_does_not_count(backups: BackupRepository) -> None:
    """What is being deleted still holds data; one by hand that failed stays until somebody deletes it."""
    for kind in BackupType:
        for status in BackupState:
            if status in (PENDING, CREATING, *DONE):
                await backups.add(a_backup(f"{kind}-{status}".lower(), type=kind, status=status))

    assert await backups.count(PROJECT) == 2 * 5 - 1


async def test_of_many_at_once_as_many_are_kept_as_there_is_room(backups: BackupRepository) -> None:
    """Who asks together does not get more."""
    asked = (backups.add(a_backup(f"b{n}"), quota=3) for n in range(8))

    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 5
    assert len(await backups.all()) == 3


async def test_a_change_from_another_state_is_refused(
    backups: BackupRepository, events: EventRepository
) -> None:
    """Whoever decided on a state that is over decides anew; nothing is told."""
    waiting = await _kept(backups, a_backup(status=PENDING))
    made = replace(waiting, status=CREATING)
    await backups.update(waiting, made)

    with pytest.raises(Stale):
        await backups.update(waiting, replace(waiting, status=ERROR), [an_event()])

    assert await backups.load(waiting.id) == made
    assert await _told(events) == []


async def test_only_what_differs_is_written(backups: BackupRepository) -> None:
    """A change leaves alone what somebody else wrote in the same state."""
    before = await _kept(backups, a_backup())
    await backups.update(before, replace(before, expires_at=NOW))

    await backups.update(before, replace(before, verified_at=NOW + 1))

    assert await backups.load(before.id) == replace(before, expires_at=NOW, verified_at=NOW + 1)


async def test_what_is_not_there_can_not_be_changed(backups: BackupRepository) -> None:
    """A change that comes after the end does not bring a backup back."""
    gone = a_backup()

    with pytest.raises(Stale):
        await backups.update(gone, replace(gone, size=1))
    with pytest.raises(Stale):
        await backups.remove(gone)
    with pytest.raises(Stale):
        await backups.begin_use(a_use(gone), project_id=PROJECT)

    assert await backups.all() == []


async def test_a_backup_begins_and_ends_with_its_set(
    backups: BackupRepository, sets: SetRepository, events: EventRepository
) -> None:
    """The set knows what is made of it exactly while it is made."""
    kept = await _kept_set(sets)
    waiting = await _kept(backups, a_backup(set_id=kept.id, status=PENDING))
    made, done = replace(waiting, status=CREATING), replace(waiting, status=BackupState.AVAILABLE)

    marked = await backups.begin(waiting, made, kept, replace(kept, backup=made.id))
    assert (await backups.load(made.id), await sets.load(kept.id)) == (made, marked)
    assert (marked.backup, marked.revision) == (made.id, kept.revision + 1)

    line = an_event(EventName.BACKUP_CREATE_COMPLETE)
    cleared = await backups.end(made, done, marked, replace(marked, backup=None), [line])
    assert (await backups.load(made.id), await sets.load(kept.id)) == (done, cleared)
    assert cleared.backup is None
    assert [(e.name, e.resource_id) for e in await _told(events)] == [("Backup Create Complete", made.id)]


async def test_a_backup_does_not_begin_when_its_set_changed(
    backups: BackupRepository, sets: SetRepository, events: EventRepository
) -> None:
    """What was checked of the set must still hold."""
    kept = await _kept_set(sets)
    waiting = await _kept(backups, a_backup(set_id=kept.id, status=PENDING))
    changed = await sets.commit(kept, replace(kept, description="changed"))

    with pytest.raises(Stale):
        await backups.begin(
            waiting, replace(waiting, status=CREATING), kept, replace(kept, backup=waiting.id), [an_event()]
        )

    assert (await backups.load(waiting.id), await sets.load(kept.id)) == (waiting, changed)
    assert await _told(events) == []


async def test_a_set_is_not_marked_when_its_backup_changed(
    backups: BackupRepository, sets: SetRepository
) -> None:
    """A backup that was given up meanwhile leaves the set as it is."""
    kept = await _kept_set(sets)
    waiting = await _kept(backups, a_backup(set_id=kept.id, status=PENDING))
    given_up = replace(waiting, status=ERROR, reason="It was given up.")
    await backups.update(waiting, given_up)

    with pytest.raises(Stale):
        await backups.begin(
            waiting, replace(waiting, status=CREATING), kept, replace(kept, backup=waiting.id)
        )

    assert (await backups.load(waiting.id), await sets.load(kept.id)) == (given_up, kept)


async def test_uses_come_in_the_order_they_began(backups: BackupRepository) -> None:
    """Several at once, each told of with the backup, and the latest is what is shown."""
    kept = await _kept(backups, a_backup())
    export = a_use(kept, UseKind.EXPORT, path="bucket/file", since=NOW + 2)
    restore = a_use(kept, holder="a set", since=NOW + 1)
    await backups.begin_use(export, project_id=PROJECT)
    await backups.begin_use(restore, project_id=PROJECT)

    used = await backups.load(kept.id)
    assert used == replace(kept, uses=(restore, export))
    assert used.shown is BackupState.EXPORTING

    await backups.end_use(export)
    await backups.end_use(export)
    assert await backups.all() == [replace(kept, uses=(restore,))]


async def test_what_a_use_came_to_is_told_with_its_end_and_once(
    backups: BackupRepository, events: EventRepository
) -> None:
    """Whoever takes it up again after its end tells nothing."""
    kept = await _kept(backups, a_backup())
    export = a_use(kept, UseKind.EXPORT, path="bucket/file")
    await backups.begin_use(export, project_id=PROJECT)

    await backups.end_use(export, [an_event()])
    await backups.end_use(export, [an_event()])

    assert [(e.name, e.resource_id) for e in await _told(events)] == [(an_event().name, kept.id)]


@pytest.mark.parametrize("status", [s for s in BackupState if s is not BackupState.AVAILABLE])
async def test_only_what_is_available_can_be_used(
    backups: BackupRepository, events: EventRepository, status: BackupState
) -> None:
    """There is no whole object before, and none to count on afterwards."""
    kept = await _kept(backups, a_backup(status=status))

    with pytest.raises(Stale):
        await backups.begin_use(a_use(kept), project_id=PROJECT, copy=a_backup("copy"), events=[an_event()])

    assert await backups.all() == [kept]
    assert await _told(events) == []


async def test_another_project_can_not_use_it(backups: BackupRepository) -> None:
    """A backup is its project's alone."""
    kept = await _kept(backups, a_backup())

    with pytest.raises(Stale):
        await backups.begin_use(a_use(kept), project_id="other")

    assert await backups.load(kept.id) == kept


async def test_a_copy_is_kept_with_the_use_of_its_source(
    backups: BackupRepository, events: EventRepository
) -> None:
    """Both or none; what is told is told of the copy."""
    kept = await _kept(backups, a_backup())
    copy = a_backup("copy", created_at=NOW + 1, status=PENDING, copy_of=kept.id)
    use = a_use(kept, UseKind.COPY, holder=copy.id)

    await backups.begin_use(use, project_id=PROJECT, copy=copy, events=[an_event(EventName.BACKUP_COPY)])

    assert await backups.all() == [replace(kept, uses=(use,)), copy]
    assert [(e.name, e.resource_id) for e in await _told(events)] == [("Backup Copy", copy.id)]


async def test_a_copy_of_a_used_name_leaves_nothing(
    backups: BackupRepository, events: EventRepository
) -> None:
    """Neither the copy nor a use of its source."""
    kept = await _kept(backups, a_backup())

    with pytest.raises(NameTaken):
        await backups.begin_use(a_use(kept), project_id=PROJECT, copy=a_backup(), events=[an_event()])

    assert await backups.all() == [kept]
    assert await _told(events) == []


async def test_a_use_without_a_copy_is_told_of_the_backup(
    backups: BackupRepository, events: EventRepository
) -> None:
    """An export is an event of what is exported."""
    kept = await _kept(backups, a_backup())

    await backups.begin_use(
        a_use(kept, UseKind.EXPORT), project_id=PROJECT, events=[an_event(EventName.BACKUP_EXPORT)]
    )

    assert [(e.name, e.resource_id) for e in await _told(events)] == [("Backup Export", kept.id)]


async def test_what_is_in_use_is_not_deleted(backups: BackupRepository, events: EventRepository) -> None:
    """Whoever restores, copies or exports it needs it to the end."""
    kept = await _kept(backups, a_backup())
    use = a_use(kept)
    await backups.begin_use(use, project_id=PROJECT)
    going = replace(kept, status=BackupState.DELETING)

    with pytest.raises(Stale):
        await backups.update(kept, going, [an_event()])
    assert await backups.load(kept.id) == replace(kept, uses=(use,))
    assert await _told(events) == []

    await backups.end_use(use)
    await backups.update(kept, going)
    assert await backups.load(kept.id) == going


async def test_a_backup_is_forgotten_with_its_uses(
    database: Database, backups: BackupRepository, events: EventRepository
) -> None:
    """Its name is free again; what happened stays told."""
    kept = await _kept(backups, a_backup())
    await backups.begin_use(a_use(kept), project_id=PROJECT)

    await backups.remove(kept, [an_event(EventName.BACKUP_DELETE_COMPLETE)])

    assert await backups.all() == []
    count = select(func.count()).select_from(tables.backup_uses)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 0
    assert [e.name for e in await _told(events)] == ["Backup Delete Complete"]
    await backups.add(a_backup())


async def test_what_came_back_is_not_forgotten(backups: BackupRepository) -> None:
    """Who removes a backup read it in the state that it is in."""
    kept = await _kept(backups, a_backup())

    with pytest.raises(Stale):
        await backups.remove(replace(kept, status=BackupState.DELETING))

    assert await backups.load(kept.id) == kept


async def test_a_set_that_begins_with_a_backup_uses_it(
    backups: BackupRepository, sets: SetRepository
) -> None:
    """The use and the set are kept together."""
    kept = await _kept(backups, a_backup())
    ordered = a_set()
    use = a_use(kept, holder=ordered.id)

    await sets.add(ordered, IDENTITIES, node_quota=9, further=[backups.used(use, project_id=PROJECT)])

    assert await backups.load(kept.id) == replace(kept, uses=(use,))
    assert await sets.load(ordered.id) is not None


async def test_a_set_is_not_kept_without_its_backup(
    backups: BackupRepository, sets: SetRepository, events: EventRepository
) -> None:
    """A backup that goes at this moment takes the order with it."""
    going = await _kept(backups, a_backup(status=BackupState.DELETING))
    ordered = a_set()

    with pytest.raises(Stale):
        await sets.add(
            ordered,
            IDENTITIES,
            [an_event()],
            node_quota=9,
            further=[backups.used(a_use(going), project_id=PROJECT)],
        )

    assert await sets.load(ordered.id) is None
    assert await _told(events) == []


async def test_backups_outlive_their_set(backups: BackupRepository, sets: SetRepository) -> None:
    """Their rows hold what is known of the set."""
    kept = await _kept_set(sets)
    backup = await _kept(backups, a_backup(set_id=kept.id, type=BackupType.AUTOMATIC))

    await sets.commit(kept, replace(kept, status=SetState.TERMINATED))

    assert await backups.load(backup.id) == backup


async def test_trouble_is_told_in_words(database: Database, backups: BackupRepository) -> None:
    """Callers meet the store's own exceptions and never SQLAlchemy's."""
    await database.write(lambda c: c.execute(text("DROP TABLE backup_uses")))

    with pytest.raises(StoreTrouble):
        await backups.all()
    with pytest.raises(StoreTrouble):
        await backups.end_use(a_use(a_backup()))
