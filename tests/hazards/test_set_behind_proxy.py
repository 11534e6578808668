"""A whole set whose addresses HAProxy carries, under the control loop: what its tenants notice.

With nodes of every engine that is here, since it is the addresses that are tried.
"""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import redis
from real_house import PORT, RealHouse, primary_of, whole, without
from servers import Engine, haproxy_is_here, soon

from memstored.domain.model import InstanceSet
from memstored.domain.words import EventName, SetState
from memstored.runtime.haproxy import running_in
from memstored.runtime.protocol import Endpoints
from memstored.runtime.proxied import ProxiedEndpoints

pytestmark = pytest.mark.skipif(not haproxy_is_here(), reason="no haproxy here")


DETECTION = 1.0
"""Seconds of silence after which it counts as dead, in these houses."""


TOLD = [EventName.ENDPOINT_DOWN, EventName.ENDPOINT_RECOVERY_COMPLETE]


class ProxiedHouse(RealHouse):
    """A house whose set is behind a proxy, whatever its engine can do."""

    def endpoints(self) -> Endpoints:
        """Proxied ones."""
        addresses, address_of = self.runtime.addresses, self.runtime.address
        return ProxiedEndpoints(root=self.root, addresses=addresses, address_of=address_of)

    @property
    def proxy_folder(self) -> Path:
        """Where the set's proxy lives."""
        return self.root / "proxies" / self.set_id

    def told_of_the_proxy(self) -> list[EventName]:
        """What was told of it."""
        return [event.name for event in self.sets.events if "Endpoint" in event.name]

    def proxy(self) -> int | None:
        """The process of the set's proxy, if it runs."""
        found = running_in([self.proxy_folder])
        for group in found.values():
            group.close()
            return group.number
        return None


class Writer:
    """Somebody who writes at the primary address all the while, and comes again when he is cut off."""

    def __init__(self, house: RealHouse, stored: InstanceSet) -> None:
        assert stored.vips is not None
        self._client = house.at(stored.vips.primary)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.acknowledged: list[str] = []
        self.gap = 0.0

    def _write(self) -> None:
        number, last = 0, time.monotonic()
        while not self._over.is_set():
            number += 1
            with suppress(redis.RedisError):
                self._client.set(f"k{number}", number)
                self.acknowledged.append(f"k{number}")
                now = time.monotonic()
                self.gap, last = max(self.gap, now - last), now
            time.sleep(0.0005)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    async def more(self) -> None:
        """Return when a write was acknowledged that began after now."""
        before = len(self.acknowledged)
        await soon(lambda: len(self.acknowledged) > before + 1, what="another write")

    def lost(self) -> int:
        """How many of the acknowledged writes are not there."""
        return len(self.acknowledged) - int(self._client.exists(*self.acknowledged))


@pytest.fixture
async def behind(engine: Engine, tmp_path: Path) -> AsyncIterator[ProxiedHouse]:
    """A house of each engine."""
    async with ProxiedHouse.opened(tmp_path, engine, {}) as house:
        yield house


async def test_h13_a_failover_moves_the_address_and_nobody_stays_behind(behind: ProxiedHouse) -> None:
    """Writers come through to the new primary, a subscriber is cut off from the old one."""
    async with behind.controller() as fleet:
        stored = await behind.make(fleet, 3)
        lost = primary_of(stored)
        with Writer(behind, stored) as writer:
            await writer.more()
            behind.send(lost, signal.SIGKILL)
            healed = await behind.until(without(lost))
            await writer.more()

        assert primary_of(healed).id != lost.id
        assert writer.gap < 5
    assert behind.unexplained() == []


