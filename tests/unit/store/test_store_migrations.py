"""The schema: from nothing, from every released form, and refused when it is of a newer memstored."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from samples import PROJECT
from sqlalchemy import Connection, text

from clocks import StillClock
from memstored.domain.model import Setting
from memstored.domain.words import UseKind
from memstored.store.backups import BackupRepository
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.errors import SchemaTooNew, StoreTrouble
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.sets import SetRepository
from memstored.store.tables import metadata
from memstored.store.webhooks import WebhookRepository

SCHEMAS = Path(__file__).parent / "schemas"


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def _load(script: Path, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script.read_text())


def _content(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


async def test_migrations_lead_to_the_tables(database: Database) -> None:
    """What the migrations make of nothing is what the code expects."""
    assert await database.read(_differences) == []


@pytest.mark.parametrize("script", sorted(SCHEMAS.glob("*.sql")), ids=lambda script: script.stem)
async def test_every_released_schema_is_brought_forward(script: Path, url: str, tmp_path: Path) -> None:
    """A database of an earlier schema opens with all it held, and has the newest schema then."""
    _load(script, tmp_path / "memstored.db")

    database = await Database.open(url)
    try:
        sets = SetRepository(database, StillClock(), Cipher("A" * 43 + "="))
        kept = await sets.load("6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01")
        assert kept is not None
        assert (kept.project_id, kept.name, len(kept.nodes)) == (PROJECT, "orders", 3)
        assert kept.primary == kept.nodes[0]
        assert kept.schedule_since == 1_790_000_000.25
        assert await database.read(_differences) == []
    finally:
        await database.close()


async def test_backups_are_brought_forward(url: str, tmp_path: Path) -> None:
    """What was saved is known after the next release too, with its uses and the set that begins with it."""
    _load(SCHEMAS / "0002.sql", tmp_path / "memstored.db")

    database = await Database.open(url)
    try:
        sets = SetRepository(database, StillClock(), Cipher("A" * 43 + "="))
        [kept] = await BackupRepository(database, StillClock(), sets).all()
        assert (kept.name, kept.set_name, kept.keys, kept.damage) == ("nightly", "orders", 3, "d")
        assert [(use.kind, use.path) for use in kept.uses] == [(UseKind.EXPORT, "bucket/file")]
        marked = await sets.load(kept.set_id)
        assert marked is not None
        assert marked.source is not None
        assert (marked.backup, marked.source.backup_id) == (kept.id, kept.id)
    finally:
        await database.close()


async def test_groups_are_brought_forward(url: str, tmp_path: Path) -> None:
    """With their values; there is no webhook yet."""
    _load(SCHEMAS / "0003.sql", tmp_path / "memstored.db")

    database = await Database.open(url)
    try:
        [group] = await ParameterGroupRepository(database, StillClock()).of_project(PROJECT)
        assert (group.name, group.version) == ("slow", 1)
        assert group.settings == (Setting(name="timeout", value="300"),)
        assert await WebhookRepository(database, StillClock(), Cipher("A" * 43 + "=")).projects() == []
    finally:
        await database.close()


async def test_opening_again_changes_nothing(url: str, tmp_path: Path, database: Database) -> None:
    """A database with the newest schema is left as it is."""
    before = _content(tmp_path / "memstored.db")

    await (await Database.open(url)).close()

    assert _content(tmp_path / "memstored.db") == before


async def test_a_newer_schema_is_refused(url: str, tmp_path: Path) -> None:
    """A database that a newer memstored wrote is not touched: going on could spoil it."""
    database = await Database.open(url)
    await database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await database.close()
    before = _content(tmp_path / "memstored.db")

    with pytest.raises(SchemaTooNew, match="newer memstored wrote this database"):
        await Database.open(url)

    assert _content(tmp_path / "memstored.db") == before


async def test_a_migration_that_fails_leaves_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps are one transaction: half a schema is never left behind."""
    with closing(sqlite3.connect(tmp_path / "memstored.db")) as connection:
        connection.execute("CREATE TABLE tokens (anything)")
    before = _content(tmp_path / "memstored.db")

    with pytest.raises(StoreTrouble, match="tokens"):
        await Database.open(url)

    assert _content(tmp_path / "memstored.db") == before
