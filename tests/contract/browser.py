"""What a browser does at the console: keeps cookies, and sends forms with their hidden fields."""

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import urljoin

import httpx

from memstored.console.cookies import SESSION
from memstored.console.protection import FIELD

CONSOLE = "/console/"
_TOKEN = re.compile(rf'name="{FIELD}" value="([^"]+)"')


class Browser:
    """A browser at the console; paths are from the console's own place on: `sets?name=orders`.

    It keeps cookies itself: the tests have a time of their own, at which what a client takes for expired is
    valid. No redirect is followed.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.cookies: dict[str, str] = {}

    async def get(self, path: str = "", *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Open a page."""
        return await self._ask("GET", path, headers)

    async def post(
        self, path: str, fields: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send fields as they are: no hidden one is added."""
        return await self._ask("POST", path, headers, dict(fields))

    async def delete(self, path: str) -> httpx.Response:
        """What no page of ours does."""
        return await self._ask("DELETE", path, None)

    async def send(self, page: str, action: str, fields: Mapping[str, str]) -> httpx.Response:
        """Open a page and send a form of it."""
        return await self.post(action, {**fields, FIELD: token_in(await self.get(page))})

    def take(self, token: str) -> None:
        """Be signed in with this token of the API."""
        self.cookies[SESSION] = token

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None, fields: dict[str, str] | None = None
    ) -> httpx.Response:
        kept = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        url = urljoin(CONSOLE, path)
        answer = await self.http.request(method, url, data=fields, headers={**kept, **(headers or {})})
        self.http.cookies.clear()
        for told in answer.headers.get_list("set-cookie"):
            name, _, value = told.partition(";")[0].partition("=")
            self.cookies |= {name: value.strip('"')}
        self.cookies = {name: value for name, value in self.cookies.items() if value}
        return answer


def signed_in(http: httpx.AsyncClient, token: str) -> Browser:
    """A browser that is signed in with this token of the API."""
    browser = Browser(http)
    browser.take(token)
    return browser


def token_in(page: httpx.Response) -> str:
    """The token of the page's forms."""
    found = _TOKEN.search(page.text)
    assert found is not None, page.text
    return unescape(found[1])


def text_of(page: httpx.Response) -> str:
    """What can be read of a page, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())
