"""The right to act: one controller has it, until another one comes after it (S7).

It ends once, for good: a node says that a later controller has it, or the store that one began. Whoever acts
stops then; to act again is for an operator to decide, by starting the service anew.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from memstored.domain.controllers import Controller, Controllers
from memstored.store.errors import Superseded

__all__ = ["Lease"]

log = structlog.get_logger()


class Lease:
    """The right of `controllers.own`. `confirm` asks the store and raises `Superseded` or `StoreTrouble`."""

    def __init__(self, controllers: Controllers, *, confirm: Callable[[], Awaitable[None]]) -> None:
        self.controllers = controllers
        self._confirm = confirm
        self._why: str | None = None
        self._over = asyncio.Event()

    @property
    def ended(self) -> str | None:
        """Why it ended, and what to do, in a few sentences; None while it lasts."""
        return self._why

    def lose_node(self, later: Controller) -> None:
        """A node says that this controller, whom our state does not know, came after us."""
        self.end(
            f"Another memstored (controller {later.name}) has taken over the nodes; only that one may act. "
            "If the state of this one is the right one all the same, stop the other, put this state back "
            "with `memstored state restore`, and start again."
        )

    def end(self, why: str) -> None:
        """Act no more."""
        if self._why is None:
            self._why = why
            log.error("superseded", controller=self.controllers.own.name, why=why)
            self._over.set()

    async def confirm(self) -> None:
        """Ask the store whether it lasts, and end it if not. Raises `StoreTrouble`."""
        try:
            await self._confirm()
        except Superseded as superseded:
            self.end(str(superseded))
            raise

    async def over(self) -> str:
        """Wait for the end; returns why."""
        await self._over.wait()
        assert self._why is not None, "the reason comes first"
        return self._why
