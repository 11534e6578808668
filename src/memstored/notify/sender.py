"""Sends a message to a URL that a tenant chose, once, and says what came of it.

The name is looked up once, and what is connected to is the address that was found open (`Destinations`): a
name that leads elsewhere the next moment changes nothing. The certificate is still checked for the name.
Nothing of the answer but its status is read, and all of it together takes `DEADLINE` seconds at most.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from importlib.metadata import version

import httpx

from memstored.domain.clock import Clock
from memstored.domain.destinations import Address, Destinations
from memstored.domain.webhook import Attempt, Secret, Verdict
from memstored.notify.lookup import Lookup, Unresolved
from memstored.notify.message import Message, signed

__all__ = ["DEADLINE", "Sender", "trusting"]

DEADLINE = 10.0
"""Seconds for a whole attempt, from looking up the name to the status of the answer."""
CONNECT = 3.0
"""Seconds for a connection to one address."""
ADDRESSES = 3
"""How many addresses of a name are tried."""
WORDS = 200
"""Characters of what is said of a connection that failed."""


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """Whom receivers may have their certificates from: the system's authorities, and those in the file.

    Raises `OSError` (`ssl.SSLError` is one) when it can not be read, or holds none.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Sender:
    """Sends messages. Every call is on its own: no connection, and no cookie, outlives it."""

    def __init__(
        self, *, destinations: Destinations, trust: ssl.SSLContext, lookup: Lookup, clock: Clock
    ) -> None:
        self._destinations = destinations
        self._trust = trust
        self._lookup = lookup
        self._clock = clock
        self._agent = f"memstored/{version('memstored')}"

    async def send(self, url: str, message: Message, keys: Sequence[Secret]) -> Attempt:
        """Send a message, signed with each of these secrets, to a URL that was checked."""
        began = self._clock.monotonic()
        attempt = await self._attempt(url, message, keys)
        return replace(attempt, seconds=self._clock.monotonic() - began)

    async def _attempt(self, url: str, message: Message, keys: Sequence[Secret]) -> Attempt:
        try:
            async with asyncio.timeout(DEADLINE):
                where = httpx.URL(url)
                addresses = await self._open_addresses(where)
                if not addresses:
                    return _forbidden()
                return _answered(await self._post(where, addresses, message, keys))
        except TimeoutError:
            return _unreachable(f"It gave no answer within {DEADLINE:.0f} s.")
        except Unresolved as fault:
            return _unreachable(str(fault))
        except (httpx.TransportError, httpx.InvalidURL) as trouble:
            return _unreachable(f"{str(trouble)[:WORDS] or type(trouble).__name__}.")

    async def _open_addresses(self, url: httpx.URL) -> list[Address]:
        """Those that may be connected to; none also where the operator wants TLS and the URL has none."""
        if url.scheme != "https" and not self._destinations.http:
            return []
        found = await self._lookup.addresses(url.raw_host.decode("ascii"))
        return [address for address in found if self._destinations.admit(address)][:ADDRESSES]

    async def _post(
        self, url: httpx.URL, addresses: Sequence[Address], message: Message, keys: Sequence[Secret]
    ) -> int:
        """The status of the answer, from the first address that takes a connection."""
        *others, last = addresses
        for address in others:
            try:
                return await self._post_to(address, url, message, keys)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post_to(last, url, message, keys)

    async def _post_to(
        self, address: Address, url: httpx.URL, message: Message, keys: Sequence[Secret]
    ) -> int:
        headers = {
            "host": url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": self._agent,
            **signed(message, keys, self._clock.wall()),
        }
        async with httpx.AsyncClient(
            verify=self._trust,
            timeout=httpx.Timeout(DEADLINE, connect=CONNECT),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
        ) as http:
            request = http.build_request(
                "POST",
                url.copy_with(host=str(address)),
                content=message.body,
                headers=headers,
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            )
            response = await http.send(request, stream=True)
            # Unread, which ends the connection: the body may have no end.
            await response.aclose()
            return response.status_code


def _answered(status: int) -> Attempt:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Attempt(verdict=Verdict.DELIVERED, status=status, message=f"The receiver answered {status}.")
    if status == HTTPStatus.GONE:
        return Attempt(verdict=Verdict.GONE, status=status, message="The receiver answered 410.")
    what = f"The receiver answered {status} where it should answer 2xx."
    if status < HTTPStatus.BAD_REQUEST:
        what = f"The receiver answered {status}; redirects are not followed, so give the URL they lead to."
    return Attempt(verdict=Verdict.REFUSED, status=status, message=what)


def _unreachable(why: str) -> Attempt:
    return Attempt(verdict=Verdict.UNREACHABLE, message=f"The receiver could not be reached. {why}")


def _forbidden() -> Attempt:
    message = "Nothing was sent: the URL leads to an address that this service does not connect to."
    return Attempt(verdict=Verdict.FORBIDDEN, message=message)
