"""Bringing the values of parameter groups to their sets, one set after the other (API.md 7).

One for the whole service, beside the loop over its sets; what is to be done next is decided in
`domain.sequence` and done by each set's own worker. Every turn looks at all groups and sets as they are
stored, so nothing is forgotten by a restart. Told by the service when it wrote something (`wake`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Self

import structlog

from memstored.domain.catalogue import Catalogue
from memstored.domain.clock import Clock
from memstored.domain.model import GroupValues, InstanceSet
from memstored.domain.parameter_group import configured
from memstored.domain.sequence import Move, next_moves
from memstored.domain.words import ApplyStatus, GroupId, SetId
from memstored.store.database import StoreTrouble
from memstored.store.errors import Stale
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.sets import SetRepository

__all__ = ["GroupSequence"]

log = structlog.get_logger()

BUSY, WAITING, IDLE = 0.25, 2.0, 30.0
"""Seconds to the next look: while values are on their way, while a set waits for its turn, and else."""
REVIVAL = 1.0
"""Seconds before the loop is taken up again that ended by an unforeseen fault."""


class GroupSequence:
    """Keeps the sets of all parameter groups on their way to the groups' values."""

    def __init__(
        self,
        *,
        groups: ParameterGroupRepository,
        sets: SetRepository,
        catalogue: Catalogue,
        wake_set: Callable[[SetId], None],
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._sets = sets
        self._catalogue = catalogue
        self._wake_set = wake_set
        self._clock = clock
        self._awake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Go on with what an earlier run left, and with what comes."""
        self._take_up()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop; the next run goes on from what is stored."""
        assert self._loop is not None, "left before it was entered"
        if self._again is not None:
            self._again.cancel()
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)

    def wake(self, group_id: GroupId) -> None:  # noqa: ARG002 - every turn looks at all of them
        """A group, or a set that has it, was written: look now."""
        self._awake.set()

    def _take_up(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="parameter groups")
        self._loop.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("sequence_failed", exc_info=task.exception())
            self._again = asyncio.get_running_loop().call_later(REVIVAL, self._take_up)

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            pause = await self._turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._awake.wait()

    async def _turn(self) -> float:
        """Look once and record what comes of it; returns the seconds until the next look."""
        try:
            stored = await self._sets.load_all()
            moves = self._moves(stored, await self._values())
            for move in moves:
                await self._record(move)
        except StoreTrouble as trouble:
            log.warning("store_trouble", trouble=str(trouble))
            return WAITING
        return BUSY if moves else _pause(stored)

    async def _values(self) -> Mapping[str, GroupValues]:
        """What the sets of each group are to run with; a default group sets nothing."""
        values = {it.id: it.values() for it in await self._groups.load_all()}
        defaults = {
            known: GroupValues(group_id=group.id)
            for group in self._catalogue.parameter_groups
            for known in (group.id, *group.further_ids)
        }
        return defaults | values

    def _moves(self, stored: Iterable[InstanceSet], values: Mapping[str, GroupValues]) -> list[Move]:
        linked: dict[GroupValues, list[InstanceSet]] = {}
        for present in stored:
            wanted = values.get(present.parameter_group_id)
            if wanted is not None:
                linked.setdefault(wanted, []).append(present)
        now = self._clock.wall()
        return [move for wanted, sets in linked.items() for move in next_moves(sets, wanted, now)]

    async def _record(self, move: Move) -> None:
        """Record one move; a set that was changed meanwhile is judged anew at the next look."""
        with suppress(Stale):
            await self._sets.commit(move.before, move.after, move.events)
            self._wake_set(move.before.id)


def _pause(sets: Iterable[InstanceSet]) -> float:
    statuses = {configured(it).status for it in sets}
    if ApplyStatus.APPLYING in statuses:
        return BUSY
    return WAITING if ApplyStatus.PENDING in statuses else IDLE
