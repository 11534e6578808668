"""Services that the tests of one worker share: a start costs seconds, a set far less.

Every test finds a running service without sets, and leaves one; what it left behind is a failure.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from guarded_set import BUILT
from live_backup import delete_all
from service_process import ServiceProcess, versions

__all__ = ["alert_house", "alert_service", "house", "old_house", "old_service", "service", "version"]

ROOM = "[quota]\nnodes_per_project = 200\n"
ALERT = f"{ROOM}[failover]\nfailure_detection = 1.0\nprobe_interval = 0.25\n"
OLD = f'{ROOM}[engines]\nfolders = ["{BUILT}"]\n'


@pytest.fixture(scope="session", params=versions())
def version(request: pytest.FixtureRequest) -> str:
    """Each engine that is here, one after the other."""
    return str(request.param)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with default settings; nothing of it is left in the end."""
    yield from _purged(_shared(tmp_path_factory.getbasetemp() / "house", ROOM))


@pytest.fixture(scope="session")
def alert_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that takes a second of silence for a death."""
    yield from _purged(_shared(tmp_path_factory.getbasetemp() / "alert", ALERT))


@pytest.fixture(scope="session")
def old_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that finds the old engine beside the others."""
    yield from _purged(_shared(tmp_path_factory.getbasetemp() / "old", OLD))


@pytest.fixture
def service(house: ServiceProcess) -> Iterator[ServiceProcess]:
    """A running service without sets."""
    yield from _cleared(house)


@pytest.fixture
def alert_service(alert_house: ServiceProcess) -> Iterator[ServiceProcess]:
    """A running service without sets, which takes a second of silence for a death."""
    yield from _cleared(alert_house)


@pytest.fixture
def old_service(old_house: ServiceProcess) -> Iterator[ServiceProcess]:
    """A running service that finds the old engine, without sets and backups."""
    for found in _cleared(old_house):
        yield found
        if not found.running:
            found.start()
        # Before its sets: if those can not be cleared, the next test still finds the names free.
        delete_all(found)


@cache
def _shared(place: Path, settings: str) -> ServiceProcess:
    """The one service of this worker with these settings, whichever folder of tests asks for it."""
    return ServiceProcess(place, settings)


def _purged(service: ServiceProcess) -> Iterator[ServiceProcess]:
    try:
        yield service
    finally:
        service.purge()


def _cleared(service: ServiceProcess) -> Iterator[ServiceProcess]:
    if not service.running:
        service.start()
    yield service
    if not service.running:
        service.start()
    service.clear()
