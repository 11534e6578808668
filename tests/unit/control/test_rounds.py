"""Work that is done again and again: woken, after a pause, after a fault, and never after its end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from memstored.control.rounds import Over, Rounds

SHORT, LONG = 0.01, 60.0


class Turns:
    """Turns that are counted; `fault` is raised by each as long as it is set."""

    def __init__(self, pause: float | None = LONG) -> None:
        self.pause = pause
        self.fault: Exception | None = None
        self.taken = 0
        self.another = asyncio.Event()

    async def take(self) -> float | None:
        """One of them."""
        self.taken += 1
        self.another.set()
        if self.fault is not None:
            raise self.fault
        return self.pause

    async def until(self, count: int) -> None:
        """Wait until so many were taken."""
        async with asyncio.timeout(5.0):
            while self.taken < count:
                self.another.clear()
                await self.another.wait()


@asynccontextmanager
async def going(turn: Callable[[], Awaitable[float | None]], revival: float = SHORT) -> AsyncIterator[Rounds]:
    """Rounds for the length of the block."""
    rounds = Rounds("duty", turn, revival=revival)
    rounds.begin()
    yield rounds
    await rounds.end()


@pytest.mark.parametrize("pause", [LONG, None])
async def test_a_wake_brings_the_next_turn_at_once(pause: float | None) -> None:
    """However long the pause."""
    turns = Turns(pause)
    async with going(turns.take) as rounds:
        await turns.until(1)
        rounds.wake()
        await turns.until(2)


async def test_a_wake_in_the_middle_of_a_turn_is_not_lost() -> None:
    """It may have come after what the turn looked at."""
    turns, woken = Turns(), []

    async def take() -> float | None:
        if not woken:
            woken.append(rounds.wake())
        return await turns.take()

    rounds = Rounds("duty", take, revival=SHORT)
    rounds.begin()
    await turns.until(2)
    await rounds.end()


async def test_the_next_turn_comes_after_the_pause() -> None:
    """Which the turn itself chose."""
    turns = Turns(SHORT)
    async with going(turns.take):
        await turns.until(3)


async def test_an_unforeseen_fault_is_said_and_survived() -> None:
    """Under the name of the duty, with the fault."""
    turns = Turns()
    turns.fault = RuntimeError("unforeseen")
    with capture_logs() as logs:
        async with going(turns.take):
            await turns.until(1)
            turns.fault = None
            await turns.until(2)

    assert [(line["event"], line["duty"]) for line in logs] == [("duty_failed", "duty")]
    assert str(logs[0]["exc_info"]) == "unforeseen"


async def test_a_turn_that_says_so_is_the_last() -> None:
    """It is no fault, and no wake brings another."""
    turns = Turns()
    turns.fault = Over()
    with capture_logs() as logs:
        async with going(turns.take) as rounds:
            await turns.until(1)
            await asyncio.sleep(2 * SHORT)
            rounds.wake()
            await asyncio.sleep(2 * SHORT)

    assert (turns.taken, logs) == (1, [])


async def test_a_turn_can_tell_that_it_was_woken() -> None:
    """So that it does not take itself for the last one."""
    seen: list[bool] = []

    async def take() -> float | None:
        seen.append(rounds.woken)
        rounds.wake()
        seen.append(rounds.woken)
        raise Over

    rounds = Rounds("duty", take, revival=SHORT)
    rounds.begin()
    await asyncio.sleep(SHORT)
    await rounds.end()

    assert seen == [False, True]


async def test_what_failed_is_not_taken_up_again_after_its_end() -> None:
    """Nothing is left behind that would use a closed store."""
    turns = Turns()
    turns.fault = RuntimeError("unforeseen")
    async with going(turns.take):
        await turns.until(1)
        await asyncio.sleep(0)
    turns.another.clear()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(turns.another.wait(), 10 * SHORT)


async def test_a_turn_that_fails_as_it_is_ended_is_not_taken_up_again() -> None:
    """It answers its cancellation with a fault of its own."""
    begun, begins = asyncio.Event(), []

    async def fail_at_the_end() -> None:
        begins.append(1)
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("unforeseen") from None

    async with going(fail_at_the_end):
        await begun.wait()
    await asyncio.sleep(10 * SHORT)

    assert begins == [1]


async def test_the_end_of_a_turn_is_waited_for() -> None:
    """What it holds is given back before the end."""
    begun, given_back = asyncio.Event(), []

    async def hold() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            given_back.append(1)

    async with going(hold):
        await begun.wait()

    assert given_back == [1]
