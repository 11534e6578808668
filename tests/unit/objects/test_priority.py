"""Bulk work goes behind everybody else, and nothing but bulk work does."""

import os
import random
import threading

import pytest

from memstored.objects.priority import NICENESS, TURN, in_turns, pool_behind_all


def own_niceness() -> int:
    """That of the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_in_bulk_is_behind_the_rest_of_the_process() -> None:
    """The thread that copies steps back; the one that decides stays as it was."""
    before = own_niceness()
    with pool_behind_all() as pool:
        assert pool.submit(own_niceness).result() == NICENESS
    assert own_niceness() == before


@pytest.mark.parametrize("size", [0, 1, TURN, TURN + 1, 3 * TURN])
def test_a_piece_is_worked_on_in_parts_that_make_it_up(size: int) -> None:
    """Nothing is left out or done twice, and no part keeps a processor for long."""
    piece = random.Random(7).randbytes(size)

    parts = list(in_turns(piece))

    assert b"".join(parts) == piece
    assert max(map(len, parts), default=0) <= TURN
