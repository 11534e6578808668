"""Live parts of pages: whoever looks at the same thing shares one look at it.

A page's live parts are a `Topic`. While somebody listens to it, it is looked at when a set or an event of its
project was written, and else now and then, never more often than twice a second; a part is told on only when
it changed. Nothing is asked of a node, and nothing is kept for a reader but the names of the parts that it
has not had yet, so a slow one costs no memory.
"""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from memstored.domain.errors import Fault, NotFound, Unavailable
from memstored.objects.storage import ObjectTrouble
from memstored.store.errors import StoreTrouble

__all__ = ["Feed", "Holder", "Listener", "Parts", "Table", "Topic"]

APART = 0.5
"""Seconds between two looks at least."""
CALM = 2.0
"""Seconds between two looks at most: lag and figures change without being written."""
MOST_OF_ONE = 4
"""Streams of a session: a browser has six connections to a service, and pages need some of them."""
MOST_OF_USER = 32
"""Streams of a user, who may have any number of sessions."""
MOST_OF_PROJECT = 50
"""Streams of a project, which may have any number of users and leaves the others theirs."""
MOST = 500
"""Streams of the service."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A part with rows that are parts themselves: of those that change, nothing else is told.

    `whole` is its HTML with all `rows` in it, by their names in their order. It is told when other rows are
    in it, or in another order, or when what is `beside` them differs.
    """

    whole: str
    rows: Mapping[str, str]
    beside: Hashable = None


Parts = Mapping[str, str | Table]
"""HTML by the name of the part that it is the content of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a page's live parts show.

    Topics with the same `key` show the same, so it holds all that `look` depends on: the project, ids, the
    language. `look` returns the parts as they are now; it keeps no `Visit`, since others go on listening when
    the first reader left. What it raises as `Fault` ends the stream; before that `last` is shown, where it is
    `NotFound`.
    """

    key: Hashable
    project_id: str
    look: Callable[[], Awaitable[Parts]]
    last: Parts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose stream it is: `session` is its token."""

    session: str
    user_id: str


class Listener:
    """One who listens: a browser's page."""

    def __init__(self, watched: "_Watched") -> None:
        self._watched = watched
        self._due: set[str] = set()
        self._stirred = asyncio.Event()

    async def news(self, seconds: float) -> Mapping[str, str]:
        """The HTML of the parts that changed, by name, as it is now; none after `seconds` without.

        `EOFError`: nothing comes any more. `ConnectionAbortedError`: nobody looks any more, as at the end of
        the service; whoever asks again may find more.
        """
        await _rest(self._stirred, seconds)
        if self._watched.ended is not None and not self._due:
            raise self._watched.ended
        if self._watched.ended is None:
            self._stirred.clear()
        told = self._watched.told(self._due)
        self._due.clear()
        return told

    def stir(self, names: set[str]) -> None:
        """These parts changed; none of them: it is over."""
        self._due |= names
        self._stirred.set()


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is told of a part: `content`, when `sign` changed, but for a row `within` a table that is told."""

    content: str
    sign: Hashable
    within: str | None = None


def _pieces(parts: Parts) -> Iterator[tuple[str, _Piece]]:
    for name, part in parts.items():
        if isinstance(part, Table):
            yield name, _Piece(part.whole, (tuple(part.rows), part.beside))
            yield from ((row, _Piece(content, content, name)) for row, content in part.rows.items())
        else:
            yield name, _Piece(part, part)


@dataclass(slots=True, kw_only=True, eq=False)
class _Watched:
    """A topic that somebody listens to."""

    topic: Topic
    pieces: dict[str, _Piece] = field(default_factory=dict)
    listeners: set[Listener] = field(default_factory=set)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    ended: type[Exception] | None = None

    def show(self, parts: Parts) -> None:
        """Tell on what differs from what was seen before."""
        before, self.pieces = self.pieces, dict(_pieces(parts))
        changed = {
            name
            for name, piece in self.pieces.items()
            if name not in before or before[name].sign != piece.sign
        }
        if changed:
            for listener in self.listeners:
                listener.stir(changed)

    def told(self, names: set[str]) -> Mapping[str, str]:
        """What there is to tell of these parts: nothing of rows that are gone, or in a table that is told."""
        present = {name: self.pieces[name] for name in sorted(names & self.pieces.keys())}
        return {name: piece.content for name, piece in present.items() if piece.within not in present}

    def end(self, why: type[Exception]) -> None:
        """Tell everybody that nothing comes any more, or not from here."""
        self.ended = why
        for listener in self.listeners:
            listener.stir(set())


async def _rest(event: asyncio.Event, seconds: float) -> None:
    """Return when the event comes, and after so many seconds without it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _bounds(topic: Topic, holder: Holder) -> Mapping[tuple[str, str], int]:
    """How many streams there may be of each to whom this one counts."""
    return {
        ("session", holder.session): MOST_OF_ONE,
        ("user", holder.user_id): MOST_OF_USER,
        ("project", topic.project_id): MOST_OF_PROJECT,
        ("service", ""): MOST,
    }


