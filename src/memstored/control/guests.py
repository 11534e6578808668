"""Nodes that live here for a while and belong to no set: those that a backup is loaded into for a trial.

Shared by those who start them and by the search for orphans, which ends every one that nobody has any more,
as after a restart.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from memstored.domain.words import NodeId, SetId
from memstored.runtime.protocol import Placement

__all__ = ["Guests"]

_PREFIX = "verification-"


class Guests:
    """The guests of this run of the service. Who has one holds `turn`: there is room for one at a time."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._present: set[NodeId] = set()

    @contextmanager
    def hosted(self, node: NodeId, purpose: str) -> Iterator[SetId]:
        """For the length of the block the node is wanted; yields what stands in the place of its set."""
        self._present.add(node)
        try:
            yield SetId(f"{_PREFIX}{purpose}")
        finally:
            self._present.discard(node)

    def left_over(self, placement: Placement) -> bool:
        """Whether it is a guest that nobody wants any more. Its data is a copy: it may be ended (S6)."""
        return placement.set_id.startswith(_PREFIX) and placement.node not in self._present

    def present(self, node: NodeId) -> bool:
        """Whether it is a guest that somebody still wants."""
        return node in self._present
