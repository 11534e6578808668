"""Addresses that stay for a set's life: whoever is to answer there binds them itself (6.2 and later).

So nothing stands in the path of the data. Moving an address is two `CONFIG SET bind`, one that takes it
and ends the connections that came through it (S8, H13), and one that gives it; one when its holder died.
`runtime.move` orders them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import AddressLedger
from memstored.runtime.listening import bind_trouble
from memstored.runtime.move import Lingering, Move
from memstored.runtime.protocol import Carrier
from memstored.runtime.reservations import Reservations

__all__ = ["FloatingEndpoints"]


class FloatingEndpoints:
    """The `Endpoints` of one data folder. `address_of` tells a node's own address.

    The ledger is the runtime's (`ProcessRuntime.addresses`), which loads it.
    """

    def __init__(self, *, addresses: AddressLedger, address_of: Callable[[NodeId], str | None]) -> None:
        self._reservations = Reservations(addresses, floating=True)
        self._address_of = address_of
        self._errors: dict[SetId, str] = {}
        self._lingering: Lingering = set()
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Nothing is to be found again: the nodes hold the addresses."""

    async def reserve(
        self,
        set_id: SetId,
        subnet_id: str,
        port: int,
        *,
        version: str,  # noqa: ARG002 - whoever gives out sets has chosen by it
        with_reader: bool,
    ) -> Vips:
        """Reserve the set's addresses; idempotent by set id. Raises `LaunchFailed`."""
        return await self._reservations.reserve(set_id, subnet_id, port, with_reader=with_reader)

    def reserved(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set, and survives the service."""
        return self._reservations.of(set_id)

    def owners(self) -> Sequence[SetId]:
        """Every set that has addresses reserved."""
        return self._reservations.owners()

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

    def carrier(self, set_id: SetId) -> Carrier | None:  # noqa: ARG002 - the same for every set
        """None: the nodes hold them."""
        return None

    async def fence(self, set_id: SetId) -> None:
        """Nothing is to be ended."""

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

    def break_off(self) -> None:
        """Nothing is to be ended: a move ends with whoever asked for it."""

    async def release(self, set_id: SetId) -> None:
        """Give the set's addresses back; each rests before another set gets it (H22). Raises `OSError`."""
        vips = self.reserved(set_id) or Vips(primary="", reader=None)
        self._lingering -= {(n, vip) for n, vip in self._lingering if vip in (vips.primary, vips.reader)}
        self._errors.pop(set_id, None)
        await self._reservations.release(set_id)

    async def changes(self) -> AsyncIterator[SetId]:
        """None, until `close`: an address that its node loses is seen by the node's link."""
        none: tuple[SetId, ...] = ()
        await self._closed.wait()
        for set_id in none:
            yield set_id

    async def close(self) -> None:
        """End `changes`; the nodes keep the addresses."""
        self._closed.set()


def _holder(vip: str, links: Mapping[NodeId, Link]) -> NodeId | None:
    """The node that answers at the address; a dead one answers nowhere."""
    return next((node for node, link in links.items() if link.connected and vip in link.bound), None)
