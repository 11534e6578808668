"""One HTTP request to an address that was chosen, and the head of its answer.

Apart from who sends: the HTTP library takes a good part of a start to load, and most services send nothing.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from memstored.domain.destinations import Address

__all__ = ["NotConnected", "Reply", "TransportTrouble", "Url", "post"]

CONNECT = 3.0
"""Seconds for a connection to one address."""
WORDS = 200
"""Characters of what is said of a connection that failed."""


class TransportTrouble(Exception):
    """No answer came; the message says why."""


class NotConnected(TransportTrouble):
    """There was not even a connection, so another address may do."""


class Url:
    """A URL in its parts, as requests need them; raises `TransportTrouble` when it has none."""

    def __init__(self, text: str) -> None:
        try:
            self.parsed = httpx.URL(text)
        except httpx.InvalidURL as fault:
            raise TransportTrouble(f"{fault}.") from None

    @property
    def host(self) -> str:
        """The name or address, as it is looked up and stands in certificates."""
        return self.parsed.raw_host.decode("ascii")

    @property
    def encrypted(self) -> bool:
        """Whether it is one of TLS."""
        return self.parsed.scheme == "https"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is of interest in an answer: its status, and its `Retry-After` as it was written, if any."""

    status: int
    retry_after: str | None


async def post(
    url: Url,
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    *,
    trust: ssl.SSLContext,
) -> Reply:
    """The head of the answer, however long that takes. Raises `TransportTrouble`.

    Connects to the address, and to no other, also not through a proxy; the certificate must be one for the
    host of the URL. Every call is on its own: no connection, and no cookie, outlives it.
    """
    try:
        async with httpx.AsyncClient(
            verify=trust,
            timeout=httpx.Timeout(None, connect=CONNECT),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            trust_env=False,
            follow_redirects=False,
        ) as http:
            request = http.build_request(
                "POST",
                url.parsed.copy_with(host=str(address)),
                content=body,
                headers={"host": url.parsed.netloc.decode("ascii"), **headers},
                extensions={"sni_hostname": url.host},
            )
            response = await http.send(request, stream=True)
            # Unread, which ends the connection: the body may have no end.
            await response.aclose()
            return Reply(status=response.status_code, retry_after=response.headers.get("retry-after"))
    except (httpx.ConnectError, httpx.ConnectTimeout) as trouble:
        raise NotConnected(_words(trouble)) from None
    except httpx.TransportError as trouble:
        raise TransportTrouble(_words(trouble)) from None


def _words(trouble: httpx.TransportError) -> str:
    return f"{str(trouble)[:WORDS].rstrip('.') or type(trouble).__name__}."
