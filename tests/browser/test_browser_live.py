"""A page that is left open: it goes on by itself as long as it can, and says so when it can not."""

from functools import partial

import pytest
from accessibility import assert_accessible
from live_set import LiveSet
from playwright.sync_api import Browser, Page, expect
from service_process import NEWEST, ServiceProcess
from signing import sign_in

STILL = "#standstill"
LONG = 60_000
"""Milliseconds that the service's work may take on a busy machine."""


@pytest.fixture
def open_page(service: ServiceProcess, browser: Browser) -> Page:
    """The list of sets, left open by who is signed in; its browser may complain of lost connections."""
    context = browser.new_context(base_url=f"{service.url}/console/", locale="en-GB")
    page = context.new_page()
    sign_in(service, page)
    expect(page.get_by_text("There is no set yet")).to_be_visible()
    return page


def test_a_page_goes_on_after_a_restart(
    service: ServiceProcess, open_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While there is no service it says so; then it shows what happened, without a reload."""
    live = LiveSet.running(service, NEWEST, 1, instanceSetName="orders")
    expect(open_page.get_by_role("row", name="orders").get_by_text("Running", exact=True)).to_be_visible()
    open_page.evaluate("window.loaded = 1")
    port = int(service.url.rpartition(":")[2])
    monkeypatch.setattr(service, "serve_command", partial(service.serve_command, port=port))

    service.stop()
    expect(open_page.locator(STILL)).to_contain_text("This page stands still", timeout=LONG)
    assert_accessible(open_page)
    service.start()
    service.client.patch(f"/v1/instance-sets/{live.id}", {"description": "after the restart"})

    expect(open_page.get_by_text("after the restart")).to_be_visible(timeout=LONG)
    expect(open_page.locator(STILL)).to_be_empty()
    assert open_page.evaluate("window.loaded") == 1
    open_page.context.close()


def test_a_page_of_an_earlier_session_says_so(service: ServiceProcess, open_page: Page) -> None:
    """Who signed out elsewhere is told, and led back to the page by signing in again."""
    other = open_page.context.new_page()
    other.goto("events")
    other.get_by_role("button", name="Sign out").click()
    LiveSet.ordered(service, NEWEST, 1, instanceSetName="orders")

    expect(open_page.locator(STILL)).to_contain_text("You are not signed in any more", timeout=LONG)
    assert_accessible(open_page)
    assert "orders" not in open_page.content()
    open_page.get_by_role("link", name="Sign in again").click()
    expect(open_page.get_by_label("Credential id")).to_be_visible()
    assert "next=sets" in open_page.url
    open_page.context.close()
