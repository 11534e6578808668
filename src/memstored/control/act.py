"""Carrying out one action. Whether it worked is seen in the next look, never concluded from here.

Raises `LinkTrouble`, `LaunchFailed`, or `OSError` when this machine refuses (a full disk); the worker
waits a moment, looks and decides again.
"""

from dataclasses import dataclass

from memstored.control.guests import Guests
from memstored.control.identities import replication_of
from memstored.control.loading import Loader
from memstored.control.watch import Watch
from memstored.domain import actions as do
from memstored.domain.engine import capabilities_of
from memstored.domain.model import InstanceSet
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId
from memstored.redis.config import directives
from memstored.runtime.protocol import LaunchFailed, LaunchOrder
from memstored.store.sets import Identities

__all__ = ["Actor", "lane"]

PAUSE = 3000
"""Milliseconds that writes are held back at most in a planned promotion: it ends by itself."""

ENDPOINTS = NodeId("endpoints")


def lane(action: do.Action) -> NodeId:
    """Actions of one lane are never under way at the same time: one node's, or the addresses'.

    A load takes long and has a lane of its own: nothing that is done to the node meanwhile waits for it.
    """
    match action:
        case do.Load(node=node):
            return NodeId(f"load into {node}")
        case do.Reserve() | do.Release() | do.Point():
            return ENDPOINTS
        case do.Stamp(primary=node) | do.Follow(node=node):
            return node
        case _:
            return action.node


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The hands for one set."""

    watch: Watch
    identities: Identities
    guests: Guests

    async def carry_out(self, instance_set: InstanceSet, action: do.Action) -> None:
        """Do one thing."""
        match action:
            case do.Reserve() | do.Release() | do.Point():
                await self._addresses(instance_set, action)
            case do.Launch() | do.Fence() | do.Destroy():
                await self._place(instance_set, action)
            case do.Load():
                replication = replication_of(instance_set, self.identities)
                loader = Loader(watch=self.watch, replication=replication, guests=self.guests)
                await loader.load(instance_set, action)
            case do.Stamp():
                await self._stamp(instance_set, action)
            case _:
                await self._on_node(instance_set, action)

    async def _stamp(self, instance_set: InstanceSet, action: do.Stamp) -> None:
        """Their links are up, so they have loaded what they copied: no file of it stays (H21)."""
        if not capabilities_of(instance_set.version).diskless_load:
            for replica in action.replicas:
                self.watch.place.runtime.remove_copies(replica)
        self.watch.stamped(action.replicas, await self._link(action.primary).stamp())

    def _link(self, node: NodeId) -> Link:
        link = self.watch.link(node)
        if link is None:
            raise LinkTrouble(f"node {node} can not be reached now")
        return link

    async def _addresses(self, instance_set: InstanceSet, action: do.Reserve | do.Release | do.Point) -> None:
        endpoints = self.watch.place.endpoints
        match action:
            case do.Reserve():
                first = instance_set.nodes[0]
                with_reader = instance_set.replicas > 1
                await endpoints.reserve(
                    instance_set.id,
                    first.subnet_id,
                    instance_set.port,
                    version=instance_set.version,
                    with_reader=with_reader,
                )
            case do.Release():
                await endpoints.release(instance_set.id)
            case do.Point():
                await endpoints.point(
                    instance_set.id,
                    instance_set.port,
                    self.watch.links(),
                    primary=action.primary,
                    reader=action.reader,
                )

    async def _place(self, instance_set: InstanceSet, action: do.Launch | do.Fence | do.Destroy) -> None:
        runtime = self.watch.place.runtime
        match action:
            case do.Launch():
                await self._launch(instance_set, action.node)
            case do.Fence():
                if not await runtime.fence(action.node):
                    raise LinkTrouble(f"node {action.node} could not be proven gone")
            case do.Destroy():
                if not await runtime.destroy(action.node):
                    raise LinkTrouble(f"node {action.node} could not be proven gone, so nothing was removed")

    async def _launch(self, instance_set: InstanceSet, node_id: NodeId) -> None:
        node = instance_set.node(node_id)
        if node is None:
            return
        order = LaunchOrder(
            node=node_id,
            set_id=instance_set.id,
            subnet_id=node.subnet_id,
            version=instance_set.version,
            port=instance_set.port,
            directives=directives(
                instance_set.version,
                memory_gib=instance_set.memory,
                control=self.identities.control,
                failure_detection=self.watch.place.rules.failure_detection,
            ),
            on_disk=capabilities_of(instance_set.version).acl,
        )
        self.watch.launching(node_id, under_way=True)
        error: str | None = "the launch was interrupted"
        try:
            await self.watch.place.runtime.launch(order)
            error = None
        except LaunchFailed as failed:
            error = str(failed)
        finally:
            self.watch.launching(node_id, under_way=False, error=error)

    async def _on_node(self, instance_set: InstanceSet, action: do.NodeCommand) -> None:
        link = self._link(action.node)
        match action:
            case do.Equip():
                await link.equip(replication_of(instance_set, self.identities))
            case do.Follow():
                await self._follow(instance_set, action, link)
            case do.Detach():
                await link.detach()
            case do.Promote():
                await link.promote()
            case do.Pause():
                await link.pause(PAUSE)
            case do.Unpause():
                await link.unpause()
            case do.KillScript():
                await link.kill_script()
            case do.Admit():
                await link.admit(instance_set.user)
            case do.Shut():
                await link.shut()

    async def _follow(self, instance_set: InstanceSet, action: do.Follow, link: Link) -> None:
        primary = instance_set.node(action.primary)
        if primary is None or primary.address is None:
            raise LinkTrouble(f"the primary {action.primary} has no address")
        await link.follow(primary.address, instance_set.port)
