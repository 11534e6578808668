"""Sets that begin with saved data: loads on real servers that go well, break off, and must not count."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable

import pytest
from bare import Start, fill, hoarder
from logins import PASSWORD
from observer import OBSERVER
from real_house import PORT, RealHouse, primary_of, whole
from saved import Content, content_of, file_of, kept, sample, saved_file
from servers import Engine, soon

from memstored.domain.engine import capabilities_of
from memstored.domain.model import InstanceSet
from memstored.domain.words import NodeState, SetState
from memstored.objects.storage import Objects

LOGINS = {True: {"username": OBSERVER.user, "password": OBSERVER.secret}, False: {"password": PASSWORD}}
"""How to read all that a node holds, where there are users and where there are none."""


class Valve:
    """Lets so many bytes of every object through, and holds the rest back until it is opened."""

    def __init__(self, objects: Objects, most: int) -> None:
        self._get, self._most = objects.get, most
        self.open = asyncio.Event()
        self.held = 0
        objects.get = self.get  # type: ignore[method-assign]

    async def get(self, key: str) -> AsyncGenerator[bytes, None]:
        """As `Objects.get`."""
        passed = 0
        async for chunk in self._get(key):
            if passed + len(chunk) > self._most and not self.open.is_set():
                yield chunk[: self._most - passed]
                self.held += 1
                await self.open.wait()
                yield chunk[self._most - passed :]
            else:
                yield chunk
            passed += len(chunk)


def contents(house: RealHouse, stored: InstanceSet) -> list[Content]:
    """What each node of the set holds."""
    login = LOGINS[capabilities_of(stored.version).acl]
    for node in stored.nodes:
        house.control(node).close()
    return [content_of(str(n.address), PORT, **login) for n in stored.nodes]


def failed(stored: InstanceSet) -> bool:
    """Whether the set is given up."""
    return stored.status is SetState.FAILED


async def test_s04_a_set_begins_with_all_that_was_saved(real_house: RealHouse, start: Start) -> None:
    """Every key of every database with its type and its expiry, and functions, on each of three nodes."""
    server = sample(start)
    source = await kept(real_house.objects, saved_file(server))
    before = content_of(server.host, server.port)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 3, source=source)
        stored = await real_house.until(whole)

        after = contents(real_house, stored)
        with real_house.tenant(stored) as client:
            assert client.set("new", "1")

    assert len(before.keys) > 2000
    assert [before.same(each) for each in after] == [True] * 3
    assert real_house.unexplained() == []


async def test_h29_what_expired_is_gone_after_the_restore_and_that_is_no_failure(
    real_house: RealHouse, start: Start, engine: Engine
) -> None:
    """It is counted while the node is a replica, which keeps it; the primary drops it."""
    server = hoarder(start, engine)
    stays = fill(server, "stays", 100)
    goes = fill(server, "goes", 100, px=100)
    data = saved_file(server)
    with server.client() as client:
        assert client.dbsize() == 200, "one went before it was saved"
        await soon(lambda: client.exists(*goes) == 0, what="the end of a hundred keys' time")
    source = await kept(real_house.objects, data, keys=200)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        stored = await real_house.until(whole)

        with real_house.tenant(stored) as client:
            await soon(lambda: client.dbsize() == 100, what="the expired keys being gone")
            kept_keys = client.exists(*stays)

    assert kept_keys == 100
    assert stored.source is not None
    assert stored.source.refusals == ()


async def test_s06_a_node_that_dies_while_it_loads_is_replaced(real_house: RealHouse, start: Start) -> None:
    """What it had taken in is gone with it; what was saved is not."""
    server = sample(start)
    valve = Valve(real_house.objects, 100_000)
    source = await kept(real_house.objects, saved_file(server))
    before = content_of(server.host, server.port)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        await soon(lambda: valve.held == 1, what="half a load")
        first = (await real_house.stored()).nodes[0]
        real_house.send(first, signal.SIGKILL)
        valve.open.set()

        stored = await real_house.until(whole)
        after = contents(real_house, stored)

    assert first.id not in {n.id for n in stored.nodes}
    assert stored.source is not None
    assert len(stored.source.refusals) == 1
    assert all(before.same(each) for each in after)
    assert real_house.unexplained() == []


async def test_h23_a_load_that_a_controller_left_is_begun_anew(real_house: RealHouse, start: Start) -> None:
    """The node holds half of the data, under a history that nobody continues; the next one gives it all."""
    server = sample(start)
    valve = Valve(real_house.objects, 100_000)
    source = await kept(real_house.objects, saved_file(server))
    before = content_of(server.host, server.port)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        await soon(lambda: valve.held == 1, what="half a load")
        left = await real_house.stored()
    valve.open.set()

    async with real_house.controller():
        stored = await real_house.until(whole)
        after = contents(real_house, stored)

    assert not any(n.whole for n in left.nodes)
    assert {n.id for n in stored.nodes} == {n.id for n in left.nodes}
    assert all(before.same(each) for each in after)


@pytest.mark.parametrize(
    "reached",
    [
        lambda s: s.nodes[0].whole and s.lineage is None,
        lambda s: s.lineage is not None,
    ],
    ids=["after verification", "after the lineage"],
)
async def test_s07_what_was_recorded_of_a_load_is_gone_on_from(
    real_house: RealHouse, start: Start, reached: Callable[[InstanceSet], bool]
) -> None:
    """The controller ends right after the record; the next one loads nothing again."""
    server = sample(start)
    source = await kept(real_house.objects, saved_file(server))
    before = content_of(server.host, server.port)
    real_house.sets.after = _ends_when(reached)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        left = await real_house.until(reached)
    real_house.sets.after = lambda _: None
    valve = Valve(real_house.objects, 0)

    async with real_house.controller():
        stored = await real_house.until(whole)
        after = contents(real_house, stored)

    assert valve.held == 0
    assert primary_of(stored).id == left.nodes[0].id
    assert all(before.same(each) for each in after)


async def test_s07_a_promoted_node_whose_history_is_not_recorded_yet_is_recorded(
    real_house: RealHouse, start: Start
) -> None:
    """The controller ends after the promotion and before the lineage: what the node says is the truth."""
    server = sample(start)
    source = await kept(real_house.objects, saved_file(server))
    before = content_of(server.host, server.port)
    real_house.sets.before = _ends_when(lambda s: s.lineage is not None)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        left = await real_house.until(lambda s: s.nodes[0].whole)
        with real_house.control(left.nodes[0]) as control:
            await soon(lambda: control.role()[0] == "master", what="the promotion")
    real_house.sets.before = lambda _: None
    valve = Valve(real_house.objects, 0)

    async with real_house.controller():
        stored = await real_house.until(whole)
        after = contents(real_house, stored)

    assert left.lineage is None
    assert valve.held == 0
    assert all(before.same(each) for each in after)


def _ends_when(reached: Callable[[InstanceSet], bool]) -> Callable[[InstanceSet], None]:
    """End the set's loop, as the end of its controller would, as soon as the set is like that."""

    def told(stored: InstanceSet) -> None:
        if reached(stored):
            raise asyncio.CancelledError

    return told


