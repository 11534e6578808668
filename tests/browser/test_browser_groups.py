"""Parameter groups, and what belongs to a project, in a real browser."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from accessibility import DESK, PHONE, assert_accessible, assert_fits
from live_group import LiveGroup, values_of
from live_set import LiveSet
from playwright.sync_api import Page, expect
from service_process import NEWEST, ServiceProcess

APPLY = 60_000
"""Milliseconds until values have come to a set, on a machine that many tests share."""


def test_values_are_changed_and_taken_back(service: ServiceProcess, signed_in: Page) -> None:
    """A wrong value is told as one types; a right one is shown, applied, and rolled back."""
    group = LiveGroup.made(service, NEWEST)
    live = LiveSet.running(service, NEWEST, 2, instanceSetName="orders", parameterGroupId=group.id)
    signed_in.goto(f"parameter-groups/{group.id}")
    signed_in.get_by_role("link", name="Change values").click()

    field = signed_in.get_by_label("timeout", exact=True)
    row = signed_in.get_by_role("row", name="timeout").filter(has=field)
    field.fill("5")
    expect(row.get_by_text("Give a value that timeout can have")).to_be_visible()
    field.fill("300")
    expect(row.get_by_text("Was 0")).to_be_visible()
    signed_in.get_by_role("button", name="Look what it would do").click()
    expect(signed_in.get_by_role("row", name="timeout seconds 0 300 at once")).to_be_visible()
    assert _timeouts(live) == {"0"}

    signed_in.get_by_role("button", name="Apply").click()
    _await_in_sync(signed_in, live, "300")

    signed_in.get_by_role("link", name="Roll back").click()
    signed_in.get_by_role("button", name="Apply").click()
    _await_in_sync(signed_in, live, "0")


def _await_in_sync(page: Page, live: LiveSet, timeout: str) -> None:
    """Without a reload the page shows the values come to the set; its servers have them then."""
    row = page.get_by_role("row", name="orders")
    expect(page.get_by_text("The values are recorded")).to_be_visible()
    expect(row.get_by_text("In-Sync", exact=True)).to_be_visible(timeout=APPLY)
    assert _timeouts(live) == {timeout}


def _timeouts(live: LiveSet) -> set[str]:
    """What the servers of a set have, asked in a thread: the browser has this one's event loop."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(values_of, live, "timeout").result()


PLACES = ["events", "quotas", "catalogue", "authorities", "webhook", "credentials"]


@pytest.mark.parametrize(
    ("scheme", "language", "others"), [("light", "en", PLACES), ("dark", "ko", ["quotas"])]
)
def test_the_pages_are_open_to_everybody(
    service: ServiceProcess, signed_in: Page, scheme: str, language: str, others: list[str]
) -> None:
    """Nothing serious in either scheme and language, at a desk and on a phone."""
    group = LiveGroup.made(service, NEWEST)
    group.change(timeout="300")
    own = f"parameter-groups/{group.id}"
    signed_in.emulate_media(color_scheme=scheme)
    signed_in.goto(f"language?to={language}&back=sets")
    for place in [own, f"{own}/values", f"{own}/rollback", *others]:
        signed_in.set_viewport_size(DESK)
        signed_in.goto(place)
        assert_accessible(signed_in)
        signed_in.set_viewport_size(PHONE)
        assert_fits(signed_in)


def test_parameters_are_found_as_one_types(service: ServiceProcess, signed_in: Page) -> None:
    """On the page of a group, and among the fields."""
    group = LiveGroup.made(service, NEWEST)
    for place in ("", "/values"):
        signed_in.goto(f"parameter-groups/{group.id}{place}")
        signed_in.get_by_label("Name of a parameter").fill("maxmem")
        expect(signed_in.get_by_role("row", name="maxmemory-policy")).to_be_visible()
        expect(signed_in.get_by_role("row", name="tcp-backlog")).to_be_hidden()


def test_a_secret_is_copied(signed_in: Page) -> None:
    """A new credential's, by its button."""
    signed_in.context.grant_permissions(["clipboard-read", "clipboard-write"])
    signed_in.goto("credentials/new")
    signed_in.get_by_label("Name", exact=True).fill("copied")
    signed_in.get_by_role("button", name="Make the credential").click()

    signed_in.get_by_role("button", name="Copy").last.click()
    expect(signed_in.get_by_role("button", name="Copied")).to_be_visible()

    copied = signed_in.evaluate("navigator.clipboard.readText()")
    assert copied == signed_in.locator("#credential-secret").text_content()
