"""Servers of every engine, and links to them, as fixtures that several folders of tests share."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from nodes import CONTROL, Opener
from servers import Directives, Engine, Server, engines

from memstored.redis.config import directives

__all__ = ["Start", "birth", "engine", "node", "opened", "start"]

Start = Callable[..., Server]


@pytest.fixture(scope="session", params=engines(), ids=lambda engine: engine.version)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine that is here, one after the other."""
    return request.param


@pytest.fixture
def start(engine: Engine, tmp_path: Path) -> Iterator[Start]:
    """Starts servers of the engine with any directives; all are ended after the test."""
    servers: list[Server] = []

    def begin(settings: Directives = (), **place: str | int) -> Server:
        server = Server.start(engine, tmp_path / f"server{len(servers)}", settings, **place)
        servers.append(server)
        return server

    yield begin
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def birth(engine: Engine) -> tuple[tuple[str, str], ...]:
    """The directives of a newborn node of the engine with 1 GiB; some modules have engines of their own."""
    return directives(engine.version, memory_gib=1, control=CONTROL, failure_detection=1.0)


@pytest.fixture
def node(start: Start, birth: Directives) -> Start:
    """Starts a newborn node: fenced, empty, a master of its own."""
    return lambda **place: start(birth, **place)


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens links; all are closed after the test."""
    opener = Opener()
    yield opener
    for link in opener.links:
        link.close()
