"""The tour behind `memstored demo`: a set is made, killed under load, heals, and is asked for all its data.

Everything happens in a throwaway service and is seen as a tenant sees it. It ends with exit code 0 only
if every promise held: writes went on, the set healed, and no write that a replica confirmed is missing.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live

from memstored.cli.errors import Stop
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from memstored.cli.tour_load import Load, at, missing
from memstored.cli.tour_views import Kill, Verdict, View, events, nodes, progress, steps, verdict

__all__ = ["run"]

NODES = 3
WRITERS = 8
BEFORE, AFTER = 4.0, 3.0
"""Seconds of writing before the primary is killed, and afterwards."""
LIMIT = 30.0
"""Seconds in which the set must be made, and healed."""
LOOK = 0.1
"""Seconds between two looks at the set: seldom enough not to be a load itself."""
WIDTH = 80


def run() -> None:
    """Give the tour; ends with exit code 1 when a promise did not hold."""
    console = Console(highlight=False)
    console.width = min(console.width, WIDTH)
    began = time.monotonic()
    console.print("[bold]memstored demo[/]: a Redis set is killed under load, and heals itself.\n")
    with (
        console.status("Starting a service in a temporary folder ...") as status,
        throwaway_service() as service,
    ):
        status.stop()
        console.print(f"[bold]1[/]  A service runs at {service.url}")
        held = _taken(Tour(console, service))
        status.update("Ending the nodes and the service ...")
        status.start()
    console.print(
        f"\nService, nodes and folder are gone again, {time.monotonic() - began:.0f} s after the start."
    )
    if not held:
        raise typer.Exit(1)


def _taken(tour: "Tour") -> bool:
    try:
        return asyncio.run(tour.take())
    except RedisError as fault:
        raise Stop(f"The set does not answer as it should: {fault}") from None


class Tour:
    """One walk through it, told on `console`."""

    def __init__(self, console: Console, service: ThrowawayService) -> None:
        self._console = console
        self._service = service
        self._set_id = ""

    async def take(self) -> bool:
        """Create, write, kill, heal, read back; returns whether every promise held."""
        created = await self._create()
        load = Load(at(*created.primary_endpoint), name="demo", writers=WRITERS, confirming=WRITERS // 2)
        place = ":".join(map(str, created.primary_endpoint))
        self._chapter("3", f"{WRITERS} writers at {place}, half of them with WAIT 1 after each write")
        async with load:
            await self._watch(load, BEFORE)
            kill = await self._kill(created)
            await self._watch(load, AFTER)
            healed = await self._until(lambda view: view.whole(NODES, without=kill.node_id))
        self._console.print(events(await self._events(), kill), nodes(healed))
        return await self._judge(load, kill, created.primary_endpoint)

    def _chapter(self, number: str, text: str) -> None:
        self._console.print(f"\n[bold]{number}[/]  {text}")

    async def _create(self) -> View:
        version = self._service.versions()[0]
        self._chapter("2", f"A highly available set of {NODES} nodes of Redis {version}")
        self._set_id = self._service.create("demo", nodes=NODES, version=version, recovery=True)
        created = await self._until(lambda view: view.whole(NODES))
        self._console.print(steps(created), nodes(created))
        return created

    def _look(self) -> View:
        client, path = self._service.client, f"/v1/instance-sets/{self._set_id}"
        return View(
            set=client.get(path),
            nodes=client.get(f"{path}/instances")["data"],
            operations=client.get(f"{path}/operations")["data"],
        )

    async def _until(self, reached: Callable[[View], bool]) -> View:
        """Show how the set changes until it is as wanted; raises `Stop` when that takes too long."""
        began = time.monotonic()
        with Live(console=self._console, transient=True) as live:
            while not reached(view := await asyncio.to_thread(self._look)):
                took = time.monotonic() - began
                if took > LIMIT or view.set["status"] == "Failed":
                    raise Stop(f"The set is {view.set['status']} after {took:.0f} s: {view.set['reason']}")
                live.update(progress(view, took))
                await asyncio.sleep(LOOK)
        return view

    async def _watch(self, load: Load, seconds: float) -> None:
        """Show how the load counts up for that long."""
        until = time.monotonic() + seconds
        with self._console.status("") as status:
            while time.monotonic() < until:
                status.update(f"{load.count:,} writes acknowledged")
                await asyncio.sleep(LOOK)
        self._console.print(f"    {load.count:,} writes acknowledged so far")

    async def _kill(self, created: View) -> Kill:
        """Kill the process that answers at the primary endpoint, without a word to the service."""
        host, port = created.primary_endpoint
        async with Redis(host=host, port=port) as primary:
            pid = int((await primary.info("server"))["process_id"])
        node = created.nodes[0]
        self._chapter("4", f"kill -9 {pid}: the primary, {node['instanceName']}, while they write")
        kill = Kill(node_id=node["objectId"], at=time.monotonic(), wall=time.time())
        os.kill(pid, signal.SIGKILL)
        return kill

    async def _events(self) -> list[dict[str, str]]:
        path = f"/v1/instance-sets/{self._set_id}/events"
        return list((await asyncio.to_thread(self._service.client.get, path))["data"])

    async def _judge(self, load: Load, kill: Kill, endpoint: tuple[str, int]) -> bool:
        self._chapter("5", "All acknowledged writes are read back from the new primary")
        record = load.record
        with self._console.status("Reading ..."):
            gone = await missing(*endpoint, record.all)
        outcome = Verdict(record=record, kill=kill, missing=gone)
        self._console.print(verdict(outcome))
        return outcome.held
