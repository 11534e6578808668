"""One set's loop and time: what comes between a look and the act that was decided on it."""

import asyncio
from collections.abc import Sequence

import pytest
from fleet_ground import SET, Ground, running
from looking import eventually
from structlog.testing import capture_logs

from memstored.control import worker
from memstored.control.pace import Pace
from memstored.control.worker import Worker
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.naming import node_id
from memstored.domain.requests.change import Call
from memstored.domain.requests.removal import delete_node
from memstored.domain.settings import FailoverSettings
from memstored.domain.words import SetId
from memstored.runtime.simulated_node import Reply
from memstored.store.sets import SetRepository

ONE, TWO, THREE = (node_id(SET, number) for number in (1, 2, 3))


class Others:
    """Whether other sets' writes wait, as the pace of all has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wait = False
        monkeypatch.setattr(Pace, "calm", property(lambda _: not self.wait))
        monkeypatch.setattr(worker, "LONGEST_WAIT", 60.0)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Others:
    """Other sets, which need nothing until a test says so; then one steps back for them for a minute."""
    return Others(monkeypatch)


async def removal(ground: Ground, stored: InstanceSet, number: int) -> None:
    """The owner's request to remove a node."""
    node = stored.node(node_id(SET, number))
    assert node is not None
    call = Call(actor="owner", request_id=None, at=ground.clock.wall())
    await ground.sets.commit(stored, delete_node(stored, node, call).after)


async def test_s5_a_removal_that_steps_back_for_others_is_decided_anew(
    ground: Ground, others: Others
) -> None:
    """The primary dies, and it is the leaving node that confirmed a write (`WAIT 1`): it takes over."""
    fleet = ground.runtime.fleet
    await ground.order(replicas=3)
    async with ground.fleet() as control:
        control.wake(SET)
        stored = await ground.until(running)
        assert stored.vips is not None
        fleet.partition(ONE, TWO)
        assert fleet.client_write(stored.vips.primary, "x") is Reply.OK
        await eventually(lambda: fleet.holders("x") == {ONE, THREE})

        others.wait = True
        await removal(ground, await ground.until(lambda _: True), 3)
        control.wake(SET)
        await eventually(lambda: fleet.node(THREE).bound == {fleet.node(THREE).host})
        fleet.crash(ONE)
        await ground.until(lambda now: now.lineage is not None and now.lineage.primary == THREE)
        others.wait = False
        fleet.heal()
        await ground.until(running)

    assert "x" in fleet.node(THREE).writes
    assert fleet.client_write(stored.vips.primary, "y") is Reply.OK


