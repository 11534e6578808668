"""A set at a glance: the last hour, as whoever was its primary had it."""

from collections.abc import Mapping
from typing import Any

import pytest

from clocks import StillClock
from memstored.domain.history import Column, NodeHistory, Ring
from memstored.domain.words import NodeId, SetId
from memstored.service.history import FRESH, GLANCE, HistoryService

MINUTE = 29_000_000
"""A minute of the year 2025."""
FIRST, SECOND = NodeId("first"), NodeId("second")


class Ground:
    """A set with two nodes, of which points are put at minutes that are counted back from now."""

    id = SetId("orders")

    def __init__(self) -> None:
        self.clock = StillClock(MINUTE * 60 + 30.0)
        self.rings = {FIRST: Ring(), SECOND: Ring()}
        unasked: Any = None
        self.history = HistoryService(sets=unasked, past=self, clock=self.clock)
        self.it: Any = self

    def of(self, set_id: SetId) -> Mapping[NodeId, NodeHistory]:
        """What is kept."""
        kept = {node: NodeHistory(name=node, ring=ring) for node, ring in self.rings.items()}
        return kept if set_id == self.id else {}

    def put(self, node: NodeId, ago: int, used: float, *, primary: bool = True) -> None:
        """A point."""
        point = {Column.PRIMARY: float(primary), Column.USED_MEMORY: used}
        self.rings[node].put(MINUTE - ago, point)


@pytest.fixture
def ground() -> Ground:
    """A set of which nothing was seen."""
    return Ground()


def test_a_glance_is_an_hour_that_ends_now(ground: Ground) -> None:
    """A value a minute, None where nothing was seen."""
    ground.put(FIRST, GLANCE, 1.0)
    ground.put(FIRST, GLANCE - 1, 2.0)
    ground.put(FIRST, 0, 3.0)

    glance = ground.history.glance(ground.it)

    assert list(glance.used_memory) == [2.0, *[None] * (GLANCE - 2), 3.0]
    assert list(glance.ops_per_sec) == [None] * GLANCE


def test_a_glance_follows_the_primary(ground: Ground) -> None:
    """Of each minute it has what the primary of that minute said, also of one that is gone."""
    ground.put(FIRST, 2, 1.0)
    ground.put(FIRST, 1, 2.0)
    ground.put(SECOND, 2, 10.0, primary=False)
    ground.put(SECOND, 1, 20.0, primary=False)
    ground.put(SECOND, 0, 30.0)

    assert list(ground.history.glance(ground.it).used_memory[-3:]) == [1.0, 2.0, 30.0]


def test_of_an_unknown_set_there_is_nothing(ground: Ground) -> None:
    """No figure, and none that is present."""
    ground.id = SetId("another")
    unknown: Any = Ground()
    unknown.id = SetId("unknown")

    glance = ground.history.glance(unknown)

    assert list(glance.used_memory) == [None] * GLANCE
    assert glance.latest(glance.used_memory) is None


def test_a_figure_is_present_for_some_minutes(ground: Ground) -> None:
    """Then it is of the past, whatever it was."""
    ground.put(FIRST, FRESH - 1, 7.0)

    present = ground.history.glance(ground.it)
    ground.clock.now += 60
    past = ground.history.glance(ground.it)

    assert (present.latest(present.used_memory), past.latest(past.used_memory)) == (7.0, None)


def test_what_a_glance_depends_on_differs_when_it_does(ground: Ground) -> None:
    """With a point of any node, with the minute, and not without."""
    ground.put(FIRST, 1, 1.0)
    before = ground.history.seen(ground.it)
    unchanged = ground.history.seen(ground.it)
    ground.put(SECOND, 1, 1.0, primary=False)
    pointed = ground.history.seen(ground.it)
    ground.clock.now += 60
    later = ground.history.seen(ground.it)

    assert before == unchanged
    assert len({before, pointed, later}) == 3
