"""A sender that may connect to this machine, names that lead where a test says, and certificates."""

import ssl
import time
from ipaddress import ip_address
from pathlib import Path

from memstored.control.clock import SystemClock
from memstored.domain.clock import Clock
from memstored.domain.destinations import Address, Destinations
from memstored.domain.webhook import Attempt, Secret
from memstored.notify.lookup import Unresolved
from memstored.notify.message import Message, new_secret
from memstored.notify.sender import Sender
from memstored.redis.certificates import Signer, new_authority

__all__ = ["DAY", "HERE", "KEY", "MESSAGE", "NAME", "Names", "Papers", "sender", "sent"]

MESSAGE = Message(id="msg_1", body=b'{"type":"ping","data":[]}')
KEY = Secret(value=new_secret())
HERE = ip_address("127.0.0.1")
LOCAL = Destinations.of(allow=["127.0.0.1/32"], inner=(), http=True)
NAME = "receiver.example"
DAY = 24 * 3600.0


class Names:
    """Stands in for DNS: each question gets the next answer, the last one for ever."""

    def __init__(self, *answers: list[Address]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def addresses(self, host: str) -> list[Address]:
        """What the host leads to now."""
        self.asked.append(host)
        if not self._answers:
            raise Unresolved("Its name could not be found.")
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def sender(
    names: Names | None = None,
    *,
    destinations: Destinations = LOCAL,
    ca_file: Path | None = None,
    clock: Clock | None = None,
) -> Sender:
    """A sender that may connect to this machine."""
    return Sender(
        destinations=destinations,
        lookup=names or Names([HERE]),
        clock=clock or SystemClock(),
        ca_file=None if ca_file is None else str(ca_file),
    )


async def sent(to: str, by: Sender) -> Attempt:
    """What comes of sending the message."""
    return await by.send(to, MESSAGE, [KEY])


class Papers:
    """An authority, and servers with its certificates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certificate, self._key = new_authority("receivers", now=time.time() - 10 * DAY, days=30)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text(self._certificate)

    @property
    def server(self) -> ssl.SSLContext:
        """One with a certificate of today for `NAME` alone."""
        return self.issued_at(time.time())

    def issued_at(self, at: float) -> ssl.SSLContext:
        """The same, with a certificate of that day (seconds since 1970)."""
        signer = Signer.from_pem(self._certificate, self._key)
        papers = signer.leaf(NAME, [], now=at, days=1).papers
        return self._serving(papers.certificate, papers.key)

    def of_its_own(self) -> ssl.SSLContext:
        """One with a certificate that vouches for itself."""
        certificate, key = new_authority(NAME, now=time.time(), days=1)
        return self._serving(certificate.encode(), key.encode())

    def _serving(self, certificate: bytes, key: bytes) -> ssl.SSLContext:
        (self._folder / "leaf.pem").write_bytes(certificate)
        (self._folder / "leaf.key").write_bytes(key)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self._folder / "leaf.pem", self._folder / "leaf.key")
        return server
