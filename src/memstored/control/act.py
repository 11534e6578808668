"""Carrying out one action. Whether it worked is seen in the next look, never concluded from here.

Raises `LinkTrouble`, `LaunchFailed`, or `OSError` when this machine refuses (a full disk); the worker
waits a moment, looks and decides again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from memstored.control.authorities import Issued
from memstored.control.carrier import CARRIER
from memstored.control.guests import Guests
from memstored.control.identities import replication_of
from memstored.control.loading import Loader
from memstored.control.watch import Watch
from memstored.domain import actions as do
from memstored.domain.applying import birth_values
from memstored.domain.engine import capabilities_of
from memstored.domain.facts import RenewalFacts
from memstored.domain.gap import eviction
from memstored.domain.model import InstanceSet, Node, Setting
from memstored.domain.parameter_group import on_nodes
from memstored.domain.parameters import MAXMEMORY
from memstored.domain.ports import Link, LinkTrouble, SettingRefused
from memstored.domain.words import NodeId
from memstored.redis.config import directives
from memstored.runtime.protocol import Files, LaunchFailed, LaunchOrder
from memstored.store.sets import Identities

__all__ = ["Actor", "lane"]

PAUSE = 3000
"""Milliseconds that writes are held back at most in a planned promotion: it ends by itself."""

RENEWAL_PAUSES = (60.0, 300.0, 900.0, 3600.0)
"""Seconds before a renewal is begun by itself after so many that failed; the last one repeats."""

ENDPOINTS = NodeId("endpoints")


def lane(action: do.Action) -> NodeId:
    """Actions of one lane are never under way at the same time: one node's, or the addresses'.

    A load takes long, values may be many, a renewal waits for others' failovers, room is made by listing
    thousands, a file is cleared by the disk: each has a lane of its own, so that nothing else that is done to
    the node waits for it.
    """
    match action:
        case (
            do.Load(node=node)
            | do.Renew(node=node)
            | do.MakeRoom(node=node)
            | do.Configure(node=node)
            | do.ClearCopy(node=node)
        ):
            return NodeId(f"{type(action).__name__} at {node}")
        case do.Reserve() | do.Release() | do.Point():
            return ENDPOINTS
        case do.FenceCarrier():
            # A move may be waiting for the very one that is to be ended.
            return CARRIER
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
            case do.ClearCopy(node=node):
                # The file may be large: the other sets do not wait for the disk.
                await asyncio.to_thread(self.watch.place.runtime.remove_copies, node)
            case do.MakeRoom(node=node, most=most):
                await self._link(node).make_room(most)
            case do.FenceCarrier():
                await self.watch.place.endpoints.fence(instance_set.id)
            case do.Launch() | do.Fence() | do.Destroy():
                await self._place(instance_set, action)
            case do.Load():
                replication = replication_of(instance_set, self.identities)
                loader = Loader(watch=self.watch, replication=replication, guests=self.guests)
                await loader.load(instance_set, action)
            case do.Configure():
                await self._configure(instance_set, action)
            case do.Renew():
                await self._renew(instance_set, action)
            case do.Stamp():
                await self._stamp(action)
            case _:
                await self._on_node(instance_set, action)

    async def _stamp(self, action: do.Stamp) -> None:
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
                parameters=on_nodes(instance_set, birth_values(instance_set, node_id)),
                tls=instance_set.tls_enabled,
            ),
            tls=instance_set.tls_enabled,
            files=self._first_files(instance_set, node) if instance_set.tls_enabled else None,
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

    def _first_files(self, instance_set: InstanceSet, node: Node) -> Callable[[str], Files]:
        """What makes the files of a node that is launched, once its address is known."""

        def files(address: str) -> Files:
            issued = self._issue(instance_set, node, address)
            self.watch.renewed(node.id, RenewalFacts(issued=issued.certificate))
            return issued.files

        return files

    def _issue(self, instance_set: InstanceSet, node: Node, address: str) -> Issued:
        """A certificate for the node under every address that it may be reached at."""
        vips = instance_set.vips
        shared = (vips.primary, vips.reader) if vips is not None else ()
        addresses = [address, *(each for each in shared if each is not None)]
        return self.watch.place.authorities.issue(node.name, addresses)

    async def _renew(self, instance_set: InstanceSet, action: do.Renew) -> None:
        """Give the node another certificate; whatever comes in between, it goes on with the one it has.

        A try that the operation knows the outcome of is not made again.
        """
        before = self.watch.renewal(action.node)
        if before.operation == action.operation and before.error is not None:
            return
        try:
            issued = await self._replace_certificate(instance_set, action.node)
        except (LinkTrouble, LaunchFailed, OSError) as trouble:
            self.watch.renewed(action.node, self._not_renewed(before, action, str(trouble)))
            raise
        self.watch.renewed(action.node, RenewalFacts(issued=issued.certificate, operation=action.operation))

    async def _replace_certificate(self, instance_set: InstanceSet, node_id: NodeId) -> Issued:
        node, link = instance_set.node(node_id), self._link(node_id)
        if node is None or node.address is None:
            raise LinkTrouble(f"node {node_id} has no address")
        issued = self._issue(instance_set, node, node.address)
        async with self.watch.place.runtime.replaced_files(node_id, issued.files):
            await link.take_certificate()
            if link.certificate != issued.certificate.fingerprint:
                raise LinkTrouble(f"{node.name} shows another certificate than it was given")
        return issued

    def _not_renewed(self, before: RenewalFacts, action: do.Renew, error: str) -> RenewalFacts:
        failures = before.failures + 1
        pause = RENEWAL_PAUSES[min(failures, len(RENEWAL_PAUSES)) - 1]
        return replace(
            before,
            operation=action.operation,
            error=error,
            failures=failures,
            retry_at=self.watch.place.clock.monotonic() + pause,
        )

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

    async def _configure(self, instance_set: InstanceSet, action: do.Configure) -> None:
        """A refusal is no trouble of the act: what comes of it is decided, so it is only remembered."""
        link = self._link(action.node)
        try:
            for setting in action.settings:
                await _set(link, setting)
        except SettingRefused as refusal:
            self.watch.turned_down(instance_set, action.node, refusal)


async def _set(link: Link, setting: Setting) -> None:
    if setting.name == MAXMEMORY and (why := eviction(setting, await link.holdings())):
        raise SettingRefused(MAXMEMORY, why)
    await link.configure((setting,))
