"""Opening a database, its transactions, and what it says when it can not work."""

import asyncio
import logging
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from memstored.store.database import Database
from memstored.store.errors import StoreBusy, StoreCorrupt, StoreFull, StoreReadOnly, StoreTrouble
from memstored.store.tables import set_secrets

BIG = "x" * 4000


def _write_event(connection: Connection, name: str) -> None:
    connection.execute(
        text(
            "INSERT INTO events (id, name, time, actor, project_id, resource_type, resource_id,"
            " resource_name, outcome, message) VALUES (:id, 'n', 1, 'a', 'p', 't', 'r', 'n', 'o', :big)"
        ),
        {"id": name, "big": BIG},
    )


def _names(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT id FROM events ORDER BY sequence")).scalars())


def _pragma(connection: Connection, name: str) -> object:
    return connection.execute(text(f"PRAGMA {name}")).scalar_one()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)]
)
async def test_a_commit_is_safe(database: Database, pragma: str, value: object) -> None:
    """A commit is on the disk when it returns: write-ahead log, synced in full (2 = FULL)."""
    assert await database.write(_pragma, pragma) == value


async def test_what_is_committed_is_still_there_when_opened_again(url: str) -> None:
    """A database closed and opened holds what was written."""
    first = await Database.open(url)
    await first.write(_write_event, "one")
    await first.close()

    second = await Database.open(url)
    try:
        assert await second.read(_names) == ["one"]
    finally:
        await second.close()


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    """What was written before the exception is undone, and the exception comes through."""

    def write_and_fail(connection: Connection) -> None:
        _write_event(connection, "one")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(write_and_fail)

    assert await database.read(_names) == []


async def test_writers_take_turns(database: Database) -> None:
    """Many writers at once never find the database busy, and each is done as a whole."""
    await asyncio.gather(*(database.write(_write_event, str(number)) for number in range(50)))

    assert len(await database.read(_names)) == 50


async def test_a_reader_sees_one_state(database: Database) -> None:
    """What is committed while a reader reads does not show up halfway through."""
    reading, written = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = _names(connection)
        reading.set()
        assert written.wait(10)
        return before, _names(connection)

    looking = asyncio.create_task(database.read(look_twice))
    await asyncio.to_thread(reading.wait, 10)
    await database.write(_write_event, "one")
    written.set()

    assert await looking == ([], [])


async def test_a_reader_can_not_write(database: Database) -> None:
    """Nothing is written behind the back of those that take turns."""
    with pytest.raises(StoreTrouble):
        await database.read(_write_event, "one")


