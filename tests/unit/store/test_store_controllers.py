"""Controllers: numbered one after the other, and only the last one records anything."""

import pytest
from samples import NOW
from sqlalchemy import Connection, delete, func, insert, select

from clocks import StillClock
from memstored.store import controllers as module
from memstored.store.controllers import ControllerRepository
from memstored.store.database import Database
from memstored.store.errors import Superseded
from memstored.store.tables import controllers, password_keys


def _rows(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(controllers)).scalar_one())


def _write(connection: Connection) -> None:
    row = {"id": "1", "public_key": "p", "sealed_key": "s", "created_at": NOW}
    connection.execute(insert(password_keys), row)


def _written(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(password_keys)).scalar_one())


async def test_the_first_one_is_numbered_by_the_time(database: Database, clock: StillClock) -> None:
    """So that a state that was put back and forgot everybody is later than those it forgot."""
    known = await ControllerRepository(database, clock).begin()

    assert (known.own.number, known.since, known.former) == (int(NOW), int(NOW), frozenset())


async def test_each_one_knows_those_before_it(database: Database, clock: StillClock) -> None:
    """With higher numbers, though the clock stands still or was set back."""
    first = await ControllerRepository(database, clock).begin()
    clock.now -= 3600
    second = await ControllerRepository(database, clock).begin()
    clock.now += 7200
    third = await ControllerRepository(database, clock).begin()

    numbers = [known.own.number for known in (first, second, third)]
    assert numbers == [int(NOW), int(NOW) + 1, int(NOW) + 3600]
    assert third.former == {first.own, second.own}
    assert third.since == first.own.number
    assert len({known.own.nonce for known in (first, second, third)}) == 3


async def test_the_oldest_are_known_by_their_number_alone(
    database: Database, clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is started again and again does not grow its state; all before it are replaced."""
    monkeypatch.setattr(module, "KEPT", 2)
    all_known = [await ControllerRepository(database, clock).begin() for _ in range(5)]

    last = all_known[-1]

    assert await database.read(_rows) == 3
    assert last.former == {all_known[2].own, all_known[3].own}
    assert last.since == all_known[2].own.number
    assert all(last.replaces(known.own) for known in all_known[:-1])


async def test_one_that_began_while_the_clock_was_ahead_is_not_replaced_by_a_state_that_forgot_it(
    database: Database, clock: StillClock
) -> None:
    """Before the clock has come so far."""
    clock.now += 3600
    ahead = await ControllerRepository(database, clock).begin()
    await database.write(lambda connection: connection.execute(delete(controllers)))
    clock.now -= 3600

    known = await ControllerRepository(database, clock).begin()

    assert not known.replaces(ahead.own)


async def test_s07_whoever_has_the_right_records(database: Database, clock: StillClock) -> None:
    """Nothing changes for it."""
    lost: list[str] = []
    repository = ControllerRepository(database, clock)
    await repository.begin()
    repository.guard(lost.append)

    await database.write(_write)
    await repository.confirm()

    assert await database.read(_written) == 1
    assert lost == []


@pytest.mark.parametrize("way", ["write", "write_first"])
async def test_s07_another_one_ends_its_right_to_record(
    database: Database, url: str, clock: StillClock, way: str
) -> None:
    """Nothing of the change is written, whatever it was, and it is told."""
    lost: list[str] = []
    repository = ControllerRepository(database, clock)
    await repository.begin()
    repository.guard(lost.append)
    other = await Database.open(url)
    later = await ControllerRepository(other, clock).begin()
    await other.close()

    with pytest.raises(Superseded, match=later.own.name) as refused:
        await getattr(database, way)(_write)
    with pytest.raises(Superseded):
        await database.prove_writable()
    with pytest.raises(Superseded):
        await repository.confirm()

    assert await database.read(_written) == 0
    assert lost == [str(refused.value)] * 2
