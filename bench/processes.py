"""How fast nodes are started, proven gone, found again, and how fast an address moves.

    .venv/bin/python bench/processes.py [NODES]

Prints one JSON object an engine. Times are milliseconds, as the median and the worst of the rounds.
"""

import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvloop
from redis.asyncio import Redis

from memstored.domain.words import NodeId, SetId
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.engines import offered, take_inventory
from memstored.runtime.haproxy import running_in
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.protocol import Engine, LaunchOrder, Placement
from memstored.runtime.proxied import ProxiedEndpoints

if TYPE_CHECKING:
    from memstored.domain.ports import Link

ROUNDS = 20
PORT = random.randint(2000, 30000)
SLOW_SAVE = ("rdb-key-save-delay", "1000000")
SET = SetId("bench")
PROXIED_SET = SetId("bench-proxied")


class SystemClock:
    """The machine's own time."""

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class PlainLink:
    """As much of a link as endpoints need."""

    def __init__(self, address: str) -> None:
        self.client = Redis(host=address, port=PORT, decode_responses=True)
        self.connected = True
        self.bound = frozenset({address})

    async def bind(self, addresses: tuple[str, ...], *, ending: tuple[str, ...] = ()) -> None:
        """Listen at exactly these, and end who came through those."""
        await self.client.config_set("bind", " ".join(addresses))
        for address in ending:
            await self.end_through(address, PORT)
        self.bound = frozenset(addresses)

    async def end_through(self, address: str, port: int) -> None:
        """End the connections that came in there."""
        await self.client.execute_command("CLIENT", "KILL", "LADDR", f"{address}:{port}")


class Field:
    """A data folder on which nodes of one engine are measured."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self.engine = engine
        self.cidr = f"127.{random.randint(200, 250)}.0.0/16"
        self.runtime = self.made()

    def made(self) -> ProcessRuntime:
        """A runtime as a newly started service makes it."""
        return ProcessRuntime(
            root=self.root, subnets={"net": self.cidr}, engines=(self.engine,), clock=SystemClock()
        )

    async def restarted(self) -> None:
        """End the service, begin another."""
        await self.runtime.close()
        self.runtime = self.made()
        await self.runtime.start()

    async def launch(self, *directives: tuple[str, str]) -> Placement:
        """Start one node."""
        order = LaunchOrder(
            node=NodeId(os.urandom(8).hex()),
            set_id=SET,
            subnet_id="net",
            version=self.engine.version,
            port=PORT,
            directives=(("save", '""'), ("protected-mode", "no"), *directives),
        )
        return await self.runtime.launch(order)

    async def clear(self) -> None:
        """Destroy all nodes, 32 at a time."""
        gate = asyncio.Semaphore(32)

        async def destroy(node: NodeId) -> None:
            async with gate:
                await self.runtime.destroy(node)

        await asyncio.gather(*(destroy(p.node) for p in self.runtime.placements()))


async def milliseconds(act: Callable[[], Awaitable[object]]) -> float:
    """How long `act` takes."""
    began = time.perf_counter()
    await act()
    return (time.perf_counter() - began) * 1000


def summed_up(figures: list[float]) -> dict[str, float]:
    """Median and worst."""
    return {"median": round(statistics.median(figures), 2), "worst": round(max(figures), 2)}


async def longest_stall(until: asyncio.Event) -> float:
    """The longest time for which the loop did not come round."""
    worst, last = 0.0, time.perf_counter()
    while not until.is_set():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        worst, last = max(worst, now - last - 0.001), now
    return worst * 1000


async def launches(field: Field) -> dict[str, float]:
    """One after the other."""
    return summed_up([await milliseconds(field.launch) for _ in range(ROUNDS)])


async def launches_at_once(field: Field, count: int) -> dict[str, float]:
    """All at once, and how long the service stood still meanwhile."""
    done = asyncio.Event()
    stall = asyncio.create_task(longest_stall(done))
    took = await milliseconds(lambda: asyncio.gather(*(field.launch() for _ in range(count))))
    done.set()
    return {"nodes": count, "all": round(took, 1), "loop_stall": round(await stall, 2)}


async def exit_told(field: Field, node: Placement) -> float:
    """From SIGKILL to the proof."""
    exits = field.runtime.exits()

    async def die() -> None:
        os.kill(node.process_id or 0, signal.SIGKILL)
        while await anext(exits) != node.node:
            pass

    return await milliseconds(die)


async def exits(field: Field) -> dict[str, float]:
    """A server alone."""
    return summed_up([await exit_told(field, await field.launch()) for _ in range(ROUNDS)])


async def exits_with_child(field: Field) -> dict[str, float]:
    """A server with a fork child that would hold its sockets open (H7)."""
    figures = []
    for _ in range(ROUNDS):
        node = await field.launch(SLOW_SAVE)
        async with Redis(host=node.address or "", port=PORT) as client:
            await client.mset({f"k{i}": "v" for i in range(1000)})
            await client.bgsave()
        figures.append(await exit_told(field, node))
    return summed_up(figures)


async def fences(field: Field) -> dict[str, float]:
    """A stopped server."""
    figures = []
    for _ in range(ROUNDS):
        node = await field.launch()
        os.kill(node.process_id or 0, signal.SIGSTOP)
        figures.append(await milliseconds(lambda node=node: field.runtime.fence(node.node)))
    return summed_up(figures)


async def moves(field: Field) -> dict[str, float]:
    """The primary address from one living node to the other and back, the reader's the other way."""
    endpoints = FloatingEndpoints(addresses=field.runtime.addresses, address_of=field.runtime.address)
    await endpoints.reserve(SET, "net", PORT, version="7.0.15", with_reader=True)
    nodes = [await field.launch() for _ in range(2)]
    links = {p.node: PlainLink(p.address or "") for p in nodes}
    seen = cast("Mapping[NodeId, Link]", links)
    figures = []
    for turn in range(ROUNDS):
        first, second = nodes[turn % 2].node, nodes[1 - turn % 2].node
        figures.append(
            await milliseconds(
                lambda p=first, r=second: endpoints.point(SET, PORT, seen, primary=p, reader=r)
            )
        )
    for link in links.values():
        await link.client.aclose()
    return summed_up(figures[1:])


