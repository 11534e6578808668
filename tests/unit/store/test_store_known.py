"""Sets that were read before: never what is not stored any more."""

from dataclasses import replace

from samples import IDENTITIES, a_set

from clocks import StillClock
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.known import Known
from memstored.store.sets import SetRepository


def test_a_set_is_known_at_its_revision_only() -> None:
    """What was read at one revision says nothing of another."""
    known = Known()
    kept = replace(a_set(), revision=3)
    known.keep(kept)

    assert known.at(kept.id, 3) is kept
    assert known.at(kept.id, 4) is None
    assert known.at(kept.id, 2) is None


def test_a_late_reader_does_not_bring_an_older_revision_back() -> None:
    """Two threads read at once: the later revision stays."""
    known = Known()
    later = replace(a_set(), revision=4)
    known.keep(later)
    known.keep(replace(later, revision=3))

    assert known.at(later.id, 4) is later


def test_what_was_used_last_stays() -> None:
    """When there is no room, the set that nobody asked for longest is forgotten."""
    known = Known(capacity=2)
    first, second, third = (replace(a_set(), id=f"set-{n}", revision=1) for n in range(3))
    known.keep(first)
    known.keep(second)
    known.at(first.id, 1)
    known.keep(third)

    assert known.at(second.id, 1) is None
    assert known.at(first.id, 1) is first


async def test_what_another_writer_changed_is_seen_at_once(
    sets: SetRepository, database: Database, clock: StillClock, cipher: Cipher
) -> None:
    """Another process that writes to the same store is heard, by id and in lists."""
    elsewhere = SetRepository(database, clock, cipher)
    added = await sets.add(a_set(), IDENTITIES, node_quota=100)
    before = await sets.load(added.id)

    await elsewhere.commit(added, replace(added, description="changed elsewhere"))

    after = await sets.load(added.id)
    [listed] = (await sets.page(added.project_id, limit=10)).rows
    assert before == added
    assert after is not None
    assert (after.description, listed) == ("changed elsewhere", after)


async def test_a_set_that_did_not_change_is_not_read_again(sets: SetRepository) -> None:
    """Asked again, the same record comes back."""
    added = await sets.add(a_set(), IDENTITIES, node_quota=100)

    assert await sets.load(added.id) is await sets.load(added.id)