def damaged(data: bytes) -> bytes:
    """One byte in the middle of a value is another."""
    at = data.index(b"x" * 50) + 20
    return data[:at] + b"y" + data[at + 1 :]


def cut(data: bytes) -> bytes:
    """The beginning of it."""
    return data[: len(data) * 2 // 3]


def crafted(data: bytes) -> bytes:
    """The length of a field in a hash leads far out of it, and there is no checksum to tell (H25)."""
    at = data.index(b"field0")
    return data[: at - 1] + bytes([data[at - 1] | 0x3F]) + data[at:-8] + bytes(8)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged, "Wrong RDB checksum"),
        (cut, "the data is cut off"),
        (crafted, "integrity check failed"),
    ],
)
async def test_h28_what_the_engine_refuses_fails_the_set_in_its_words(
    real_house: RealHouse, start: Start, spoil: Callable[[bytes], bytes], words: str
) -> None:
    """After the second node that refused it; then nothing is left running, and the object is as it was."""
    data = spoil(saved_file(sample(start)))
    source = await kept(real_house.objects, data, checksum=None)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 3, source=source)
        stored = await real_house.until(failed, deadline=90)
        await soon(lambda: not real_house.runtime.placements(), what="all nodes being gone")

    assert stored.reason is not None
    assert stored.reason.code == "restore_failed"
    assert words in stored.reason.message
    assert stored.source is not None
    assert len(stored.source.refusals) == 2
    assert stored.lineage is None
    assert all(n.status is NodeState.FAILED for n in stored.nodes)
    assert real_house.unexplained() == []
    assert file_of(real_house.place).read_bytes() == data


async def test_an_object_that_was_cut_since_it_was_chosen_is_not_loaded(
    real_house: RealHouse, start: Start
) -> None:
    """No node is troubled with it."""
    source = await kept(real_house.objects, saved_file(sample(start)))
    os.truncate(file_of(real_house.place), 1000)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        stored = await real_house.until(failed)
        await soon(lambda: not real_house.runtime.placements(), what="all nodes being gone")

    assert stored.reason is not None
    assert f"it has 1000 bytes in object storage now, not {source.size}" in stored.reason.message


async def test_an_object_whose_content_changed_is_not_taken_though_it_loads(
    real_house: RealHouse, start: Start
) -> None:
    """The engine can not tell; the hash of what was saved can."""
    source = await kept(real_house.objects, saved_file(sample(start)), checksum="0" * 64)
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        stored = await real_house.until(failed)
        await soon(lambda: not real_house.runtime.placements(), what="all nodes being gone")

    assert stored.reason is not None
    assert "its content changed in object storage" in stored.reason.message


async def test_a_set_that_is_deleted_while_it_loads_is_gone_at_once(
    real_house: RealHouse, start: Start
) -> None:
    """Its load keeps nothing waiting: it is held in the middle, for good."""
    valve = Valve(real_house.objects, 100_000)
    source = await kept(real_house.objects, saved_file(sample(start)))
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 2, source=source)
        await soon(lambda: valve.held == 1, what="half a load")

        await real_house.delete(fleet)
        await soon(lambda: real_house.set_id not in fleet.sets, what="the set being gone")

    assert not real_house.runtime.placements()


async def test_progress_is_told_in_bytes_while_it_loads(real_house: RealHouse, start: Start) -> None:
    """The operation and the reason say how far it is; the store is written a few times in all."""
    source = await kept(real_house.objects, saved_file(sample(start, strings=30_000, size=500)))
    async with real_house.controller() as fleet:
        await real_house.order(fleet, 1, source=source)
        await real_house.until(whole)

    told = [s for s in real_house.sets.recorded if s.operation is not None and s.operation.step == "load"]
    moved = [s.operation.moved for s in told if s.operation is not None and s.operation.moved is not None]
    assert 2 < len({step.done for step in moved}) <= 21
    assert moved[-1].done == source.size
    assert any(" of 14 MiB (" in s.reason.message for s in told if s.reason is not None)