class Feed:
    """All topics that somebody listens to. `sleep` and `rest` are how it waits."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rest: Callable[[asyncio.Event, float], Awaitable[None]] = _rest,
    ) -> None:
        self._sleep = sleep
        self._rest = rest
        self._watched: dict[Hashable, _Watched] = {}
        self._tasks: dict[_Watched, asyncio.Task[None]] = {}
        self._held: Counter[tuple[str, str]] = Counter()
        self._closed = False

    def wake(self, project_id: str) -> None:
        """A set or an event of the project was written: look at it soon. Called in the event loop."""
        for watched in self._watched.values():
            if watched.topic.project_id == project_id:
                watched.stirred.set()

    @contextmanager
    def joined(self, topic: Topic, holder: Holder) -> Iterator[Listener]:
        """A listener for the length of the block; raises `Unavailable` when there are too many."""
        bounds = _bounds(topic, holder)
        if self._closed or any(self._held[whose] >= most for whose, most in bounds.items()):
            raise Unavailable("Too many pages are open that show what happens; close some")
        watched = self._watched.get(topic.key) or self._begin(topic)
        listener = Listener(watched)
        watched.listeners.add(listener)
        self._held.update(bounds.keys())
        if watched.pieces or watched.ended is not None:
            listener.stir(set(watched.pieces))
        try:
            yield listener
        finally:
            watched.listeners.discard(listener)
            self._held -= Counter(bounds.keys())
            if not watched.listeners:
                self._drop(watched)

    def _begin(self, topic: Topic) -> _Watched:
        watched = self._watched[topic.key] = _Watched(topic=topic)
        # In no request's context: its log lines and what is read for it are nobody's in particular.
        task = asyncio.create_task(
            self._watch(watched), name=f"feed {topic.key}", context=contextvars.Context()
        )
        self._tasks[watched] = task
        task.add_done_callback(lambda done: self._ended(watched, done))
        return watched

    def _drop(self, watched: _Watched) -> None:
        """Nobody listens any more: look no more."""
        if self._watched.get(watched.topic.key) is watched:
            del self._watched[watched.topic.key]
        task = self._tasks.get(watched)
        if task is not None:
            task.cancel()

    def _ended(self, watched: _Watched, task: asyncio.Task[None]) -> None:
        """Let go who listens to a topic that is looked at no more; a fault that nobody foresaw is said."""
        self._tasks.pop(watched, None)
        if self._watched.get(watched.topic.key) is watched:
            del self._watched[watched.topic.key]
        fault = None if task.cancelled() else task.exception()
        watched.end(ConnectionAbortedError if task.cancelled() or fault else EOFError)
        if fault is not None:
            log.error("feed_failed", exc_info=fault)

    async def _watch(self, watched: _Watched) -> None:
        """Look for as long as somebody listens and there is something to see."""
        while True:
            watched.stirred.clear()
            try:
                watched.show(await watched.topic.look())
            except NotFound:
                watched.show(watched.topic.last)
                return
            except Fault:
                return
            except (StoreTrouble, ObjectTrouble) as trouble:
                log.warning("feed_without_news", trouble=str(trouble))
            await self._sleep(APART)
            await self._rest(watched.stirred, CALM - APART)

    async def close(self) -> None:
        """End every stream; there are no others from now on."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
