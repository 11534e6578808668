"""The values of a parameter group on their way to sets, over the simulated fleet and a real store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from fleet_ground import IDENTITIES, SET, Ground, planned

from memstored.control.fleet import Fleet
from memstored.control.sequence import GroupSequence
from memstored.domain.catalogue import default_catalogue
from memstored.domain.model import Configuration, InstanceSet, Setting
from memstored.domain.naming import node_id
from memstored.domain.parameter_group import ParameterGroup, configured
from memstored.domain.words import ApplyStatus, GroupId, SetId, SetState
from memstored.store.errors import Stale
from memstored.store.parameter_groups import ParameterGroupRepository

GROUP = GroupId("22222222-0000-4000-8000-000000000001")


class Groups:
    """One group, and the sets that have it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.repository = ParameterGroupRepository(ground.database, ground.clock)
        self.group = ParameterGroup(
            id=GROUP,
            project_id="p" * 32,
            name="mine",
            description=None,
            family="7.0",
            base_id="base",
            version=1,
            settings=(),
            created_at=0.0,
            updated_at=0.0,
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[tuple[Fleet, GroupSequence]]:
        """A service with its loop over sets and its sequence."""
        async with (
            self.ground.fleet() as fleet,
            GroupSequence(
                groups=self.repository,
                sets=self.ground.sets,
                catalogue=default_catalogue(),
                fleet=fleet,
                clock=self.ground.clock,
            ) as sequence,
        ):
            yield fleet, sequence

    async def change(self, **values: str) -> None:
        """Give the group another version."""
        settings = tuple(Setting(name=name.replace("_", "-"), value=value) for name, value in values.items())
        version = self.group.version + 1
        after = replace(self.group, version=version, settings=settings, updated_at=float(version))
        await self.repository.commit(self.group, after)
        self.group = after

    async def sets_running(self, fleet: Fleet, count: int, replicas: int = 2) -> list[SetId]:
        """As many sets of the group, all well."""
        ids = [await self._ordered(number, replicas) for number in range(1, count + 1)]
        for set_id in ids:
            fleet.wake(set_id)
        for set_id in ids:
            await self.until(set_id, SetState.RUNNING)
        return ids

    async def _ordered(self, number: int, replicas: int) -> SetId:
        set_id, one = SetId(f"{number}{SET[1:]}"), planned(replicas)
        nodes = tuple(replace(node, id=node_id(set_id, node.number)) for node in one.nodes)
        operation = replace(one.operation, id=f"{number}{one.operation.id[1:]}") if one.operation else None
        ordered = replace(
            one,
            id=set_id,
            name=f"orders-{number}",
            nodes=nodes,
            operation=operation,
            parameter_group_id=GROUP,
            configuration=Configuration(values=self.group.values()),
        )
        await self.ground.sets.add(ordered, IDENTITIES, (), node_quota=60)
        return set_id

    async def until(self, set_id: SetId, wanted: SetState | ApplyStatus) -> InstanceSet:
        """The stored set, as soon as it is in that state and nothing is under way there."""
        return await self.when(set_id, lambda it: it.operation is None and self._is(it, wanted))

    async def when(self, set_id: SetId, holds: Callable[[InstanceSet], bool]) -> InstanceSet:
        """The stored set, as soon as it is like that."""
        async with asyncio.timeout(10.0):
            while True:
                stored = await self.ground.sets.load(set_id)
                assert stored is not None
                if holds(stored):
                    return stored
                await asyncio.sleep(0.02)

    def _is(self, stored: InstanceSet, wanted: SetState | ApplyStatus) -> bool:
        present = configured(stored)
        if wanted is ApplyStatus.IN_SYNC:
            return present.status is wanted and present.values == self.group.values()
        return wanted in (stored.status, present.status)

    async def retry(self, set_id: SetId) -> None:
        """The owner's request for another try."""
        while True:
            stored = await self.ground.sets.load(set_id)
            assert stored is not None
            again = replace(configured(stored), status=ApplyStatus.APPLYING)
            with suppress(Stale):
                await self.ground.sets.commit(stored, replace(stored, configuration=again))
                return

    def read(self, stored: InstanceSet, name: str) -> set[str]:
        """What the set's servers have for a parameter."""
        return {self.ground.runtime.fleet.node(node.id).settings[name] for node in stored.nodes}


async def test_a_version_comes_to_every_set_and_is_recorded(ground: Ground) -> None:
    """All nodes of all sets have the values, one set after the other."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    async with groups.at_work() as (fleet, sequence):
        ids = await groups.sets_running(fleet, 2)
        await groups.change(timeout="300")
        sequence.wake()

        stored = [await groups.until(set_id, ApplyStatus.IN_SYNC) for set_id in reversed(ids)]

    for one in stored:
        assert configured(one).values == groups.group.values()
        assert groups.read(one, "timeout") == {"300"}
    later, earlier = (configured(one).since or 0.0 for one in stored)
    assert earlier <= later


async def test_a_refusal_stops_and_a_retry_goes_on(ground: Ground) -> None:
    """The second set fails, the third is suspended; after a retry both have the values."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    async with groups.at_work() as (fleet, sequence):
        first, second, third = await groups.sets_running(fleet, 3)
        server = ground.runtime.fleet.node(node_id(second, 1))
        server.complaints["timeout"] = "ERR Invalid argument"
        await groups.change(timeout="300")
        sequence.wake()

        failed = await groups.until(second, ApplyStatus.ERROR_SYNC)
        suspended = await groups.until(third, ApplyStatus.SUSPENDED)
        done = await groups.until(first, ApplyStatus.IN_SYNC)
        assert configured(failed).error == "orders-1 refused timeout: ERR Invalid argument"
        assert [groups.read(it, "timeout") for it in (done, failed, suspended)] == [{"300"}, {"0"}, {"0"}]

        server.complaints.clear()
        await groups.retry(second)
        fleet.wake(second)
        sequence.wake()

        for set_id in (second, third):
            assert groups.read(await groups.until(set_id, ApplyStatus.IN_SYNC), "timeout") == {"300"}


async def test_the_next_service_goes_on_from_what_is_stored(ground: Ground) -> None:
    """Whatever was under way when the service ended: the values arrive without anybody asking again."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    async with groups.at_work() as (fleet, sequence):
        ids = await groups.sets_running(fleet, 2)
        await groups.change(timeout="300")
        sequence.wake()

    async with groups.at_work():
        for set_id in ids:
            assert groups.read(await groups.until(set_id, ApplyStatus.IN_SYNC), "timeout") == {"300"}


async def test_new_nodes_are_started_with_what_only_a_start_can_give(ground: Ground) -> None:
    """The nodes of before are gone, and none of the new ones was configured by hand."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    async with groups.at_work() as (fleet, sequence):
        [only] = await groups.sets_running(fleet, 1)
        await groups.change(io_threads="4")
        sequence.wake()

        stored = await groups.until(only, ApplyStatus.IN_SYNC)

        orders = [ground.runtime.orders[node.id] for node in stored.nodes]
    assert [node.number for node in stored.nodes] == [3, 4]
    assert [dict(order.directives)["io-threads"] for order in orders] == ['"4"', '"4"']


async def test_maxmemory_below_what_is_used_is_refused(ground: Ground) -> None:
    """It is asked of the node at the moment of applying (H30)."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    async with groups.at_work() as (fleet, sequence):
        [only] = await groups.sets_running(fleet, 1)
        for number in range(4):
            ground.runtime.fleet.node(node_id(only, 1)).write(f"key {number}")
        await groups.change(maxmemory="220000000")
        sequence.wake()

        stored = await groups.until(only, ApplyStatus.ERROR_SYNC)

    assert "220000000 bytes are less than the 268435456 that are used" in str(configured(stored).error)
    assert "220000000" not in groups.read(stored, "maxmemory")


async def test_nothing_is_read_while_values_are_on_their_way(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All sets are looked at when there is something new, not again and again."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    read, looks = ground.sets.load_all, []

    async def counted() -> list[InstanceSet]:
        looks.append(1)
        return await read()

    async with groups.at_work() as (fleet, sequence):
        [only] = await groups.sets_running(fleet, 1)
        ground.runtime.fleet.keep_busy(node_id(only, 2), wrote=True)
        await groups.change(timeout="300")
        sequence.wake()
        await groups.when(only, lambda it: configured(it).status is ApplyStatus.APPLYING)
        monkeypatch.setattr(ground.sets, "load_all", counted)
        await asyncio.sleep(1.0)
        waiting = len(looks)
        begun = await ground.sets.load(only)
        ground.runtime.fleet.wake(node_id(only, 2))
        await groups.until(only, ApplyStatus.IN_SYNC)

    assert begun is not None
    assert configured(begun).status is ApplyStatus.APPLYING
    assert waiting <= 1


async def test_a_set_that_was_just_linked_gets_the_values(ground: Ground) -> None:
    """The same way, though its group did not change (API.md 2.3)."""
    groups = Groups(ground)
    await groups.repository.add(groups.group, quota=10)
    await groups.change(timeout="300")
    async with groups.at_work() as (fleet, sequence):
        one = await ground.order(2)
        fleet.wake(one.id)
        while True:
            stored = await groups.until(one.id, SetState.RUNNING)
            with suppress(Stale):
                await ground.sets.commit(stored, replace(stored, parameter_group_id=GROUP))
                break
        sequence.wake()

        stored = await groups.until(one.id, ApplyStatus.IN_SYNC)

        assert groups.read(stored, "timeout") == {"300"}
