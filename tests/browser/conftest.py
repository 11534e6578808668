"""The console in a real browser, before a real service with real servers.

What other folders of tests use for services and sets is used here too. Without a chromium everything here is
left out, and that is said at the end (`tests/conftest.py`).
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

for folder in ("faults", "redis"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from accessibility import DESK  # noqa: E402 - found only now
from service_fixtures import (  # noqa: E402 - found only now
    house,
    old_house,
    old_service,
    service,
)
from service_process import ServiceProcess  # noqa: E402 - found only now
from signing import sign_in  # noqa: E402 - found only now

__all__ = [
    "browser",
    "house",
    "old_house",
    "old_service",
    "page",
    "pytest_collection_modifyitems",
    "service",
    "signed_in",
]

PROGRAM = shutil.which("chromium")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs a browser where there is none."""
    if PROGRAM is None:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip("no chromium here"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a file: it has an event loop, which tests of other files must not find."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(service: ServiceProcess, browser: Browser) -> Iterator[Page]:
    """A page at the service, of somebody who was never here; fails when the browser had to complain."""
    context = browser.new_context(base_url=f"{service.url}/console/", viewport=DESK, locale="en-GB")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda fault: complaints.append(str(fault)))
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield opened
    context.close()
    assert without_abandoned(complaints) == []


def without_abandoned(complaints: list[str]) -> list[str]:
    """The rest of what was said, less what htmx says of a request that is given up.

    That is no fault: a person went on before a form was judged, or typed on. Of others that failed it says
    the first of these words too, but not the second.
    """
    rest = list(complaints)
    for said in complaints:
        if said.startswith("htmx:sendAbort,"):
            rest.remove(said)
            rest.remove(said.replace("sendAbort", "afterRequest"))
    return rest


@pytest.fixture
def signed_in(service: ServiceProcess, page: Page) -> Page:
    """The page of the first administrator, who has just signed in."""
    sign_in(service, page)
    return page
