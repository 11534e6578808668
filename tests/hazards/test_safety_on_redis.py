"""The safety rules where real processes are involved and no other test of that name is."""

import asyncio
import signal

import pytest
from explained import explained
from live_set import LiveSet
from real_house import RealHouse, primary_of, replicas_of, without
from returned import restarted
from servers import soon
from service_process import ServiceProcess, kill, living, wait_for
from traffic import fill, missing

from memstored.domain.model import InstanceSet


def test_s04_an_empty_server_at_a_replicas_address_never_inherits(
    service: ServiceProcess, version: str
) -> None:
    """A replica is back empty at its address when the primary dies: the one with the data takes over."""
    made = LiveSet.running(service, version, 3)
    keys = fill(made, "key", 100, copies=2)
    emptied, whole = made.replicas()
    lost = made.primary()

    with restarted(service, emptied["objectId"]):
        kill(made.server_of(lost))
        made.await_replaced(lost, emptied)

    assert made.primary()["objectId"] == whole["objectId"]
    assert missing(made, keys) == 0


@pytest.mark.parametrize("real_house", [{"failure_detection": 8.0}], indirect=True)
async def test_s05_a_confirmed_write_waits_for_the_replica_that_has_it(real_house: RealHouse) -> None:
    """One replica confirmed a write and then stood still, the other never got it, the primary dies: nobody
    is promoted until the first is asked, and then it is that one.
    """
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 3)
        primary, (holder, other) = primary_of(stored), replicas_of(stored)
        with real_house.partition(primary, other):
            with real_house.tenant(stored) as client:
                client.set("key", "confirmed")
                assert client.wait(1, 5000) == 1
            real_house.send(holder, signal.SIGSTOP)
            real_house.send(primary, signal.SIGKILL)
            with real_house.control(other) as control:
                await soon(lambda: control.info("replication")["master_port"] == 1, what="being detached")
            undecided = (await real_house.stored()).lineage
            real_house.send(holder, signal.SIGCONT)
            healed = await real_house.until(lambda s: s.lineage.primary != primary.id)
            with real_house.control(primary_of(healed)) as control:
                value = control.get("key")
        await real_house.until(without(primary))

    assert undecided.promotion is None
    assert (undecided.epoch, primary_of(healed).id, value) == (1, holder.id, "confirmed")


async def test_s07_the_epoch_is_recorded_before_anybody_is_promoted(real_house: RealHouse) -> None:
    """The controller ends between the record and the act: nobody is master, and the next one promotes the
    very node that was recorded.
    """
    real_house.sets.after = _end_after_promotion
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 3)
        lost = primary_of(stored)
        real_house.send(lost, signal.SIGKILL)
        left = await real_house.until(lambda s: s.lineage.promotion is not None)
        roles = {real_house.control(node).role()[0] for node in replicas_of(stored)}
    real_house.sets.after = lambda _: None

    async with real_house.controller():
        healed = await real_house.until(without(lost))

    assert roles == {"slave"}
    assert (left.lineage.epoch, healed.lineage.epoch) == (2, 2)
    assert primary_of(healed).id == left.lineage.promotion.heir


def _end_after_promotion(kept: InstanceSet) -> None:
    """End the set's loop, as the end of its controller would, once a promotion is recorded."""
    if kept.lineage is not None and kept.lineage.promotion is not None:
        raise asyncio.CancelledError


async def test_h09_s07_an_heir_that_hangs_before_it_obeys_is_ended_before_another_inherits(
    real_house: RealHouse,
) -> None:
    """`NO ONE` may have reached it and be obeyed later: it is proven gone before there is another epoch."""
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 3)
        lost = primary_of(stored)
        with real_house.tenant(stored) as client:
            client.set("key", "value")
            assert client.wait(2, 5000) == 2
        hung = _Hung(real_house)
        real_house.sets.after = hung.hang
        real_house.send(lost, signal.SIGKILL)

        healed = await real_house.until(without(lost, *replicas_of(stored)[:1]))
        with real_house.tenant(healed) as client:
            value = client.get("key")
        roles = [real_house.control(node).role()[0] for node in healed.nodes]

    assert hung.living_at_next == [False]
    assert value == "value"
    assert sorted(roles) == ["master", "slave", "slave"]
    assert healed.lineage.epoch == 3
    assert real_house.unexplained() == []


class _Hung:
    """Stops the first heir as soon as its promotion is recorded; sees whether it lives at the next one."""

    def __init__(self, house: RealHouse) -> None:
        self._house = house
        self._heir: str | None = None
        self._process = 0
        self.living_at_next: list[bool] = []

    def hang(self, kept: InstanceSet) -> None:
        """Called after every record."""
        promotion = kept.lineage.promotion if kept.lineage else None
        if promotion is None:
            return
        if self._heir is None:
            heir = kept.node(promotion.heir)
            assert heir is not None
            self._heir, self._process = heir.id, self._house.process(heir)
            self._house.send(heir, signal.SIGSTOP)
        elif promotion.heir != self._heir and not self.living_at_next:
            self.living_at_next.append(living(self._process))


def test_s10_every_state_on_the_way_is_explained(alert_service: ServiceProcess, version: str) -> None:
    """Made, failing over, grown, without high availability, degraded: whatever is seen says why."""
    made = LiveSet.ordered(alert_service, version, 2)
    with explained(made) as watched:
        made.await_whole(2)
        made.await_replaced(made.kill_primary())
        made.await_operation("failover")
        made.add_replica()
        made.await_whole(3)
        made.patch("/recovery", enabled=False)
        lost = made.kill_primary()
        made.await_status("Warning")
        target = made.freshest_survivor()
        made.promote(target)
        made.await_operation("promote")
        made.delete_node(lost["objectId"])
        made.await_whole(2)
        wait_for(lambda: "Warning" in watched.states(), what="the warning being seen")

    assert watched.states() >= {"Running", "Warning"}
    assert "primary_failed" in watched.reasons()
