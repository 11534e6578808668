"""What is special about SQLite: its connections, its transactions, and its words for what went wrong.

Committed means safe: write-ahead log with `synchronous=FULL`, so a commit returns when it is on the disk.
Writers and readers have engines of their own: reading never holds up a failover that must be recorded.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from memstored.store.errors import StoreBusy, StoreCorrupt, StoreFull, StoreReadOnly, StoreTrouble

__all__ = ["BUSY_TIMEOUT", "READERS", "place", "reading_engine", "trouble", "wait_at_most", "writing_engine"]

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process that writes; within this process nobody ever waits for SQLite."""

READERS = 4
"""How many may read at the same time."""

_PRAGMAS = (
    f"PRAGMA busy_timeout={int(BUSY_TIMEOUT * 1000)}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
)

_TROUBLES: dict[int, tuple[type[StoreTrouble], str]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "Another process holds the database; end it, or wait and try again."),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "Another process holds the database; end it, or wait and try again."),
    sqlite3.SQLITE_FULL: (StoreFull, "The disk that holds the database is full; make room on it."),
    sqlite3.SQLITE_READONLY: (
        StoreReadOnly,
        "The database can not be written; give this user write permission for its file and folder.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreReadOnly,
        "The database can not be opened; make sure that its folder exists and that this user may write it.",
    ),
    sqlite3.SQLITE_PERM: (
        StoreReadOnly,
        "The database can not be opened; give this user write permission for its file and folder.",
    ),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, "The database file is damaged; restore it from a copy."),
    sqlite3.SQLITE_NOTADB: (StoreCorrupt, "The file is not a database; restore it from a copy."),
    sqlite3.SQLITE_IOERR: (
        StoreTrouble,
        "The disk that holds the database reports errors, or can only be read by now.",
    ),
}

_PRIMARY_CODE = 0xFF
"""SQLite puts the details of an error above the lowest byte."""


def place(url: str) -> URL:
    """Where the database is. Its file is created for this user's eyes only, unless there is one.

    Raises `StoreTrouble` when `url` names no file of SQLite's or the file can not be created.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise StoreTrouble("The database must be a file of SQLite's: sqlite:///<path>.")
    if not str(parsed.database).startswith("file:"):
        _make_file(Path(str(parsed.database)))
    return parsed.set(drivername="sqlite")


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
    except OSError as fault:
        raise StoreReadOnly(f"The database {path} can not be opened: {fault.strerror}.") from fault


def reading_engine(url: URL) -> Engine:
    """An engine whose transactions see one state of the database and can not change it."""
    engine = create_engine(
        url, connect_args={"isolation_level": None}, pool_size=READERS, max_overflow=0, hide_parameters=True
    )
    _set_up(engine, (*_PRAGMAS, "PRAGMA query_only=ON"), begin="BEGIN")
    return engine


def writing_engine(url: URL) -> Engine:
    """An engine of one connection, whose transactions have the right to write from their first moment."""
    engine = create_engine(
        url, connect_args={"isolation_level": None}, pool_size=1, max_overflow=0, hide_parameters=True
    )
    _set_up(engine, (*_PRAGMAS, "PRAGMA journal_mode=WAL"), begin="BEGIN IMMEDIATE")
    return engine


def wait_at_most(connection: Connection, seconds: float) -> None:
    """How long this connection's next transaction waits for another process that writes."""
    milliseconds = max(1, int(seconds * 1000))
    driver = connection.connection.driver_connection
    assert driver is not None, "the connection is in use"
    driver.execute(f"PRAGMA busy_timeout={milliseconds}")


def _set_up(engine: Engine, pragmas: Sequence[str], *, begin: str) -> None:
    def prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's, untyped
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)


def trouble(fault: SQLAlchemyError | sqlite3.Error) -> StoreTrouble:
    """What went wrong, in words for an operator."""
    origin = fault.orig if isinstance(fault, DBAPIError) else fault
    code = getattr(origin, "sqlite_errorcode", -1) & _PRIMARY_CODE
    kind, message = _TROUBLES.get(code, (StoreTrouble, f"The database refused: {origin}."))
    return kind(message)
