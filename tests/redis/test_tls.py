"""Links, copies and loads over TLS with real nodes of every engine that has it, and what is not believed."""

import asyncio
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from crafted import strings
from loading import DEADLINE, HOST, parts, unheard
from logins import CONTROL, CONTROLLERS, REPLICATION
from nodes import Opener, attached, connected, reached
from redis import Redis
from server_fixtures import Start
from servers import Engine, Server, free_address, soon

from memstored.domain.ports import (
    AUTHORITIES_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
    NODE_FILES,
    DoorTrouble,
    LinkTrouble,
    Papers,
    Target,
)
from memstored.domain.words import NodeId
from memstored.redis.certificates import Leaf, Signer, new_authority
from memstored.redis.config import directives
from memstored.redis.door import LoadingDoor
from memstored.redis.link import RedisLink
from memstored.redis.outflow import outflow
from memstored.runtime.engines import offered, take_inventory

SOUND = strings(9, (b"one", b"1"), (b"two", b"2"))
NOW = time.time()
DAY = 86400.0


class Authority:
    """An authority of the tests; as a `TlsClient` it is all that is trusted."""

    def __init__(self, began: float = NOW, days: int = 3650) -> None:
        self.authorities, key = new_authority("memstored authority", now=began, days=days)
        self._signer = Signer.from_pem(self.authorities, key)

    def leaf(self, host: str, *, began: float = NOW, days: int = 365) -> Leaf:
        """A certificate for a server there."""
        return self._signer.leaf("orders-1", [host], now=began, days=days)


OURS, FOREIGN = Authority(), Authority()


WITH_TLS = [Engine(e.version, e.program) for e in offered(asyncio.run(take_inventory())) if e.tls]


@pytest.fixture(scope="session", params=WITH_TLS, ids=lambda engine: engine.version)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine that is here and whose program has TLS."""
    found: Engine = request.param
    return found


def put(folder: Path, leaf: Leaf, trusted: str = OURS.authorities) -> None:
    """Give a node its files."""
    files = folder / NODE_FILES
    files.mkdir(parents=True, exist_ok=True)
    (files / CERTIFICATE_FILE).write_bytes(leaf.papers.certificate)
    (files / KEY_FILE).write_bytes(leaf.papers.key)
    (files / AUTHORITIES_FILE).write_text(trusted)


class Secured:
    """Starts newborn nodes that speak TLS, and opens links to them."""

    def __init__(self, engine: Engine, start: Start, opened: Opener, place: Path) -> None:
        self._engine, self._start, self._opened, self._place = engine, start, opened, place
        self._made = 0

    def node(self, leaf: Leaf | None = None, host: str | None = None) -> Server:
        """A node that shows this, or what our authority signs for it."""
        host = host or free_address()
        born = directives(
            self._engine.version, memory_gib=1, control=CONTROL, failure_detection=1.0, tls=True
        )
        folder = self._place / f"server{self._made}"
        self._made += 1
        put(folder, leaf or OURS.leaf(host))
        server: Server = self._start(born, host=host, tls=True)
        return server

    def target(self, server: Server, trusted: Authority = OURS) -> Target:
        """How to reach a node."""
        return Target(
            node=NodeId(server.host),
            host=server.host,
            port=server.port,
            version=server.engine.version,
            control=CONTROL,
            tls=trusted,
        )

    def link(self, server: Server, trusted: Authority = OURS) -> RedisLink:
        """A link to it."""
        return self._opened.to(self.target(server, trusted))


@pytest.fixture
def secured(engine: Engine, start: Start, opened: Opener, tmp_path: Path) -> Secured:
    """Nodes that speak TLS."""
    return Secured(engine, start, opened, tmp_path)


async def pair(secured: Secured) -> tuple[Server, RedisLink, Server, RedisLink]:
    """A primary and its replica, with links."""
    primary, replica = secured.node(), secured.node()
    above, below = await connected(secured.link(primary)), await connected(secured.link(replica))
    for link in (above, below):
        await link.equip(REPLICATION)
    await below.follow(primary.host, primary.port)
    await soon(lambda: attached(below), what="the replica's link")
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the stamp at the replica")
    return primary, above, replica, below


def shown(server: Server) -> str:
    """The certificate that the node shows to anybody, in PEM."""
    return ssl.get_server_certificate((server.host, server.port))


async def test_a_link_sees_what_its_node_shows(secured: Secured) -> None:
    """It is verified, and its fingerprint is known from the first moment on."""
    host = free_address()
    leaf = OURS.leaf(host)

    link = await connected(secured.link(secured.node(leaf, host)))

    assert link.certificate == leaf.fingerprint
    assert link.replication is not None


async def test_nodes_replicate_over_tls(secured: Secured) -> None:
    """A replica logs in and copies, and both trust each other by their authority."""
    await pair(secured)


async def test_a_node_of_a_foreign_authority_is_not_believed(secured: Secured) -> None:
    """The link says why; that somebody answers is no silence, so nobody ends the node for it (H15)."""
    link = secured.link(secured.node(), FOREIGN)

    await soon(lambda: "TLS" in link.trouble, what="the refusal")
    for _ in range(5):
        link.probe()

    assert not link.connected
    assert "certificate" in link.trouble
    assert link.unanswered == 0
    with pytest.raises(LinkTrouble, match="no TLS that can be trusted"):
        await link.refresh()


async def test_a_node_that_shows_anothers_certificate_is_not_believed(secured: Secured) -> None:
    """A certificate is for an address: whoever has taken a node's key away can not stand in for another."""
    link = secured.link(secured.node(OURS.leaf(free_address())))

    await soon(lambda: "mismatch" in link.trouble, what="the refusal")

    assert not link.connected


