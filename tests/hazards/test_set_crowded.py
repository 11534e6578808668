"""Tenants that open all the connections that there are, and come again whenever one is ended.

What the service needs gets in all the same: replicas, new nodes, and whoever takes over.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from real_house import PORT, RealHouse, primary_of, replicas_of, without
from servers import soon

from memstored.domain.engine import capabilities_of
from memstored.domain.model import Configuration, GroupValues, Setting
from memstored.domain.parameters import RESERVED_CLIENTS

MOST = 100
"""`maxclients` of these sets: the least that a parameter group may say."""
BACK_OFF = {True: 0.03, False: 0.1}
"""Seconds after which each of the tenants comes again, by whether the engine's replicas try at once."""


@pytest.fixture
def small(real_house: RealHouse) -> RealHouse:
    """A house whose set takes few connections."""
    settings = (Setting(name="maxclients", value=str(MOST)),)
    real_house.configuration = Configuration(
        values=GroupValues(group_id="group", version=1, settings=settings)
    )
    return real_house


async def _insist(host: str, back_off: float) -> None:
    """Be connected there for ever, without a word."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, PORT)
            try:
                while await reader.read(4096):
                    pass
            finally:
                writer.close()
        await asyncio.sleep(back_off)


@asynccontextmanager
async def crowd(house: RealHouse, *hosts: str | None) -> AsyncIterator[None]:
    """More tenants at each of these addresses than may be there."""
    back_off = BACK_OFF[capabilities_of(house.engine.version).acl]
    places = [host for host in hosts if host is not None for _ in range(MOST + 2 * RESERVED_CLIENTS)]
    tasks = [asyncio.create_task(_insist(host, back_off)) for host in places]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_replica_is_replaced_though_tenants_have_all_connections(small: RealHouse) -> None:
    """The new one finds a place, and meanwhile the set says what it waits for."""
    async with small.controller() as fleet:
        stored = await small.make(fleet, 2)
        assert stored.vips is not None
        with small.control(primary_of(stored)) as client:
            async with crowd(small, stored.vips.primary):
                await soon(lambda: int(client.info("stats")["rejected_connections"]) > 0, what="a full node")
                (lost,) = replicas_of(stored)
                small.send(lost, signal.SIGKILL)
                await small.until(without(lost), deadline=60)

    assert "connections_exhausted" in small.reasons()
    assert small.unexplained() == []


async def test_a_primary_is_replaced_though_tenants_have_all_connections(small: RealHouse) -> None:
    """Wherever they crowd: they follow the address to the heir, which then is as full."""
    async with small.controller() as fleet:
        stored = await small.make(fleet, 3)
        lost = primary_of(stored)
        assert stored.vips is not None
        with small.control(lost) as client:
            async with crowd(small, stored.vips.primary, *(node.address for node in replicas_of(stored))):
                await soon(lambda: int(client.info("stats")["rejected_connections"]) > 0, what="a full node")
                small.send(lost, signal.SIGKILL)
                healed = await small.until(without(lost), deadline=60)

    assert primary_of(healed).id != lost.id
    assert len(healed.failovers) == 1
    assert small.unexplained() == []


async def test_who_has_a_place_within_maxclients_keeps_it(small: RealHouse) -> None:
    """It is the youngest who go."""
    async with small.controller() as fleet:
        stored = await small.make(fleet, 2)
        with small.tenant(stored) as early, small.control(primary_of(stored)) as client:
            early.set("here", "first")
            began = early.client_id() if small.engine.version[0] > "5" else None
            async with crowd(small, primary_of(stored).address):
                await soon(lambda: int(client.info("stats")["rejected_connections"]) > 0, what="a full node")
                (lost,) = replicas_of(stored)
                small.send(lost, signal.SIGKILL)
                await small.until(without(lost), deadline=60)
                assert early.get("here") == "first"
                assert began is None or early.client_id() == began
