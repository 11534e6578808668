"""Traps of Redis, sprung on purpose: on bare servers of every engine, and under whole sets.

What other folders of tests use for servers, services and sets is used here too.
"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

for folder in ("faults", "redis"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from real_house import RealHouse  # noqa: E402 - found only now
from server_fixtures import birth, engine, node, opened, start  # noqa: E402 - found only now
from servers import Engine  # noqa: E402 - found only now
from service_fixtures import alert_house, alert_service, house, service, version  # noqa: E402 - found only now

from memstored.runtime.engines import offered, take_inventory  # noqa: E402 - beside its neighbours

__all__ = [
    "alert_house",
    "alert_service",
    "birth",
    "engine",
    "house",
    "node",
    "opened",
    "service",
    "start",
    "version",
]


@pytest.fixture
async def secured_house(tmp_path: Path) -> AsyncIterator[RealHouse]:
    """A house of the newest engine that has TLS, whose set speaks it."""
    found = next(engine for engine in offered(await take_inventory()) if engine.tls)
    program = Engine(found.version, found.program)
    async with RealHouse.opened(tmp_path, program, {}, tls=True) as opened_house:
        yield opened_house


@pytest.fixture
async def real_house(
    request: pytest.FixtureRequest, engine: Engine, tmp_path: Path
) -> AsyncIterator[RealHouse]:
    """A house of each engine in this process; a test may parametrize it with rules of failover."""
    async with RealHouse.opened(tmp_path, engine, getattr(request, "param", {})) as opened_house:
        yield opened_house
