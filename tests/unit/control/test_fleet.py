"""The loop over the simulated fleet and a real store: what it records, what it does, what it survives."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fleet_ground import IDENTITIES, SET, Ground, planned, running
from looking import DEADLINE, eventually
from structlog.testing import capture_logs

from memstored.control.guests import Guests
from memstored.control.historian import Historian
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.naming import node_id
from memstored.domain.ports import TENANTS, Identity
from memstored.domain.survey import LinkState
from memstored.domain.words import NodeId, SetId, SetState
from memstored.runtime.fake import FakeCarrier, FakeEndpoints
from memstored.runtime.files import DamagedFile
from memstored.runtime.protocol import LaunchOrder
from memstored.runtime.simulated_node import Reply
from memstored.store.cipher import Cipher
from memstored.store.controllers import ControllerRepository
from memstored.store.database import Database, StoreTrouble
from memstored.store.errors import StoreBusy, Superseded, WrongKey
from memstored.store.sets import Identities, SetRepository

STRANGER = SetId("11111111-3c53-4f4a-a2a6-5d1a4c1c9c10")


async def test_an_ordered_set_is_made_and_takes_writes(ground: Ground) -> None:
    """From the stored wish to a set whose primary address accepts a write."""
    await ground.order()

    async with ground.fleet() as fleet:
        fleet.wake(SET)
        stored = await ground.until(running)

    assert stored.vips is not None
    assert ground.runtime.fleet.client_write(stored.vips.primary, "x") is Reply.OK


async def test_a_start_that_fails_leaves_nobody_at_work(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away as the second set is taken on: whoever looks after the first one ends as well."""
    await ground.order()
    second = replace(planned(1), id=STRANGER, name="second", nodes=(), operation=None)
    await ground.sets.add(second, IDENTITIES, (), node_quota=60)
    identities, before, asked = ground.sets.identities, asyncio.all_tasks(), []

    async def fail_at_the_second(set_id: SetId) -> Identities:
        asked.append(set_id)
        if len(asked) > 1:
            raise StoreTrouble("The disk is away.")
        return await identities(set_id)

    monkeypatch.setattr(ground.sets, "identities", fail_at_the_second)
    with pytest.raises(StoreTrouble):
        async with ground.fleet():
            pass

    assert len(asked) == 2
    assert asyncio.all_tasks() == before


async def test_h19_a_set_without_users_is_made_and_fails_over(ground: Ground) -> None:
    """Its nodes are told their configuration, take the tenants' password, and a proxy carries the address."""
    await ground.order(version="5.0.6")

    async with ground.fleet() as fleet:
        fleet.wake(SET)
        stored = await ground.until(running)
        ground.runtime.fleet.crash(node_id(SET, 1))
        healed = await ground.until(lambda now: running(now) and len(now.failovers) == 1)
        later = {node_id(SET, number) for number in (2, 3, 4)}
        await eventually(lambda: later <= set(ground.runtime.cleared))

    assert healed.vips == stored.vips is not None
    assert ground.runtime.fleet.client_write(stored.vips.primary, "x") is Reply.OK
    orders = ground.runtime.orders
    assert [order.on_disk for order in orders.values()] == [False] * 4
    asked = {node.id: node.asks for node in ground.runtime.fleet.nodes.values()}
    assert set(asked.values()) == {Identity(user=TENANTS, secret="p")}


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_proxy_that_dies_or_hangs_is_started_again(ground: Ground, *, hangs: bool) -> None:
    """Its end wakes the loop, its silence is counted; both are told, and the nodes stay as they are."""
    await ground.order(version="5.0.6")
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        stored = await ground.until(running)
        former = ground.endpoints.carrier(SET)
        assert former is not None
        former.hangs = hangs
        if not hangs:
            ground.endpoints.kill(SET)
        await eventually(lambda: _another_runs(ground, former))
        mended = await ground.until(lambda now: running(now) and now.vips == stored.vips)

    assert (mended.lineage, mended.nodes) == (stored.lineage, stored.nodes)
    assert stored.vips is not None
    assert ground.runtime.fleet.client_write(stored.vips.primary, "x") is Reply.OK


def _another_runs(ground: Ground, former: FakeCarrier) -> bool:
    carrier = ground.endpoints.carrier(SET)
    return carrier is not None and carrier is not former and carrier.running


