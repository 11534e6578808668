"""Where simulated nodes live: launching, fencing, exits, and mishaps on the way to them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum

from memstored.domain.clock import Clock
from memstored.domain.engine import family_of
from memstored.domain.parameters import parameters_of
from memstored.domain.ports import FENCE, Identity
from memstored.domain.words import NodeId
from memstored.runtime.fake.clock import ManualClock
from memstored.runtime.protocol import Engine, EngineUnknown, Files, LaunchFailed, LaunchOrder, Placement
from memstored.runtime.simulated import SimulatedFleet
from memstored.runtime.simulated_node import SimulatedNode

__all__ = ["FakeRuntime", "Mishap"]

ENGINES = (
    Engine(version="7.0.15", program="fake", tls=True, license="BSD-3-Clause"),
    Engine(version="6.2.5", program="fake", tls=False, license="BSD-3-Clause"),
    Engine(version="5.0.6", program="fake", tls=False, license="BSD-3-Clause"),
)
HOSTS_PER_RANGE = 254


class Mishap(StrEnum):
    """What the way to a node may do to one command."""

    LOST = "lost before it was carried out"
    UNANSWERED = "carried out, but the answer was lost"


class FakeRuntime:
    """A `Runtime` of simulated nodes; `orders` holds what each was launched with, `held_back` who was, and
    `cleared` whose copies on the disk were removed.

    `unprovable` are nodes whose end can not be proven, as on a machine that is lost: for them `fence`
    says no, and their exit is never told.
    """

    def __init__(self, clock: Clock | None = None, engines: Sequence[Engine] = ENGINES) -> None:
        self.clock: Clock = clock or ManualClock()
        self.fleet = SimulatedFleet()
        self.orders: dict[NodeId, LaunchOrder] = {}
        self.unprovable: set[NodeId] = set()
        self.held_back: list[NodeId] = []
        self.cleared: list[NodeId] = []
        self._engines = tuple(engines)
        self._placed: dict[NodeId, tuple[str, int]] = {}
        self._destroyed: set[NodeId] = set()
        self._refusals: list[str] = []
        self._mishaps: list[tuple[NodeId, str, Mishap]] = []
        self._pauses: dict[NodeId, float] = {}
        self._ranges: dict[str, int] = {}
        self._exits: asyncio.Queue[NodeId | None] = asyncio.Queue()
        self._reported: set[NodeId] = set()
        self._doubted: set[NodeId] = set()
        self.fleet.watch(self._report)

    async def start(self) -> None:
        """Nothing is to be found: the fleet is in this process. Exits are told again after a `close`."""
        self._exits = asyncio.Queue()

    def engines(self) -> Sequence[Engine]:
        """The engines it was made with, newest first."""
        return self._engines

    async def launch(self, order: LaunchOrder) -> Placement:
        """Start a simulated node, fenced and empty; see `Runtime.launch`."""
        await asyncio.sleep(0)
        known = self.placement(order.node)
        if known is not None:
            return known
        self._check(order)
        address = self.next_address(order.subnet_id)
        told = {name: value.strip('"') for name, value in order.directives}
        fence = None if order.on_disk else Identity(user=FENCE, secret=told["requirepass"])
        node = self.fleet.launch(
            order.node,
            host=address,
            port=order.port,
            version=order.version,
            set_id=order.set_id,
            fence=fence,
        )
        node.settings.update(_settings(order))
        if order.files is not None:
            node.files = order.files(address)
            node.take_certificate()
        self.orders[order.node] = order
        self._placed[order.node] = (address, node.process_id)
        return self._place(order.node)

    def placement(self, node: NodeId) -> Placement | None:
        """See `Runtime.placement`."""
        return self._place(node) if node in self._placed else None

    def placements(self) -> Sequence[Placement]:
        """See `Runtime.placements`."""
        return [self._place(node) for node in self._placed]

    @asynccontextmanager
    async def replaced_files(self, node: NodeId, files: Files) -> AsyncIterator[None]:
        """See `Runtime.replaced_files`."""
        if node not in self._placed:
            raise LaunchFailed(f"{node} is not here")
        simulated = self.fleet.node(node)
        before, simulated.files = simulated.files, files
        try:
            yield
        except BaseException:
            simulated.files = before
            raise

    async def fence(self, node: NodeId) -> bool:
        """End the node; false without doing anything where its end can not be proven."""
        await asyncio.sleep(0)
        if node not in self._placed:
            return True
        if node in self.unprovable or node in self._doubted:
            return False
        if not self.fleet.node(node).ended:
            self.fleet.crash(node)
        return True

    async def destroy(self, node: NodeId) -> bool:
        """End the node and forget it; its address is never given again (H22).

        A node whose end can not be proven stays as it is.
        """
        if not await self.fence(node):
            return False
        self._destroyed.add(node)
        self._placed.pop(node, None)
        self.fleet.remove(node)
        return True

    def burning(self, node: NodeId) -> bool:
        """What the simulated node's `burning` says."""
        known = self.fleet.nodes.get(node)
        return known is not None and known.burning

    def last_words(self, node: NodeId) -> str:
        """The last line of the simulated node's log."""
        known = self.fleet.nodes.get(node)
        return known.log[-1] if known is not None and known.log else ""

    def keeps_copy(self, node: NodeId) -> bool:
        """As if each node had copied something once."""
        return node not in self.cleared

    def remove_copies(self, node: NodeId) -> None:
        """Simulated nodes have no folder; remembers whose was to be cleared."""
        self.cleared.append(node)

    def hold_back(self, node: NodeId) -> None:
        """Simulated nodes have no children; remembers who was asked."""
        self.held_back.append(node)

    async def exits(self) -> AsyncIterator[NodeId]:
        """The nodes that ended, once each, until `close`."""
        exits = self._exits
        while (node := await exits.get()) is not None:
            yield node

    async def close(self) -> None:
        """End `exits`; the nodes go on."""
        self._exits.put_nowait(None)

    def doubt(self, node: NodeId) -> None:
        """Let it be unknown from now on whether the server at the node's address is the node's."""
        self._doubted.add(node)

    def believe(self, node: NodeId) -> None:
        """Let it be known again that it is."""
        self._doubted.discard(node)

    def refuse_launches(self, words: str, times: int = 1) -> None:
        """Let the next `times` launches fail with these words of the engine."""
        self._refusals.extend([words] * times)

    def spoil(self, node: NodeId, command: str, mishap: Mishap) -> None:
        """Let the next command of that name (a method of `Link`) to the node meet with a mishap (H9)."""
        self._mishaps.append((node, command, mishap))

    def mishap(self, node: NodeId, command: str) -> Mishap | None:
        """Take the mishap that waits for this command, if one does."""
        for waiting in self._mishaps:
            if waiting[:2] == (node, command):
                self._mishaps.remove(waiting)
                return waiting[2]
        return None

    def next_address(self, subnet_id: str) -> str:
        """An address (IPv4) of the subnet that nobody had before (H22)."""
        count = self._ranges[subnet_id] = self._ranges.get(subnet_id, 0) + 1
        second = 20 + list(self._ranges).index(subnet_id)
        third, fourth = divmod(count - 1, HOSTS_PER_RANGE)
        return f"127.{second}.{third}.{fourth + 1}"

    def hold_writes(self, node: SimulatedNode, milliseconds: int) -> None:
        """Begin a pause that ends by itself."""
        node.pause()
        self._pauses[node.id] = self.clock.monotonic() + milliseconds / 1000

    def turn(self) -> None:
        """Let the fleet do one turn and end the pauses whose time is over."""
        now = self.clock.monotonic()
        for node_id in [node_id for node_id, until in self._pauses.items() if until <= now]:
            del self._pauses[node_id]
            if node_id in self.fleet.nodes:
                self.fleet.node(node_id).paused = False
        self.fleet.step()

    def _check(self, order: LaunchOrder) -> None:
        if order.node in self._destroyed:
            raise LaunchFailed(f"{order.node} was launched before (S2)")
        if order.version not in {engine.version for engine in self._engines}:
            raise EngineUnknown(f"no engine of version {order.version} is here")
        if self._refusals:
            raise LaunchFailed(self._refusals.pop(0))

    def _place(self, node_id: NodeId) -> Placement:
        address, process_id = self._placed[node_id]
        node = self.fleet.node(node_id)
        return Placement(
            node=node_id,
            set_id=node.set_id,
            address=address,
            gone=node.ended and node_id not in self.unprovable,
            process_id=None if node_id in self._doubted else process_id,
            trouble="its server may be somebody else's" if node_id in self._doubted else None,
        )

    def _report(self, node_id: NodeId) -> None:
        placed = self.placement(node_id) if node_id in self.fleet.nodes else None
        if placed is not None and placed.gone and node_id not in self._reported:
            self._reported.add(node_id)
            self._exits.put_nowait(node_id)


def _settings(order: LaunchOrder) -> dict[str, str]:
    """The parameters that a group may set, as an engine reads them from its redis.conf."""
    lines: dict[str, list[str]] = {}
    for name, value in order.directives:
        lines.setdefault(name, []).append(value.strip('"'))
    known = {p.name for p in parameters_of(family_of(order.version)) if p.editable}
    return {name: " ".join(values) for name, values in lines.items() if name in known}