async def test_a_cancelled_writer_is_done_as_a_whole(database: Database) -> None:
    """When the cancellation arrives the transaction is over, so that the next look sees the outcome."""
    begun, go_on = threading.Event(), threading.Event()

    def write_slowly(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        _write_event(connection, "one")

    writing = asyncio.create_task(database.write(write_slowly))
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert await database.read(_names) == ["one"]


async def test_a_good_database_proves_writable(database: Database) -> None:
    """A database that is open and migrated answers."""
    await database.prove_writable()


async def test_it_is_said_when_the_file_was_spoilt(database: Database) -> None:
    """A database whose tables are gone is in trouble."""
    await database.write(lambda c: c.execute(text("DROP TABLE alembic_version")))

    with pytest.raises(StoreTrouble):
        await database.prove_writable()


async def test_the_file_is_for_this_user_alone(url: str, tmp_path: Path, database: Database) -> None:
    """Hashes of passwords and sealed secrets are nobody else's business."""
    await database.write(_write_event, "one")

    assert _modes(tmp_path) == {0o600}


def _modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_a_file_that_can_not_be_written(url: str, tmp_path: Path) -> None:
    """A read-only database is refused at once, not at the first failover."""
    await (await Database.open(url)).close()

    with pytest.raises(StoreReadOnly, match="can not be written"):
        await Database.open(f"sqlite:///file:{tmp_path}/memstored.db?mode=ro&uri=true")


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A missing folder is named, not made."""
    with pytest.raises(StoreReadOnly, match="nowhere"):
        await Database.open(f"sqlite:///{tmp_path}/nowhere/memstored.db")


async def test_a_file_that_is_no_database(url: str, tmp_path: Path) -> None:
    """A file of something else is refused and left as it is."""
    file = tmp_path / "memstored.db"
    file.write_text("Not a database. " * 100)

    with pytest.raises(StoreCorrupt, match="not a database"):
        await Database.open(url)

    assert file.read_text() == "Not a database. " * 100


async def test_a_damaged_file(url: str, tmp_path: Path) -> None:
    """A database with pages overwritten says so instead of answering wrongly."""
    database = await Database.open(url)
    await database.write(lambda c: [_write_event(c, str(number)) for number in range(100)])
    await database.close()
    file = tmp_path / "memstored.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))

    with pytest.raises(StoreCorrupt):
        await Database.open(url)


@pytest.mark.parametrize("place", ["sqlite://", "sqlite:///:memory:", "postgresql://localhost/x"])
async def test_only_files_of_sqlite_are_databases(place: str) -> None:
    """A database in memory would lose what must survive; others are not spoken yet."""
    with pytest.raises(StoreTrouble, match="must be a file"):
        await Database.open(place)


async def test_the_url_of_the_asynchronous_driver_is_understood(tmp_path: Path) -> None:
    """The same file may be named with SQLAlchemy's other driver."""
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/memstored.db")

    await database.close()
    assert (tmp_path / "memstored.db").exists()


async def test_a_full_disk(database: Database) -> None:
    """A write that finds no room is refused in words, and the next that fits is done."""
    pages = await database.write(_pragma, "page_count")
    await database.write(_pragma, f"max_page_count={pages}")

    with pytest.raises(StoreFull, match="full"):
        await database.write(lambda c: [_write_event(c, str(number)) for number in range(100)])

    await database.write(_pragma, "max_page_count=100000")
    await database.write(_write_event, "one")
    assert await database.read(_names) == ["one"]


async def test_another_process_that_writes(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who wait for it while somebody else holds it are told that it is busy within the same time."""
    monkeypatch.setattr("memstored.store.sqlite.BUSY_TIMEOUT", 1.0)
    with closing(sqlite3.connect(tmp_path / "memstored.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()

        waiting = [database.write(_write_event, str(number)) for number in range(8)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        took = time.monotonic() - began

    assert [type(outcome) for outcome in outcomes] == [StoreBusy] * 8
    assert took < 6
    await database.write(_write_event, "one")
    assert await database.read(_names) == ["one"]


async def test_what_tenants_wait_for_is_recorded_before_all_that_waits(database: Database) -> None:
    """An urgent transaction passes those that came earlier, but for the one that is under way."""
    under_way, go_on = threading.Event(), threading.Event()

    def block(connection: Connection) -> None:
        under_way.set()
        go_on.wait(10)
        _write_event(connection, "under way")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(database.write(block))
        await asyncio.to_thread(under_way.wait, 10)
        for number in range(3):
            tasks.create_task(database.write(_write_event, f"ordinary {number}"))
        tasks.create_task(database.write_first(_write_event, "urgent"))
        await asyncio.sleep(0)
        go_on.set()

    ordinary = [f"ordinary {number}" for number in range(3)]
    assert await database.read(_names) == ["under way", "urgent", *ordinary]


async def test_a_crowd_of_writes_does_not_pass_for_a_bad_database(database: Database) -> None:
    """The proof waits behind no tenant's write, as a failover does not."""
    under_way, go_on, proved = threading.Event(), threading.Event(), threading.Event()

    def block(_connection: Connection) -> None:
        under_way.set()
        assert go_on.wait(10)

    def wait_for_the_proof(_connection: Connection) -> None:
        assert proved.wait(10)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(database.write(block))
        await asyncio.to_thread(under_way.wait, 10)
        tasks.create_task(database.write(wait_for_the_proof))
        proving = tasks.create_task(database.prove_writable())
        await asyncio.sleep(0)
        go_on.set()
        async with asyncio.timeout(5):
            await proving
        proved.set()


async def test_a_database_that_can_only_be_read_does_not_pass_for_a_good_one(
    tmp_path: Path, database: Database
) -> None:
    """Whoever asks whether it works learns of the trouble before a failover does, and when it is over."""
    await database.prove_writable()
    with closing(sqlite3.connect(tmp_path / "memstored.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreBusy, match="Another process"):
            await database.prove_writable()

    await database.prove_writable()


async def test_references_are_kept(database: Database) -> None:
    """A row whose owner is not there is refused."""
    with pytest.raises(StoreTrouble):
        await database.write(lambda c: c.execute(insert(set_secrets), {"set_id": "none", "sealed": "s"}))


async def test_opening_leaves_the_logging_alone(url: str) -> None:
    """Migrations run inside the service: its loggers stay as they were set up."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("alembic").level)

    await (await Database.open(url)).close()

    assert (root.level, list(root.handlers), logging.getLogger("alembic").level) == before