async def test_how_much_is_used_is_asked_of_the_primary(ground: Ground) -> None:
    """And not known of a set that nobody watches, or whose primary does not answer: never guessed (H30)."""
    await ground.order()
    async with ground.fleet() as fleet:
        unknown = await fleet.used_memory(SET)
        fleet.wake(SET)
        stored = await ground.until(running)
        assert stored.vips is not None
        ground.runtime.fleet.client_write(stored.vips.primary, "x")

        used = await fleet.used_memory(SET)
        ground.runtime.fleet.hang(node_id(SET, 1))
        hung = await fleet.used_memory(SET)

    assert (unknown, hung) == (None, None)
    assert used == ground.runtime.fleet.node(node_id(SET, 1)).holdings().used_memory
    assert used > 0


async def test_a_killed_primary_is_replaced_without_being_told_by_anyone_but_the_runtime(
    ground: Ground,
) -> None:
    """Its exit wakes the loop; the address takes writes again and the count is restored."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        stored = await ground.until(running)
        assert stored.vips is not None

        ground.runtime.fleet.crash(node_id(SET, 1))
        healed = await ground.until(lambda s: running(s) and s.node(node_id(SET, 1)) is None)

        assert healed.lineage is not None
        assert healed.lineage.epoch == 2
        assert ground.runtime.fleet.client_write(stored.vips.primary, "y") is Reply.OK


async def test_a_set_whose_secret_is_damaged_does_not_stop_the_others(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service starts and serves the rest; that set is left as it is, and not tried in a rush."""
    await ground.order()
    identities = Identities(
        control=Identity(user="memstored-control", secret="c"),
        replication=Identity(user="memstored-replication", secret="r"),
    )
    damaged = replace(planned(1), id=STRANGER, name="damaged", nodes=(), operation=None)
    await ground.sets.add(damaged, identities, (), node_quota=60)
    asked: list[str] = []
    read = ground.sets.identities

    async def cut(set_id: SetId) -> Identities:
        asked.append(set_id)
        if set_id == STRANGER:
            raise WrongKey("sealed with another key")
        return await read(set_id)

    monkeypatch.setattr(ground.sets, "identities", cut)

    async with ground.fleet() as fleet:
        await ground.until(running)
        watched, neglected = fleet.sets, fleet.neglected

    assert watched == {SET}
    assert asked.count(STRANGER) == 1
    assert neglected == 1


