"""Sends a message to a URL that a tenant chose, once, and says what came of it.

The name is looked up once, and what is connected to is the address that was found open (`Destinations`): a
name that leads elsewhere the next moment changes nothing. The certificate is still checked for the name.
Nothing of the answer but its head is read, and all of it together takes `DEADLINE` seconds at most.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version

from memstored.domain.clock import Clock
from memstored.domain.destinations import Address, Destinations
from memstored.domain.webhook import Attempt, Secret, Verdict
from memstored.notify.lookup import Lookup, Unresolved
from memstored.notify.message import Message, signed
from memstored.notify.transport import NotConnected, Reply, TransportTrouble, Url, post

__all__ = ["DEADLINE", "Sender", "check_authorities"]

DEADLINE = 10.0
"""Seconds for a whole attempt, from looking up the name to the status of the answer."""
ADDRESSES = 3
"""How many addresses of a name are tried."""


def check_authorities(ca_file: str) -> None:
    """Raise `OSError` (`ssl.SSLError` is one) when the file can not be read, or holds no certificate."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)


class Sender:
    """Sends messages.

    Receivers may have their certificates from the system's authorities, and those in `ca_file` (PEM).
    """

    def __init__(
        self, *, destinations: Destinations, lookup: Lookup, clock: Clock, ca_file: str | None = None
    ) -> None:
        self._destinations = destinations
        self._lookup = lookup
        self._clock = clock
        self._ca_file = ca_file
        self._agent = f"memstored/{version('memstored')}"
        self._trust: ssl.SSLContext | None = None

    async def send(self, url: str, message: Message, keys: Sequence[Secret]) -> Attempt:
        """Send a message, signed with each of these secrets, to a URL that was checked."""
        trust = await self._loaded()
        began = self._clock.monotonic()
        attempt = await self._attempt(url, message, keys, trust)
        return replace(attempt, seconds=self._clock.monotonic() - began)

    async def _loaded(self) -> ssl.SSLContext:
        """Whom to trust. The first message has this loaded, in a thread: the loop does not wait for that, nor
        does the start of a service that never sends.
        """
        if self._trust is None:
            self._trust = await asyncio.to_thread(_load, self._ca_file)
        return self._trust

    async def _attempt(
        self, url: str, message: Message, keys: Sequence[Secret], trust: ssl.SSLContext
    ) -> Attempt:
        try:
            async with asyncio.timeout(DEADLINE):
                where = Url(url)
                addresses = await self._open_addresses(where)
                if not addresses:
                    return _forbidden()
                reply = await self._post(where, addresses, message, keys, trust)
                return _answered(reply, self._clock.wall())
        except TimeoutError:
            return _unreachable(f"It gave no answer within {DEADLINE:.0f} s.")
        except (Unresolved, TransportTrouble) as fault:
            return _unreachable(str(fault))

    async def _open_addresses(self, url: Url) -> list[Address]:
        """Those that may be connected to; none also where the operator wants TLS and the URL has none."""
        if not url.encrypted and not self._destinations.http:
            return []
        found = await self._lookup.addresses(url.host)
        return [address for address in found if self._destinations.admit(address)][:ADDRESSES]

    async def _post(
        self,
        url: Url,
        addresses: Sequence[Address],
        message: Message,
        keys: Sequence[Secret],
        trust: ssl.SSLContext,
    ) -> Reply:
        """The head of the answer, from the first address that takes a connection."""
        headers = {
            "content-type": "application/json",
            "user-agent": self._agent,
            **signed(message, keys, self._clock.wall()),
        }
        *others, last = addresses
        for address in others:
            try:
                return await post(url, address, message.body, headers, trust=trust)
            except NotConnected:
                continue
        return await post(url, last, message.body, headers, trust=trust)


def _load(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _answered(reply: Reply, now: float) -> Attempt:
    status = reply.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Attempt(verdict=Verdict.DELIVERED, status=status, message=f"The receiver answered {status}.")
    if status == HTTPStatus.GONE:
        return Attempt(verdict=Verdict.GONE, status=status, message="The receiver answered 410.")
    what = f"The receiver answered {status} where it should answer 2xx."
    if status < HTTPStatus.BAD_REQUEST:
        what = f"The receiver answered {status}; redirects are not followed, so give the URL they lead to."
    pause = _asked_pause(reply.retry_after, now)
    return Attempt(verdict=Verdict.REFUSED, status=status, message=what, asked_pause=pause)


def _asked_pause(retry_after: str | None, now: float) -> float:
    """The seconds that a `Retry-After` asks for, as a number or as a date; 0 where it can not be read."""
    if retry_after is None:
        return 0.0
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    # HTTP knows of no other zone, though one of its forms does not name it.
    return max(0.0, date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now)


def _unreachable(why: str) -> Attempt:
    return Attempt(verdict=Verdict.UNREACHABLE, message=f"The receiver could not be reached. {why}")


def _forbidden() -> Attempt:
    message = "Nothing was sent: the URL leads to an address that this service does not connect to."
    return Attempt(verdict=Verdict.FORBIDDEN, message=message)
