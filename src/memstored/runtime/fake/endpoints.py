"""Addresses of simulated sets, as the process runtime has them: nodes bind them, or a proxy carries them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from memstored.domain.engine import capabilities_of
from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.fake.place import FakeRuntime
from memstored.runtime.move import Lingering, Move
from memstored.runtime.protocol import LaunchFailed

__all__ = ["FakeEndpoints"]


@dataclass(slots=True)
class FakeCarrier:
    """A proxy that does what it is told, until it `hangs` or runs no more."""

    name = "the fake proxy"
    running: bool = False
    hangs: bool = False
    unanswered: bool = False

    def probe(self) -> None:
        """See `Carrier.probe`."""
        self.unanswered = self.running and self.hangs


class FakeEndpoints:
    """`Endpoints` as floating addresses that the nodes of one fake runtime bind; where they can not
    (`Capabilities.floating`), proxies.
    """

    def __init__(self, runtime: FakeRuntime) -> None:
        self._runtime = runtime
        self._vips: dict[SetId, Vips] = {}
        self._errors: dict[SetId, str] = {}
        self._refusals: list[str] = []
        self._lingering: Lingering = set()
        self._carriers: dict[SetId, FakeCarrier] = {}
        self._changes: asyncio.Queue[SetId | None] = asyncio.Queue()

    async def start(self) -> None:
        """See `Endpoints.start`; the addresses are where they were."""
        self._changes = asyncio.Queue()

    async def reserve(
        self,
        set_id: SetId,
        subnet_id: str,
        port: int,  # noqa: ARG002 - it matters to places that share one address
        *,
        version: str,
        with_reader: bool,
    ) -> Vips:
        """See `Endpoints.reserve`; addresses are never given twice (H22)."""
        await asyncio.sleep(0)
        if set_id not in self._vips:
            if self._refusals:
                raise LaunchFailed(self._refusals.pop(0))
            primary = self._runtime.next_address(subnet_id)
            reader = self._runtime.next_address(subnet_id) if with_reader else None
            self._vips[set_id] = Vips(primary=primary, reader=reader)
            if not capabilities_of(version).floating:
                self._carriers[set_id] = FakeCarrier()
        return self._vips[set_id]

    def refuse_reservations(self, words: str, times: int = 1) -> None:
        """Let the next `times` reservations fail with these words."""
        self._refusals.extend([words] * times)

    def reserved(self, set_id: SetId) -> Vips | None:
        """See `Endpoints.reserved`."""
        return self._vips.get(set_id)

    def owners(self) -> Sequence[SetId]:
        """See `Endpoints.owners`."""
        return tuple(self._vips)

    def seen(self, set_id: SetId, links: Mapping[NodeId, Link]) -> EndpointFacts:
        """See `Endpoints.seen`; as far as the links last read it."""
        vips = self._vips.get(set_id)
        if vips is None:
            return EndpointFacts()
        proxied = set_id in self._carriers
        holder = self._runtime.fleet.led if proxied else lambda vip: _holder(vip, links)
        return EndpointFacts(
            primary=vips.primary,
            reader=vips.reader,
            reserved=True,
            primary_at=holder(vips.primary),
            reader_at=holder(vips.reader) if vips.reader is not None else None,
            error=self._errors.get(set_id),
        )

    def carrier(self, set_id: SetId) -> FakeCarrier | None:
        """See `Endpoints.carrier`."""
        return self._carriers.get(set_id)

    async def fence(self, set_id: SetId) -> None:
        """See `Endpoints.fence`."""
        await asyncio.sleep(0)
        self.kill(set_id)

    def kill(self, set_id: SetId) -> None:
        """Let the proxy of a set end: its addresses lead nowhere."""
        vips = self._vips[set_id]
        self._carriers[set_id] = FakeCarrier()
        for vip in (vips.primary, vips.reader):
            if vip is not None:
                self._runtime.fleet.lead(vip, None)
        self._changes.put_nowait(set_id)

    async def point(
        self,
        set_id: SetId,
        port: int,
        links: Mapping[NodeId, Link],
        *,
        primary: NodeId | None,
        reader: NodeId | None,
    ) -> None:
        """See `Endpoints.point`; the reason of a failure is shown by `seen`."""
        vips = self._vips[set_id]
        wanted = ((vips.primary, primary), (vips.reader, reader))
        carrier = self._carriers.get(set_id)
        if carrier is not None:
            if carrier.hangs:
                raise LinkTrouble("the fake proxy does not answer")
            carrier.running = True
            for vip, node in wanted:
                if vip is not None:
                    self._runtime.fleet.lead(vip, node)
            return
        move = Move(
            holders={vip: node for vip, node in wanted if vip is not None},
            links={node: link for node, link in links.items() if link.connected},
            port=port,
            own=self._own,
            trial=lambda _address, _port: None,
            lingering=self._lingering,
        )
        troubles = await move.carry_out()
        if troubles:
            self._errors[set_id] = "; ".join(troubles)
            raise LinkTrouble(self._errors[set_id])
        self._errors.pop(set_id, None)

    def break_off(self) -> None:
        """See `Endpoints.break_off`; a move ends with whoever asked for it."""

    async def release(self, set_id: SetId) -> None:
        """See `Endpoints.release`."""
        await asyncio.sleep(0)
        self._vips.pop(set_id, None)
        self._carriers.pop(set_id, None)
        self._errors.pop(set_id, None)

    async def changes(self) -> AsyncIterator[SetId]:
        """See `Endpoints.changes`: of proxies that ended; otherwise the links tell all there is."""
        while (set_id := await self._changes.get()) is not None:
            yield set_id

    async def close(self) -> None:
        """See `Endpoints.close`."""
        self._changes.put_nowait(None)

    def _own(self, node: NodeId) -> str:
        placement = self._runtime.placement(node)
        if placement is None or placement.address is None:
            raise LinkTrouble(f"{node} has no address")
        return placement.address


def _holder(vip: str, links: Mapping[NodeId, Link]) -> NodeId | None:
    return next((node for node, link in links.items() if vip in link.bound and link.connected), None)
