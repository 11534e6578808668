"""The pages of a set: what they show while it lives, and what can be done there."""

import time

from accessibility import DESK, PHONE, assert_accessible, assert_fits
from live_set import LiveSet
from playwright.sync_api import Locator, Page, expect
from service_process import NEWEST, ServiceProcess, kill
from watching import PROMPT, showing

from memstored.api.schemas.times import seconds_of


def cards(page: Page) -> Locator:
    """The nodes in the picture."""
    return page.locator("svg.topology .card")


def test_the_pages_of_a_set_are_open_to_everybody(service: ServiceProcess, signed_in: Page) -> None:
    """At a desk and on a phone, light and dark, English and Korean: nothing serious, and nothing too wide."""
    live = LiveSet.running(service, NEWEST, 2, instanceSetName="orders", recoveryEnabled=False)
    for page in ("", "charts", "charts%3Ftable%3Dtrue", "connect", "operations", "events", "change"):
        for language, scheme, window in (("en", "light", DESK), ("ko", "dark", PHONE)):
            signed_in.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            signed_in.set_viewport_size(window)
            signed_in.goto(f"language?to={language}&back=sets/{live.id}/{page}")
            assert_accessible(signed_in)
            assert_fits(signed_in)


def test_the_picture_follows_a_failover(service: ServiceProcess, signed_in: Page) -> None:
    """Nobody reloads: the death is there within a second, the new primary within one of its promotion, and in
    the end the set is whole again, with the addresses where they lead.
    """
    live = LiveSet.running(service, NEWEST, 3, instanceSetName="orders")
    old = live.primary()
    signed_in.get_by_role("link", name="orders").click()
    expect(cards(signed_in)).to_have_count(3)
    expect(signed_in.locator(f'.card.primary[data-node="{old["objectId"]}"]:not(.lost)')).to_be_visible()
    expect(signed_in.get_by_text("Yes", exact=True)).to_be_visible(timeout=10_000)

    gone = showing(signed_in, f'.card.primary[data-node="{old["objectId"]}"]:not(.lost)', there=False)
    another = f'.card.primary:not([data-node="{old["objectId"]}"]):not(.lost)'
    followed = showing(signed_in, another)

    server, killed = service.server_of(old["objectId"]), time.time()
    kill(server)

    assert gone() - killed < PROMPT
    shown = followed()
    promoted = live.primary()["objectId"]
    assert signed_in.locator(another).get_attribute("data-node") == promoted != old["objectId"]
    [done] = live.events("Cluster Failover Complete")
    assert shown - seconds_of(done["time"]) < PROMPT
    live.await_replaced(old)
    expect(signed_in.locator(".standing").get_by_text("Running", exact=True)).to_be_visible(timeout=10_000)
    expect(signed_in.locator(f'.card[data-node="{old["objectId"]}"]')).to_have_count(0)
    row = signed_in.get_by_role("row", name=f"{live.primary()['instanceName']} primary")
    expect(row).to_contain_text(f"{live.address()}:6379")


def test_a_set_is_changed_and_deleted_at_its_page(service: ServiceProcess, signed_in: Page) -> None:
    """A promotion is asked for twice, and followed to its end, as is the end of the set."""
    live = LiveSet.running(service, NEWEST, 2, instanceSetName="orders", recoveryEnabled=False)
    [replica] = live.replicas()
    signed_in.goto(f"sets/{live.id}/change")

    nodes = signed_in.locator("#nodes")
    nodes.get_by_text("Promote", exact=True).click()
    nodes.get_by_role("button", name=f"Promote {replica['instanceName']}").click()
    expect(signed_in.get_by_text("It is under way")).to_be_visible()
    expect(signed_in.locator(f'.card.primary[data-node="{replica["objectId"]}"]')).to_be_visible(
        timeout=30_000
    )
    live.await_whole(2)

    signed_in.get_by_role("link", name="Change").click()
    signed_in.get_by_label("Type orders to delete it").fill("orders")
    signed_in.get_by_role("button", name="Delete orders for good").click()
    expect(signed_in.locator(".standing").get_by_text("Terminated", exact=True)).to_be_visible(timeout=30_000)
    live.await_gone()
