"""Links to simulated nodes. Every look lets the fleet do one turn; commands may meet with mishaps."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from memstored.domain.controllers import Controller, Controllers
from memstored.domain.figures import Info
from memstored.domain.model import Setting, TenantUser
from memstored.domain.ports import TENANTS, Holdings, Identity, Link, LinkTrouble, Target
from memstored.domain.words import NodeId
from memstored.runtime.fake.place import FakeRuntime, Mishap
from memstored.runtime.simulated_node import Condition, SimulatedNode

if TYPE_CHECKING:
    from memstored.domain.facts import ReadSettings, ReplicationFacts

__all__ = ["FakeLink", "FakeWire"]

Answer = TypeVar("Answer")

_MAXCLIENTS = 10_000
ALONE = Controllers(own=Controller(number=1, nonce="00000000"), since=1)
"""A controller that nobody comes after."""


class FakeLink:
    """A `Link` to a simulated node. Its readings are those of the last look that was answered."""

    def __init__(
        self,
        runtime: FakeRuntime,
        target: Target,
        changed: Callable[[NodeId], None],
        *,
        controllers: Controllers,
        superseded: Callable[[Controller], None],
    ) -> None:
        self._runtime = runtime
        self._controllers = controllers
        self._superseded = superseded
        self._target = target
        self._changed = changed
        self._closed = False
        self._paused_until = 0.0
        self._asked = False
        self.connected = False
        self.unanswered = 0
        self.busy = self.loading = False
        self.run_id: str | None = None
        self.process_id: int | None = None
        self.replication: ReplicationFacts | None = None
        self.read_at = 0.0
        self.admitted = False
        self._identity: Identity | None = None
        self.bound: frozenset[str] = frozenset()
        self.info: Info | None = None
        self.clients: int | None = None
        self.counted_at = 0.0
        self.refusal: str | None = None
        self.certificate: str | None = None
        self.settings: ReadSettings | None = None
        self._unwatch = runtime.fleet.watch(self._ended)
        self.probe()

    @property
    def paused(self) -> bool:
        """Whether this link holds the node's writes back."""
        return self._runtime.clock.monotonic() < self._paused_until

    def equipped_as(self, replication: Identity) -> bool:
        """Whether the node had this replication identity at the last look."""
        return self._identity == replication

    def probe(self) -> None:
        """Let the fleet do a turn and look; an answer that is still owed is counted, a refusal is not."""
        if self._closed:
            return
        self._runtime.turn()
        if not self._alive():
            self._disconnected()
        elif not self._runtime.fleet.answers(self._target.node):
            self.unanswered += self._asked
            self._asked = True
        elif self._take(self._runtime.fleet.node(self._target.node)):
            self._look()

    def _take(self, node: SimulatedNode) -> bool:
        """Whether the node is ours now; a link of who has to give way is closed (S7)."""
        has_it, own = node.controller, self._controllers.own
        if node.can.acl and has_it not in (None, own) and not self._controllers.replaces(has_it):
            self._disconnected()
            self.close()
            self._superseded(has_it)
            return False
        node.controller = own
        return True

    def ask_info(self) -> None:
        """See `Link.ask_info`: the answer comes at once, or never."""
        if self.connected and not self.unanswered and not self.busy:
            node = self._runtime.fleet.node(self._target.node)
            now = self._runtime.clock.monotonic()
            self.info = Info(text=_account(node), maxclients=_MAXCLIENTS, read_at=now)

    async def refresh(self) -> None:
        """Let the fleet do a turn and look; see `Link.refresh`."""
        self._runtime.turn()
        read_at = self._runtime.clock.monotonic()
        await self._carry_out("refresh", lambda _: None)
        self._look()
        self.read_at = read_at

    async def equip(self, replication: Identity) -> None:
        """See `Link.equip`."""
        await self._carry_out("equip", lambda node: node.equip(replication))
        self._identity = replication

    async def admit(self, user: TenantUser | None) -> None:
        """See `Link.admit`."""
        password = self._target.password
        tenants = None if password is None else Identity(user=TENANTS, secret=password)
        await self._carry_out("admit", lambda node: node.admit(user, tenants))
        self.admitted = True

    async def shut(self) -> None:
        """See `Link.shut`."""
        await self._carry_out("shut", SimulatedNode.shut)
        self.admitted = False

    async def follow(self, host: str, port: int) -> None:
        """See `Link.follow`."""
        await self._carry_out("follow", lambda node: node.follow(host, port))

    async def detach(self) -> None:
        """See `Link.detach`."""
        await self._carry_out("detach", SimulatedNode.detach)

    async def take_in(self, host: str, port: int, identity: Identity) -> None:
        """See `Link.take_in`."""
        await self._carry_out("take_in", lambda node: node.take_in(host, port, identity))
        self._identity = None

    async def holdings(self) -> Holdings:
        """See `Link.holdings`."""
        return await self._carry_out("holdings", SimulatedNode.holdings)

    async def configure(self, settings: Sequence[Setting]) -> None:
        """See `Link.configure`."""
        for setting in settings:
            await self._carry_out("configure", partial(SimulatedNode.configure, setting=setting))
        self._look()

    async def make_room(self, most: int) -> None:  # noqa: ARG002 - a simulated node takes everybody
        """See `Link.make_room`; there is room."""
        await self._carry_out("make_room", lambda _: None)

    async def promote(self) -> None:
        """See `Link.promote`."""
        await self._carry_out("promote", SimulatedNode.promote)

    async def pause(self, milliseconds: int) -> None:
        """See `Link.pause`; it ends by the runtime's clock."""
        await self._carry_out("pause", lambda node: self._runtime.hold_writes(node, milliseconds))
        self._paused_until = self._runtime.clock.monotonic() + milliseconds / 1000

    async def kill_script(self) -> None:
        """See `Link.kill_script`."""
        await asyncio.sleep(0)
        self._runtime.fleet.kill_script(self._target.node)

    async def unpause(self) -> None:
        """See `Link.unpause`."""

        def act(node: SimulatedNode) -> None:
            node.paused = False

        await self._carry_out("unpause", act)
        self._paused_until = 0.0

    async def bind(self, addresses: tuple[str, ...], *, ending: tuple[str, ...] = ()) -> None:
        """See `Link.bind`; refused when another node, even a hung one, holds an address."""

        def act(node: SimulatedNode) -> None:
            try:
                self._runtime.fleet.bind(node, addresses)
            finally:
                for address in ending:
                    node.end_through(address)

        await self._carry_out("bind", act)
        self.bound = frozenset(addresses)

    async def end_through(self, address: str, port: int) -> None:
        """See `Link.end_through`; a node has one port."""
        assert port == self._target.port
        await self._carry_out("end_through", lambda node: node.end_through(address))

    async def take_certificate(self) -> None:
        """See `Link.take_certificate`."""

        def act(node: SimulatedNode) -> None:
            node.take_certificate()
            self.certificate = node.certificate

        await self._carry_out("take_certificate", act)
        self._changed(self._target.node)

    async def stamp(self) -> int:
        """See `Link.stamp`."""
        return await self._carry_out("stamp", SimulatedNode.stamp)

    def close(self) -> None:
        """See `Link.close`."""
        if not self._closed:
            self._closed = True
            self.connected = False
            self._unwatch()

    async def _carry_out(self, command: str, act: Callable[[SimulatedNode], Answer]) -> Answer:
        await asyncio.sleep(0)
        if self._closed:
            raise LinkTrouble("the link is closed")
        mishap = self._runtime.mishap(self._target.node, command)
        if mishap is Mishap.LOST:
            raise LinkTrouble(mishap)
        answer = self._runtime.fleet.command(self._target.node, partial(self._as_controller, act))
        if mishap is Mishap.UNANSWERED:
            raise LinkTrouble(mishap)
        return answer

    def _as_controller(self, act: Callable[[SimulatedNode], Answer], node: SimulatedNode) -> Answer:
        """Do it, unless somebody took the node: that has ended our connection."""
        if node.can.acl and node.controller not in (None, self._controllers.own):
            raise LinkTrouble("the connection ended before the answer")
        return act(node)

    def _alive(self) -> bool:
        node = self._runtime.fleet.nodes.get(self._target.node)
        return node is not None and node.condition is not Condition.GONE

    def _look(self) -> None:
        node = self._runtime.fleet.node(self._target.node)
        before = self._reading()
        if not self.connected:
            self.certificate = node.certificate
        self.connected, self.unanswered, self._asked = True, 0, False
        self.busy, self.loading = node.condition is Condition.BUSY, node.loading
        if not self.busy:
            self._learn(node)
        if self._reading() != before:
            self._changed(self._target.node)

    def _learn(self, node: SimulatedNode) -> None:
        self.run_id, self.process_id = node.run_id, node.process_id
        self.replication, self.read_at = node.facts(), self._runtime.clock.monotonic()
        self._identity = node.identity if node.guest is None else None
        self.admitted, self.bound = node.admitted, node.bound
        self.settings = tuple(sorted(node.settings.items()))

    def _reading(self) -> tuple[object, ...]:
        return (
            self.connected,
            self.busy,
            self.loading,
            self.run_id,
            self.replication,
            self._identity,
            self.admitted,
            self.bound,
            self.settings,
        )

    def _ended(self, node_id: NodeId) -> None:
        if node_id == self._target.node:
            self._disconnected()

    def _disconnected(self) -> None:
        if self.connected:
            self.connected, self.info = False, None
            self._changed(self._target.node)