async def test_a_node_whose_certificate_has_expired_is_reached_to_be_given_another(secured: Secured) -> None:
    """Clients refuse it, and the service gets in all the same: else nobody could ever renew it."""
    host = free_address()
    server = secured.node(OURS.leaf(host, began=NOW - 100 * DAY, days=90), host)
    context = ssl.create_default_context(cadata=OURS.authorities)

    link = await connected(secured.link(server))
    with (
        socket.create_connection((host, server.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="expired"),
    ):
        context.wrap_socket(plain, server_hostname=host)
    put(server.folder, fresh := OURS.leaf(host))
    await link.take_certificate()

    assert link.certificate == fresh.fingerprint


async def test_a_server_that_speaks_plainly_is_told_nothing(secured: Secured, start: Start) -> None:
    """It is not the one that was launched, so it does not learn our secret either."""
    plain = start((("protected-mode", "no"),))
    with plain.client() as client:
        client.config_resetstat()

    link = secured.link(plain)

    await soon(lambda: "in time" in link.trouble, what="the end of the attempt")
    assert not link.connected
    with plain.client() as client:
        assert "cmdstat_auth" not in client.info("commandstats")


async def test_a_certificate_is_changed_while_connections_stand(secured: Secured) -> None:
    """The replica's and a client's connection outlive it; whoever connects then sees the new one."""
    primary, above, _, below = await pair(secured)
    leaf = OURS.leaf(primary.host)
    told = len(primary.log().splitlines())
    put(primary.folder, leaf)

    await above.take_certificate()

    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the stamp at the replica")
    assert above.certificate == leaf.fingerprint
    assert shown(primary).encode() == leaf.papers.certificate
    assert not any("Connection with replica" in line for line in primary.log().splitlines()[told:])


@pytest.mark.parametrize("broken", ["missing key", "half a key", "another's key", "no authorities"])
async def test_what_does_not_fit_changes_nothing(secured: Secured, broken: str) -> None:
    """The node says so and goes on with what it had; the next change works (H31)."""
    server = secured.node()
    link = await connected(secured.link(server))
    before, files, leaf = link.certificate, server.folder / NODE_FILES, OURS.leaf(server.host)
    put(server.folder, leaf)
    match broken:
        case "missing key":
            (files / KEY_FILE).unlink()
        case "half a key":
            (files / KEY_FILE).write_bytes(leaf.papers.key[:100])
        case "another's key":
            (files / KEY_FILE).write_bytes(OURS.leaf(server.host).papers.key)
        case _:
            (files / AUTHORITIES_FILE).write_text("")

    with pytest.raises(LinkTrouble, match="CONFIG SET"):
        await link.take_certificate()
    kept = shown(server)
    put(server.folder, leaf)
    await link.take_certificate()

    assert kept != leaf.papers.certificate.decode()
    assert before != link.certificate == leaf.fingerprint


async def test_a_node_learns_to_trust_another_authority(secured: Secured) -> None:
    """While one takes over, those whose certificates either of them signed replicate with each other."""
    both = OURS.authorities + FOREIGN.authorities
    _, _, replica, below = await pair(secured)
    put(replica.folder, OURS.leaf(replica.host), both)
    await below.take_certificate()
    host = free_address()
    changed = secured.node(FOREIGN.leaf(host), host)
    above = await connected(secured.link(changed, FOREIGN))
    await above.equip(REPLICATION)

    await below.follow(changed.host, changed.port)

    await soon(lambda: attached(below), what="the replica's link")


async def test_a_replica_does_not_follow_a_master_of_a_foreign_authority(secured: Secured) -> None:
    """Nothing of what a stranger holds comes to a node, whatever address it has taken."""
    host = free_address()
    stranger, replica = secured.node(FOREIGN.leaf(host), host), secured.node()
    above, below = await connected(secured.link(stranger, FOREIGN)), await connected(secured.link(replica))
    for link in (above, below):
        await link.equip(REPLICATION)

    await below.follow(stranger.host, stranger.port)

    await soon(lambda: "certificate verify failed" in replica.log(), what="the refusal in its log")
    assert not attached(below)


# Data out and in


async def test_a_copy_comes_out_over_tls(secured: Secured) -> None:
    """The data of a node, to whoever it trusts; nothing from one that is not trusted."""
    primary, above, _, _ = await pair(secured)
    await above.admit(None)
    value = random.Random(7).randbytes(5_000_000)
    way = {"host": primary.host, "port": primary.port, "ssl": True, "ssl_ca_data": OURS.authorities}
    with Redis(**way, username=CONTROL.user, password=CONTROL.secret) as control:
        control.acl_setuser("tenant", enabled=True, nopass=True, keys=["much"], commands=["+set"])
    with Redis(**way, username="tenant", password="") as tenant:
        tenant.set("much", value)

    async with outflow(secured.target(primary), CONTROLLERS, deadline=DEADLINE) as flow:
        data = await asyncio.to_thread(b"".join, flow.parts)
    with pytest.raises(LinkTrouble, match="no TLS that can be trusted"):
        async with outflow(secured.target(primary, FOREIGN), CONTROLLERS, deadline=DEADLINE):
            pass

    assert data.startswith(b"REDIS")
    assert value in data


async def test_a_copy_comes_out_over_tls_together_with_its_end(secured: Secured) -> None:
    """A small one is whole, whether the node's word that it ends is read with it or after it."""
    primary, *_ = await pair(secured)
    for _ in range(20):
        async with outflow(secured.target(primary), CONTROLLERS, deadline=DEADLINE) as flow:
            data = await asyncio.to_thread(b"".join, flow.parts)
        assert data.startswith(b"REDIS")
        assert flow.keys == 0


@asynccontextmanager
async def loading(link: RedisLink, papers: Papers, data: bytes) -> AsyncIterator[LoadingDoor]:
    """A door that shows these papers, with the node of this link before it."""
    async with LoadingDoor(HOST, size=len(data), deadline=DEADLINE, papers=papers) as door:
        await link.take_in(HOST, door.port, door.identity)
        yield door


async def test_data_goes_in_over_tls(secured: Secured) -> None:
    """A fresh node takes it in at a door that shows a certificate of its authority."""
    link = await connected(secured.link(secured.node()))
    data = strings(9, *((b"key %d" % n, b"x" * 60) for n in range(20_000)))

    async with loading(link, OURS.leaf(HOST).papers, data) as door:
        await door.feed(parts(data), unheard)
        held = await link.holdings()
        await link.detach()

    assert held.keys == 20_000


async def test_a_node_takes_nothing_from_a_foreign_door(secured: Secured) -> None:
    """It verifies who hands it data, and the door tells that nobody came for it (H24)."""
    link = await connected(secured.link(secured.node()))

    async with LoadingDoor(HOST, size=len(SOUND), deadline=2.0, papers=FOREIGN.leaf(HOST).papers) as door:
        await link.take_in(HOST, door.port, door.identity)
        with pytest.raises(DoorTrouble, match="did not come"):
            await door.feed(parts(SOUND), unheard)

    assert door.turned_away > 0


async def test_a_door_with_tls_says_nothing_in_the_clear(secured: Secured) -> None:
    """Whoever knows the secret and speaks plainly gets nothing (H24)."""
    link = await connected(secured.link(secured.node()))

    async with loading(link, OURS.leaf(HOST).papers, SOUND) as door:
        with socket.create_connection((HOST, door.port)) as plain:
            plain.setblocking(False)
            plain.send(f"AUTH {door.identity.user} {door.identity.secret}\r\nPSYNC ? -1\r\n".encode())
            await door.feed(parts(SOUND), unheard)
            plain.setblocking(True)
            plain.settimeout(5)
            try:
                said = plain.recv(100)
            except ConnectionResetError:
                said = b""
        await link.detach()

    assert b"FULLRESYNC" not in said
    assert b"+OK" not in said
