"""How the API is shown to its callers: by TLS or not, under which address, behind which proxies."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from memstored.cli.errors import Stop

__all__ = ["Certificate", "Front", "read_front"]

USAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate with those that lead to its authority, and its key, as PEM files."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """`url` is where callers find the API, None: where it listens; `proxies` are those whose word on where a
    request comes from is taken (addresses and networks).
    """

    certificate: Certificate | None = None
    url: str | None = None
    proxies: tuple[str, ...] = ()


def read_front(
    *, tls_cert: Path | None, tls_key: Path | None, public_url: str | None, proxies: Sequence[str]
) -> Front:
    """What was asked for; raises `Stop` when it can not be."""
    return Front(
        certificate=_certificate(tls_cert, tls_key),
        url=None if public_url is None else _url(public_url),
        proxies=tuple(_network(proxy) for proxy in proxies),
    )


def _certificate(chain: Path | None, key: Path | None) -> Certificate | None:
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        raise Stop("Give --tls-cert and --tls-key together.", code=USAGE)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(chain, key, password="")
    except (OSError, ssl.SSLError) as fault:
        raise Stop(f"{chain} and {key} are no certificate with its key: {fault}.", code=USAGE) from None
    return Certificate(chain=chain, key=key)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Stop(
            "--public-url must be like https://redis.example.org or https://example.org/redis.", code=USAGE
        )
    return text.rstrip("/")


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise Stop(f"--trusted-proxy must be an address or a network, not {text}.", code=USAGE) from None
