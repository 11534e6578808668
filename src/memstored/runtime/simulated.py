"""A simulated fleet: servers, the network between them, and what may befall them.

Pure, deterministic and without time: nothing moves until `step` or `deliver` is called. The fake ports
(`runtime.fake`) stand on it, and random histories are driven against the decision through it.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from memstored.domain.facts import ReplicationFacts
from memstored.domain.ports import Identity, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.simulated_door import SimulatedDoor
from memstored.runtime.simulated_node import Condition, Reply, SimulatedClient, SimulatedNode

__all__ = ["CONTROLLER", "SimulatedFleet"]

Answer = TypeVar("Answer")

CONTROLLER = NodeId("controller")
"""The control loop's place in the network, to be named in partitions."""
FIRST_PROCESS = 1000
FIRST_DOOR = 40000
ONLY_SET = SetId("set")


class SimulatedFleet:
    """All servers of a test. `acknowledged` are the writes that tenants were told are done, in order."""

    def __init__(self) -> None:
        self.nodes: dict[NodeId, SimulatedNode] = {}
        self.acknowledged: list[str] = []
        self._minted = 0
        self._partitions: set[frozenset[NodeId]] = set()
        self.lapsed: set[str] = set()
        """Keys whose time is over: losing them is no loss."""
        self._doors: dict[NodeId, SimulatedDoor] = {}
        self._led: dict[str, NodeId | None] = {}
        self._watchers: list[Callable[[NodeId], None]] = []

    def node(self, node_id: NodeId) -> SimulatedNode:
        """The server of that id, in whatever condition; `KeyError` when it was never launched."""
        return self.nodes[node_id]

    def facts(self, node_id: NodeId) -> ReplicationFacts:
        """What the server would say of its replication, were it asked now."""
        return self.nodes[node_id].facts()

    def watch(self, changed: Callable[[NodeId], None]) -> Callable[[], None]:
        """Call `changed` at once when a server ends or another takes its place; returns the way to stop."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    def launch(
        self,
        node_id: NodeId,
        *,
        host: str,
        port: int = 6379,
        version: str = "7.0.15",
        set_id: SetId = ONLY_SET,
        fence: Identity | None = None,
    ) -> SimulatedNode:
        """Start a server: a master without data, fenced (S1), answering at its own address.

        One of an engine without users needs its `fence`.
        """
        if node_id in self.nodes:
            raise ValueError(f"{node_id} was launched before (S2)")
        run_id, process_id = self._mint("run"), FIRST_PROCESS + self._minted
        node = SimulatedNode(
            id=node_id,
            set_id=set_id,
            host=host,
            port=port,
            version=version,
            run_id=run_id,
            process_id=process_id,
            mint=self._replid,
            fence=fence,
        )
        self.nodes[node_id] = node
        return node

    def crash(self, node_id: NodeId) -> None:
        """The process is killed and its end is proven."""
        node = self.nodes[node_id]
        node.end()
        node.ended = True
        self._tell(node_id)

    def hang(self, node_id: NodeId) -> None:
        """The process stops (SIGSTOP): connections and addresses stay, nothing is answered."""
        node = self.nodes[node_id]
        if node.condition is Condition.ALIVE:
            node.condition = Condition.HUNG

    def keep_busy(self, node_id: NodeId, *, wrote: bool = False) -> None:
        """A script keeps the server from all else: -BUSY is its only answer (H16)."""
        node = self.nodes[node_id]
        if node.condition is Condition.ALIVE:
            node.condition, node.script_wrote = Condition.BUSY, wrote

    def kill_script(self, node_id: NodeId) -> None:
        """`SCRIPT KILL`. Raises `LinkTrouble` when nothing runs, when it wrote, or when no answer comes."""
        node = self.nodes.get(node_id)
        if node is None or not self.answers(node_id):
            raise LinkTrouble("no answer in time")
        if node.condition is not Condition.BUSY:
            raise LinkTrouble("NOTBUSY No scripts in execution right now.")
        if node.script_wrote:
            raise LinkTrouble("UNKILLABLE Sorry the script already executed write commands")
        node.condition = Condition.ALIVE

    def wake(self, node_id: NodeId) -> None:
        """The process, or what keeps it busy, goes on to its end; first it does what was sent to it (H9)."""
        node = self.nodes[node_id]
        if node.condition in (Condition.HUNG, Condition.BUSY):
            node.condition = Condition.ALIVE
            self._catch_up(node)

    def restart_empty(self, node_id: NodeId) -> None:
        """Something starts the server again, at its address: another `run_id`, fenced, without data.

        After `crash` the runtime has proof of the first process's end; without, it notices nothing.
        """
        old = self.nodes.pop(node_id)
        old.end()
        node = self.launch(
            node_id,
            host=old.host,
            port=old.port,
            version=old.version,
            set_id=old.set_id,
            # What was told to the first process lies nowhere: whoever starts another does not know it.
            fence=old.fence and Identity(user=old.fence.user, secret=self._mint("fence")),
        )
        node.ended = old.ended
        self._tell(node_id)

    def remove(self, node_id: NodeId) -> None:
        """Take the server away with all that is left of it."""
        node = self.nodes.pop(node_id, None)
        if node is not None:
            node.end()
            self._tell(node_id)

    def partition(self, one: NodeId, other: NodeId) -> None:
        """Nothing passes between these two (`CONTROLLER` is one of them, maybe); nobody is told."""
        self._partitions.add(frozenset({one, other}))

    def heal(self) -> None:
        """All passes again, first what was sent meanwhile (H9)."""
        self._partitions.clear()
        for node in self.nodes.values():
            if node.condition is Condition.ALIVE:
                self._catch_up(node)

    def sever(self, node_id: NodeId) -> None:
        """The replica's connection to its master breaks; what was on its way is lost."""
        upstream = self.nodes[node_id].upstream
        if upstream is not None:
            upstream.sever()

    def answers(self, node_id: NodeId) -> bool:
        """Whether the controller would get an answer from the server, be it an error (H15)."""
        node = self.nodes.get(node_id)
        speaks = node is not None and node.condition in (Condition.ALIVE, Condition.BUSY)
        return speaks and self._passes(CONTROLLER, node_id)

    def listening(self, address: str, port: int) -> SimulatedNode | None:
        """The server that holds this address or that a proxy leads to from it, alive or hung."""
        if address in self._led:
            led = self.nodes.get(self._led[address] or NodeId(""))
            return led if led is not None and led.condition is not Condition.GONE else None
        return next((n for n in self.nodes.values() if _holds(n, address, port)), None)

    def step(self) -> None:
        """Let every server do a little: read, load, connect, acknowledge, expire."""
        for node_id in tuple(self.nodes):
            self.deliver(node_id)

    def settle(self, turns: int = 12) -> None:
        """As many turns as a set needs to come to rest when nothing is done to it."""
        for _ in range(turns):
            self.step()

    def deliver(self, node_id: NodeId) -> None:
        """Let one server do a little. A gone or hung one does nothing."""
        node = self.nodes[node_id]
        if node.condition is not Condition.ALIVE:
            return
        node.idle(self.lapsed)
        if node.upstream is not None:
            self._receive(node, node.upstream.source)
        elif node.following is not None:
            self._connect(node, *node.following)

    def expire(self, write: str) -> None:
        """The key's time is over: masters drop it in their next turn, replicas keep it (H29)."""
        self.lapsed.add(write)

    def open_door(self, host: str, identity: Identity, writes: Sequence[str]) -> SimulatedDoor:
        """Begin to listen, at a port of its own, for the node that is to take these keys in."""
        self._minted += 1
        door = SimulatedDoor(
            host=host,
            port=FIRST_DOOR + self._minted,
            identity=identity,
            replid=self._replid(),
            writes=tuple(writes),
        )
        self._doors[door.id] = door
        return door

    def close_door(self, door: SimulatedDoor) -> None:
        """End what the door listens at, and the connection to its node."""
        del self._doors[door.id]
        door.end()

    def evict(self, node_id: NodeId, count: int) -> None:
        """The node drops its oldest keys for want of memory."""
        node = self.nodes[node_id]
        node.evicted += len(node.writes[:count])
        del node.writes[:count]

    def command(self, node_id: NodeId, act: Callable[[SimulatedNode], Answer]) -> Answer:
        """Carry out a control command, like `SimulatedNode.promote`.

        Raises `LinkTrouble` when nobody is there, when the server refuses, or when no answer comes;
        in the last case the command is on its way and will be carried out later (H9).
        """
        node = self.nodes.get(node_id)
        if node is None or node.condition is Condition.GONE:
            raise LinkTrouble("connection refused")
        if not self.answers(node_id):
            node.waiting.append(act)
            raise LinkTrouble("no answer in time")
        if node.condition is Condition.BUSY:
            raise LinkTrouble("BUSY Redis is busy running a script")
        return act(node)

    def lead(self, address: str, node_id: NodeId | None) -> None:
        """Have a proxy at the address lead to a server, or to none; sessions with the one before end."""
        before = self.nodes.get(self._led.get(address) or NodeId(""))
        if before is not None and before.id != node_id:
            before.end_through(address)
        self._led[address] = node_id

    def led(self, address: str) -> NodeId | None:
        """Where a proxy at the address leads, be it to a server that is gone."""
        return self._led.get(address)

    def bind(self, node: SimulatedNode, addresses: Sequence[str]) -> None:
        """`CONFIG SET bind`. Raises `LinkTrouble` when another server, even a hung one, holds an address, and
        where an engine can not do it while it runs.
        """
        if not node.can.floating:
            raise LinkTrouble("ERR Unsupported CONFIG parameter: bind")
        for address in addresses:
            holder = self.listening(address, node.port)
            if holder not in (None, node):
                raise LinkTrouble(f"ERR Failed to bind to specified addresses: {address} is in use")
        node.bound = frozenset(addresses)

    def connect(self, address: str, port: int = 6379) -> SimulatedClient | Reply:
        """A tenant's new connection by an address; the refusal when there is none to be had."""
        node = self.listening(address, port)
        if node is None:
            return Reply.REFUSED
        if not node.admitted:
            return Reply.NOT_ADMITTED
        client = SimulatedClient(node=node, address=address, acknowledged=self.acknowledged)
        node.clients.append(client)
        return client

    def client_write(self, address: str, value: str, port: int = 6379) -> Reply:
        """A tenant connects, writes and leaves."""
        client = self.connect(address, port)
        if isinstance(client, Reply):
            return client
        reply = client.write(value)
        client.node.clients.remove(client)
        return reply

    def holders(self, write: str) -> set[NodeId]:
        """The living servers whose data has this write."""
        return {n.id for n in self.nodes.values() if n.condition is not Condition.GONE and write in n.writes}

    def confirmations(self, node_id: NodeId) -> int:
        """What `WAIT` would count: replicas that acknowledged all that the node has written."""
        node = self.nodes[node_id]
        return sum(not feed.ended and feed.acked >= node.offset for feed in node.downstream)

    def _passes(self, one: NodeId, other: NodeId) -> bool:
        return frozenset({one, other}) not in self._partitions

    def _receive(self, node: SimulatedNode, source: NodeId) -> None:
        if node.loading or self._passes(node.id, source):
            node.receive(served=self._serves(source))

    def _serves(self, source: NodeId) -> bool:
        if source in self._doors:
            return self._doors[source].given
        master = self.nodes.get(source)
        return master is not None and master.condition is Condition.ALIVE

    def _connect(self, node: SimulatedNode, host: str, port: int) -> None:
        door = next((door for door in self._doors.values() if (door.host, door.port) == (host, port)), None)
        if door is not None:
            with suppress(LinkTrouble):
                node.attach(door.accept(node))
            return
        master = self.listening(host, port)
        if master is None or master is node or master.condition is not Condition.ALIVE:
            return
        if self._passes(node.id, master.id):
            with suppress(LinkTrouble):
                node.attach(master.accept(node))

    def _catch_up(self, node: SimulatedNode) -> None:
        while node.waiting and self._passes(CONTROLLER, node.id):
            act = node.waiting.pop(0)
            with suppress(LinkTrouble):
                act(node)

    def _tell(self, node_id: NodeId) -> None:
        for changed in tuple(self._watchers):
            changed(node_id)

    def _replid(self) -> str:
        return self._mint("replid")

    def _mint(self, kind: str) -> str:
        self._minted += 1
        return hashlib.sha256(f"{kind} {self._minted}".encode()).hexdigest()[:40]


def _holds(node: SimulatedNode, address: str, port: int) -> bool:
    return node.condition is not Condition.GONE and node.port == port and address in node.bound
