"""Bulk work goes behind everybody else, and nothing but bulk work does."""

from streams import own_niceness

from memstored.objects.priority import NICENESS, pool_behind_all


def test_work_in_bulk_is_behind_the_rest_of_the_process() -> None:
    """The thread that copies steps back; the one that decides stays as it was."""
    before = own_niceness()
    with pool_behind_all() as pool:
        assert pool.submit(own_niceness).result() == NICENESS
    assert own_niceness() == before
