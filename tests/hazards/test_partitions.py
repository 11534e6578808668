"""Links that go silent between nodes that live, and copies that never come to their end."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import redis
from real_house import CONTROLLER, RealHouse, primary_of, replicas_of, whole, without
from service_process import living

from memstored.control import watch
from memstored.domain.model import InstanceSet, Node
from memstored.domain.words import SetState


def warned(code: str) -> object:
    """Whether the set is in `Warning` for that reason."""
    return lambda stored: stored.reason is not None and stored.reason.code == code


async def test_s08_a_primary_cut_off_from_its_replicas_stays_primary(real_house: RealHouse) -> None:
    """It lives and takes writes, so nobody takes over; that its replicas hear nothing of it is shown, the
    reader address leaves them (S8b), and when the path is whole again so is the set.
    """
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 3)
        primary = primary_of(stored)
        _hurry(real_house, stored)
        with real_house.partition(primary, *replicas_of(stored)):
            with real_house.tenant(stored) as client:
                client.set("key", "1")
            shown = await real_house.until(warned("replica_out_of_step"))
            reader = fleet.facts(stored.id).endpoints.reader_at
            with real_house.tenant(stored) as client:
                client.set("key", "2")
        healed = await real_house.until(whole)
        with real_house.tenant(healed) as client:
            copied = client.wait(2, 10_000)

    assert shown.status is SetState.WARNING
    assert reader == primary.id
    assert (healed.lineage.epoch, primary_of(healed).id, copied) == (1, primary.id, 2)
    assert healed.nodes == stored.nodes
    assert real_house.unexplained() == []


def _hurry(house: RealHouse, stored: InstanceSet) -> None:
    """Have the nodes notice a silent stream after 2 s instead of 20."""
    for node in stored.nodes:
        with house.control(node) as control:
            control.config_set("repl-ping-replica-period", 1)
            control.config_set("repl-timeout", 2)


async def test_s03_a_primary_cut_off_from_the_controller_is_ended_before_another_takes_over(
    real_house: RealHouse,
) -> None:
    """Its clients may still reach it: so it is proven gone before the promotion is even recorded, and what
    it confirmed is there afterwards.
    """
    living_at_promotion: list[bool] = []
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 3)
        primary = primary_of(stored)
        process = real_house.process(primary)
        real_house.sets.before = lambda after: _note_promotion(after, process, living_at_promotion)
        with real_house.tenant(stored) as client:
            client.set("key", "value")
            assert client.wait(2, 5000) == 2
        real_house.cut(CONTROLLER, primary)

        healed = await real_house.until(without(primary))
        with real_house.tenant(healed) as client:
            value = client.get("key")

    assert living_at_promotion == [False]
    assert value == "value"
    assert real_house.reasons() >= {"primary_silent"}
    assert real_house.unexplained() == []


def _note_promotion(after: InstanceSet, process: int, seen: list[bool]) -> None:
    promoted = after.lineage is not None and after.lineage.promotion is not None
    if promoted and not seen:
        seen.append(living(process))


async def test_a_replica_cut_off_from_the_controller_is_replaced_and_no_write_waits(
    real_house: RealHouse,
) -> None:
    """What can not be asked can not be relied on: another takes its place, the primary stays."""
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 2)
        doomed = replicas_of(stored)[0]
        process = real_house.process(doomed)
        real_house.cut(CONTROLLER, doomed)

        healed = await real_house.until(without(doomed))

    assert not living(process)
    assert (healed.lineage.epoch, primary_of(healed).id) == (1, primary_of(stored).id)
    assert real_house.unexplained() == []


@pytest.mark.able("diskless_load")
async def test_h28_a_copy_that_never_ends_is_bounded_explained_and_made_in_the_end(
    real_house: RealHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More is written during each copy than the output buffer takes, so each is cut off: after the second
    the replica rests, the primary is left in peace, and the copy is made once it can be.
    """
    monkeypatch.setattr(watch, "COPY_PAUSES", (0.0, 6.0))
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 2)
        primary, doomed = primary_of(stored), replicas_of(stored)[0]
        with real_house.control(primary) as control, _pressed(real_house, stored):
            real_house.send(doomed, signal.SIGKILL)
            shown = await real_house.until(warned("replica_cannot_copy"))
            copies = control.info("stats")["sync_full"]
            await asyncio.sleep(2.0)  # of the rest: time enough for twenty copies of a replica that has none
            later = control.info("stats")["sync_full"]
        _relieve(real_house, primary)
        healed = await real_house.until(without(doomed))

    assert shown.status is SetState.WARNING
    assert later == copies
    assert (healed.lineage.epoch, primary_of(healed).id) == (1, primary.id)
    assert real_house.unexplained() == []


@contextmanager
def _pressed(house: RealHouse, stored: InstanceSet) -> Iterator[None]:
    """A primary with slow copies and a small buffer for them, while somebody writes much to few keys."""
    with house.control(primary_of(stored)) as control:
        control.mset({f"old:{number}": "x" * 1000 for number in range(100)})
        control.config_set("rdb-key-save-delay", 20_000)
        control.config_set("repl-backlog-size", 1_000_000)
        control.config_set("client-output-buffer-limit", "replica 1000000 1000000 0")
    over = threading.Event()
    writer = threading.Thread(target=_write_much, args=(house, stored, over))
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def _write_much(house: RealHouse, stored: InstanceSet, over: threading.Event) -> None:
    value = "x" * 100_000
    with house.tenant(stored) as client:
        while not over.wait(0.01):
            with suppress(redis.RedisError):
                client.set("much", value)


def _relieve(house: RealHouse, primary: Node) -> None:
    with house.control(primary) as control:
        control.config_set("rdb-key-save-delay", 0)
