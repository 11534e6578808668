"""Faults against the real service and its real servers."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

# What speaks to single nodes of engines without users.
sys.path.insert(0, str(Path(__file__).parents[1] / "redis"))

from service_fixtures import (
    alert_house,
    alert_service,
    house,
    old_house,
    old_service,
    service,
    version,
)
from service_process import ServiceProcess

__all__ = [
    "alert_house",
    "alert_service",
    "house",
    "old_house",
    "old_service",
    "pytest_runtest_makereport",
    "service",
    "version",
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a test that failed what its service recorded and said: there is no second chance to look."""
    report = yield
    if call.when == "call" and report.failed:
        for name, used in item.funcargs.items():
            if isinstance(used, ServiceProcess):
                report.sections.append((f"the service {name}", used.account()))
    return report
