"""The repository of sets: what is kept, what is refused, and what a race comes to."""

import asyncio
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import (
    IDENTITIES,
    NOW,
    PROJECT,
    a_node,
    a_set,
    an_event,
    an_operation,
    instance_sets,
)
from sqlalchemy import delete, func, select, text, update

from clocks import StillClock
from memstored.domain.model import InstanceSet
from memstored.domain.words import EventName, NodeState, OperationState, SetId, SetState
from memstored.store import tables
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.errors import (
    MarkerUnknown,
    NameTaken,
    NoSuchSet,
    QuotaExceeded,
    Stale,
    StoreTrouble,
    WrongKey,
)
from memstored.store.events import EventRepository
from memstored.store.sets import SetRepository

AMPLE = 1000


async def _rows(database: Database) -> dict[str, int]:
    """How many rows each table has that belongs to sets."""
    ours = (
        tables.instance_sets,
        tables.nodes,
        tables.lineages,
        tables.operations,
        tables.set_secrets,
    )
    return {
        table.name: await database.read(
            lambda c, t=table: c.execute(select(func.count()).select_from(t)).scalar_one()
        )
        for table in ours
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(first=instance_sets, second=instance_sets, stays=st.integers(0, 4))
async def test_any_set_is_kept_exactly(
    database: Database,
    clock: StillClock,
    cipher: Cipher,
    first: InstanceSet,
    second: InstanceSet,
    stays: int,
) -> None:
    """Whatever a set is and whatever becomes of it, what is loaded is what was recorded."""
    # Of one repository no two sets have the same id, of chance they may.
    sets = SetRepository(database, clock, cipher)
    await database.write(lambda c: c.execute(delete(tables.instance_sets)))
    kept = await sets.add(first, IDENTITIES, node_quota=AMPLE)
    assert kept == replace(first, revision=1)
    assert await sets.load(first.id) == kept

    wanted = _grown_into(kept, second, stays)
    changed = await sets.commit(kept, wanted)

    assert changed == replace(wanted, revision=2)
    assert await sets.load(first.id) == changed


def _grown_into(before: InstanceSet, other: InstanceSet, stays: int) -> InstanceSet:
    """`other` with the id of `before` and some of its nodes, changed."""
    staying = [replace(node, status=NodeState.WARNING) for node in before.nodes[:stays]]
    known = {node.id for node in staying}
    new = [replace(node, number=node.number + 10) for node in other.nodes if node.id not in known]
    return replace(other, id=before.id, project_id=before.project_id).with_nodes([*staying, *new])


async def test_loading_what_is_not_there(sets: SetRepository) -> None:
    """An unknown id is no set."""
    assert await sets.load("none") is None


async def test_all_sets_are_loaded_oldest_first(sets: SetRepository) -> None:
    """The control loop finds every set of every project."""
    young = await sets.add(a_set("young", created_at=NOW + 9), IDENTITIES, node_quota=AMPLE)
    old = await sets.add(a_set("old", project_id="other"), IDENTITIES, node_quota=AMPLE)

    assert await sets.load_all() == [old, young]


async def test_a_change_made_from_an_old_state_is_refused(sets: SetRepository) -> None:
    """Of two that read the same state only the first records; the other learns it (S7)."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    changed = await sets.commit(kept, replace(kept, description="first"))

    with pytest.raises(Stale):
        await sets.commit(kept, replace(kept, description="second"), [an_event()])

    assert await sets.load(kept.id) == changed


async def test_a_change_of_primary_is_recorded_before_what_can_wait(
    database: Database, sets: SetRepository, events: EventRepository
) -> None:
    """Fifty sets may be written at once: a failover that needs the store does not queue up behind them."""
    failing = await sets.add(a_set("failing", opened=True), IDENTITIES, node_quota=AMPLE)
    others = [await sets.add(a_set(f"other-{n}"), IDENTITIES, node_quota=AMPLE) for n in range(3)]
    assert failing.lineage is not None
    promoted = replace(failing, lineage=replace(failing.lineage, epoch=2))
    under_way, go_on = threading.Event(), threading.Event()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(database.write(lambda _: under_way.set() or go_on.wait(10)))
        await asyncio.to_thread(under_way.wait, 10)
        for other in others:
            tasks.create_task(sets.commit(other, replace(other, description="changed"), [an_event()]))
        tasks.create_task(sets.commit(failing, promoted, [an_event(EventName.FAILOVER)]))
        await asyncio.sleep(0)
        go_on.set()

    told = await events.page(PROJECT, limit=10, marker=None)
    assert [event.resource_name for event in told.rows][-1] == "failing"


async def test_a_refused_change_leaves_no_event(sets: SetRepository, events: EventRepository) -> None:
    """What did not happen is not told."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    await sets.commit(kept, replace(kept, description="first"))

    with pytest.raises(Stale):
        await sets.commit(kept, replace(kept, description="second"), [an_event()])

    assert (await events.page(PROJECT, limit=10)).rows == ()


async def test_only_one_of_many_at_once_records(sets: SetRepository) -> None:
    """However many race from the same state, the revision rises by one."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    attempts = (sets.commit(kept, replace(kept, description=str(number))) for number in range(8))

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 7
    assert [o.revision for o in outcomes if isinstance(o, InstanceSet)] == [2]


async def test_a_removed_set_can_not_be_changed(sets: SetRepository) -> None:
    """A change that comes after the end does not bring a set back."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    await sets.commit(kept, replace(kept, status=SetState.TERMINATED))

    with pytest.raises(Stale):
        await sets.commit(kept, replace(kept, description="late"))

    assert await sets.load(kept.id) is None


async def test_a_terminated_set_leaves_only_its_events(
    database: Database, sets: SetRepository, events: EventRepository
) -> None:
    """Set, nodes, lineage, operations and secrets go; what happened stays on record."""
    before = a_set(operation=an_operation())
    kept = await sets.add(before, IDENTITIES, [an_event(EventName.CREATE)], node_quota=AMPLE)

    await sets.commit(kept, replace(kept, status=SetState.TERMINATED), [an_event(EventName.DELETE_COMPLETE)])

    assert set((await _rows(database)).values()) == {0}
    told = (await events.page(PROJECT, limit=10)).rows
    assert [event.name for event in told] == ["Cluster Delete Complete", "Cluster Create"]


async def test_a_name_is_used_once_in_a_project(sets: SetRepository) -> None:
    """A second set of the name is refused, whatever state the first is in."""
    await sets.add(a_set("orders", status=SetState.TERMINATING), IDENTITIES, node_quota=AMPLE)

    with pytest.raises(NameTaken):
        await sets.add(a_set("orders"), IDENTITIES, node_quota=AMPLE)


async def test_another_project_may_use_the_name(sets: SetRepository) -> None:
    """Names are a matter of each project."""
    await sets.add(a_set("orders"), IDENTITIES, node_quota=AMPLE)

    other = await sets.add(a_set("orders", project_id="other"), IDENTITIES, node_quota=AMPLE)

    assert await sets.load(other.id) == other


async def test_a_name_is_free_again_after_the_end(sets: SetRepository) -> None:
    """A set holds its name until it is terminated."""
    kept = await sets.add(a_set("orders"), IDENTITIES, node_quota=AMPLE)
    await sets.commit(kept, replace(kept, status=SetState.TERMINATED))

    again = await sets.add(a_set("orders"), IDENTITIES, node_quota=AMPLE)

    assert await sets.load(again.id) == again


async def test_one_of_two_sets_of_a_name_at_once_wins(sets: SetRepository) -> None:
    """The name is checked in the transaction that takes it."""
    attempts = [sets.add(a_set("orders"), IDENTITIES, node_quota=AMPLE) for _ in range(2)]

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InstanceSet", "NameTaken"]


async def test_secrets_are_kept_sealed(database: Database, sets: SetRepository) -> None:
    """The service's own users come back whole, and the database does not show their secrets."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)

    (sealed,) = await database.read(
        lambda c: c.execute(text("SELECT sealed FROM set_secrets")).scalars().all()
    )

    assert await sets.identities(kept.id) == IDENTITIES
    assert "secret" not in sealed


async def test_identities_of_a_set_that_is_gone(sets: SetRepository) -> None:
    """There is nothing to log in with at a set that is not there."""
    with pytest.raises(NoSuchSet):
        await sets.identities(a_set().id)


async def test_a_wrong_key_is_noticed(database: Database, sets: SetRepository, clock: StillClock) -> None:
    """A service started with another key stops before it makes sets that the first could not read."""
    await sets.check_key()
    await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    await sets.check_key()
    stranger = SetRepository(database, clock, Cipher("A" * 43 + "="))

    with pytest.raises(WrongKey):
        await stranger.check_key()


async def test_one_damaged_secret_is_not_a_wrong_key(database: Database, sets: SetRepository) -> None:
    """The key is right as long as it opens any secret; the damaged one is the trouble of its own set."""
    sound = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    damaged = await sets.add(a_set("damaged"), IDENTITIES, node_quota=AMPLE)
    secrets = tables.set_secrets
    cut = update(secrets).where(secrets.c.set_id == damaged.id).values(sealed="cut")
    await database.write(lambda connection: connection.execute(cut).rowcount)

    await sets.check_key()

    assert await sets.identities(sound.id) == IDENTITIES
    with pytest.raises(WrongKey):
        await sets.identities(damaged.id)


async def test_pages_go_through_all_sets_in_order(sets: SetRepository) -> None:
    """Each set is on exactly one page, the oldest first, sets of one moment by id."""
    made = [a_set(f"set-{n}", created_at=NOW + n // 2) for n in range(5)]
    kept = [await sets.add(one, IDENTITIES, node_quota=AMPLE) for one in made]
    await sets.add(a_set("other", project_id="other"), IDENTITIES, node_quota=AMPLE)

    first = await sets.page(PROJECT, limit=2)
    second = await sets.page(PROJECT, limit=2, marker=first.next)
    third = await sets.page(PROJECT, limit=2, marker=second.next)

    expected = sorted(kept, key=lambda one: (one.created_at, one.id))
    assert [*first.rows, *second.rows, *third.rows] == expected
    assert third.next is None


async def test_a_last_page_that_is_full_has_no_next(sets: SetRepository) -> None:
    """Nobody is sent on to an empty page."""
    await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)

    assert (await sets.page(PROJECT, limit=1)).next is None


async def test_a_marker_outlives_its_set(sets: SetRepository) -> None:
    """Paging goes on where it was when the last set of a page is deleted meanwhile."""
    kept = [
        await sets.add(a_set(f"set-{n}", created_at=NOW + n), IDENTITIES, node_quota=AMPLE) for n in range(2)
    ]
    first = await sets.page(PROJECT, limit=1)
    await sets.commit(kept[0], replace(kept[0], status=SetState.TERMINATED))

    assert (await sets.page(PROJECT, limit=1, marker=first.next)).rows == (kept[1],)


async def test_an_unknown_marker_is_refused(sets: SetRepository) -> None:
    """A marker that no page gave is an error, not the first page again."""
    with pytest.raises(MarkerUnknown):
        await sets.page(PROJECT, limit=1, marker="nonsense")


async def test_a_page_of_a_name_or_a_state(sets: SetRepository) -> None:
    """Sets can be looked for by exact name and by state."""
    calm = await sets.add(a_set("calm"), IDENTITIES, node_quota=AMPLE)
    ill = await sets.add(a_set("ill", status=SetState.WARNING), IDENTITIES, node_quota=AMPLE)

    assert (await sets.page(PROJECT, name="calm", limit=9)).rows == (calm,)
    assert (await sets.page(PROJECT, status=SetState.WARNING, limit=9)).rows == (ill,)
    assert (await sets.page(PROJECT, name="calm", status=SetState.WARNING, limit=9)).rows == ()


async def test_an_operation_that_ended_is_filed(sets: SetRepository) -> None:
    """The set has none any more; its history shows how it ended."""
    kept = await sets.add(a_set(operation=an_operation()), IDENTITIES, node_quota=AMPLE)
    assert kept.operation is not None
    ended = kept.operation.ended(NOW + 1, "no such luck")

    changed = await sets.commit(kept, replace(kept, operation=ended))

    assert changed.operation is None
    assert await sets.load(kept.id) == changed
    assert (await sets.last_operations(kept.id, limit=9)).rows == (ended,)


async def test_an_operation_that_is_no_longer_named_ended_well(sets: SetRepository) -> None:
    """An operation never vanishes and never stays open for ever."""
    kept = await sets.add(a_set(operation=an_operation()), IDENTITIES, node_quota=AMPLE)

    await sets.commit(kept, replace(kept, operation=None, updated_at=NOW + 1))

    (filed,) = (await sets.last_operations(kept.id, limit=9)).rows
    assert (filed.state, filed.finished_at) == (OperationState.SUCCEEDED, NOW + 1)


async def test_an_operation_that_another_replaced_says_so(sets: SetRepository) -> None:
    """A deletion takes the place of whatever was under way."""
    kept = await sets.add(a_set(operation=an_operation()), IDENTITIES, node_quota=AMPLE)
    other = an_operation()

    changed = await sets.commit(kept, replace(kept, operation=other))

    assert changed.operation == other
    latest, former = (await sets.last_operations(kept.id, limit=9)).rows
    assert latest == other
    assert (former.state, former.error) == (OperationState.FAILED, "replaced by modify")


async def test_operations_are_paged_latest_first(sets: SetRepository) -> None:
    """Their order is that of their beginning, even when all began in one moment."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    begun = [an_operation() for _ in range(3)]
    for operation in begun:
        kept = await sets.commit(kept, replace(kept, operation=operation))
        kept = await sets.commit(kept, replace(kept, operation=operation.ended(NOW)))

    first = await sets.last_operations(kept.id, limit=2)
    second = await sets.last_operations(kept.id, limit=2, marker=first.next)

    assert [o.id for o in (*first.rows, *second.rows)] == [o.id for o in reversed(begun)]
    assert second.next is None


async def test_operations_after_an_unknown_marker(sets: SetRepository) -> None:
    """A marker that no page gave is an error."""
    with pytest.raises(MarkerUnknown):
        await sets.last_operations(a_set().id, limit=1, marker="nonsense")


async def test_the_quota_counts_what_was_asked_for(sets: SetRepository) -> None:
    """Three nodes of five leave room for two, not for three."""
    await sets.add(a_set("first", nodes=3), IDENTITIES, node_quota=5)

    with pytest.raises(QuotaExceeded) as refused:
        await sets.add(a_set("second", nodes=3), IDENTITIES, node_quota=5)

    assert (refused.value.limit, refused.value.used) == (5, 3)
    await sets.add(a_set("second", nodes=2), IDENTITIES, node_quota=5)
    assert await sets.nodes_used(PROJECT) == 5


async def test_the_quota_is_told_before_the_name(sets: SetRepository) -> None:
    """A request that breaks both learns of the quota first (API.md 1, order of checks)."""
    await sets.add(a_set("orders"), IDENTITIES, node_quota=3)

    with pytest.raises(QuotaExceeded):
        await sets.add(a_set("orders"), IDENTITIES, node_quota=3)


async def test_two_sets_at_once_do_not_pass_the_quota_together(sets: SetRepository) -> None:
    """The quota is checked in the transaction that uses it up."""
    attempts = (sets.add(a_set(f"set-{n}", nodes=3), IDENTITIES, node_quota=7) for n in range(4))

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 2
    assert await sets.nodes_used(PROJECT) == 6


async def test_a_set_may_not_grow_past_the_quota(sets: SetRepository) -> None:
    """One more node is refused when the project has all it may have; nothing is recorded."""
    kept = await sets.add(a_set(nodes=2), IDENTITIES, node_quota=2)
    grown = replace(kept, replicas=3).with_nodes([*kept.nodes, a_node(3)])

    with pytest.raises(QuotaExceeded):
        await sets.commit(kept, grown, node_quota=2)

    assert await sets.load(kept.id) == kept


async def test_a_set_may_grow_up_to_the_quota(sets: SetRepository) -> None:
    """What a set has already is not counted twice."""
    kept = await sets.add(a_set(nodes=2), IDENTITIES, node_quota=3)
    grown = replace(kept, replicas=3).with_nodes([*kept.nodes, a_node(3)])

    changed = await sets.commit(kept, grown, node_quota=3)

    assert await sets.load(kept.id) == changed


async def test_a_quota_that_was_lowered_takes_nothing_away(sets: SetRepository) -> None:
    """A change that does not grow is recorded although the project has too much."""
    kept = await sets.add(a_set(nodes=3), IDENTITIES, node_quota=3)

    changed = await sets.commit(kept, replace(kept, description="calm"), node_quota=1)

    assert await sets.load(kept.id) == changed


async def test_a_stale_change_is_stale_before_it_is_too_much(sets: SetRepository) -> None:
    """Whoever decided on an old state decides anew before hearing of quotas."""
    kept = await sets.add(a_set(nodes=2), IDENTITIES, node_quota=2)
    await sets.commit(kept, replace(kept, description="first"))

    with pytest.raises(Stale):
        await sets.commit(kept, replace(kept, replicas=3), node_quota=2)


async def test_only_what_differs_is_written(database: Database, sets: SetRepository) -> None:
    """A change of one node's state leaves its other columns and the other nodes alone."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    await database.write(lambda c: c.execute(text("UPDATE nodes SET run_id = 'untouched'")))

    await sets.commit(kept, kept.with_node(replace(kept.nodes[0], status=NodeState.FAILED)))

    loaded = await sets.load(kept.id)
    assert loaded is not None
    assert [(n.status, n.run_id) for n in loaded.nodes] == [
        (NodeState.FAILED, "untouched"),
        (NodeState.RUNNING, "untouched"),
        (NodeState.RUNNING, "untouched"),
    ]


async def test_trouble_while_writing_is_told_in_words(database: Database, sets: SetRepository) -> None:
    """Callers meet the store's own exceptions and never SQLAlchemy's."""
    kept = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    await database.write(lambda c: c.execute(text("DROP TABLE lineages")))

    with pytest.raises(StoreTrouble):
        await sets.load(kept.id)


async def test_what_is_written_is_told(sets: SetRepository) -> None:
    """A new set and every change of it, as it was recorded, to who observes; not what was before that."""
    told: list[InstanceSet] = []
    first = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    sets.observe(told.append)

    second = await sets.commit(first, replace(first, description="changed"))
    gone = await sets.commit(second, replace(second, status=SetState.TERMINATED))

    assert told == [second, gone]


async def test_what_is_not_recorded_is_not_told(sets: SetRepository) -> None:
    """Neither a change that came too late nor a name that is in use."""
    told: list[InstanceSet] = []
    first = await sets.add(a_set(), IDENTITIES, node_quota=AMPLE)
    await sets.commit(first, replace(first, description="changed"))
    sets.observe(told.append)

    with pytest.raises(Stale):
        await sets.commit(first, replace(first, description="too late"))
    with pytest.raises(NameTaken):
        await sets.add(replace(first, id=SetId("another")), IDENTITIES, node_quota=AMPLE)

    assert told == []
