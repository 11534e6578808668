"""TLS as this service speaks it to nodes, as a client and as a server.

A node is trusted that shows a certificate of one of the service's authorities for the address it was reached
at. Whether the certificate holds by the present time is not asked: to renew what has expired, after the
service was away or the clock was wrong, we must get in.
"""

import asyncio
import os
import ssl
from functools import lru_cache
from typing import Final

from memstored.domain.ports import Papers
from memstored.redis.certificates import fingerprint_of

__all__ = ["CIPHERS", "client_context", "handshake", "server_context", "shown_by"]

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""What TLS 1.2 may use, as OpenSSL spells it: forward secrecy and authenticated encryption only."""
_IGNORE_TIME: Final = 0x200000
"""OpenSSL's `X509_V_FLAG_NO_CHECK_TIME`, which `ssl` has no name for."""


@lru_cache(maxsize=4)
def client_context(authorities: str) -> ssl.SSLContext:
    """How a node is connected to, by the certificates (PEM) of those who may have signed its own.

    Shared by all connections: it costs as much as a handshake. Must not be changed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authorities)
    context.verify_flags |= _IGNORE_TIME
    return context


def server_context(papers: Papers) -> ssl.SSLContext:
    """How we show these papers to whoever connects to us.

    `ssl` reads them from a file only; this one is in memory and has no name.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    descriptor = os.memfd_create("papers", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(papers.certificate + papers.key)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context


def shown_by(transport: asyncio.BaseTransport) -> str | None:
    """The fingerprint of the certificate that the other end has shown; None without TLS."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return fingerprint_of(der) if der is not None else None


async def handshake(host: str, port: int, authorities: str) -> str | None:
    """The fingerprint of the certificate that is shown there now, by a connection of its own.

    Raises `OSError`, as `ssl.SSLError`, when there is none or it is not trusted.
    """
    _, writer = await asyncio.open_connection(host, port, ssl=client_context(authorities))
    try:
        return shown_by(writer.transport)
    finally:
        writer.transport.abort()
