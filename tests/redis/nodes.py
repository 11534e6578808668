"""Who we are on the nodes of these tests, links to them, and a pair of them that replicates."""

from collections.abc import Callable

from logins import CONTROL, CONTROLLERS, PASSWORD, joining
from servers import Server, soon

from memstored.control.clock import SystemClock
from memstored.domain.controllers import Controller, Controllers
from memstored.domain.engine import capabilities_of
from memstored.domain.ports import Identity, Target
from memstored.domain.words import NodeId
from memstored.redis.link import RedisLink, RedisWire

Node = Callable[..., Server]


class ForwardClock(SystemClock):
    """The machine's own time; to durations `ahead` seconds may be added."""

    ahead = 0.0

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return super().monotonic() + self.ahead


class Opener:
    """Opens links for a controller; remembers them, every node that was said to have changed, and whoever
    came after the controller.
    """

    def __init__(self, controllers: Controllers = CONTROLLERS) -> None:
        self.clock = ForwardClock()
        self.controllers = controllers
        self.superseded: list[Controller] = []
        self.links: list[RedisLink] = []
        self.changes: list[NodeId] = []

    def __call__(
        self,
        server: Server,
        *,
        control: Identity = CONTROL,
        password: str | None = PASSWORD,
        deadline: float = 2.0,
    ) -> RedisLink:
        """A link to the server, which is named after its address."""
        place = server.host, server.port, server.engine.version
        return self.at(*place, control=control, password=password, deadline=deadline)

    def at(
        self,
        host: str,
        port: int,
        version: str,
        *,
        control: Identity = CONTROL,
        password: str | None = PASSWORD,
        deadline: float = 2.0,
    ) -> RedisLink:
        """A link to whatever answers at the address."""
        target = Target(
            node=NodeId(f"{host}:{port}"),
            host=host,
            port=port,
            version=version,
            control=control,
            password=None if capabilities_of(version).acl else password,
        )
        return self.to(target, deadline=deadline)

    def to(self, target: Target, *, deadline: float = 2.0) -> RedisLink:
        """A link to this target."""
        wire = RedisWire(
            clock=self.clock,
            controllers=self.controllers,
            superseded=self.superseded.append,
            deadline=deadline,
        )
        link = wire.open(target, self.changes.append)
        self.links.append(link)
        return link


async def connected(link: RedisLink) -> RedisLink:
    """The link, as soon as it is."""
    await soon(lambda: link.connected, what="the link")
    return link


async def fresh(node: Node, opened: Opener) -> tuple[Server, RedisLink]:
    """A newborn node with the set's replication identity."""
    server = node()
    link = await connected(opened(server))
    await link.equip(joining(server.engine.version))
    return server, link


def keys(server: Server) -> list[str]:
    """The keys of database 0."""
    with server.client(CONTROL.user, CONTROL.secret) as client:
        return sorted(client.keys())


def attached(link: RedisLink) -> bool:
    """Whether the replica says that its link is up; asks it again for the next time."""
    link.probe()
    return link.replication is not None and link.replication.link_up


def reached(link: RedisLink, offset: int) -> bool:
    """Whether the node is at the offset; asks it again for the next time."""
    link.probe()
    return link.replication is not None and link.replication.offset >= offset


async def pair(node: Node, opened: Opener) -> tuple[Server, RedisLink, Server, RedisLink]:
    """A primary and its attached replica, both admitted to tenants, with the links to them."""
    primary, replica = node(), node()
    above, below = await connected(opened(primary)), await connected(opened(replica))
    for link in (above, below):
        await link.equip(joining(primary.engine.version))
    await below.follow(primary.host, primary.port)
    await soon(lambda: attached(below), what="the replica's link")
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the first stamp at the replica")
    for link in (above, below):
        await link.admit(None)
    return primary, above, replica, below
