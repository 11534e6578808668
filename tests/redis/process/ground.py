"""What tests of the process runtime stand on: a data folder, addresses of its own, an engine."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from memstored.control.clock import SystemClock
from memstored.domain.words import NodeId, SetId
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.processes import ProcessFacts, processes, read_process
from memstored.runtime.protocol import Engine, LaunchOrder, Placement

SUBNET = "net"
DIRECTIVES = (("save", '""'), ("protected-mode", "no"))
# Not the seeded one: that gives workers the same numbers.
_chance = random.SystemRandom()


@dataclass
class Ground:
    """A data folder, its range of addresses and its engine; makes runtimes and orders for it."""

    root: Path
    engine: Engine
    cidr: str
    port: int

    def runtime(self, **changes: object) -> ProcessRuntime:
        """A runtime on this ground, as a newly started service makes it."""
        settings: dict[str, object] = {
            "root": self.root,
            "subnets": {SUBNET: self.cidr},
            "engines": (self.engine,),
            "clock": SystemClock(),
        }
        return ProcessRuntime(**(settings | changes))  # type: ignore[arg-type]

    def order(self, node: str | None = None, *directives: tuple[str, str]) -> LaunchOrder:
        """An order for a new node with `directives` added."""
        return LaunchOrder(
            node=NodeId(node or str(uuid4())),
            set_id=SetId("set-1"),
            subnet_id=SUBNET,
            version=self.engine.version,
            port=self.port,
            directives=(*DIRECTIVES, *directives),
        )

    def client(self, placement: Placement) -> redis.Redis:
        """A plain client of the node; for calls that do not block."""
        assert placement.address is not None
        return self.client_at(placement.address)

    def client_at(self, address: str) -> redis.Redis:
        """A plain client of whoever answers there; it tries once."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(address, self.port, decode_responses=True, socket_timeout=10, retry=once)

    def folder(self, node: NodeId) -> Path:
        """Where the node lives."""
        return self.root / "nodes" / node


def a_range() -> str:
    """Some 254 addresses that no other test is likely to use."""
    return f"127.{_chance.randint(30, 99)}.{_chance.randint(0, 255)}.0/24"


async def purge(ground: Ground) -> None:
    """End and remove all nodes, as `memstored purge` does: without engines, subnets or a running service."""
    runtime = ground.runtime(engines=(), subnets={})
    await runtime.start()
    for placement in runtime.placements():
        await runtime.destroy(placement.node)
    assert runtime.placements() == []
    await runtime.close()


Begin = Callable[..., Awaitable[ProcessRuntime]]


async def next_exit(runtime: ProcessRuntime, deadline: float = 5.0) -> NodeId:
    """The next node that is proven gone."""
    async with asyncio.timeout(deadline):
        return await anext(aiter(runtime.exits()))


async def until(look: Callable[[], object], deadline: float = 10.0) -> None:
    """Return once `look` sees something true."""
    async with asyncio.timeout(deadline):
        while not look():  # noqa: ASYNC110 - what is watched is another process
            await asyncio.sleep(0.002)


def alive(number: int) -> bool:
    """Whether the process lives."""
    facts = read_process(number)
    return facts is not None and facts.living


def state_of(number: int) -> str | None:
    """The letter of the process's state (`T`: stopped); None when it is no more."""
    facts = read_process(number)
    return facts.state if facts is not None else None


def group_of(number: int) -> list[ProcessFacts]:
    """The living processes of the group of that number."""
    return [facts for facts in processes() if facts.group == number and facts.living]
