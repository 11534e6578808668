"""How long requests take while twenty callers send them at the same time."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvloop

from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from plan import Plan
from sets import BenchSet

CALLERS = 20
SETTINGS = "[quota]\nnodes_per_project = 1000\n"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    path: str
    body: str = ""


class Caller:
    """One kept-alive connection, as light as can be: our own work must not count as the service's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader = reader
        self._writer = writer
        self._token = token

    async def call(self, request: Request) -> float:
        """Send the request and read the whole answer; returns the seconds that took."""
        head = f"{request.method} {request.path} HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {self._token}\r\n"
        began = time.perf_counter()
        self._writer.write(f"{head}Content-Length: {len(request.body)}\r\n\r\n{request.body}".encode())
        status, *fields = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        answer = await self._reader.readexactly(int(headers["content-length"]))
        took = time.perf_counter() - began
        if " 20" not in status:
            raise RuntimeError(f"{request.method} {request.path}: {status} {answer.decode()}")
        return took


@asynccontextmanager
async def _caller(service: ThrowawayService, token: str) -> AsyncIterator[Caller]:
    place = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Caller(reader, writer, token)
    finally:
        writer.close()


async def _all(service: ThrowawayService, requests: Sequence[Request]) -> list[float]:
    """Send all requests, shared among the callers, each waiting for its answer before the next."""
    token = service.client.new_token().value
    queue: Iterator[Request] = iter(requests)

    async def work() -> list[float]:
        async with _caller(service, token) as caller:
            return [await caller.call(request) for request in queue]

    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(work()) for _ in range(CALLERS)]
    return [took for task in working for took in task.result()]


def measure(plan: Plan) -> dict[str, object]:
    """Milliseconds of each kind of request, and requests a second."""
    with throwaway_service(settings=SETTINGS) as service:
        orders = [
            service.order(f"bench-{i}", nodes=1, version=plan.version, recovery=False)
            for i in range(plan.sets)
        ]
        creates = [Request("POST", "/v1/instance-sets", json.dumps(order)) for order in orders]
        figures = {"create": _timed(service, creates)}
        sets = service.client.get("/v1/instance-sets")["data"]
        for row in sets:
            BenchSet(service, row["objectId"]).await_running()
        lists = [Request("GET", "/v1/instance-sets")] * plan.calls
        figures[f"list of {len(sets)}"] = _timed(service, lists)
        paths = [f"/v1/instance-sets/{sets[i % len(sets)]['objectId']}" for i in range(plan.calls)]
        figures["set"] = _timed(service, [Request("GET", path) for path in paths])
        figures["instances"] = _timed(service, [Request("GET", f"{path}/instances") for path in paths])
        return {"callers": CALLERS, **figures}


def _timed(service: ThrowawayService, requests: Sequence[Request]) -> dict[str, float]:
    began = time.perf_counter()
    figures = Summary.of(uvloop.run(_all(service, requests))).json()
    return figures | {"per_second": round(len(requests) / (time.perf_counter() - began), 1)}