def _account(node: SimulatedNode) -> bytes:
    """What a simulated node knows of what `INFO` tells."""
    held, facts = node.holdings(), node.facts()
    rows = {
        "used_memory": held.used_memory,
        "maxmemory": held.maxmemory,
        "evicted_keys": held.evicted,
        "keyspace_hits": 0,
        "keyspace_misses": 0,
        "role": "master" if facts.is_master else "slave",
        "db0": f"keys={held.keys},expires=0,avg_ttl=0",
    }
    return "".join(f"{name}:{value}\r\n" for name, value in rows.items()).encode()


def _unheard(_later: Controller) -> None:
    """Nobody is told."""


class FakeWire:
    """A `Wire` to the nodes of one fake runtime, for one controller.

    `superseded` is told who came after it.
    """

    def __init__(
        self,
        runtime: FakeRuntime,
        controllers: Controllers = ALONE,
        superseded: Callable[[Controller], None] = _unheard,
    ) -> None:
        self._runtime = runtime
        self._controllers = controllers
        self._superseded = superseded

    def open(self, target: Target, changed: Callable[[NodeId], None]) -> Link:
        """Look at once; `changed` may be called before this returns."""
        return FakeLink(
            self._runtime,
            target,
            changed,
            controllers=self._controllers,
            superseded=self._superseded,
        )
