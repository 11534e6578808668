import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from typing import cast

import pytest
import redis
from ground import SUBNET, Ground, next_exit
from redis.asyncio import Redis

from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.protocol import Placement

SET = SetId("set-1")


class PlainLink:
    """As much of a link as endpoints need."""

    def __init__(self, address: str, port: int) -> None:
        self._client = Redis(host=address, port=port, decode_responses=True)
        self._port = port
        self.connected = True
        self.bound = frozenset({address})

    async def bind(self, addresses: tuple[str, ...], *, ending: tuple[str, ...] = ()) -> None:
        """Listen at exactly these."""
        try:
            await self._client.config_set("bind", " ".join(addresses))
        except redis.exceptions.ResponseError as refusal:
            raise LinkTrouble(str(refusal)) from refusal
        finally:
            for address in ending:
                await self.end_through(address, self._port)
            self.bound = frozenset((await self._client.config_get("bind"))["bind"].split())

    async def end_through(self, address: str, port: int) -> None:
        """End the connections that came in there."""
        await self._client.execute_command("CLIENT", "KILL", "LADDR", f"{address}:{port}")

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()


class Scene:
    """Two launched nodes, linked, and a set's addresses, not pointed yet."""

    def __init__(self, ground: Ground, runtime: ProcessRuntime, nodes: list[Placement], vips: Vips) -> None:
        self.ground = ground
        self.runtime = runtime
        self.endpoints = FloatingEndpoints(addresses=runtime.addresses, address_of=runtime.address)
        self.first, self.second = nodes
        self.links = {p.node: PlainLink(str(p.address), ground.port) for p in nodes}
        self.primary, self.reader = vips.primary, str(vips.reader)

    async def point(self, primary: Placement, reader: Placement) -> None:
        """Make the addresses lead to these."""
        links = cast("Mapping[NodeId, Link]", self.links)
        nodes = {"primary": primary.node, "reader": reader.node}
        await self.endpoints.point(SET, self.ground.port, links, **nodes)

    def number_at(self, address: str | None) -> int:
        """The process that answers at the address."""
        with self.ground.client_at(str(address)) as client:
            return int(client.info("server")["process_id"])


@pytest.fixture
async def scene(ground: Ground, runtime: ProcessRuntime) -> AsyncIterator[Scene]:
    """Two nodes and two addresses."""
    endpoints = FloatingEndpoints(addresses=runtime.addresses, address_of=runtime.address)
    vips = await endpoints.reserve(SET, SUBNET, ground.port, version="7.0.15", with_reader=True)
    nodes = await asyncio.gather(*(runtime.launch(ground.order()) for _ in range(2)))
    scene = Scene(ground, runtime, nodes, vips)
    yield scene
    for link in scene.links.values():
        await link.close()


async def test_the_addresses_lead_to_their_nodes(scene: Scene) -> None:
    """Clients reach the primary at one address, the reader at the other, and each at its own."""
    await scene.point(scene.first, scene.second)

    assert scene.number_at(scene.primary) == scene.first.process_id
    assert scene.number_at(scene.reader) == scene.second.process_id
    assert scene.number_at(scene.first.address) == scene.first.process_id


async def test_one_node_answers_at_both_addresses(scene: Scene) -> None:
    """While no replica serves, readers reach the primary."""
    await scene.point(scene.first, scene.first)

    assert scene.number_at(scene.primary) == scene.number_at(scene.reader) == scene.first.process_id


async def test_a_move_ends_what_came_through_the_address(scene: Scene) -> None:
    """An old connection can not go on writing to the former primary; one to its own address stays (H13)."""
    await scene.point(scene.first, scene.first)
    with scene.ground.client_at(scene.primary) as through, scene.ground.client(scene.first) as direct:
        old, own = through.connection_pool.get_connection(), direct.connection_pool.get_connection()
        await scene.point(scene.second, scene.first)

        with pytest.raises(redis.exceptions.ConnectionError):
            old.read_response()
        own.send_command("PING")
        assert own.read_response() == "PONG"
    assert scene.number_at(scene.primary) == scene.second.process_id


async def test_the_addresses_can_be_swapped(scene: Scene) -> None:
    """A replica becomes primary and the former primary serves readers."""
    await scene.point(scene.first, scene.second)

    await scene.point(scene.second, scene.first)

    assert scene.number_at(scene.primary) == scene.second.process_id
    assert scene.number_at(scene.reader) == scene.first.process_id


async def test_the_address_of_a_dead_node_is_free_at_once(scene: Scene) -> None:
    """Once a node is proven gone, fork child and all, the next one binds its address without waiting (H7)."""
    await scene.point(scene.first, scene.second)
    with scene.ground.client(scene.first) as client:
        client.config_set("rdb-key-save-delay", "1000000")
        client.mset({f"k{i}": "v" for i in range(1000)})
        client.bgsave()
    os.kill(scene.first.process_id or 0, signal.SIGKILL)
    await next_exit(scene.runtime)
    scene.links[scene.first.node].connected = False

    await scene.point(scene.second, scene.second)

    assert scene.number_at(scene.primary) == scene.second.process_id


async def test_an_address_in_other_hands_leaves_the_node_as_it_was(scene: Scene) -> None:
    """A node that can not bind an address says which, and binds it as soon as it is free (S8)."""
    with socket.socket() as stranger:
        stranger.bind((scene.primary, scene.ground.port))
        stranger.listen()
        with pytest.raises(LinkTrouble, match=rf"{scene.primary}:\d+ Address already in use"):
            await scene.point(scene.first, scene.second)
        assert scene.number_at(scene.first.address) == scene.first.process_id

    await scene.point(scene.first, scene.second)

    assert scene.number_at(scene.primary) == scene.first.process_id
