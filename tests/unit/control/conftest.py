"""A fresh store and an empty folder of objects."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from keeper_ground import Ground

from memstored.store.database import Database


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Ground]:
    """The surroundings of a keeper of backups."""
    database = await Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield Ground(database, tmp_path)
    await database.close()
