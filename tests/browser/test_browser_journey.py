"""One story through the whole console: what a newcomer does in the first hour, at the real service."""

import time
from concurrent.futures import ThreadPoolExecutor

from album import look_at
from live_group import values_of
from live_set import LiveSet
from playwright.sync_api import Page, expect
from service_process import NEWEST, ServiceProcess, kill
from signing import sign_in
from watching import PROMPT, showing

FAMILY = NEWEST.rsplit(".", 1)[0]
LONG = 60_000
"""Milliseconds that the service's work may take on a busy machine."""
PLACES = {
    "set-charts": "sets/{set}/charts",
    "set-connect": "sets/{set}/connect",
    "set-operations": "sets/{set}/operations",
    "set-events": "sets/{set}/events",
    "set-parameter-group": "sets/{set}/parameter-group",
    "set-change": "sets/{set}/change",
    "sets": "sets",
    "backups": "backups",
    "backup-calendar": "backup-calendar",
    "backup-schedule": "backup-schedules/{set}",
    "parameter-groups": "parameter-groups",
    "events": "events",
    "quotas": "quotas",
    "catalogue": "catalogue",
    "authorities": "authorities",
    "webhook": "webhook",
    "credentials": "credentials",
    "new-credential": "credentials/new",
}
"""The pages that the story itself does not come by, and those that are worth a look at its end."""


def test_a_newcomer_finds_the_way(service: ServiceProcess, page: Page) -> None:
    """Sign in, create, lose the primary, save, restore, change a parameter, look around, delete."""
    page.goto("sign-in")
    look_at(page, "sign-in")
    sign_in(service, page)
    group = make_a_group(page)
    orders = create_a_set(service, page)
    lose_the_primary(orders, page)
    save_and_restore(page)
    change_a_parameter(orders, page, group)
    for name, place in PLACES.items():
        page.goto(place.format(set=orders.id))
        look_at(page, name)
    delete_all(service, page)


def make_a_group(page: Page) -> str:
    """A parameter group of one's own; where its page is."""
    page.get_by_role("link", name="Parameter groups").click()
    page.get_by_role("link", name="New parameter group").first.click()
    page.get_by_label("Made out of").select_option(f"Redis.{FAMILY}.Default · Redis {FAMILY}")
    page.get_by_label("Name", exact=True).fill("shop")
    page.get_by_label("Description").fill("of the web shop")
    look_at(page, "new-parameter-group")
    page.get_by_role("button", name="Make the group").click()
    expect(page.get_by_role("heading", name="shop")).to_be_visible()
    return page.url.partition("?")[0]


def create_a_set(service: ServiceProcess, page: Page) -> LiveSet:
    """A set of three nodes by the form, followed until it runs."""
    page.get_by_role("link", name="Sets", exact=True).click()
    page.get_by_role("link", name="Create a set").first.click()
    page.get_by_label("Name", exact=True).fill("orders")
    page.get_by_label("Version").select_option(NEWEST)
    page.get_by_label("Nodes").select_option("3")
    expect(page.get_by_label("Subnet of replica 2")).to_be_visible()
    page.get_by_label("Parameter group").select_option("shop")
    expect(page.locator("#checked")).to_contain_text("orders")
    look_at(page, "create-set")
    page.get_by_role("button", name="Create the set").click()
    expect(page.locator("#part-standing .badge", has_text="Running")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("Yes", exact=True)).to_be_visible(timeout=LONG)
    look_at(page, "set")
    [row] = service.sets()
    return LiveSet(service, row["objectId"])


def lose_the_primary(orders: LiveSet, page: Page) -> None:
    """It is killed: the picture says so within a second, and in the end shows a whole set without it."""
    old = orders.primary()
    alive = f'.card.primary[data-node="{old["objectId"]}"]:not(.lost)'
    expect(page.locator(alive)).to_be_visible()
    gone = showing(page, alive, there=False)

    server, killed = orders.server_of(old), time.time()
    kill(server)
    noticed = gone()
    look_at(page, "set-failover")

    assert noticed - killed < PROMPT
    expect(page.locator(".card.primary:not(.lost)")).to_be_visible(timeout=LONG)
    expect(page.locator(f'.card[data-node="{old["objectId"]}"]')).to_have_count(0, timeout=LONG)
    expect(page.locator("#part-standing .badge", has_text="Running")).to_be_visible(timeout=LONG)


def save_and_restore(page: Page) -> None:
    """A backup, and a set that is made of it."""
    page.get_by_role("navigation", name="Pages of this set").get_by_role("link", name="Backups").click()
    page.get_by_role("link", name="Make a backup").click()
    page.get_by_label("Name").fill("before-sale")
    look_at(page, "create-backup")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".badge", has_text="Available")).to_be_visible(timeout=LONG)
    look_at(page, "backup")

    page.get_by_role("link", name="Restore into a new set").click()
    expect(page.get_by_label("Backup", exact=True)).to_have_value("before-sale")
    page.get_by_label("Name", exact=True).fill("restored")
    page.get_by_label("Nodes").select_option("1")
    expect(page.get_by_label("Subnet of replica 1")).to_be_hidden()
    page.get_by_role("button", name="Create the set").click()
    expect(page.locator("#part-standing .badge", has_text="Running")).to_be_visible(timeout=LONG)


def change_a_parameter(orders: LiveSet, page: Page, group: str) -> None:
    """Old and new are shown before anything is done; then the servers have it."""
    page.goto(group)
    page.get_by_role("link", name="Change values").click()
    page.get_by_label("timeout", exact=True).fill("300")
    expect(page.get_by_text("Was 0")).to_be_visible()
    look_at(page, "parameter-values")
    page.get_by_role("button", name="Look what it would do").click()
    expect(page.get_by_role("row", name="timeout seconds 0 300 at once")).to_be_visible()
    look_at(page, "parameter-review")
    assert timeouts(orders) == {"0"}

    page.get_by_role("button", name="Apply").click()
    row = page.get_by_role("row", name="orders")
    expect(row.get_by_text("In-Sync", exact=True)).to_be_visible(timeout=LONG)
    assert timeouts(orders) == {"300"}
    look_at(page, "parameter-group")


def timeouts(orders: LiveSet) -> set[str]:
    """What the servers have, asked in a thread: the browser has this one's event loop."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(values_of, orders, "timeout").result()


def delete_all(service: ServiceProcess, page: Page) -> None:
    """The backup, and the sets by typing their names; at the end there is nothing, as at the beginning."""
    page.goto("backups")
    page.get_by_role("link", name="before-sale").click()
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete it for good").click()
    expect(page.get_by_text("There is no backup yet")).to_be_visible(timeout=LONG)
    for row in service.sets():
        name = row["instanceSetName"]
        page.goto(f"sets/{row['objectId']}/change")
        page.get_by_label(f"Type {name} to delete it").fill(name)
        page.get_by_role("button", name=f"Delete {name} for good").click()
        expect(page.locator(".standing").get_by_text("Terminated", exact=True)).to_be_visible(timeout=LONG)
    page.goto("sets")
    expect(page.get_by_text("There is no set yet")).to_be_visible(timeout=LONG)
