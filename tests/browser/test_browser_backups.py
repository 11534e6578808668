"""The form of a new set, and the pages of backups."""

from accessibility import DESK, PHONE, assert_accessible, assert_fits
from live_set import LiveSet
from playwright.sync_api import Browser, Page, expect
from service_process import NEWEST, ServiceProcess
from signing import sign_in

CHOOSE_THREE_AT_ONCE = """() => document.addEventListener("htmx:afterSwap", () => queueMicrotask(() => {
  const nodes = document.getElementById("field-replicas");
  nodes.selectedIndex = [...nodes.options].findIndex(option => option.text.trim() === "3");
  nodes.dispatchEvent(new Event("change", {bubbles: true}));
}), {once: true})"""
"""Choose three nodes as soon as the form has changed, which no person could."""


def test_a_form_is_judged_while_it_is_filled_in(service: ServiceProcess, signed_in: Page) -> None:
    """What is wrong and what goes with it is told at once; the password leaves only with the order."""
    page = signed_in
    told_password: list[str] = []
    page.on("request", lambda it: told_password.append(it.url) if "correct" in (it.post_data or "") else None)
    page.get_by_role("link", name="Create a set").click()
    name = page.get_by_label("Name", exact=True)
    name.press_sequentially("Orders")
    told = page.locator("#wrong-instanceSetName")
    expect(told).to_contain_text("Give 4 to 20 characters")
    expect(name).to_have_attribute("aria-invalid", "true")
    name.fill("orders")
    expect(told).to_be_empty()
    page.get_by_label("User optional").fill("app")
    page.get_by_label("Password optional", exact=True).fill("correct horse")
    page.get_by_label("Password again").fill("correct horse")
    expect(page.get_by_text("SHA-256 of the password")).to_be_visible()
    page.get_by_label("Nodes").focus()
    page.get_by_label("Nodes").select_option("3")
    expect(page.get_by_label("Subnet of replica 2")).to_be_visible()
    expect(page.get_by_label("Nodes")).to_be_focused()
    expect(page.get_by_label("Password again")).to_have_value("correct horse")
    page.get_by_label("Nodes").select_option("2")
    expect(page.get_by_label("Subnet of replica 2")).to_be_hidden()
    assert_accessible(page)
    page.get_by_role("button", name="Create the set").click()

    expect(page.get_by_text("The set was ordered.")).to_be_visible()
    assert told_password == [f"{service.url}/console/create-set"]


def test_a_choice_counts_that_follows_another_at_once(signed_in: Page) -> None:
    """Made in what has only just come for the one before: the form shows what goes with both."""
    signed_in.goto("create-set")
    signed_in.evaluate(CHOOSE_THREE_AT_ONCE)
    signed_in.get_by_label("Version").select_option(NEWEST)

    expect(signed_in.get_by_label("Subnet of replica 2")).to_be_visible()


def test_a_form_can_be_filled_in_without_scripts(service: ServiceProcess, browser: Browser) -> None:
    """What goes together comes by a button, and all that was filled in stays."""
    with browser.new_context(base_url=f"{service.url}/console/", java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(service, page)
        page.goto("create-set")
        page.get_by_label("Name", exact=True).fill("orders")
        page.get_by_label("Nodes").select_option("1")
        page.get_by_role("button", name="Show what goes with it").click()
        expect(page.get_by_label("Subnet of replica 1")).to_be_hidden()
        expect(page.get_by_label("Name", exact=True)).to_have_value("orders")
        page.get_by_role("button", name="Create the set").click()
        expect(page.get_by_role("row", name="orders")).to_be_visible()


def test_the_pages_of_backups_are_open_to_everybody(service: ServiceProcess, signed_in: Page) -> None:
    """Form, list, calendar and schedule: nothing serious, on a desk and on a phone, light and dark."""
    live = LiveSet.ordered(service, NEWEST, 2, instanceSetName="orders", backupSchedule={"cron": "* 3 * * *"})
    looks = (("en", "light"), ("ko", "dark"))
    for place in ("create-set", "backups", "create-backup", "backup-calendar", f"backup-schedules/{live.id}"):
        for language, scheme in looks:
            signed_in.emulate_media(color_scheme=scheme)
            signed_in.set_viewport_size(DESK)
            signed_in.goto(f"language?to={language}&back={place}")
            assert_accessible(signed_in)
            signed_in.set_viewport_size(PHONE)
            assert_fits(signed_in)
