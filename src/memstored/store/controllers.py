"""The repository of controllers: a row for every start of the service on this state (S7).

An actor whose time is over records nothing, and what is not recorded is not done.
"""

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select

from memstored.domain.clock import Clock
from memstored.domain.controllers import Controller, Controllers
from memstored.store.database import Database
from memstored.store.errors import Superseded
from memstored.store.tables import controllers

__all__ = ["ControllerRepository"]

KEPT = 1000
"""How many former controllers are known one by one; nodes that slept through more than so many starts are
recognised by their number."""

_NEWEST_FIRST = select(controllers.c.number, controllers.c.nonce).order_by(controllers.c.number.desc())


class ControllerRepository:
    """Keeps controllers. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._own: Controller | None = None

    async def begin(self) -> Controllers:
        """Be the controller from now on; whoever was it before can record nothing more.

        The number is the time (seconds since 1970), or the next one after the last if that is not less: a
        state that was put back, and so knows none of those since, has a higher one than they have. Not than
        one that began while the clock was ahead: to that one it gives way until the clock has come so far.
        """
        wanted = Controller(number=int(self._clock.wall()), nonce=secrets.token_hex(4))
        known = await self._database.write(_begin, wanted)
        self._own = known.own
        return known

    def guard(self, lost: Callable[[str], None]) -> None:
        """From now on the database takes a change only while no other began; else `lost` is told, too."""
        self._database.guard(self._require_own, lost)

    async def confirm(self) -> None:
        """Raise `Superseded` when another one began; nothing is written for it."""
        await self._database.read(self._require_own)

    def _require_own(self, connection: Connection) -> None:
        newest = _newest(connection, 1)
        if newest != [self._own]:
            names = ", ".join(other.name for other in newest) or "none"
            raise Superseded(f"Another memstored began to work on this state (controller {names}).")


def _begin(connection: Connection, wanted: Controller) -> Controllers:
    """Add the row, forget the oldest beyond those that are kept, and tell who came before."""
    former = _newest(connection, KEPT)
    number = max(wanted.number, former[0].number + 1) if former else wanted.number
    own = Controller(number=number, nonce=wanted.nonce)
    since = former[-1].number if former else number
    connection.execute(delete(controllers).where(controllers.c.number < since))
    connection.execute(insert(controllers), {"number": own.number, "nonce": own.nonce})
    return Controllers(own=own, former=frozenset(former), since=since)


def _newest(connection: Connection, count: int) -> list[Controller]:
    rows = connection.execute(_NEWEST_FIRST.limit(count))
    return [Controller(number=row.number, nonce=row.nonce) for row in rows]