async def test_a_removal_does_not_step_back_for_ever(
    ground: Ground, others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set whose failover is stuck keeps no other's nodes from being removed."""
    await ground.order(replicas=3)
    async with ground.fleet() as control:
        control.wake(SET)
        stored = await ground.until(running)
        await removal(ground, stored, 3)
        others.wait = True
        control.wake(SET)
        leaving = ground.runtime.fleet.node(THREE)
        await eventually(lambda: leaving.bound == {leaving.host})
        there = THREE in ground.runtime.fleet.nodes

        monkeypatch.setattr(worker, "LONGEST_WAIT", 0.0)
        await ground.until(lambda now: running(now) and len(now.nodes) == 2)

    assert there


class LateSets(SetRepository):
    """Keeps what it read to itself until it is let go; `waiting` counts who waits for it."""

    let_go: asyncio.Event
    waiting = 0

    async def load(self, set_id: SetId) -> InstanceSet | None:
        """As ever, but later."""
        read = await super().load(set_id)
        self.waiting += 1
        await self.let_go.wait()
        self.waiting -= 1
        return read


async def test_what_is_written_while_a_set_is_read_is_read_as_well(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two orders right after one another: the second is told of before the first was taken note of."""
    sets = LateSets(ground.database, ground.clock, ground.cipher)
    sets.let_go = asyncio.Event()
    sets.let_go.set()
    told: list[SetId] = []
    reload = Worker.reload

    def counted(self: Worker) -> None:
        told.append(self.set.id)
        reload(self)

    monkeypatch.setattr(Worker, "reload", counted)
    await ground.order(replicas=3)
    async with ground.fleet(sets=sets) as control:
        control.wake(SET)
        stored = await ground.until(running)

        sets.let_go.clear()
        control.wake(SET)
        await eventually(lambda: sets.waiting == 1)
        before = len(told)
        await removal(ground, stored, 3)
        control.wake(SET)
        await eventually(lambda: len(told) > before)
        sets.let_go.set()

        after = await ground.until(lambda now: running(now) and len(now.nodes) == 2)

    assert after.replicas == 2


class SlowSets(SetRepository):
    """Takes its time over recording that a primary hangs; what comes meanwhile is up to the test."""

    async def commit(
        self, before: InstanceSet, after: InstanceSet, events: Sequence[EventDraft] = ()
    ) -> InstanceSet:
        """As ever, but for one record."""
        if after.reason is not None and after.reason.code == "primary_silent" and not self.begun.is_set():
            self.begun.set()
            await self.goes_on.wait()
        return await super().commit(before, after, events)

    begun: asyncio.Event
    goes_on: asyncio.Event


async def test_s6_nobody_is_fenced_for_what_was_seen_before_the_store_answered(ground: Ground) -> None:
    """The hung primary goes on and its replica dies while it is recorded that it hangs."""
    sets = SlowSets(ground.database, ground.clock, ground.cipher)
    sets.begun, sets.goes_on = asyncio.Event(), asyncio.Event()
    fleet = ground.runtime.fleet
    await ground.order(replicas=2)
    async with ground.fleet(sets=sets) as control:
        control.wake(SET)
        stored = await ground.until(running)
        assert stored.vips is not None
        fleet.client_write(stored.vips.primary, "x")
        await eventually(lambda: fleet.holders("x") == {ONE, TWO})

        fleet.hang(ONE)
        await asyncio.wait_for(sets.begun.wait(), 10.0)
        fleet.wake(ONE)
        await eventually(lambda: fleet.answers(ONE))
        fleet.crash(TWO)
        sets.goes_on.set()
        healed = await ground.until(lambda now: running(now) and now.node(TWO) is None)

    assert healed.lineage is not None
    assert healed.lineage.primary == ONE
    assert fleet.client_write(stored.vips.primary, "y") is Reply.OK
    assert ONE in fleet.holders("x")


async def test_a_fault_of_ours_in_one_act_keeps_no_other_from_being_done(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set fails over though what clears a file behaves as nobody foresaw, each time anew."""
    tries = 0

    def broken(_: str) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ground.runtime, "remove_copies", broken)
    await ground.order(version="5.0.6")
    with capture_logs() as logs:
        async with ground.fleet() as control:
            control.wake(SET)
            await ground.until(running)
            await eventually(lambda: tries > 0)
            ground.runtime.fleet.crash(ONE)
            await ground.until(lambda now: running(now) and len(now.failovers) == 1)

    assert {entry["act"] for entry in logs if entry["event"] == "act_broke"} == {"ClearCopy"}
    assert not [entry for entry in logs if entry["event"] == "worker_failed"]


async def test_h16_a_primary_whose_script_can_not_be_ended_is_replaced(ground: Ground) -> None:
    """It has written, so it can not be killed; that this is tried again and again does not save the node."""
    await ground.order(replicas=2)
    impatient = FailoverSettings(failure_detection=1.0, busy_detection=1.5)
    async with ground.fleet(rules=impatient) as control:
        control.wake(SET)
        await ground.until(running)
        ground.runtime.fleet.keep_busy(ONE, wrote=True)
        healed = await ground.until(lambda now: running(now) and len(now.failovers) == 1)

    assert healed.lineage is not None
    assert healed.lineage.primary == TWO
