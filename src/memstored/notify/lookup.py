"""The addresses of a host that a tenant named, looked up without holding up anybody else.

The system's resolver blocks a thread for as long as a name server likes. In the threads that everything else
of the service shares, a few names that are never answered would stop it; here they stop only each other.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import Protocol

from memstored.domain.destinations import Address

__all__ = ["Lookup", "SystemLookup", "Unresolved"]

LOOKUPS = 64
"""Names that are looked up at the same time; one that is given up counts until its thread has ended."""


class Unresolved(Exception):
    """The name leads nowhere; the message says so."""


class Lookup(Protocol):
    """Finds the addresses of names."""

    async def addresses(self, host: str) -> list[Address]:
        """The addresses of a host, at least one, in the order to try them. Raises `Unresolved`."""
        ...


class SystemLookup:
    """Asks what the machine asks, each time anew."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LOOKUPS)

    async def addresses(self, host: str) -> list[Address]:
        """The addresses of a host, each once. Raises `Unresolved`."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Address]] = loop.create_future()

        def settle(outcome: list[Address] | Unresolved) -> None:
            self._room.release()
            if found.cancelled():
                return
            if isinstance(outcome, Unresolved):
                found.set_exception(outcome)
            else:
                found.set_result(outcome)

        def look() -> None:
            outcome = _looked_up(host)
            # The service may have ended since.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, outcome)

        try:
            threading.Thread(target=look, name="lookup", daemon=True).start()
        except RuntimeError:
            settle(Unresolved("This machine has no thread left to look its name up."))
        return await found


def _looked_up(host: str) -> list[Address] | Unresolved:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        found = dict.fromkeys(ip_address(str(where[0])) for *_, where in rows)
    except (OSError, UnicodeError, ValueError):
        return Unresolved("Its name could not be found; correct it in the URL or in the DNS.")
    return list(found)
