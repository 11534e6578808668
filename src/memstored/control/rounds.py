"""Work that is done again and again for as long as the service runs.

The loop over one turn, the pause between two, and the timer that takes the loop up again after a fault are
owned here, so that nothing of them outlives the end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

__all__ = ["Over", "Rounds"]

log = structlog.get_logger()


class Over(Exception):
    """Raised by a turn after which there will never be anything to do."""


class Rounds:
    """Calls `turn` at once, and then whenever it is woken, or so many seconds after the turn as it returned.

    None: only when woken; a turn may also go on for ever, or end the rounds by `Over`. One that ends by an
    unforeseen fault is logged as `duty_failed` under that `name`, and the rounds are taken up again after
    `revival` seconds.
    """

    def __init__(self, name: str, turn: Callable[[], Awaitable[float | None]], *, revival: float) -> None:
        self._name = name
        self._turn = turn
        self._revival = revival
        self._awake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._over = False

    def begin(self) -> None:
        """Begin; the first turn is not waited for."""
        self._loop = asyncio.create_task(self._run(), name=self._name)
        self._loop.add_done_callback(self._ended)

    async def end(self) -> None:
        """Stop, in the middle of a turn if need be, and wait for its end. Harmless before the begin."""
        # A turn may answer its cancellation with a fault of its own: that is not taken up again either.
        self._over = True
        if self._again is not None:
            self._again.cancel()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    def wake(self) -> None:
        """There may be something to do: take the next turn now."""
        self._awake.set()

    @property
    def woken(self) -> bool:
        """Whether somebody has woken them since the turn that is under way began."""
        return self._awake.is_set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        log.error("duty_failed", duty=self._name, exc_info=task.exception())
        if not self._over:
            self._again = asyncio.get_running_loop().call_later(self._revival, self.begin)

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            try:
                pause = await self._turn()
            except Over:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._awake.wait()