async def test_the_death_of_the_proxy_is_mended_at_once(behind: ProxiedHouse) -> None:
    """Nobody fails over for it, nothing is lost, and writes go on in a moment."""
    async with behind.controller() as fleet:
        stored = await behind.make(fleet, 2)
        former = behind.proxy()
        assert former is not None
        with Writer(behind, stored) as writer:
            await writer.more()
            os.kill(former, signal.SIGKILL)
            await soon(lambda: behind.proxy() not in (None, former), what="another proxy")
            await writer.more()
        kept = await behind.until(whole)
        await soon(lambda: behind.told_of_the_proxy() == TOLD, what="both events")

        assert (kept.lineage, writer.lost()) == (stored.lineage, 0)
        assert writer.gap < 5
    assert "endpoint_down" in behind.reasons()
    assert behind.unexplained() == []


async def test_a_proxy_that_hangs_is_replaced_and_nobody_fails_over_for_it(behind: ProxiedHouse) -> None:
    """Its silence is shown, then it is ended, and those who hung at it come through another."""
    async with behind.controller() as fleet:
        stored = await behind.make(fleet, 2)
        hung = behind.proxy()
        assert hung is not None
        assert stored.vips is not None
        idle = socket.create_connection((stored.vips.primary, PORT), timeout=5)
        with idle, Writer(behind, stored) as writer:
            await writer.more()
            os.kill(hung, signal.SIGSTOP)
            await behind.until(lambda now: now.status is SetState.WARNING)
            await soon(lambda: behind.proxy() not in (None, hung), what="another proxy")
            await writer.more()
            assert await asyncio.to_thread(_ended, idle)
        kept = await behind.until(whole)
        await soon(lambda: behind.told_of_the_proxy() == TOLD, what="both events")

        assert (kept.lineage, writer.lost()) == (stored.lineage, 0)
        assert writer.gap < DETECTION + 5
    assert behind.unexplained() == []


async def test_a_service_that_goes_leaves_the_way_open(behind: ProxiedHouse) -> None:
    """Who is connected stays so while it is away and when it comes again."""
    async with behind.controller() as fleet:
        stored = await behind.make(fleet, 2)
    proxy = behind.proxy()
    with behind.tenant(stored) as client, client.pubsub() as listener:
        listener.subscribe("news")
        await soon(listener.get_message, what="the subscription")

        async with behind.controller():
            await behind.until(whole)
            assert client.publish("news", "x") == 1

    assert behind.proxy() == proxy


async def test_s08_a_primary_that_died_while_the_service_was_away(behind: ProxiedHouse) -> None:
    """Its proxy led to the dead one all the while; the next service leads it to the heir."""
    async with behind.controller() as fleet:
        stored = await behind.make(fleet, 3)
        with behind.tenant(stored) as client:
            client.set("kept", "yes")
            assert client.wait(2, 5000) == 2
    lost = primary_of(stored)
    behind.send(lost, signal.SIGKILL)

    async with behind.controller():
        await behind.until(without(lost))
        with behind.tenant(stored) as client:
            assert client.get("kept") == "yes"
            client.set("more", "yes")


async def test_a_proxy_that_died_while_the_service_was_away(behind: ProxiedHouse) -> None:
    """The next service starts another that leads where it should."""
    async with behind.controller() as fleet:
        stored = await behind.make(fleet, 2)
    former = behind.proxy()
    assert former is not None
    os.kill(former, signal.SIGKILL)
    await soon(lambda: behind.proxy() is None, what="its end")

    async with behind.controller():
        await soon(lambda: behind.proxy() is not None, what="another proxy")
        await soon(lambda: _answers(behind, stored), what="an answer")


async def test_nothing_of_a_deleted_set_is_left(behind: ProxiedHouse) -> None:
    """The proxy goes with the set, and its folder."""
    async with behind.controller() as fleet:
        await behind.make(fleet, 2)
        assert behind.proxy() is not None
        await behind.delete(fleet)
        await soon(lambda: not behind.proxy_folder.exists(), what="the end of its folder")

        assert behind.proxy() is None


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def _answers(house: RealHouse, stored: InstanceSet) -> bool:
    with suppress(redis.ConnectionError), house.tenant(stored) as client:
        return bool(client.ping())
    return False
