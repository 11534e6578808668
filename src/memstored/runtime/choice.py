"""Who carries a set's addresses: its nodes themselves where their engine can, else a proxy.

Chosen when the addresses are reserved, by what the engine can do; the reservation remembers it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from memstored.domain.engine import capabilities_of
from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link
from memstored.domain.words import NodeId, SetId
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.protocol import Carrier, Endpoints
from memstored.runtime.proxied import ProxiedEndpoints

__all__ = ["ChosenEndpoints"]


class ChosenEndpoints:
    """The `Endpoints` of all sets of a data folder."""

    def __init__(self, *, floating: FloatingEndpoints, proxied: ProxiedEndpoints) -> None:
        self._floating = floating
        self._proxied = proxied

    def _of(self, set_id: SetId) -> Endpoints:
        return self._proxied if self._proxied.carries(set_id) else self._floating

    async def start(self) -> None:
        """Find again where all addresses lead. Raises `DamagedFile`."""
        await self._floating.start()
        await self._proxied.start()

    async def reserve(
        self, set_id: SetId, subnet_id: str, port: int, *, version: str, with_reader: bool
    ) -> Vips:
        """Reserve the set's addresses with whoever can carry those of that engine. Raises `LaunchFailed`."""
        carrier: Endpoints = self._floating if capabilities_of(version).floating else self._proxied
        return await carrier.reserve(set_id, subnet_id, port, version=version, with_reader=with_reader)

    def reserved(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set, and survives the service."""
        return self._of(set_id).reserved(set_id)

    def owners(self) -> Sequence[SetId]:
        """Every set that has addresses reserved."""
        return (*self._floating.owners(), *self._proxied.owners())

    def seen(self, set_id: SetId, links: Mapping[NodeId, Link]) -> EndpointFacts:
        """Who answers at the addresses now."""
        return self._of(set_id).seen(set_id, links)

    def carrier(self, set_id: SetId) -> Carrier | None:
        """Who carries the addresses; None where the nodes hold them themselves."""
        return self._of(set_id).carrier(set_id)

    async def fence(self, set_id: SetId) -> None:
        """End who carries the addresses. Raises `LinkTrouble`."""
        await self._of(set_id).fence(set_id)

    async def point(
        self,
        set_id: SetId,
        port: int,
        links: Mapping[NodeId, Link],
        *,
        primary: NodeId | None,
        reader: NodeId | None,
    ) -> None:
        """Make the addresses lead to these nodes; None: to nobody. Raises `LinkTrouble`."""
        await self._of(set_id).point(set_id, port, links, primary=primary, reader=reader)

    def break_off(self) -> None:
        """Begin no move any more, and end those under way where they are."""
        self._floating.break_off()
        self._proxied.break_off()

    async def release(self, set_id: SetId) -> None:
        """Give the set's addresses back; each rests before another set gets it (H22). Raises `OSError`."""
        await self._of(set_id).release(set_id)

    async def changes(self) -> AsyncIterator[SetId]:
        """The sets whose addresses lead elsewhere without having been pointed."""
        # Floating ones are watched by their nodes' links: only proxies end by themselves.
        async for set_id in self._proxied.changes():
            yield set_id

    async def close(self) -> None:
        """Stop watching; the addresses go on leading where they do."""
        await asyncio.gather(self._floating.close(), self._proxied.close())
