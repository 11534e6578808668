"""The process runtime over real servers: every engine that is here."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from ground import Begin, Ground, a_range, purge
from servers import free_port

from memstored.runtime.engines import offered, take_inventory
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.protocol import Engine


def found_engines() -> list[Engine]:
    """What the machine has."""
    return list(offered(asyncio.run(take_inventory())))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for an engine once with every engine of the machine."""
    if "program" in metafunc.fixturenames:
        metafunc.parametrize("program", found_engines(), ids=lambda engine: engine.version)


@pytest.fixture
def ground(tmp_path: Path, program: Engine) -> Iterator[Ground]:
    """A data folder with one subnet; nothing of it runs after the test."""
    ground = Ground(tmp_path / "runtime", program, a_range(), free_port())
    yield ground
    asyncio.run(purge(ground))


@pytest.fixture
async def begin(ground: Ground) -> AsyncIterator[Begin]:
    """Starts a runtime on the ground; all are closed in the end."""
    begun: list[ProcessRuntime] = []

    async def start(on: Ground = ground, **changes: object) -> ProcessRuntime:
        runtime = on.runtime(**changes)
        begun.append(runtime)
        await runtime.start()
        return runtime

    yield start
    for runtime in begun:
        await runtime.close()


@pytest.fixture
async def runtime(begin: Begin) -> ProcessRuntime:
    """A runtime on empty ground."""
    return await begin()
