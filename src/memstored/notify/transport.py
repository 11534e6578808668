"""One HTTP request to an address that was chosen, and the head of its answer.

Spoken here rather than by an HTTP client: those also read cookies, look where a redirect leads, and take as
many interim answers as a receiver likes to give, all in the loop that everything else of the service shares.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlsplit

import h11

from memstored.domain.destinations import Address

__all__ = ["NotConnected", "Reply", "TransportTrouble", "Url", "post"]

CONNECT = 3.0
"""Seconds for a connection to one address, with its TLS."""
ANSWER = 16 * 1024
"""Bytes of an answer that are read at most: its headers, and any interim answers before it."""
SOUND = "%/?:[]@!$&'()*+,;=~"
"""Beside letters, digits and `_.-`, what a path and query may have without being quoted."""


class TransportTrouble(Exception):
    """No answer came; the message says why."""


class NotConnected(TransportTrouble):
    """There was not even a connection, so another address may do."""


class Url:
    """The parts of a URL that was checked (`requests.webhook`), as requests need them."""

    def __init__(self, text: str) -> None:
        parts = urlsplit(text)
        self.encrypted = parts.scheme == "https"
        """Whether it is one of TLS."""
        self.host = parts.hostname or ""
        """The name or address, as it is looked up and stands in certificates."""
        self.port = parts.port or (443 if self.encrypted else 80)
        self.authority = parts.netloc
        """Host and port as they are written."""
        query = f"?{parts.query}" if parts.query else ""
        self.target = quote((parts.path or "/") + query, safe=SOUND)
        """Path and query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is of interest in an answer: its status, and its `Retry-After` as it was written, if any."""

    status: int
    retry_after: str | None

    @classmethod
    def of(cls, answer: h11.Response) -> Self:
        """Of several `Retry-After` the first counts."""
        said = (value.decode("latin-1") for name, value in answer.headers if name == b"retry-after")
        return cls(status=answer.status_code, retry_after=next(said, None))


async def post(
    url: Url,
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    *,
    trust: ssl.SSLContext,
) -> Reply:
    """The head of the answer, however long that takes. Raises `TransportTrouble`.

    Connects to the address, and to no other; the certificate must be one for the host of the URL. Every call
    is on its own: no connection outlives it.
    """
    reader, writer = await _connected(url, address, trust)
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER)
    try:
        # Nobody waits until it is taken: who answers without having read all of it is heard, too.
        writer.writelines(_request(http, url, body, headers))
        return await _reply(http, reader)
    except OSError as trouble:
        raise TransportTrouble(_words(trouble)) from None
    except h11.RemoteProtocolError:
        # Without what it said: whoever chose the URL shall not read there what only we can reach.
        raise TransportTrouble("Its answer is none of HTTP.") from None
    finally:
        # At once, although neither what was sent nor what comes may have an end.
        writer.transport.abort()


async def _connected(
    url: Url, address: Address, trust: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    tls, name = (trust, url.host) if url.encrypted else (None, None)
    try:
        async with asyncio.timeout(CONNECT):
            return await asyncio.open_connection(
                str(address), url.port, limit=ANSWER, ssl=tls, server_hostname=name
            )
    except TimeoutError:
        raise NotConnected(f"It took no connection within {CONNECT:.0f} s.") from None
    except OSError as trouble:
        raise NotConnected(_words(trouble)) from None


def _request(http: h11.Connection, url: Url, body: bytes, headers: Mapping[str, str]) -> list[bytes]:
    framing = {"host": url.authority, "content-length": str(len(body)), "connection": "close"}
    request = h11.Request(method="POST", target=url.target, headers=[*framing.items(), *headers.items()])
    pieces = [http.send(event) for event in (request, h11.Data(data=body), h11.EndOfMessage())]
    return [piece for piece in pieces if piece]


async def _reply(http: h11.Connection, reader: asyncio.StreamReader) -> Reply:
    left = ANSWER
    while True:
        event = http.next_event()
        if isinstance(event, h11.Response):
            return Reply.of(event)
        if event is h11.NEED_DATA:
            if not left:
                raise TransportTrouble(f"It gave no answer within {ANSWER // 1024} KiB.")
            piece = await reader.read(left)
            if not piece:
                raise TransportTrouble("It ended the connection without an answer.")
            left -= len(piece)
            http.receive_data(piece)


def _words(trouble: OSError) -> str:
    """What is said of a connection that failed; where the name led is not told."""
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return f"Its certificate is not accepted: {trouble.verify_message.rstrip('.')}."
    if isinstance(trouble, ssl.SSLError):
        return f"TLS failed: {(trouble.reason or 'no reason is known').replace('_', ' ').lower()}."
    if trouble.errno is not None:
        return f"{os.strerror(trouble.errno)}."
    return "It ended the connection."
