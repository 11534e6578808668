"""What is shared between those who look at the same thing, and when it is looked at."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import pytest

from memstored.console.feed import (
    APART,
    CALM,
    MOST_OF_ONE,
    MOST_OF_PROJECT,
    MOST_OF_USER,
    Feed,
    Holder,
    Listener,
    Parts,
    Table,
    Topic,
)
from memstored.domain.errors import NotFound, Unavailable
from memstored.store.errors import StoreTrouble

PROJECT = "a project"
ME = Holder(session="mine", user_id="me")


def held_by(name: object) -> Holder:
    """The only session of a user."""
    return Holder(session=f"token of {name}", user_id=f"{name}")


class Time:
    """Stands still: who sleeps or rests wakes by `pass_by`, or, resting, by its event."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._passed = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time passes."""
        self.asked.append(seconds)
        await self._passed.wait()

    async def rest(self, event: asyncio.Event, seconds: float) -> None:
        """Sleep until the time passes or the event comes."""
        tasks = [asyncio.create_task(event.wait()), asyncio.create_task(self.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def pass_by(self) -> None:
        """Let everybody wake who sleeps now."""
        await settle()
        passed, self._passed = self._passed, asyncio.Event()
        passed.set()
        await settle()


async def settle() -> None:
    """Let everything go on until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


class Sight:
    """What there is to see, and how often it was looked at."""

    def __init__(self, **parts: str | Table) -> None:
        self.parts = parts
        self.looks = 0
        self.trouble: Exception | None = None

    async def look(self) -> Parts:
        """Look."""
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return dict(self.parts)

    def topic(self, key: str = "sets", project: str = PROJECT, **last: str) -> Topic:
        """The topic of it."""
        return Topic(key=key, project_id=project, look=self.look, last=last)


@pytest.fixture
def time() -> Time:
    """A time that stands still."""
    return Time()


@pytest.fixture
async def feed(time: Time) -> AsyncIterator[Feed]:
    """A feed in that time."""
    made = Feed(sleep=time.sleep, rest=time.rest)
    yield made
    await made.close()


async def told(listener: Listener) -> Mapping[str, str]:
    """What a listener is told by now; nothing if that is nothing."""
    await settle()
    return await listener.news(0)


async def test_everything_is_told_first(feed: Feed) -> None:
    """Who begins to listen gets every part."""
    with feed.joined(Sight(rows="one", head="two").topic(), ME) as listener:
        assert await told(listener) == {"head": "two", "rows": "one"}


async def test_only_what_changed_is_told(feed: Feed, time: Time) -> None:
    """A part that is as it was is not sent again."""
    sight = Sight(rows="one", head="two")
    with feed.joined(sight.topic(), ME) as listener:
        await told(listener)
        sight.parts["rows"] = "three"
        feed.wake(PROJECT)
        await time.pass_by()

        assert await told(listener) == {"rows": "three"}
        assert await told(listener) == {}


def table(beside: str = "", **rows: str) -> Table:
    """A table of these rows."""
    return Table(whole="|".join([*rows.values(), beside]), rows=rows, beside=beside)


async def test_of_a_table_only_the_row_that_changed_is_told(feed: Feed, time: Time) -> None:
    """First all of it, once; then row by row, and all again when others are in it, or in another order."""
    sight = Sight(sets=table(a="1", b="2"), head="h")
    steps = {
        "a row": (table(a="1", b="3"), {"b": "3"}),
        "another row": (table(a="1", b="3", c="4"), {"sets": "1|3|4|"}),
        "the order": (table(c="4", a="1", b="3"), {"sets": "4|1|3|"}),
        "what is beside": (table("next", c="4", a="1", b="3"), {"sets": "4|1|3|next"}),
        "a row less, and one changed": (table("next", a="5", b="3"), {"sets": "5|3|next"}),
        "two rows": (table("next", a="6", b="7"), {"a": "6", "b": "7"}),
        "none": (table("next", a="6", b="7"), {}),
    }
    with feed.joined(sight.topic(), ME) as listener:
        assert await told(listener) == {"head": "h", "sets": "1|2|"}
        for step, (sets, news) in steps.items():
            sight.parts["sets"] = sets
            feed.wake(PROJECT)
            await time.pass_by()

            assert await told(listener) == news, step


async def test_a_slow_reader_gets_a_table_as_it_is(feed: Feed, time: Time) -> None:
    """Whatever happened to its rows meanwhile: none that is gone, none that the table has already."""
    sight = Sight(sets=table(a="1", b="2"))
    with feed.joined(sight.topic(), ME) as listener:
        await told(listener)
        for sets in (table(a="3", b="2"), table(b="2"), table(b="4")):
            await settle()
            sight.parts["sets"] = sets
            feed.wake(PROJECT)
            await time.pass_by()

        assert await told(listener) == {"sets": "4|"}


async def test_a_change_is_seen_at_once_after_a_calm(feed: Feed, time: Time) -> None:
    """Half a second after the last look nothing holds the next one up."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME) as listener:
        await time.pass_by()
        sight.parts["rows"] = "two"
        feed.wake(PROJECT)

        assert (await told(listener))["rows"] == "two"


async def test_looks_are_half_a_second_apart(feed: Feed, time: Time) -> None:
    """However often something is written, it is looked at twice a second at most."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME):
        await settle()
        for _ in range(100):
            feed.wake(PROJECT)
            await settle()

        assert sight.looks == 1
        await time.pass_by()
        assert sight.looks == 2
        assert time.asked[0] == APART


async def test_it_is_looked_at_now_and_then(feed: Feed, time: Time) -> None:
    """What changes without being written, as lag does, is seen after two seconds."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME):
        await time.pass_by()
        await time.pass_by()

        assert sight.looks == 2
        assert time.asked[:2] == [APART, CALM - APART]


async def test_other_projects_wake_nobody(feed: Feed, time: Time) -> None:
    """A project is looked at for what is written in it."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME):
        await time.pass_by()
        feed.wake("another project")
        await settle()

        assert sight.looks == 1


async def test_a_look_is_shared(feed: Feed) -> None:
    """Twenty who look at the same cost one look; who comes later gets what is known."""
    sight = Sight(rows="one")
    async with AsyncExitStack() as stack:
        listeners = [stack.enter_context(feed.joined(sight.topic(), held_by(n))) for n in range(20)]

        assert [await told(listener) for listener in listeners] == [{"rows": "one"}] * 20
        late = stack.enter_context(feed.joined(sight.topic(), held_by("late")))
        assert await told(late) == {"rows": "one"}
        assert sight.looks == 1


async def test_nobody_listens_nobody_looks(feed: Feed, time: Time) -> None:
    """With the last listener the looking ends, and it begins anew with the next."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME):
        await settle()
    feed.wake(PROJECT)
    await time.pass_by()
    assert sight.looks == 1

    with feed.joined(sight.topic(), ME) as listener:
        assert await told(listener) == {"rows": "one"}
    assert sight.looks == 2


async def test_a_slow_reader_gets_the_latest(feed: Feed, time: Time) -> None:
    """What was not taken in time is not kept: the part is told as it is now."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME) as listener:
        for content in ("two", "three"):
            await settle()
            sight.parts["rows"] = content
            feed.wake(PROJECT)
            await time.pass_by()

        assert await told(listener) == {"rows": "three"}


async def test_what_is_gone_ends_the_stream(feed: Feed, time: Time) -> None:
    """A set that was deleted is not looked for any more."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME) as listener:
        await told(listener)
        sight.trouble = NotFound("There is none.")
        feed.wake(PROJECT)
        await time.pass_by()

        with pytest.raises(EOFError):
            await told(listener)


async def test_the_last_is_told_before_the_end(feed: Feed, time: Time) -> None:
    """That a set is gone is shown, then the stream ends; who comes too late gets the same."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(rows="gone"), ME) as listener:
        await told(listener)
        sight.trouble = NotFound("There is none.")
        feed.wake(PROJECT)
        await time.pass_by()

        assert await told(listener) == {"rows": "gone"}
        with pytest.raises(EOFError):
            await told(listener)
    with feed.joined(sight.topic(rows="gone"), held_by("late")) as listener:
        assert await told(listener) == {"rows": "gone"}
        with pytest.raises(EOFError):
            await told(listener)


async def test_a_look_is_in_nobody_s_context(feed: Feed) -> None:
    """What is shared has nothing of the request that began it: neither its id in log lines nor its caller."""
    request_id = contextvars.ContextVar("request_id", default="none")
    seen: list[str] = []

    async def look() -> Parts:
        seen.append(request_id.get())
        return {}

    request_id.set("of the first reader")
    with feed.joined(Topic(key="sets", project_id=PROJECT, look=look), ME):
        await settle()

    assert seen == ["none"]


async def test_a_lost_store_is_waited_for(feed: Feed, time: Time) -> None:
    """While nothing can be read there is no news, and then there is."""
    sight = Sight(rows="one")
    with feed.joined(sight.topic(), ME) as listener:
        await told(listener)
        sight.trouble = StoreTrouble("The disk is gone.")
        await time.pass_by()
        await time.pass_by()
        sight.trouble, sight.parts = None, {"rows": "two"}
        await time.pass_by()
        await time.pass_by()

        assert await told(listener) == {"rows": "two"}


async def test_a_broken_look_ends_the_stream(feed: Feed) -> None:
    """Who listens is let go; the fault is in the log, not in the feed's way."""
    sight = Sight(rows="one")
    sight.trouble = RuntimeError("a mistake")
    with feed.joined(sight.topic(), ME) as listener, pytest.raises(ConnectionAbortedError):
        await told(listener)


BOUNDS: list[tuple[Callable[[int], Holder], int]] = [
    (lambda _: ME, MOST_OF_ONE),
    (lambda n: Holder(session=f"{n}", user_id="me"), MOST_OF_USER),
    (held_by, MOST_OF_PROJECT),
]


@pytest.mark.parametrize(("holder", "most"), BOUNDS, ids=["session", "user", "project"])
async def test_streams_are_bounded(feed: Feed, holder: Callable[[int], Holder], most: int) -> None:
    """A session has a few, a user some more, and so has a project; one that ended makes room."""
    topic = Sight(rows="one").topic()
    async with AsyncExitStack() as stack:
        for number in range(most - 1):
            stack.enter_context(feed.joined(topic, holder(number)))
        with feed.joined(topic, holder(most)), pytest.raises(Unavailable):
            stack.enter_context(feed.joined(topic, holder(most + 1)))

        stack.enter_context(feed.joined(topic, holder(most + 2)))


async def test_a_project_leaves_the_others_theirs(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens and users it has; only the service's own bound is everybody's."""
    monkeypatch.setattr("memstored.console.feed.MOST", MOST_OF_PROJECT + 1)
    sight = Sight(rows="one")
    async with AsyncExitStack() as stack:
        for number in range(MOST_OF_PROJECT):
            stack.enter_context(feed.joined(sight.topic(), held_by(number)))

        stack.enter_context(feed.joined(other := sight.topic("x", "other"), ME))
        with pytest.raises(Unavailable):
            stack.enter_context(feed.joined(other, held_by("late")))


async def test_the_end_of_the_service_ends_every_stream(feed: Feed) -> None:
    """Nobody is kept waiting, and nobody begins any more."""
    with feed.joined(Sight(rows="one").topic(), ME) as listener:
        await told(listener)
        waiting: Awaitable[Mapping[str, str]] = asyncio.create_task(listener.news(3600))
        await settle()

        await feed.close()

        with pytest.raises(ConnectionAbortedError):
            await waiting
    with pytest.raises(Unavailable):
        feed.joined(Sight(rows="one").topic(), ME).__enter__()
