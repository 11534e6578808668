"""What the console costs the service: its pages, and pages that are left open and change by themselves.

Sets of one node: a row of the list costs the same whatever the set has, and six hundred servers would use
more of the machine than what is measured. Only a few sets take writes; the figures of all of them change.
Backups are rows of the store without data: the pages of them look at nothing else.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event, Thread
from uuid import uuid4

import httpx
from redis import Redis
from sqlalchemy import insert

import idle
from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from memstored.console.cookies import SESSION
from memstored.domain.backup import Backup
from memstored.domain.object_keys import backup_key
from memstored.domain.words import BackupId, BackupState, BackupType, SetId
from memstored.store.database import Database
from memstored.store.rows import row_of
from memstored.store.tables import backups
from plan import Plan
from sets import BenchSet, many

SETTINGS = "[quota]\nnodes_per_project = 1000\n"
PAGES = 100
"""Requests of each page, one after the other."""
SESSIONS = 20
"""Browsers that are open, each signed in by itself: every other one at the list, in English or in Korean,
the others each at a set of its own.
"""
LANGUAGES = ("en", "ko")
WRITTEN = 3
"""Sets that take writes and reads, one of each every `EVERY` seconds."""
EVERY = 0.02
PATIENCE = 60.0
"""Seconds that a page may take: a machine that has other work is slow, and that is to be seen."""
SETTLED = 75.0
"""Seconds after which every set has figures to be shown: a minute, and what it takes to ask."""


@dataclass(slots=True)
class Follower:
    """A browser at a page that changes by itself; `received`: bytes."""

    http: httpx.AsyncClient
    stream: str
    received: int = 0

    async def follow(self, begun: asyncio.Event) -> None:
        """Take what is sent; it is not to end."""
        async with self.http.stream("GET", self.stream, timeout=None) as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_raw():
                self.received += len(piece)
                begun.set()
        raise RuntimeError(f"the stream {self.stream} ended")


def measure(plan: Plan) -> dict[str, object]:
    """Milliseconds and CPU of a page, and per cent of one core of the service with and without open pages."""
    with throwaway_service(settings=SETTINGS) as service:
        sets = many(service, plan.listed, nodes=1, version=plan.version)
        asyncio.run(_save(service, plan.saved))
        time.sleep(SETTLED if plan.listed == Plan().listed else idle.REST)
        with _written(sets[:WRITTEN]):
            held = {"sets": len(sets), "backups": plan.saved}
            return held | asyncio.run(_measured(service, sets, plan.idle))


async def _save(service: ThrowawayService, wanted: int) -> None:
    """Put so many backups into the store, every tenth of which came to nothing."""
    rows = [row_of(_backup(service.project_id, number)) for number in range(wanted)]
    for row in rows:
        del row["uses"]
    database = await Database.open(service.folder.store_url)
    try:
        await database.write(lambda connection: connection.execute(insert(backups), rows))
    finally:
        await database.close()


def _backup(project_id: str, number: int) -> Backup:
    backup_id = BackupId(str(uuid4()))
    broken = number % 10 == 0
    return Backup(
        id=backup_id,
        project_id=project_id,
        name=f"backup-{number}",
        set_id=SetId(str(uuid4())),
        set_name=f"bench-{number % 200}",
        type=BackupType.MANUAL,
        status=BackupState.ERROR if broken else BackupState.AVAILABLE,
        version="7.0.15",
        flavor_id=str(uuid4()),
        key=backup_key(project_id, backup_id),
        created_at=time.time() - number,
        actor="bench",
        reason="The set was deleted." if broken else None,
    )


async def _measured(service: ThrowawayService, sets: Sequence[BenchSet], seconds: float) -> dict[str, object]:
    async with _browser(service) as http:
        pages = {
            **await _page(service, http, "list", "sets"),
            **await _page(service, http, "set", f"sets/{sets[0].id}/"),
            **await _page(service, http, "backups_list", "backups"),
            **await _page(service, http, "backups_broken", "backups?status=Error"),
        }
        without = await _load(service, seconds)
        async with _open_pages(service, sets) as followers:
            before = sum(one.received for one in followers)
            open_pages = await _load(service, seconds)
            received = sum(one.received for one in followers) - before
    return pages | {
        "pages_open": len(followers),
        "seconds_each": seconds,
        "cpu_percent_of_a_core_without": round(without, 2),
        "cpu_percent_of_a_core_with": round(open_pages, 2),
        "kib_per_second_to_a_page": round(received / 1024 / seconds / len(followers), 1),
    }


async def _page(
    service: ThrowawayService, http: httpx.AsyncClient, name: str, path: str
) -> dict[str, object]:
    """How long it takes, seen from this machine, and what it costs the service."""
    taken = []
    used = idle.cpu(service.pid)
    for _ in range(PAGES):
        began = time.perf_counter()
        answer = await http.get(path)
        taken.append(time.perf_counter() - began)
        answer.raise_for_status()
    cost = (idle.cpu(service.pid) - used) / PAGES
    return {
        name: Summary.of(taken).json(),
        f"{name}_cpu_ms": round(1000 * cost, 1),
        f"{name}_kib": round(len(answer.content) / 1024, 1),
    }


async def _load(service: ThrowawayService, seconds: float) -> float:
    """Per cent of a core, while the loop here goes on."""
    return await asyncio.to_thread(idle.load, service.pid, seconds)


@asynccontextmanager
async def _browser(
    service: ThrowawayService, language: str = LANGUAGES[0]
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has just signed in."""
    token = await asyncio.to_thread(service.client.new_token)
    async with httpx.AsyncClient(
        base_url=f"{service.url}/console/",
        cookies={SESSION: token.value},
        headers={"accept-language": language},
        timeout=PATIENCE,
    ) as http:
        yield http


@asynccontextmanager
async def _open_pages(service: ThrowawayService, sets: Sequence[BenchSet]) -> AsyncIterator[list[Follower]]:
    """The browsers for the length of the block, from the moment on at which each has been sent something."""
    async with AsyncExitStack() as stack:
        followers = []
        for number in range(SESSIONS):
            place = number // 2
            http = await stack.enter_async_context(_browser(service, LANGUAGES[place % len(LANGUAGES)]))
            stream = "sets-live" if number % 2 else f"sets/{sets[place].id}/live"
            followers.append(Follower(http, stream))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        begun = [asyncio.Event() for _ in followers]
        following = [
            tasks.create_task(one.follow(event)) for one, event in zip(followers, begun, strict=True)
        ]
        for event in begun:
            await event.wait()
        yield followers
        for task in following:
            task.cancel()


@contextmanager
def _written(sets: Sequence[BenchSet]) -> Iterator[None]:
    """Writes and reads of these sets for the length of the block."""
    enough = Event()
    with ExitStack() as stack:
        endpoints = [one.endpoint for one in sets]
        nodes = [stack.enter_context(Redis(host=host, port=port)) for host, port in endpoints]
        writing = Thread(target=_write, args=(nodes, enough))
        writing.start()
        try:
            yield
        finally:
            enough.set()
            writing.join()


def _write(nodes: Sequence[Redis], enough: Event) -> None:
    for number in count():
        for node in nodes:
            node.set(f"key-{number % 10_000}", number)
            node.get(f"key-{2 * number % 10_000}")
        if enough.wait(EVERY):
            return
