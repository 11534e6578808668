"""The ring of a node's last hours, and what a point is made of."""

import math

import pytest

from memstored.domain.history import POINTS, Column, Ring, counters_of, point_of

NOW = 29_000_000
"""A minute of the year 2025."""
INFO = {
    "used_memory": "1000",
    "maxmemory": "4000",
    "connected_clients": "3",
    "total_commands_processed": "100",
    "keyspace_hits": "10",
    "keyspace_misses": "10",
    "total_net_input_bytes": "1024",
    "total_net_output_bytes": "0",
    "evicted_keys": "0",
    "used_cpu_sys": "1.0",
    "used_cpu_user": "1.0",
}
LATER = INFO | {
    "total_commands_processed": "700",
    "keyspace_hits": "13",
    "keyspace_misses": "11",
    "total_net_input_bytes": "62464",
    "used_cpu_sys": "4.0",
}


def _ring(*values: float) -> Ring:
    ring = Ring()
    for index, value in enumerate(values):
        ring.put(NOW + index, {Column.CLIENTS: value})
    return ring


def _read(ring: Ring, first: int, count: int, width: int = 1) -> list[float | None]:
    return ring.read(Column.CLIENTS, range(NOW + first, NOW + first + count), width)


def test_points_are_read_as_they_were_put() -> None:
    """And None where there is none, before, after and of other figures."""
    ring = _ring(1, 2, 3)

    assert _read(ring, -1, 5) == [None, 1, 2, 3, None]
    assert ring.read(Column.KEYS, range(NOW, NOW + 3), 1) == [None] * 3


def test_a_minute_that_nobody_saw_is_a_gap() -> None:
    """Not what was there a ring ago."""
    ring = _ring(*range(POINTS))
    ring.put(NOW + POINTS + 2, {Column.CLIENTS: 7})

    assert _read(ring, POINTS - 1, 4) == [POINTS - 1, None, None, 7]


def test_what_is_older_than_the_ring_is_gone() -> None:
    """However long it was not read."""
    ring = _ring(*range(POINTS + 1))

    assert _read(ring, 0, 2) == [None, 1]


def test_after_hours_that_nobody_saw_nothing_of_before_is_left() -> None:
    """As long as the ring, or far longer."""
    for missed in (POINTS, 100 * POINTS):
        ring = _ring(*range(POINTS))
        ring.put(NOW + POINTS - 1 + missed, {Column.CLIENTS: 7})

        assert _read(ring, missed, POINTS) == [None] * (POINTS - 1) + [7]


def test_a_second_point_of_a_minute_is_none() -> None:
    """Nor is one of the minute before, as at the edge of two."""
    ring = _ring(1, 2)
    ring.put(NOW + 1, {Column.CLIENTS: 9})
    ring.put(NOW, {Column.CLIENTS: 9})

    assert _read(ring, 0, 2) == [1, 2]


def test_a_clock_that_was_set_back_begins_anew() -> None:
    """Else nothing would be kept until it comes to where it was."""
    ring = _ring(1, 2, 3)

    ring.put(NOW - 100, {Column.CLIENTS: 9})

    assert _read(ring, -100, 1) == [9]
    assert _read(ring, 0, 3) == [None] * 3


def test_wider_steps_are_means_of_what_is_known() -> None:
    """A step with a gap is the mean of the rest."""
    ring = _ring(1, 3, 5)

    assert _read(ring, 0, 6, width=2) == [2, 5, None]


def test_a_point_counts_per_second_since_the_one_before() -> None:
    """What only grows is kept as how fast it grew."""
    past = counters_of(INFO, at=100.0)

    point = point_of(LATER, primary=True, lag=0.0, keys=5, now=counters_of(LATER, at=160.0), past=past)

    assert point == {
        Column.PRIMARY: 1,
        Column.USED_MEMORY: 1000,
        Column.MAXMEMORY: 4000,
        Column.KEYS: 5,
        Column.CLIENTS: 3,
        Column.REPLICATION_LAG: 0,
        Column.OPS_PER_SEC: 10,
        Column.HITRATE_PERCENT: 75,
        Column.INPUT_KBPS: 1,
        Column.OUTPUT_KBPS: 0,
        Column.EVICTED_PER_SEC: 0,
        Column.CPU_PERCENT: 5,
    }


def test_the_first_point_has_no_rates() -> None:
    """There is nothing to compare with."""
    point = point_of(INFO, primary=False, lag=None, keys=0, now=counters_of(INFO, at=1.0), past=None)

    assert Column.OPS_PER_SEC not in point
    assert math.isnan(point[Column.REPLICATION_LAG])


@pytest.mark.parametrize("column", list(Column))
def test_every_column_is_4_bytes_a_point(column: Column) -> None:
    """So that a node takes what the documents say: 12 columns of 360 points."""
    ring = Ring()

    assert ring.columns[column].itemsize * len(ring.columns[column]) == 1440
    assert len(ring.columns) * 1440 == 17_280
