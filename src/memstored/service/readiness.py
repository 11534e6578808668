"""Whether the service can work at all: asked by load balancers, through `/readyz`.

Only what every request and every failover needs counts: that the store takes a write, and that the control
loop acts. What one set lacks is said by that set's `reason`, and here no more than that there are such sets:
a service that were taken out of rotation for them would serve nobody, and not even show those reasons.
"""

import asyncio
from dataclasses import dataclass

import structlog

from memstored.domain.clock import Clock
from memstored.store.database import Database
from memstored.store.errors import StoreTrouble

__all__ = ["Remark", "StoreCheck", "Unready", "nothing_amiss", "of_neglected"]

PATIENCE = 1.0
"""Seconds that the store may take for a failover's write before it counts as away; tenants' writes may queue
for longer without anything being wrong with it.
"""

FRESH = 1.0
"""Seconds that an answer of the store is believed: anybody may ask, and asking must not wear it out."""

_log = structlog.stdlib.get_logger("memstored.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is to be said of the service: a stable word, and a sentence for anyone."""

    reason: str
    message: str


class Unready(Remark):
    """Why it can not work at the moment."""


def nothing_amiss() -> Remark | None:
    """What is to be said of a service where all is well."""
    return None


def of_neglected(sets: int) -> Remark | None:
    """What is to be said of so many sets that are not looked after, or not all of their nodes."""
    if not sets:
        return None
    return Remark(
        reason="sets_neglected",
        message=f"Sets of which not all nodes are looked after: {sets}. The log says which, and why.",
    )


_AWAY = Unready(reason="store_unavailable", message="The store can not be written at the moment.")


class StoreCheck:
    """Looks whether the store takes a write: a full disk, a lock or a missing file shows in nothing less."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._look: asyncio.Task[Unready | None] | None = None
        self._looked_at = 0.0
        self._said: str | None = None

    async def trouble(self) -> Unready | None:
        """Why the store can not be used; None when it can. One look at a time, however many ask."""
        look = self._look
        if look is None or (look.done() and self._clock.monotonic() >= self._looked_at + FRESH):
            look = self._look = asyncio.create_task(self._looked(), name="store check")
        await asyncio.wait([look], timeout=PATIENCE)
        return look.result() if look.done() else _AWAY

    async def _looked(self) -> Unready | None:
        try:
            await self._database.prove_writable()
        except StoreTrouble as trouble:
            self._say(str(trouble))
            return _AWAY
        finally:
            self._looked_at = self._clock.monotonic()
        self._say(None)
        return None

    def _say(self, trouble: str | None) -> None:
        """Tell the log once when trouble comes, becomes another, or goes."""
        if trouble is not None and trouble != self._said:
            _log.warning("store_unavailable", trouble=trouble)
        elif trouble is None and self._said is not None:
            _log.info("store_available")
        self._said = trouble
