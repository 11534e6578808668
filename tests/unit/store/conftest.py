"""A fresh database for each test, and the repositories on it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from samples import NOW

from clocks import StillClock
from memstored.store.backups import BackupRepository
from memstored.store.cipher import Cipher
from memstored.store.credentials import CredentialRepository
from memstored.store.database import Database
from memstored.store.events import EventRepository
from memstored.store.sets import SetRepository


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where the test's database is."""
    return f"sqlite:///{tmp_path}/memstored.db"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema, to be copied: migrating takes longer than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "memstored.db"
    asyncio.run(_migrate(file))
    return file


async def _migrate(file: Path) -> None:
    await (await Database.open(f"sqlite:///{file}")).close()


@pytest.fixture
async def database(url: str, tmp_path: Path, migrated: Path) -> AsyncIterator[Database]:
    """An empty database with the newest schema."""
    shutil.copy(migrated, tmp_path / "memstored.db")
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> StillClock:
    """A clock that stands still."""
    return StillClock(NOW)


@pytest.fixture
def cipher() -> Cipher:
    """A cipher of a fresh key."""
    return Cipher(Fernet.generate_key().decode())


@pytest.fixture
def sets(database: Database, clock: StillClock, cipher: Cipher) -> SetRepository:
    """The repository of sets."""
    return SetRepository(database, clock, cipher)


@pytest.fixture
def backups(database: Database, clock: StillClock, sets: SetRepository) -> BackupRepository:
    """The repository of backups."""
    return BackupRepository(database, clock, sets)


@pytest.fixture
def events(database: Database, clock: StillClock) -> EventRepository:
    """The repository of events."""
    return EventRepository(database, clock)


@pytest.fixture
def credentials(database: Database) -> CredentialRepository:
    """The repository of credentials."""
    return CredentialRepository(database)
