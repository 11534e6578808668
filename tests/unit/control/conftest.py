"""A fresh store and an empty folder of objects, for keepers of backups and for fleets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fleet_ground import Ground as FleetGround
from keeper_ground import Ground

from memstored.store.database import Database


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Ground]:
    """The surroundings of a keeper of backups."""
    database = await Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield Ground(database, tmp_path)
    await database.close()


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[FleetGround]:
    """A fresh store and an empty place."""
    database = await Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield FleetGround(database, tmp_path)
    await database.close()
