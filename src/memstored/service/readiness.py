"""Whether the service can work at all: asked by load balancers, through `/readyz`."""

from dataclasses import dataclass

from memstored.store.database import Database
from memstored.store.errors import StoreTrouble

__all__ = ["StoreCheck"]


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """Looks whether the store answers."""

    database: Database

    async def trouble(self) -> str | None:
        """Why the store can not be used, in words for anyone; None when it can."""
        try:
            await self.database.ping()
        except StoreTrouble:
            return "The store can not be used at the moment."
        return None
