"""How often sets look when many are under way at once."""

import asyncio

from memstored.control.clock import SystemClock
from memstored.control.pace import LOOKS, Pace
from memstored.domain.words import SetId


def sets(count: int) -> list[SetId]:
    """So many ids."""
    return [SetId(str(number)) for number in range(count)]


def test_a_lone_restless_set_looks_as_soon_as_it_wants() -> None:
    """A failover among healthy sets is not slowed down."""
    pace = Pace(SystemClock())
    for other in sets(200):
        pace.pause(other, None)

    assert pace.pause(SetId("alone"), 0.005) == 0.005


def test_sets_that_only_wait_for_their_certificates_time_slow_nobody_down() -> None:
    """A set with TLS always has a next look, in an hour: hundreds of them are no load."""
    pace = Pace(SystemClock())
    pauses = {pace.pause(other, 3600.0) for other in sets(200)}

    assert pauses == {3600.0}
    assert pace.pause(SetId("alone"), 0.005) == 0.005


def test_many_restless_sets_share_the_looks_there_are() -> None:
    """All together look no more than so often, whatever each wants."""
    pace = Pace(SystemClock())

    pauses = [pace.pause(one, 0.005) for one in sets(100) * 2][100:]

    assert sum(1 / pause for pause in pauses if pause) <= LOOKS + 1e-6


def test_a_long_pause_is_not_made_shorter() -> None:
    """Who wants to look seldom does."""
    pace = Pace(SystemClock())

    assert pace.pause(SetId("one"), 1.0) == 1.0


def test_a_set_at_rest_or_gone_does_not_count() -> None:
    """Only what is under way takes part."""
    pace = Pace(SystemClock())
    first, second, third = sets(3)
    for one in (first, second, third):
        pace.pause(one, 0.001)

    pace.pause(second, None)
    pace.forget(third)

    assert pace.pause(first, 0.001) == 1 / LOOKS


async def test_what_can_wait_does_while_writes_of_any_set_wait() -> None:
    """Nodes are started and removed when no failover is under way, or after a while in any case."""
    pace = Pace(SystemClock())
    struck, other = sets(2)
    pace.hurry(struck, urgent=True)
    pace.hurry(other, urgent=False)
    waiting = asyncio.create_task(pace.await_calm())
    await asyncio.sleep(0)
    held = not waiting.done()

    pace.hurry(struck, urgent=False)

    await asyncio.wait_for(waiting, 1.0)
    assert held


async def test_a_set_that_is_gone_holds_nobody_up() -> None:
    """Its worker ended in the middle of a failover."""
    pace = Pace(SystemClock())
    (struck,) = sets(1)
    pace.hurry(struck, urgent=True)

    pace.forget(struck)

    await asyncio.wait_for(pace.await_calm(), 1.0)


def test_nobody_is_probed_while_writes_wait_but_not_for_long() -> None:
    """A failover that takes long keeps no hung node from being seen."""
    pace = Pace(SystemClock())
    (struck,) = sets(1)
    before = pace.spares_probes(0.25)

    pace.hurry(struck, urgent=True)
    meanwhile = [pace.spares_probes(0.25) for _ in range(8)]
    pace.hurry(struck, urgent=False)

    assert not before
    assert meanwhile == [True] * 4 + [False] * 4
    assert not pace.spares_probes(0.25)
