"""When a page shows something, as the page itself tells it: looks from outside are half a second apart."""

from collections.abc import Callable

from playwright.sync_api import Page

PROMPT = 2.0
"""Seconds within which a page shows what happened: one is promised, one is for a busy machine."""
_WHEN = """([selector, there]) => ({promise: new Promise(told => {
    const look = () => (document.querySelector(selector) !== null) === there && told(Date.now() / 1000)
    setTimeout(told, 30000, null)
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true, attributes: true})
    look()
})})"""


def showing(page: Page, selector: str, *, there: bool = True) -> Callable[[], float]:
    """Begin to watch for what the selector finds, or finds no more; the answer tells when, in seconds since
    1970, once it is so.
    """
    watched = page.evaluate_handle(_WHEN, [selector, there])

    def when() -> float:
        at = watched.evaluate("it => it.promise")
        assert at is not None, f"{selector}: it did not come to be {'shown' if there else 'gone'}"
        return float(at)

    return when
