"""The pictures of the console in the documents, taken of real pages on the way of a test.

They are written where the variable `CONSOLE_IMAGES` is set, and nothing is written otherwise: times, ids and
addresses are others each time. Every page that would be in them is checked all the same.
"""

import base64
import os
from pathlib import Path

from accessibility import assert_accessible, assert_fits
from playwright.sync_api import Page

__all__ = ["look_at"]

FOLDER = Path(__file__).parents[2] / "docs/images/console"
WANTED = bool(os.environ.get("CONSOLE_IMAGES"))
TALLEST = 1000
"""Pixels of a page that are shown; the rest of a long table says nothing new."""
QUALITY = 50
"""Of WebP, of 100: letters are still sharp, and a picture has some 25 KiB."""


def look_at(page: Page, name: str) -> None:
    """Take the picture of that name, if pictures are wanted; then check the page, which may be changing."""
    if WANTED:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.webp").write_bytes(_picture(page))
    assert_accessible(page)
    assert_fits(page)


def _picture(page: Page) -> bytes:
    """The page from its top, as wide as its window, as WebP: playwright itself makes only PNG and JPEG."""
    wide, tall = page.evaluate("[window.innerWidth, document.body.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": wide, "height": min(tall, TALLEST), "scale": 1}
    devtools = page.context.new_cdp_session(page)
    order = {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True}
    taken = devtools.send("Page.captureScreenshot", order)
    devtools.detach()
    return base64.b64decode(taken["data"])
