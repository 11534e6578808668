"""Whether a page can be used by everybody, as far as a machine can tell: axe, in the browser."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

__all__ = ["DESK", "PHONE", "assert_accessible", "assert_fits"]

DESK: ViewportSize = {"width": 1200, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
GRAVE = {"serious", "critical"}


def assert_accessible(page: Page) -> None:
    """Fail with what axe finds on the page as it is now, if it is serious."""
    found = Axe().run(page).response["violations"]
    told = [
        f"{it['id']} ({it['impact']}): {it['help']}\n  " + "\n  ".join(node["html"] for node in it["nodes"])
        for it in found
        if it["impact"] in GRAVE
    ]
    assert not told, "\n".join(told)


def assert_fits(page: Page) -> None:
    """Fail when the page is wider than its window, so that one has to scroll sideways to read it."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window, f"the page is {wide} wide in a window of {window}"
