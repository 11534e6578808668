"""The list of sets, and the way to it."""

import time

import pytest
from accessibility import DESK, PHONE, assert_accessible, assert_fits
from live_set import LiveSet
from playwright.sync_api import Browser, Page, expect
from service_process import NEWEST, ServiceProcess, kill, stopped
from signing import sign_in
from watching import PROMPT, showing


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_way_to_the_list_is_open_to_everybody(
    service: ServiceProcess, signed_in: Page, scheme: str, language: str
) -> None:
    """Sign-in, list, and what is not there: nothing serious in either scheme and language."""
    LiveSet.running(service, NEWEST, 1, instanceSetName="orders")
    signed_in.emulate_media(color_scheme=scheme)
    for place in ("sets", "sign-in"):
        signed_in.set_viewport_size(DESK)
        signed_in.goto(f"language?to={language}&back={place}")
        assert_accessible(signed_in)
        signed_in.set_viewport_size(PHONE)
        assert_accessible(signed_in)
        assert_fits(signed_in)


def test_a_set_appears_and_comes_to_run(service: ServiceProcess, signed_in: Page) -> None:
    """Without a reload the list shows what is ordered elsewhere, until it runs."""
    expect(signed_in.get_by_text("There is no set yet")).to_be_visible()

    LiveSet.ordered(service, NEWEST, 1, instanceSetName="orders")

    row = signed_in.get_by_role("row", name="orders")
    expect(row).to_be_visible()
    expect(row.get_by_text("Running", exact=True)).to_be_visible(timeout=60_000)


def test_a_failover_shows_within_a_second(service: ServiceProcess, signed_in: Page) -> None:
    """The death of a primary is on the page before one could have reloaded it."""
    live = LiveSet.running(service, NEWEST, 2, instanceSetName="orders")
    [replica] = live.replicas()
    state = signed_in.get_by_role("row", name="orders").locator(".badge").first
    expect(state).to_have_text("Running")
    left = showing(signed_in, "td.state .badge.good", there=False)

    # Its heir stands still: a set healed between two looks of the page only ever shows `Running`.
    with stopped(live.server_of(replica)):
        server, killed = live.server_of(live.primary()), time.time()
        kill(server)

        assert left() - killed < PROMPT
    live.await_whole(2)
    expect(state).to_have_text("Running")


def test_typing_goes_on_while_a_form_is_judged(signed_in: Page) -> None:
    """The newest entry is judged, not the one before it, which is given up: that is no fault of the page."""
    signed_in.goto("create-set")
    signed_in.evaluate("document.addEventListener('htmx:sendAbort', () => (window.givenUp = true))")
    name = signed_in.get_by_label("Name", exact=True)
    signed_in.route("**/create-set-check", lambda _: None, times=1)
    with signed_in.expect_request("**/create-set-check"):
        name.press_sequentially("order")

    name.press_sequentially("s-2")

    expect(signed_in.locator("#checked")).to_contain_text("orders-2")
    assert signed_in.evaluate("window.givenUp")


def test_the_list_can_be_read_without_scripts(service: ServiceProcess, browser: Browser) -> None:
    """Signing in, looking and signing out work with JavaScript off."""
    LiveSet.running(service, NEWEST, 1, instanceSetName="orders")
    with browser.new_context(base_url=f"{service.url}/console/", java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(service, page)
        expect(page.get_by_role("row", name="orders")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_the_list_can_be_used_by_keyboard(signed_in: Page) -> None:
    """The first stop is the way past the navigation."""
    signed_in.goto("sets")
    signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="Skip to the content")).to_be_focused()

    signed_in.keyboard.press("Enter")
    signed_in.keyboard.press("Tab")
    expect(signed_in.get_by_role("link", name="Create a set")).to_be_focused()
    signed_in.keyboard.press("Tab")

    expect(signed_in.get_by_label("Name")).to_be_focused()
