"""What holds for all tests.

Properties are judged by their outcome, never by the speed of the machine. What could not be tested here is
named at the end; with `CI=true` it is a failure.
"""

import asyncio
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
import redis
import structlog
from hypothesis import settings

from memstored.domain.engine import capabilities_of
from memstored.runtime.engines import offered, take_inventory

# What stands beside the tests of one folder is used by those of others, too, whichever is collected first.
pytest.register_assert_rewrite(
    "accessibility",
    "album",
    "bare",
    "combination",
    "datasets",
    "guarded_set",
    "keyspace",
    "live_backup",
    "live_set",
    "loading",
    "nodes",
    "prometheus",
    "receiver",
    "returned",
    "server_fixtures",
    "servers",
    "service_fixtures",
    "service_process",
    "signing",
    "step_operations",
    "step_stage",
    "step_trials",
    "stepping_service",
    "streams",
    "writers",
)

settings.register_profile("memstored", deadline=None)
settings.load_profile("memstored")

# As the service logs: to draw a traceback with all its variables takes a busy machine seconds.
PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], PLAIN])


TOOLS = Path(__file__).parents[1] / ".tools"
OLD_REDIS, VALKEY = TOOLS / "redis-5.0.6" / "redis-server", TOOLS / "valkey" / "valkey-server"
"""Where `scripts/setup engines` puts them."""


SYSTEM = "/usr/local/sbin:/usr/sbin"
"""Where programs may lie that not everybody has on PATH."""


@pytest.fixture(scope="session", autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test speaks for whoever runs it: their profiles and variables are neither read nor written."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MEMSTORED_")]:
            patch.delenv(name)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "configuration"))
        yield


def pytest_collection_finish() -> None:
    """What is there now stays to the end: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def nothing_left_open() -> Iterator[None]:
    """What a test left to the collector shows here, and not in a test of another file."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def pools() -> Iterator[WeakSet[redis.ConnectionPool]]:
    """The connections of all clients of redis-py that are there."""
    known: WeakSet[redis.ConnectionPool] = WeakSet()
    begin = redis.ConnectionPool.__init__

    def begin_known(pool: redis.ConnectionPool, *args: object, **options: object) -> None:
        begin(pool, *args, **options)
        known.add(pool)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis.ConnectionPool, "__init__", begin_known)
        yield known


@pytest.fixture(autouse=True)
def no_client_left(pools: WeakSet[redis.ConnectionPool]) -> Iterator[None]:
    """Clients end with their test. Those that an exception knows are left to the collector, which may begin
    with their sockets, as if nobody would have closed them.
    """
    yield
    for pool in list(pools):
        pool.disconnect()


@pytest.fixture
def logs() -> Iterator[list[dict[str, Any]]]:
    """What is logged during the test, as records."""
    with structlog.testing.capture_logs() as captured:
        yield captured  # type: ignore[misc]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what an engine can not do: a test marked `able("acl")` is for those that can."""
    unable = [item for item in items if not _able(item)]
    config.hook.pytest_deselected(items=unable)
    items[:] = [item for item in items if item not in set(unable)]
    secured = [item for item in items if item.get_closest_marker("tls")]
    if secured and not any(engine.tls for engine in offered(asyncio.run(take_inventory()))):
        for item in secured:
            item.add_marker(pytest.mark.skip("no Redis with TLS here"))


def _able(item: pytest.Item) -> bool:
    wanted = [name for mark in item.iter_markers("able") for name in mark.args]
    params = item.callspec.params if wanted and hasattr(item, "callspec") else {}
    version = params.get("version") or getattr(params.get("engine"), "version", None)
    return version is None or all(getattr(capabilities_of(version), name) for name in wanted)


def missing_programs() -> list[str]:
    """What of other people's programs is not here, and what that leaves untested."""
    found = {
        "Redis 7.0: no redis-server on PATH, only the wheel's 6.2.5": shutil.which("redis-server"),
        "Redis 5.0: no redis-server 5.0.6 in .tools": OLD_REDIS.exists(),
        "the commands of Redis 7.2: no valkey-server in .tools": VALKEY.exists(),
        "metrics in Prometheus: no prometheus": shutil.which("prometheus"),
        "the console in a browser: no chromium": shutil.which("chromium"),
        "addresses of Redis 5.0: no haproxy": shutil.which("haproxy", path=f"{os.environ['PATH']}:{SYSTEM}"),
    }
    return [gap for gap, here in found.items() if not here]


def left_out(reporter: pytest.TerminalReporter) -> list[str]:
    """What was not tested, and why."""
    skipped = reporter.stats.get("skipped", [])
    return missing_programs() + [f"{report.nodeid}: {report.longrepr[2]}" for report in skipped]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for line in left_out(terminalreporter):
        terminalreporter.write_line(f"not tested: {line}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything must be tested, a gap is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and left_out(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
