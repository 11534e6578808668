"""Keeps the last hours of every node's figures, for charts: in memory, and in a file now and then.

Fed by the loop over all sets with what it just saw (`take`), asked by the service (`of`). Memory is bounded:
a set has the rings of its nodes and of the last few that are gone, so that a failover does not empty a chart.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog

from memstored.domain.clock import Clock
from memstored.domain.figures import InfoFields, keys_of, replication_lag
from memstored.domain.history import POINTS, STEP, Counters, NodeHistory, Ring, counters_of, point_of
from memstored.domain.survey import NodeSurvey, SetSurvey
from memstored.domain.words import NodeId, Role, SetId
from memstored.store.history import HistoryDamaged, read_history, write_history

__all__ = ["Historian"]

log = structlog.get_logger()

SAVE = 300.0
"""Seconds between two writes of the file: so much is lost when the service is killed."""
RINGS = 12
"""Rings of a set at most: six nodes, and as many that are gone."""


@dataclass(slots=True)
class _Kept(NodeHistory):
    """With what the node counted at its last point."""

    past: Counters | None = field(default=None)


class Historian:
    """The history of all sets of a service. Used from the event loop alone."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._sets: dict[SetId, dict[NodeId, _Kept]] = {}
        self._saving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Take up what was kept; a file that can not be read is begun anew."""
        try:
            found = await asyncio.to_thread(read_history, self._file)
        except (HistoryDamaged, OSError) as trouble:
            log.warning("history_lost", trouble=str(trouble))
            found = {}
        for set_id, nodes in found.items():
            self._sets[set_id] = {n: _Kept(name=it.name, ring=it.ring) for n, it in nodes.items()}
        self._saving = asyncio.create_task(self._save_now_and_then(), name="history")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Keep what there is."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
        await self._save()

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE)
            await self._save()

    async def _save(self) -> None:
        """Points that come meanwhile may be in it or not; each is whole."""
        self._drop_old_sets()
        snapshot = {set_id: dict(nodes) for set_id, nodes in self._sets.items()}
        try:
            await asyncio.to_thread(write_history, self._file, snapshot)
        except OSError as trouble:
            log.warning("history_not_saved", trouble=str(trouble))

    def _drop_old_sets(self) -> None:
        """Those of which nothing was seen for the whole window, as they went while nobody was here."""
        oldest = self._oldest()
        for set_id, kept in list(self._sets.items()):
            if all(node.ring.newest < oldest for node in kept.values()):
                self.forget(set_id)

    def take(self, seen: SetSurvey) -> None:
        """Add a point of each node that said something since its last one, if that is a minute ago."""
        kept = self._sets.setdefault(seen.set.id, {})
        due = [row for row in seen.nodes if row.info is not None and self._due(kept, row)]
        if not due:
            return
        told = {row.node.id: row.info.fields() for row in seen.nodes if row.info is not None}
        for row in due:
            self._add(kept, seen, row, told)
        self._bound(kept, {node.id for node in seen.set.nodes})

    def _due(self, kept: Mapping[NodeId, _Kept], row: NodeSurvey) -> bool:
        known = kept.get(row.node.id)
        return known is None or known.ring.takes(self._slot(row))

    def _slot(self, row: NodeSurvey) -> int:
        """The minute in which the node was asked."""
        assert row.info is not None
        return int(self._clock.wall() - (self._clock.monotonic() - row.info.read_at)) // STEP

    def _add(
        self,
        kept: dict[NodeId, _Kept],
        seen: SetSurvey,
        row: NodeSurvey,
        told: Mapping[NodeId, InfoFields],
    ) -> None:
        assert row.info is not None
        history = kept.setdefault(row.node.id, _Kept(name=row.node.name, ring=Ring()))
        info = told[row.node.id]
        now = counters_of(info, row.info.read_at)
        primary = next((told[n.id] for n in seen.set.nodes if n.role is Role.PRIMARY and n.id in told), {})
        point = point_of(
            info,
            primary=row.node.role is Role.PRIMARY,
            lag=replication_lag(row.node, seen.set.port, info, primary),
            keys=keys_of(info),
            now=now,
            past=history.past,
        )
        history.ring.put(self._slot(row), point)
        history.past = now

    def _bound(self, kept: dict[NodeId, _Kept], present: set[NodeId]) -> None:
        """Drop what fell out of the window, and the oldest of too many."""
        oldest = self._oldest()
        gone = sorted((node for node in kept if node not in present), key=lambda n: kept[n].ring.newest)
        too_many = max(0, len(kept) - RINGS)
        for index, node in enumerate(gone):
            if index < too_many or kept[node].ring.newest < oldest:
                del kept[node]

    def _oldest(self) -> int:
        return int(self._clock.wall()) // STEP - POINTS

    def forget(self, set_id: SetId) -> None:
        """The set is gone."""
        with suppress(KeyError):
            del self._sets[set_id]

    def of(self, set_id: SetId) -> Mapping[NodeId, NodeHistory]:
        """The rings of a set's nodes, also of some that are gone; empty when nothing was seen of it."""
        return self._sets.get(set_id, {})
