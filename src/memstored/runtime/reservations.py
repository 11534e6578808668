"""The addresses that a set holds for its life, whoever carries them: a primary's and, for some, a reader's.

Used by `runtime.endpoints` and `runtime.proxied`; the ledger is the runtime's, which loads it. Each keeps its
sets under a name of its own, so that a restarted service knows who carries a set's addresses.
"""

from collections.abc import Sequence

from memstored.domain.model import Vips
from memstored.domain.words import SetId
from memstored.runtime.addresses import AddressLedger, endpoint_owner, endpoint_owners
from memstored.runtime.protocol import LaunchFailed

__all__ = ["PRIMARY", "READER", "Reservations"]

PRIMARY = "primary"
READER = "reader"


class Reservations:
    """Those of one carrier of addresses, `floating` or not."""

    def __init__(self, addresses: AddressLedger, *, floating: bool) -> None:
        self._addresses = addresses
        self._floating = floating
        self._unsaved: set[SetId] = set()
        """Sets whose addresses would be forgotten if the service ended now: nothing may rest on them yet."""

    async def reserve(self, set_id: SetId, subnet_id: str, port: int, *, with_reader: bool) -> Vips:
        """Reserve the set's addresses; idempotent by set id. Raises `LaunchFailed`."""
        purposes = (PRIMARY, READER) if with_reader else (PRIMARY,)
        self._unsaved.add(set_id)
        for purpose in purposes:
            self._addresses.take(self._owner(set_id, purpose), subnet_id, port)
        try:
            await self._addresses.save()
        except OSError as fault:
            raise LaunchFailed(f"the addresses of set {set_id} could not be recorded: {fault}") from fault
        self._unsaved.discard(set_id)
        vips = self.of(set_id)
        assert vips is not None
        return vips

    def of(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set, and survives the service."""
        if set_id in self._unsaved:
            return None
        primary = self._addresses.held(self._owner(set_id, PRIMARY))
        reader = self._addresses.held(self._owner(set_id, READER))
        return Vips(primary=primary, reader=reader) if primary is not None else None

    def begun(self, set_id: SetId) -> bool:
        """Whether the set's addresses are reserved, or were about to be when the service ended."""
        return self._addresses.held(self._owner(set_id, PRIMARY)) is not None

    def owners(self) -> Sequence[SetId]:
        """Every set that has addresses reserved."""
        return endpoint_owners(self._addresses, floating=self._floating)

    async def release(self, set_id: SetId) -> None:
        """Give the set's addresses back; each rests before another set gets it (H22). Raises `OSError`."""
        for purpose in (PRIMARY, READER):
            self._addresses.release(self._owner(set_id, purpose))
        self._unsaved.discard(set_id)
        await self._addresses.save()

    def _owner(self, set_id: SetId, purpose: str) -> str:
        return endpoint_owner(set_id, purpose, floating=self._floating)
