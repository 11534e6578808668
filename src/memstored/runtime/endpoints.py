"""Addresses that stay for a set's life: whoever is to answer there binds them itself (6.2 and later).

So nothing stands in the path of the data. Moving an address is two `CONFIG SET bind`, one that takes it
and ends the connections that came through it (S8, H13), and one that gives it; one when its holder died.
`runtime.move` orders them.
"""

from collections.abc import Callable, Mapping, Sequence

from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import AddressLedger, endpoint_owner, endpoint_owners
from memstored.runtime.listening import bind_trouble
from memstored.runtime.move import Lingering, Move
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
        self._lingering: Lingering = set()
        self._unsaved: set[SetId] = set()
        """Sets whose addresses would be forgotten if the service ended now: nothing may rest on them yet."""

    async def reserve(self, set_id: SetId, subnet_id: str, port: int, *, with_reader: bool) -> Vips:
        """Reserve the set's addresses; idempotent by set id. Raises `LaunchFailed`."""
        purposes = (PRIMARY, READER) if with_reader else (PRIMARY,)
        wanted = [endpoint_owner(set_id, purpose) for purpose in purposes]
        self._unsaved.add(set_id)
        for owner in wanted:
            self._addresses.take(owner, subnet_id, port)
        try:
            await self._addresses.save()
        except OSError as fault:
            raise LaunchFailed(f"the addresses of set {set_id} could not be recorded: {fault}") from fault
        self._unsaved.discard(set_id)
        vips = self.reserved(set_id)
        assert vips is not None
        return vips

    def reserved(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set, and survives the service."""
        if set_id in self._unsaved:
            return None
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

        Nothing is sent when they do already. What can be given is given, whatever becomes of the rest. A
        trouble is shown in `seen` until it is over.
        """
        vips = self.reserved(set_id)
        if vips is None:
            raise LinkTrouble(f"set {set_id} has no addresses reserved")
        holders = {vips.primary: primary}
        if vips.reader is not None:
            holders[vips.reader] = reader
        self._lingering -= {(n, vip) for n, vip in self._lingering if self._address_of(n) is None}
        move = Move(
            holders=holders,
            links={node: link for node, link in links.items() if link.connected},
            port=port,
            own=self._own,
            trial=bind_trouble,
            lingering=self._lingering,
        )
        troubles = await move.carry_out()
        if troubles:
            self._errors[set_id] = "; ".join(troubles)
            raise LinkTrouble(self._errors[set_id])
        self._errors.pop(set_id, None)

    def _own(self, node: NodeId) -> str:
        own = self._address_of(node)
        if own is None:
            raise LinkTrouble(f"the own address of node {node} is not known")
        return own

    async def release(self, set_id: SetId) -> None:
        """Give the set's addresses back; each rests before another set gets it (H22). Raises `OSError`."""
        vips = self.reserved(set_id) or Vips(primary="", reader=None)
        self._lingering -= {(n, vip) for n, vip in self._lingering if vip in (vips.primary, vips.reader)}
        for purpose in (PRIMARY, READER):
            self._addresses.release(endpoint_owner(set_id, purpose))
        self._unsaved.discard(set_id)
        self._errors.pop(set_id, None)
        await self._addresses.save()


def _holder(vip: str, links: Mapping[NodeId, Link]) -> NodeId | None:
    """The node that answers at the address; a dead one answers nowhere."""
    return next((node for node, link in links.items() if link.connected and vip in link.bound), None)
