"""Addresses that stay for a set's life: whoever is to answer there binds them itself (6.2 and later).

So nothing stands in the path of the data. Moving an address is two `CONFIG SET bind`, one that takes it
and one that gives it, with the connections that came through it ended in between (S8, H13).
"""

from collections.abc import Callable, Mapping, Sequence

from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import AddressLedger, endpoint_owner, endpoint_owners
from memstored.runtime.listening import bind_trouble
from memstored.runtime.protocol import LaunchFailed

__all__ = ["FloatingEndpoints"]

PRIMARY = "primary"
READER = "reader"


class FloatingEndpoints:
    """The `Endpoints` of one data folder. `address_of` tells a node's own address.

    The ledger is the runtime's (`ProcessRuntime.addresses`), which loads it.
    """

    def __init__(self, *, addresses: AddressLedger, address_of: Callable[[NodeId], str | None]) -> None:
        self._addresses = addresses
        self._address_of = address_of
        self._errors: dict[SetId, str] = {}
        self._pointed: set[SetId] = set()
        self._lingering: set[tuple[NodeId, str]] = set()

    async def reserve(self, set_id: SetId, subnet_id: str, port: int, *, with_reader: bool) -> Vips:
        """Reserve the set's addresses; idempotent by set id. Raises `LaunchFailed`."""
        purposes = (PRIMARY, READER) if with_reader else (PRIMARY,)
        wanted = [endpoint_owner(set_id, purpose) for purpose in purposes]
        if self.reserved(set_id) is None:
            # No node can have answered there before.
            self._pointed.add(set_id)
        for owner in wanted:
            self._addresses.take(owner, subnet_id, port)
        try:
            await self._addresses.save()
        except OSError as fault:
            raise LaunchFailed(f"the addresses of set {set_id} could not be recorded: {fault}") from fault
        vips = self.reserved(set_id)
        assert vips is not None
        return vips

    def reserved(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set."""
        primary = self._addresses.held(endpoint_owner(set_id, PRIMARY))
        reader = self._addresses.held(endpoint_owner(set_id, READER))
        return Vips(primary=primary, reader=reader) if primary is not None else None

    def owners(self) -> Sequence[SetId]:
        """Every set that has addresses reserved."""
        return endpoint_owners(self._addresses)

    def seen(self, set_id: SetId, links: Mapping[NodeId, Link]) -> EndpointFacts:
        """Who answers at the addresses now, as the nodes' links last read it."""
        vips = self.reserved(set_id)
        if vips is None:
            return EndpointFacts(error=self._errors.get(set_id))
        return EndpointFacts(
            primary=vips.primary,
            reader=vips.reader,
            reserved=True,
            primary_at=_holder(vips.primary, links),
            reader_at=_holder(vips.reader, links) if vips.reader else None,
            error=self._errors.get(set_id),
        )

    async def point(
        self,
        set_id: SetId,
        port: int,
        links: Mapping[NodeId, Link],
        *,
        primary: NodeId | None,
        reader: NodeId | None,
    ) -> None:
        """Make the addresses lead to these nodes; None: to nobody. Raises `LinkTrouble`.

        Nothing is sent when they do already. A trouble is shown in `seen` until it is over.
        """
        vips = self.reserved(set_id)
        if vips is None:
            raise LinkTrouble(f"set {set_id} has no addresses reserved")
        holders = {vips.primary: primary}
        if vips.reader is not None:
            holders[vips.reader] = reader
        self._lingering = {(n, vip) for n, vip in self._lingering if vip not in holders or n in links}
        living = {node: link for node, link in links.items() if link.connected}
        try:
            await self._take(set_id, holders, living, port)
            await self._give(holders, living, port)
        except LinkTrouble as trouble:
            self._errors[set_id] = str(trouble)
            raise
        self._errors.pop(set_id, None)

    async def _take(
        self, set_id: SetId, holders: Mapping[str, NodeId | None], links: Mapping[NodeId, Link], port: int
    ) -> None:
        """Take the addresses from all who may not keep them, and end what came in through them."""
        self._suspect_all(set_id, holders, links)
        for node, link in links.items():
            foreign = {vip for vip, holder in holders.items() if holder != node}
            if foreign & link.bound:
                self._lingering |= {(node, vip) for vip in foreign & link.bound}
                await self._take_from(node, link, holders, links)
            for vip in sorted(vip for vip in foreign if (node, vip) in self._lingering):
                await link.end_through(vip, port)
                self._lingering.discard((node, vip))

    def _suspect_all(
        self, set_id: SetId, holders: Mapping[str, NodeId | None], links: Mapping[NodeId, Link]
    ) -> None:
        """At the first move of this run of the service, any node may still serve connections through an
        address that an earlier run took from it, and ended before it could end them.
        """
        if set_id not in self._pointed:
            self._pointed.add(set_id)
            self._lingering |= {(n, vip) for n in links for vip, holder in holders.items() if holder != n}

    async def _take_from(
        self,
        node: NodeId,
        link: Link,
        holders: Mapping[str, NodeId | None],
        links: Mapping[NodeId, Link],
    ) -> None:
        """Leave the node what it may keep, and give it what is free for it by the same command."""
        own = self._own(node)
        mine = [vip for vip, holder in holders.items() if holder == node]
        others = [other.bound for name, other in links.items() if name != node]
        free = [vip for vip in mine if not any(vip in bound for bound in others)]
        try:
            await link.bind((own, *free))
        except LinkTrouble:
            kept = [vip for vip in mine if vip in link.bound]
            if kept == free:
                raise
            await link.bind((own, *kept))

    async def _give(
        self, holders: Mapping[str, NodeId | None], links: Mapping[NodeId, Link], port: int
    ) -> None:
        for node in dict.fromkeys(holder for holder in holders.values() if holder is not None):
            link = links.get(node)
            if link is None:
                raise LinkTrouble(f"node {node} is not connected, so it can not be given an address")
            mine = [vip for vip, holder in holders.items() if holder == node]
            if not link.bound.issuperset(mine):
                await self._give_to(node, link, mine, port)

    async def _give_to(self, node: NodeId, link: Link, vips: Sequence[str], port: int) -> None:
        missing = [vip for vip in vips if vip not in link.bound]
        try:
            await link.bind((self._own(node), *vips))
        except LinkTrouble as trouble:
            taken = [f"{vip}:{port} {why}" for vip in missing if (why := bind_trouble(vip, port)) is not None]
            named = "; ".join(taken or missing)
            raise LinkTrouble(f"node {node} could not bind {named}: {trouble}") from trouble

    def _own(self, node: NodeId) -> str:
        own = self._address_of(node)
        if own is None:
            raise LinkTrouble(f"the own address of node {node} is not known")
        return own

    async def release(self, set_id: SetId) -> None:
        """Give the set's addresses back; each rests before another set gets it (H22). Raises `OSError`."""
        vips = self.reserved(set_id) or Vips(primary="", reader=None)
        self._lingering = {(n, vip) for n, vip in self._lingering if vip not in (vips.primary, vips.reader)}
        for purpose in (PRIMARY, READER):
            self._addresses.release(endpoint_owner(set_id, purpose))
        self._errors.pop(set_id, None)
        self._pointed.discard(set_id)
        await self._addresses.save()


def _holder(vip: str, links: Mapping[NodeId, Link]) -> NodeId | None:
    """The node that answers at the address; a dead one answers nowhere."""
    return next((node for node, link in links.items() if link.connected and vip in link.bound), None)
