"""The database: opened, migrated forward, and used in short transactions.

Every repository of this package works on one `Database`. Callers meet `StoreTrouble` and never an
exception of SQLAlchemy's. What is SQLite's own way stands in `store.sqlite`.

A transaction is a plain function that runs as a whole in a thread of the database's. A failover waits
for its commit, so it crosses threads once, not once a statement (measured on a busy machine: 3 ms
instead of 15).
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from queue import PriorityQueue
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine, Select, text
from sqlalchemy.exc import SQLAlchemyError

from memstored.store import migrations, sqlite
from memstored.store.errors import SchemaTooNew, StoreTrouble, Superseded

__all__ = ["Database", "SchemaTooNew", "StoreTrouble", "announce", "fetch"]

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")
PROBE = 1.0
"""Seconds that a proof of being writable may wait for another process that writes."""
Observer = Callable[[str, float, bool], None]
"""Told of every transaction: `read` or `write`, the seconds it took with the wait for its turn, and whether
it was refused."""
Listener = Callable[[str], object]
"""Told of every project that has new events once they are committed; called in the writer's thread. What it
returns is ignored."""
_NEWS = "projects with new events"
Guard = Callable[[Connection], None]
Work = Callable[Concatenate[Connection, Arguments], Outcome]


class Database:
    """One database. Use `open`, and `close` when done."""

    def __init__(self, *, writing: Engine, reading: Engine) -> None:
        self._writing = writing
        self._reading = reading
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(max_workers=sqlite.READERS, thread_name_prefix="store-reader")
        self._waiting: PriorityQueue[_Turn] = PriorityQueue()
        self._numbers = count()
        self._observer: Observer | None = None
        self._listeners: list[Listener] = []
        self._guard: Guard | None = None
        self._lost: Callable[[str], None] | None = None

    def guard(self, guard: Guard, lost: Callable[[str], None]) -> None:
        """Ask the guard at the begin of every transaction that may write. When it raises `Superseded` nothing
        is written, and `lost` is told why, in the event loop.
        """
        self._guard, self._lost = guard, lost

    def observe(self, observer: Observer) -> None:
        """Tell it of every transaction from now on."""
        self._observer = observer

    def listen(self, listener: Listener) -> None:
        """Tell it, too, of new events from now on."""
        self._listeners.append(listener)

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open `sqlite:///<path>`, create it when absent, and bring its schema forward.

        Raises `SchemaTooNew` when a newer memstored wrote it, with nothing in it changed, and other
        `StoreTrouble` when it can not be read or written.
        """
        place = sqlite.place(url)
        database = cls(writing=sqlite.writing_engine(place), reading=sqlite.reading_engine(place))
        try:
            await database._migrate()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """End all connections, after the transactions that were begun. Nothing may use it afterwards."""
        await asyncio.to_thread(self._close)

    async def write(
        self, work: Work[Arguments, Outcome], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Outcome:
        """Run `work` in a transaction that may write: committed when it returns, undone when it raises.

        The writers of this process take turns, in the order they came; keep the work short and free of
        anything but SQL. Another process that writes is waited for `BUSY_TIMEOUT` seconds from now, however
        many of ours wait as well. Once this returned, the change survives a power loss. A caller that is
        cancelled gets its cancellation when the transaction is over: done as a whole, or not at all.
        """
        with self._observed("write"):
            return await self._recorded(lambda c: work(c, *args, **kwargs))

    async def write_first(
        self, work: Work[Arguments, Outcome], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Outcome:
        """As `write`, but before all that wait their turn: for what tenants' writes wait for."""
        with self._observed("write"):
            return await self._recorded(lambda c: work(c, *args, **kwargs), rank=0)

    @contextmanager
    def _observed(self, kind: str) -> Iterator[None]:
        began, refused = time.monotonic(), False
        try:
            yield
        except StoreTrouble:
            refused = True
            raise
        finally:
            if self._observer is not None:
                self._observer(kind, time.monotonic() - began, refused)

    async def _recorded(
        self,
        work: Callable[[Connection], Outcome],
        *,
        rank: int = 1,
        patience: float | None = None,
    ) -> Outcome:
        until = time.monotonic() + (sqlite.BUSY_TIMEOUT if patience is None else patience)
        outcome: Future[Outcome] = Future()
        job = partial(_fulfil, outcome, partial(self._record, work, until))
        self._waiting.put(_Turn(rank, next(self._numbers), job))
        self._writer.submit(self._serve_next)
        running = asyncio.wrap_future(outcome)
        try:
            return await asyncio.shield(running)
        except Superseded as superseded:
            if self._lost is not None:
                self._lost(str(superseded))
            raise
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _record(self, work: Callable[[Connection], Outcome], until: float) -> Outcome:
        """Run a transaction that waits for other processes until then (monotonic seconds)."""
        news: set[str] = set()
        with _translated(), self._writing.connect() as connection:
            sqlite.wait_at_most(connection, until - time.monotonic())
            connection.info[_NEWS] = news
            with connection.begin():
                if self._guard is not None:
                    self._guard(connection)
                outcome = work(connection)
        for listener in self._listeners:
            for project_id in news:
                listener(project_id)
        return outcome

    def _serve_next(self) -> None:
        """Called in the writer's thread, once for each that waits: the most urgent is next."""
        self._waiting.get_nowait().job()

    async def read(
        self, work: Work[Arguments, Outcome], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Outcome:
        """Run `work` in a transaction that sees one state of the database and can not change it."""
        loop = asyncio.get_running_loop()
        with self._observed("read"):
            return await loop.run_in_executor(
                self._readers, _transact, self._reading, lambda c: work(c, *args, **kwargs)
            )

    async def prove_writable(self) -> None:
        """Raise `StoreTrouble` unless the database takes a change: a full disk is to be known before a
        failover must be recorded. Nothing is changed by it. As a failover, it waits behind no tenant's write.
        """
        await self._recorded(_prove_writable, rank=0, patience=PROBE)

    async def _migrate(self) -> None:
        if await self.read(migrations.pending):
            await self.write(migrations.upgrade)
        else:
            await self.write(_prove_writable)

    def _close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()


@dataclass(frozen=True, slots=True, order=True)
class _Turn:
    """A transaction that waits: lower ranks first, then who came first."""

    rank: int
    number: int
    job: Callable[[], None] = field(compare=False)


def _fulfil(outcome: Future[Outcome], transaction: Callable[[], Outcome]) -> None:
    """Run the transaction and hand on what came out, whatever it is."""
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        outcome.set_result(transaction())
    except BaseException as fault:  # noqa: BLE001 - it is raised where the outcome is awaited
        outcome.set_exception(fault)


def announce(connection: Connection, project_id: str) -> None:
    """Tell of new events of a project when, and only if, the transaction is committed."""
    connection.info[_NEWS].add(project_id)


def fetch(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The rows that a query finds, each by the names of its columns."""
    return [dict(row) for row in connection.execute(query).mappings()]


def _transact(engine: Engine, work: Callable[[Connection], Outcome]) -> Outcome:
    with _translated(), engine.begin() as connection:
        return work(connection)


def _prove_writable(connection: Connection) -> None:
    """Write what is there already: better refused now than when a failover must be recorded."""
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as fault:
        raise sqlite.trouble(fault) from fault