async def test_s10_a_set_whose_secret_is_damaged_says_so_until_it_can_be_read(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To who may see it, with what to do; since then, however often it is tried."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        await ground.until(running)
    read = ground.sets.identities

    async def fail(_set_id: SetId) -> Identities:
        raise WrongKey("sealed with another key")

    monkeypatch.setattr(ground.sets, "identities", fail)
    async with ground.fleet():
        troubled = await ground.until(lambda s: s.status is SetState.WARNING)
    async with ground.fleet() as fleet:
        again, neglected = await ground.until(lambda s: s.status is SetState.WARNING), fleet.neglected
        monkeypatch.setattr(ground.sets, "identities", read)
        fleet.wake(SET)
        healed = await ground.until(running)

        assert fleet.neglected == 0
    assert troubled.reason is not None
    assert troubled.reason.code == "secrets_unreadable"
    assert (again, neglected) == (troubled, 1)
    assert healed.nodes == troubled.nodes


async def test_s10_a_set_that_is_deleted_while_its_secret_is_damaged_says_so(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody ends its nodes, and that is not told as if somebody did."""
    await ground.order()

    async def fail(_set_id: SetId) -> Identities:
        raise WrongKey("sealed with another key")

    monkeypatch.setattr(ground.sets, "identities", fail)
    async with ground.fleet() as fleet:
        stored = await ground.until(lambda s: reason_code(s) == "secrets_unreadable")
        await ground.sets.commit(stored, replace(stored, status=SetState.TERMINATING, reason=None))
        fleet.wake(SET)
        told = await ground.until(lambda s: s.reason is not None)

    assert (told.status, reason_code(told)) == (SetState.TERMINATING, "secrets_unreadable")


async def test_s10_a_node_that_may_live_or_not_is_left_alone_and_said(ground: Ground) -> None:
    """Also the primary: nobody takes its place, and its set says why until it is clear (S3)."""
    await ground.order()
    primary = node_id(SET, 1)
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        before = await ground.until(running)
        ground.runtime.doubt(primary)
        fleet.wake(SET)
        troubled = await ground.until(lambda s: s.status is SetState.WARNING)
        neglected = fleet.neglected
        ground.runtime.believe(primary)
        after = await ground.until(running)

        assert fleet.neglected == 0
    assert troubled.reason is not None
    assert troubled.reason.code == "node_in_doubt"
    assert "orders-1" in troubled.reason.message
    assert neglected == 1
    assert (after.nodes, after.lineage) == (before.nodes, before.lineage)


def reason_code(instance_set: InstanceSet) -> str | None:
    """The word for why the set is as it is."""
    return instance_set.reason.code if instance_set.reason is not None else None


async def test_s10_a_deletion_that_waits_for_a_node_in_doubt_says_so(ground: Ground) -> None:
    """What may be somebody else's is not ended, so the set is not gone; its owner sees why."""
    stored = await ground.order(1)
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        stored = await ground.until(running)
        ground.runtime.doubt(node_id(SET, 1))
        await ground.sets.commit(stored, replace(stored, status=SetState.TERMINATING))
        fleet.wake(SET)

        told = await ground.until(lambda s: reason_code(s) == "node_in_doubt")

    assert told.status is SetState.TERMINATING


async def test_a_set_that_a_fault_kept_from_being_watched_is_welcomed_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever went wrong when it was new, it is not forgotten until the next start of the service."""
    monkeypatch.setattr("memstored.control.fleet.REVIVAL", 0.02)
    load = ground.sets.load
    faults = [RuntimeError("unforeseen")]

    async def faulty(set_id: str) -> InstanceSet | None:
        if faults:
            raise faults.pop()
        return await load(set_id)

    monkeypatch.setattr(ground.sets, "load", faulty)
    async with ground.fleet() as fleet:
        await ground.order()
        with capture_logs() as said:
            fleet.wake(SET)
            await eventually(lambda: SET in fleet.sets)

    assert [line["duty"] for line in said if line["event"] == "duty_failed"] == ["_welcome"]


async def test_another_controller_goes_on_where_the_first_one_ended(ground: Ground) -> None:
    """Stopped in the middle of making a set, started again: the set is made, nothing is started twice."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        await ground.until(lambda s: s.status is not SetState.INIT)

    async with ground.fleet():
        stored = await ground.until(running)

    assert {n.number for n in stored.nodes} == {1, 2, 3}


async def test_a_restart_of_the_service_leaves_a_healthy_set_untouched(ground: Ground) -> None:
    """The nodes are found again; nothing is recorded and nobody is promoted."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        before = await ground.until(running)

    async with ground.fleet() as fleet:
        await eventually(lambda: fleet.facts(SET).endpoints.primary_at is not None)
        after = await ground.sets.load(SET)

    assert after == before


async def test_s07_a_controller_that_another_came_after_acts_no_more(ground: Ground) -> None:
    """Its nodes tell it, whatever its own store says; the other one makes the set whole."""
    await ground.order()
    async with ground.fleet() as former:
        former.wake(SET)
        await ground.until(running)
        lease = ground.lease
        async with ground.fleet():
            why = await asyncio.wait_for(lease.over(), DEADLINE)
            ground.runtime.fleet.crash(node_id(SET, 1))
            healed = await ground.until(lambda s: running(s) and s.node(node_id(SET, 1)) is None)
            later = ground.lease

    assert later.controllers.own.name in why
    assert later.ended is None
    assert healed.lineage is not None
    assert healed.lineage.epoch == 2


async def test_s07_a_controller_whose_store_has_another_records_nothing(ground: Ground) -> None:
    """Nor does it search for orphans: it might take for one what the other one just made."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        before = await ground.until(running)
        await ControllerRepository(ground.database, ground.clock).begin()

        with pytest.raises(Superseded):
            await ground.lease.confirm()
        await eventually(lambda: all(task.cancelled() for task in fleet._tasks.values()))  # noqa: SLF001 - it is over
        ground.runtime.fleet.crash(node_id(SET, 1))
        fleet.wake(SET)

        assert ground.lease.ended is not None
        assert await ground.sets.load(SET) == before


async def test_s07_moves_of_addresses_are_broken_off_with_the_right_to_them(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move may outlive the worker that asked for it; with the lease it does not (S7)."""
    broken_off = asyncio.Event()
    monkeypatch.setattr(ground.endpoints, "break_off", broken_off.set)
    async with ground.fleet():
        before = broken_off.is_set()

        ground.lease.end("another one came")

        await asyncio.wait_for(broken_off.wait(), DEADLINE)
    assert not before


async def test_nodes_of_a_set_that_the_store_never_knew_are_left_alone(ground: Ground) -> None:
    """An empty store, or an older copy of it, must not end what may be the last copy of the data (S6)."""
    await launch_stranger(ground)

    async with ground.fleet():
        left = ground.runtime.placement(node_id(STRANGER, 1))

    assert left is not None
    assert not left.gone
    assert ground.endpoints.owners() == (STRANGER,)


async def test_addresses_that_can_not_be_given_back_now_keep_no_service_from_starting(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a set that is gone, behind a proxy that can not be ended, are tried again later."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        await ground.until(running)
    stored = await ground.sets.load(SET)
    assert stored is not None
    await ground.sets.commit(stored, replace(stored, status=SetState.TERMINATED, nodes=()))
    tried: list[SetId] = []

    async def refuse(owner: SetId) -> None:
        tried.append(owner)
        raise TimeoutError("a process lives on")

    monkeypatch.setattr(ground.endpoints, "release", refuse)

    async with ground.fleet() as fleet:
        assert fleet.sets == frozenset()

    assert tried == [SET]


async def test_a_service_whose_runtime_forgot_a_sets_addresses_does_not_start(ground: Ground) -> None:
    """As when its folder is not mounted: what it does not know would pass for gone (S3)."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        before = await ground.until(running)
    ground.endpoints = FakeEndpoints(ground.runtime)

    with pytest.raises(DamagedFile, match="addresses of the set orders"):
        async with ground.fleet():
            pass

    assert await ground.sets.load(SET) == before
    assert not any(node.ended for node in ground.runtime.fleet.nodes.values())


async def test_an_orphan_that_can_not_be_removed_keeps_nobody_from_starting(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and tried again later; the sets are watched."""
    ordered = await ground.order(replicas=2)
    orphan = node_id(SET, 2)
    await ground.sets.commit(ordered, replace(ordered, replicas=1, nodes=ordered.nodes[:1]))
    await ground.runtime.start()
    await ground.runtime.launch(
        LaunchOrder(node=orphan, set_id=SET, subnet_id="subnet", version="7.0.15", port=6379, directives=())
    )

    async def refuse(_node: object) -> bool:
        raise PermissionError("not your file")

    monkeypatch.setattr(ground.runtime, "destroy", refuse)

    with capture_logs() as said:
        async with ground.fleet() as fleet:
            assert SET in fleet.sets

    assert "orphan_stays" in [line["event"] for line in said]


async def test_a_node_that_its_set_has_let_go_is_removed_at_the_start(ground: Ground) -> None:
    """What a crash left behind does not stay: the set's own store planned it and has no row for it."""
    ordered = await ground.order(replicas=2)
    orphan = node_id(SET, 2)
    await ground.sets.commit(ordered, replace(ordered, replicas=1, nodes=ordered.nodes[:1]))
    await ground.runtime.start()
    await ground.runtime.launch(
        LaunchOrder(node=orphan, set_id=SET, subnet_id="subnet", version="7.0.15", port=6379, directives=())
    )

    async with ground.fleet():
        assert ground.runtime.placement(orphan) is None


async def test_a_guest_stays_as_long_as_somebody_wants_it(ground: Ground) -> None:
    """The search for orphans ends it afterwards, whatever became of the one who launched it."""
    guests, guest = Guests(), NodeId("guest")
    await ground.runtime.start()
    with guests.hosted(guest, "use") as set_id:
        await ground.runtime.launch(
            LaunchOrder(
                node=guest, set_id=set_id, subnet_id="subnet", version="7.0.15", port=6379, directives=()
            )
        )
        async with ground.fleet(guests=guests):
            wanted = ground.runtime.placement(guest)

    async with ground.fleet(guests=guests):
        left_over = ground.runtime.placement(guest)

    assert wanted is not None
    assert left_over is None


async def launch_stranger(ground: Ground) -> None:
    """A node and addresses of a set that the store knows nothing of."""
    orphan = node_id(STRANGER, 1)
    await ground.runtime.start()
    await ground.runtime.launch(
        LaunchOrder(
            node=orphan, set_id=STRANGER, subnet_id="subnet", version="7.0.15", port=6379, directives=()
        )
    )
    await ground.endpoints.reserve(STRANGER, "subnet", 6379, version="7.0.15", with_reader=True)


class TroubledSets(SetRepository):
    """A repository whose store refuses to record while `trouble` is set, and counts that."""

    trouble = False
    refused = 0

    async def commit(
        self,
        before: InstanceSet,
        after: InstanceSet,
        events: Sequence[EventDraft] = (),
        *,
        node_quota: int | None = None,
    ) -> InstanceSet:
        """Refuse, or pass on."""
        if self.trouble:
            self.refused += 1
            raise StoreBusy("the database is locked")
        return await super().commit(before, after, events, node_quota=node_quota)

    async def load(self, set_id: str) -> InstanceSet | None:
        """Refuse, or pass on."""
        if self.trouble:
            raise StoreBusy("the database is locked")
        return await super().load(set_id)


async def test_nobody_is_promoted_while_the_store_can_not_record_it(ground: Ground, tmp_path: Path) -> None:
    """The failover is tried again and again; when the trouble ends, it goes on by itself (S7)."""
    database = await Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    sets = TroubledSets(database, ground.clock, Cipher.from_file(tmp_path / "key"))
    await ground.order()
    async with ground.fleet(sets) as fleet:
        fleet.wake(SET)
        await ground.until(running)
        sets.trouble = True
        ground.runtime.fleet.crash(node_id(SET, 1))
        await eventually(lambda: sets.refused > 1)

        assert not any(n.is_master for n in ground.runtime.fleet.nodes.values() if not n.ended)

        sets.trouble = False
        healed = await ground.until(lambda s: running(s) and s.node(node_id(SET, 1)) is None)
        assert healed.lineage is not None
    await database.close()


async def test_a_trouble_that_is_over_is_told_no_longer_though_nothing_is_to_be_recorded(
    ground: Ground, tmp_path: Path
) -> None:
    """A set that could not be read for a while is fine as soon as it could, without a change of it."""
    database = await Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    sets = TroubledSets(database, ground.clock, Cipher.from_file(tmp_path / "key"))
    await ground.order()
    async with ground.fleet(sets) as fleet:
        fleet.wake(SET)
        await ground.until(running)
        sets.trouble = True
        with capture_logs() as said:
            fleet.wake(SET)
            await eventually(lambda: any(line["event"] == "store_trouble" for line in said))

            sets.trouble = False
            await eventually(lambda: any(line["event"] == "store_recovered" for line in said))
    of_the_store = [line["event"] for line in said if line["event"].startswith("store_")]
    assert of_the_store == ["store_trouble", "store_recovered"]
    await database.close()


async def test_a_deleted_set_leaves_no_process_no_address_and_no_row(ground: Ground) -> None:
    """Deletion ends every node, gives the addresses back, then forgets the set."""
    await ground.order()
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        stored = await ground.until(running)
        await ground.sets.commit(stored, replace(stored, status=SetState.TERMINATING))
        fleet.wake(SET)
        await eventually(lambda: SET not in fleet.sets)

    assert await ground.sets.load(SET) is None
    assert ground.runtime.placements() == []
    assert ground.endpoints.owners() == ()


async def test_a_launch_that_fails_is_told_with_the_engines_words_and_tried_again(ground: Ground) -> None:
    """The set says why it is not there yet, then gets there."""
    ground.runtime.refuse_launches("Can't allocate memory", times=1)
    await ground.order(replicas=1)
    async with ground.fleet() as fleet:
        fleet.wake(SET)
        warned = await ground.until(lambda s: s.status is SetState.WARNING)
        assert warned.reason is not None
        assert "Can't allocate memory" in warned.reason.message

        healed = await ground.until(running)

    assert healed.launches.failures == 0


async def test_figures_are_asked_for_now_and_then(ground: Ground) -> None:
    """Over the links that stand; a survey shows what was answered last, and asks nobody."""
    await ground.order()

    async with ground.fleet(figures=0.25) as fleet:
        await ground.until(running)
        await eventually(lambda: all(row.info is not None for it in fleet.survey() for row in it.nodes))
        [seen] = fleet.survey()

    assert seen.set.id == SET
    assert [row.link for row in seen.nodes] == [LinkState.CONNECTED] * 3
    roles = [row.info.fields()["role"] for row in seen.nodes if row.info is not None]
    assert sorted(roles) == ["master", "slave", "slave"]


async def test_figures_are_kept_until_the_set_is_gone(ground: Ground, tmp_path: Path) -> None:
    """The historian is told of every set that is watched, and of its end."""
    historian = Historian(tmp_path / "metrics.history", ground.clock)
    await ground.order()

    async with ground.fleet(historian=historian, figures=0.25) as fleet:
        stored = await ground.until(running)
        await eventually(lambda: set(historian.of(SET)) == {node.id for node in stored.nodes})
        await ground.sets.commit(stored, replace(stored, status=SetState.TERMINATING))
        fleet.wake(SET)
        await eventually(lambda: SET not in fleet.sets)

    assert historian.of(SET) == {}
