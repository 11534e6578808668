"""Bringing the values of parameter groups to their sets, one set after the other (API.md 7).

One for the whole service, beside the loop over its sets; what is to be done next is decided in
`domain.sequence` and done by each set's own worker. Every turn looks at all groups and sets as they are
stored, so nothing is forgotten by a restart. Told by the service when it wrote something (`wake`), and by the
workers of the sets when one got further.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, Self

import structlog

from memstored.control.rounds import Rounds
from memstored.domain.catalogue import Catalogue
from memstored.domain.clock import Clock
from memstored.domain.model import GroupValues, InstanceSet
from memstored.domain.parameter_group import values_of
from memstored.domain.sequence import Move, next_moves
from memstored.domain.words import SetId
from memstored.store.database import StoreTrouble
from memstored.store.errors import Stale
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.sets import SetRepository

__all__ = ["GroupSequence"]

log = structlog.get_logger()

LOOK, RETRY = 30.0, 2.0
"""Seconds to the next look if nothing was heard of, and after one for which the store was away."""
REVIVAL = 1.0
"""Seconds before it goes on after an unforeseen fault."""


class Workers(Protocol):
    """Those who bring the values to the nodes, a worker a set."""

    def wake(self, set_id: SetId) -> None:
        """A set was written: look at it from what is stored now."""
        ...

    def hear_values(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever a set that is behind its group has got further, or is well again."""
        ...


class GroupSequence:
    """Keeps the sets of all parameter groups on their way to the groups' values."""

    def __init__(
        self,
        *,
        groups: ParameterGroupRepository,
        sets: SetRepository,
        catalogue: Catalogue,
        fleet: Workers,
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._sets = sets
        self._catalogue = catalogue
        self._fleet = fleet
        self._clock = clock
        self._rounds = Rounds("parameter groups", self._turn, revival=REVIVAL)

    async def __aenter__(self) -> Self:
        """Go on with what an earlier run left, and with what comes."""
        self._fleet.hear_values(self.wake)
        self._rounds.begin()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop; the next run goes on from what is stored."""
        await self._rounds.end()

    def wake(self) -> None:
        """A group, or a set that has one, was written: look at all of them now."""
        self._rounds.wake()

    async def _turn(self) -> float:
        """Look once and record what comes of it; returns the seconds until the next look."""
        try:
            stored = await self._sets.load_all()
            for move in self._moves(stored, await self._values()):
                await self._record(move)
        except StoreTrouble as trouble:
            log.warning("store_trouble", trouble=str(trouble))
            return RETRY
        return LOOK

    async def _values(self) -> Mapping[str, GroupValues]:
        """What the sets of each group are to run with; a default group sets nothing."""
        values = {it.id: it.values() for it in await self._groups.load_all()}
        defaults = {
            known: values_of(group)
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
        """Record one move; a set that was changed meanwhile is judged anew at once."""
        try:
            await self._sets.commit(move.before, move.after, move.events)
        except Stale:
            self.wake()
        else:
            self._fleet.wake(move.before.id)
