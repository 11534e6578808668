"""What holds for all tests.

Properties are judged by their outcome, never by the speed of the machine. What could not be tested here is
named at the end; with `CI=true` it is a failure.
"""

import os
import shutil

import pytest
from hypothesis import settings

settings.register_profile("memstored", deadline=None)
settings.load_profile("memstored")


def left_out(reporter: pytest.TerminalReporter) -> list[str]:
    """What was not tested, and why."""
    missing = (
        [] if shutil.which("redis-server") else ["Redis 7.0: no redis-server on PATH, only the wheel's 6.2.5"]
    )
    skipped = reporter.stats.get("skipped", [])
    return missing + [f"{report.nodeid}: {report.longrepr[2]}" for report in skipped]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out."""
    for line in left_out(terminalreporter):
        terminalreporter.write_line(f"not tested: {line}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything must be tested, a gap is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and left_out(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