async def proxied_moves(field: Field) -> dict[str, dict[str, float]]:
    """The same where HAProxy carries the addresses; and how long they lead nowhere when it is killed."""
    endpoints = ProxiedEndpoints(
        root=field.root, addresses=field.runtime.addresses, address_of=field.runtime.address
    )
    await endpoints.start()
    await endpoints.reserve(PROXIED_SET, "net", PORT, version="5.0.6", with_reader=True)
    first, second = [(await field.launch()).node for _ in range(2)]

    async def point(primary: NodeId, reader: NodeId) -> None:
        await endpoints.point(PROXIED_SET, PORT, {}, primary=primary, reader=reader)

    async def die() -> None:
        (group,) = running_in([field.root / "proxies" / PROXIED_SET]).values()
        group.close()
        os.kill(group.number, signal.SIGKILL)
        await anext(changes)
        await point(first, second)

    changes = endpoints.changes()
    started = [await milliseconds(lambda: point(first, second))]
    moved = [
        await milliseconds(lambda nodes=nodes: point(*nodes))
        for nodes in ((second, first), (first, second)) * (ROUNDS // 2)
    ]
    died = [await milliseconds(die) for _ in range(ROUNDS)]
    await endpoints.release(PROXIED_SET)
    await endpoints.close()
    return {"start": summed_up(started), "move": summed_up(moved), "death": summed_up(died)}


async def measure(engine: Engine, count: int) -> dict[str, object]:
    """All figures of one engine."""
    with tempfile.TemporaryDirectory() as folder:
        field = Field(Path(folder), engine)
        await field.runtime.start()
        figures: dict[str, object] = {"engine": engine.version}
        try:
            for measured in (launches, exits, exits_with_child, fences, moves, proxied_moves):
                figures[measured.__name__] = await measured(field)
                await field.clear()
            figures["launches_at_once"] = await launches_at_once(field, count)
            figures["found_again"] = round(await milliseconds(field.restarted), 1)
            figures["all_destroyed"] = round(await milliseconds(field.clear), 1)
        finally:
            await field.clear()
            await field.runtime.close()
        return figures


async def main() -> None:
    """Measure every engine of the machine."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    print(json.dumps({"engines_found": round(await milliseconds(take_inventory), 1)}))
    for engine in offered(await take_inventory()):
        print(json.dumps(await measure(engine, count)))


uvloop.run(main())
