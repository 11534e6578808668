"""Putting data into a fresh node through a loading door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from logins import CONTROL, CONTROLLERS, PASSWORD, REPLICATION
from servers import Server

from memstored.domain.ports import Identity, Target
from memstored.domain.words import NodeId
from memstored.redis.door import LoadingDoor
from memstored.redis.link import RedisLink
from memstored.redis.outflow import outflow

HOST = "127.0.0.1"
DEADLINE = 20.0
_PART = 100_000


async def parts(data: bytes) -> AsyncIterator[bytes]:
    """The data in parts."""
    for start in range(0, len(data), _PART):
        yield data[start : start + _PART]


def unheard(_count: int) -> None:
    """Nobody wants to know how far it is."""


@asynccontextmanager
async def taking_in(
    link: RedisLink, data: bytes, *, replid: str | None = None, deadline: float = DEADLINE
) -> AsyncIterator[LoadingDoor]:
    """A door at which the node of this link stands; a test may give it a replid that is not its own."""
    async with LoadingDoor(HOST, size=len(data), deadline=deadline) as door:
        door.replid = replid or door.replid
        await link.take_in(HOST, door.port, door.identity)
        yield door


async def load(
    link: RedisLink, data: bytes, *, replid: str | None = None, replication: Identity = REPLICATION
) -> None:
    """Have the node take the data in and become a master of its own."""
    async with taking_in(link, data, replid=replid) as door:
        await door.feed(parts(data), unheard)
        await link.detach()
    await link.equip(replication)
    await link.promote()


async def rdb_of(server: Server) -> bytes:
    """All data of a node."""
    target = Target(
        node=NodeId(server.host),
        host=server.host,
        port=server.port,
        version=server.engine.version,
        control=CONTROL,
        password=PASSWORD,
    )
    server.take()
    async with outflow(target, CONTROLLERS, deadline=DEADLINE) as flow:
        return await asyncio.to_thread(b"".join, flow.parts)
