"""The repository of parameter groups: versions, names, and sets that have one."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from samples import IDENTITIES, NOW, PROJECT, a_set, an_event
from sqlalchemy import select

from clocks import StillClock
from memstored.domain.model import InstanceSet, Setting
from memstored.domain.parameter_group import ParameterGroup
from memstored.domain.words import EventName, GroupId, SetState
from memstored.store import tables
from memstored.store.database import Database
from memstored.store.errors import GroupInUse, NameTaken, QuotaExceeded, Stale
from memstored.store.events import EventRepository
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.sets import SetRepository

MANY = 100
TIMEOUT = (Setting(name="timeout", value="300"),)


@pytest.fixture
def groups(database: Database, clock: StillClock) -> ParameterGroupRepository:
    """The repository of parameter groups."""
    return ParameterGroupRepository(database, clock)


def _group(**changes: object) -> ParameterGroup:
    group = ParameterGroup(
        id=GroupId(str(uuid4())),
        project_id=PROJECT,
        name="sessions",
        description="for sessions",
        family="7.0",
        base_id="the default one",
        version=1,
        settings=(),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(group, **changes)  # type: ignore[arg-type]


async def _kept(groups: ParameterGroupRepository, **changes: object) -> ParameterGroup:
    group = _group(**changes)
    await groups.add(group, quota=MANY)
    return group


def _next(group: ParameterGroup, *settings: Setting) -> ParameterGroup:
    return replace(group, version=group.version + 1, settings=settings, updated_at=group.updated_at + 1)


async def _kept_set(sets: SetRepository, group: ParameterGroup) -> InstanceSet:
    return await sets.add(a_set(parameter_group_id=group.id), IDENTITIES, node_quota=MANY)


@pytest.mark.parametrize("settings", [(), TIMEOUT, (Setting(name="maxmemory", value="50%"), *TIMEOUT)])
async def test_a_group_is_kept_exactly(
    groups: ParameterGroupRepository, settings: tuple[Setting, ...]
) -> None:
    """What is loaded is what was recorded."""
    group = await _kept(groups, settings=settings, description=None)

    assert await groups.load(group.id) == group
    assert await groups.load("another") is None


async def test_groups_are_listed_by_project(groups: ParameterGroupRepository) -> None:
    """The oldest first; all of them for the one who applies them."""
    new = await _kept(groups, name="new", created_at=NOW + 5)
    old = await _kept(groups, name="old")
    foreign = await _kept(groups, project_id="another", created_at=NOW + 9)

    assert await groups.of_project(PROJECT) == [old, new]
    assert await groups.load_all() == [old, new, foreign]
    assert await groups.count(PROJECT) == 2


async def test_the_values_before_are_kept(groups: ParameterGroupRepository) -> None:
    """Those of one version, for a rollback; older ones are not, so a group does not grow with its changes."""
    first = await _kept(groups)
    second = _next(first, *TIMEOUT)
    third = _next(second)
    before = [await groups.settings_before(first)]
    await groups.commit(first, second)
    before.append(await groups.settings_before(second))
    await groups.commit(second, third)
    before.append(await groups.settings_before(third))

    assert before == [None, (), TIMEOUT]
    assert await groups.load(first.id) == third


async def test_versions_that_nobody_reaches_are_dropped(
    groups: ParameterGroupRepository, database: Database
) -> None:
    """The present one and the one before stay."""
    group = await _kept(groups)
    for _ in range(5):
        after = _next(group, *TIMEOUT)
        await groups.commit(group, after)
        group = after

    table = tables.parameter_group_versions
    kept = await database.read(lambda c: c.execute(select(table.c.version)).scalars().all())
    assert sorted(kept) == [5, 6]


async def test_a_description_makes_no_version(groups: ParameterGroupRepository) -> None:
    """The values before stay those before."""
    first = await _kept(groups)
    second = _next(first, *TIMEOUT)
    await groups.commit(first, second)

    renamed = replace(second, description=None, updated_at=NOW + 9)
    await groups.commit(second, renamed)

    assert await groups.load(first.id) == renamed
    assert await groups.settings_before(renamed) == ()


async def test_only_one_changes_a_version(groups: ParameterGroupRepository, events: EventRepository) -> None:
    """What was changed since it was read is not changed, and not removed, and nothing tells that it was."""
    first = await _kept(groups)
    second = _next(first, *TIMEOUT)
    await groups.commit(first, second)

    with pytest.raises(Stale):
        await groups.remove(first, [an_event(EventName.GROUP_DELETE)])
    with pytest.raises(Stale):
        await groups.commit(first, _next(first), [an_event(EventName.PARAMETERS_UPDATE)])

    assert await groups.load(first.id) == second
    assert (await events.page(PROJECT, limit=MANY)).rows == ()


async def test_a_changed_description_counts_as_well(groups: ParameterGroupRepository) -> None:
    """Of two who change a group at once the second reads it again, whatever the first changed."""
    first = await _kept(groups)
    await groups.commit(first, replace(first, description="new", updated_at=NOW + 1))

    with pytest.raises(Stale):
        await groups.commit(first, _next(first, *TIMEOUT))


async def test_what_is_gone_is_not_changed(groups: ParameterGroupRepository) -> None:
    """A removal leaves nothing, and can not be repeated."""
    group = await _kept(groups)
    await groups.remove(group)

    with pytest.raises(Stale):
        await groups.commit(group, _next(group))
    with pytest.raises(Stale):
        await groups.remove(group)
    assert await groups.settings_before(_next(group)) is None


async def test_a_name_is_used_once_in_a_project(groups: ParameterGroupRepository) -> None:
    """Until it is free again; another project has its own names."""
    group = await _kept(groups)
    await _kept(groups, project_id="another")

    with pytest.raises(NameTaken):
        await _kept(groups)
    await groups.remove(group)

    assert (await _kept(groups)).name == group.name


async def test_a_project_has_room_for_so_many(groups: ParameterGroupRepository) -> None:
    """The refusal tells how many, and comes before that of the name."""
    await _kept(groups, name="one")
    await _kept(groups, project_id="another")
    await groups.add(_group(name="two"), quota=2)

    with pytest.raises(QuotaExceeded) as refusal:
        await groups.add(_group(name="one"), quota=2)

    assert (refusal.value.limit, refusal.value.used) == (2, 2)


async def test_events_are_written_with_the_change(
    groups: ParameterGroupRepository, events: EventRepository, clock: StillClock
) -> None:
    """All of them are about the group, and stay when it is gone."""
    group = _group()
    await groups.add(group, [an_event(EventName.GROUP_CREATE)], quota=MANY)
    after = _next(group, *TIMEOUT)
    await groups.commit(group, after, [an_event(EventName.PARAMETERS_UPDATE)])
    await groups.record(after, [an_event(EventName.GROUP_APPLY_COMPLETE)])
    await groups.remove(after, [an_event(EventName.GROUP_DELETE)])

    told = (await events.page(PROJECT, limit=MANY)).rows
    assert [event.name for event in reversed(told)] == [
        "Parameter Group Create",
        "Parameters Update",
        "Parameter Group Apply Complete",
        "Parameter Group Delete",
    ]
    assert {(e.resource_type, e.resource_id, e.resource_name) for e in told} == {
        ("parameter-group", group.id, "sessions")
    }


# Sets that have a group


async def test_a_group_that_a_set_has_stays(groups: ParameterGroupRepository, sets: SetRepository) -> None:
    """Until the set is gone or has another one."""
    group = await _kept(groups)
    linked = await _kept_set(sets, group)

    with pytest.raises(GroupInUse):
        await groups.remove(group)
    await sets.commit(linked, replace(linked, status=SetState.TERMINATED))
    await groups.remove(group)

    assert await groups.load(group.id) is None


async def test_a_set_does_not_get_a_group_that_is_gone(
    groups: ParameterGroupRepository, sets: SetRepository
) -> None:
    """Neither when it is made nor later, and nothing of that is recorded."""
    group, other = await _kept(groups), await _kept(groups, name="other")
    present = await _kept_set(sets, other)
    await groups.remove(group)

    with pytest.raises(Stale):
        await sets.add(
            a_set(name="fresh", parameter_group_id=group.id),
            IDENTITIES,
            node_quota=MANY,
            further=[groups.linked(group)],
        )
    after = replace(present, parameter_group_id=group.id)
    with pytest.raises(Stale):
        await sets.commit(present, after, further=[groups.linked(group)])

    assert await sets.load_all() == [present]


async def test_a_set_does_not_get_a_group_that_was_changed_since(
    groups: ParameterGroupRepository, sets: SetRepository
) -> None:
    """Its new values were not judged for that set, so the caller must read and judge them first."""
    group = await _kept(groups)
    present = await _kept_set(sets, await _kept(groups, name="other"))
    await groups.commit(group, _next(group, *TIMEOUT))
    after = replace(present, parameter_group_id=group.id)

    with pytest.raises(Stale):
        await sets.commit(present, after, further=[groups.linked(group)])

    assert await sets.load_all() == [present]


async def test_a_link_and_a_removal_at_once(groups: ParameterGroupRepository, sets: SetRepository) -> None:
    """However the two meet, no set is left with a group that is not there."""
    for number in range(20):
        group = await _kept(groups, name=f"group-{number}")
        fresh = a_set(name=f"set-{number}", parameter_group_id=group.id)
        link = sets.add(fresh, IDENTITIES, node_quota=MANY, further=[groups.linked(group)])
        both = [link, groups.remove(group)]

        outcomes = await asyncio.gather(*(both if number % 2 else reversed(both)), return_exceptions=True)

        assert sum(isinstance(outcome, Stale | GroupInUse) for outcome in outcomes) == 1
        there = await groups.load(group.id) is not None
        assert (await sets.load(fresh.id) is not None) == there
