"""The methods of both clients, made of scripts: `method`, `listing` and `lines` for one, and the same with
`async_` for the other.

A client plays a script by doing each step that it asks for. The arguments of a method are those of its script
after the session, for people and type checkers alike.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from memstored.client.session import Session
from memstored.client.wire import Heard, Item, Reply, Request, Script, Silence, Step, Stream

__all__ = [
    "AsyncPlayer",
    "Player",
    "async_lines",
    "async_listing",
    "async_method",
    "lines",
    "listing",
    "method",
]

P = ParamSpec("P")
T = TypeVar("T")


class Player(Protocol):
    """A client that waits for each step."""

    session: Session

    def do(self, step: Step, /) -> Heard:
        """Do one step."""

    def read(self, request: Request, /) -> Iterator[str | Reply | Silence]:
        """Do a request whose answer is lines: these, and at last what there is to say of it all."""


class AsyncPlayer(Protocol):
    """A client that lets others run meanwhile."""

    session: Session

    async def do(self, step: Step, /) -> Heard:
        """Do one step."""

    def read(self, request: Request, /) -> AsyncIterator[str | Reply | Silence]:
        """Do a request whose answer is lines: these, and at last what there is to say of it all."""


def method(script: Callable[Concatenate[Session, P], Script[T]]) -> Callable[Concatenate[Player, P], T]:
    """A method that returns what the script returns."""

    @wraps(script)
    def played(client: Player, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _play(client, script(client.session, *args, **kwargs))

    return played


def listing(
    stream: Callable[Concatenate[Session, P], Stream[T]],
) -> Callable[Concatenate[Player, P], Iterator[T]]:
    """A method that returns an iterator over what the stream gives."""

    @wraps(stream)
    def played(client: Player, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return _iterate(client, stream(client.session, *args, **kwargs))

    return played


def lines(
    script: Callable[Concatenate[Session, P], Script[None]],
) -> Callable[Concatenate[Player, P], Iterator[str]]:
    """A method that returns an iterator over the lines of what the script asks for, as they come."""

    @wraps(script)
    def played(client: Player, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[str]:
        return _read(client, script(client.session, *args, **kwargs))

    return played


def async_method(
    script: Callable[Concatenate[Session, P], Script[T]],
) -> Callable[Concatenate[AsyncPlayer, P], Awaitable[T]]:
    """A method whose result is awaited."""

    @wraps(script)
    async def played(client: AsyncPlayer, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await _play_async(client, script(client.session, *args, **kwargs))

    return played


def async_listing(
    stream: Callable[Concatenate[Session, P], Stream[T]],
) -> Callable[Concatenate[AsyncPlayer, P], AsyncIterator[T]]:
    """A method that returns an asynchronous iterator."""

    @wraps(stream)
    def played(client: AsyncPlayer, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return _iterate_async(client, stream(client.session, *args, **kwargs))

    return played


def async_lines(
    script: Callable[Concatenate[Session, P], Script[None]],
) -> Callable[Concatenate[AsyncPlayer, P], AsyncIterator[str]]:
    """A method that returns an asynchronous iterator over lines."""

    @wraps(script)
    def played(client: AsyncPlayer, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[str]:
        return _read_async(client, script(client.session, *args, **kwargs))

    return played


def _play(player: Player, script: Script[T]) -> T:
    heard: Heard = None
    while True:
        try:
            step = script.send(heard)
        except StopIteration as end:
            returned: T = end.value
            return returned
        heard = player.do(step)


async def _play_async(player: AsyncPlayer, script: Script[T]) -> T:
    heard: Heard = None
    while True:
        try:
            step = script.send(heard)
        except StopIteration as end:
            returned: T = end.value
            return returned
        heard = await player.do(step)


def _iterate(player: Player, stream: Stream[T]) -> Iterator[T]:
    heard: Heard = None
    while True:
        try:
            step = stream.send(heard)
        except StopIteration:
            return
        if isinstance(step, Item):
            heard = None
            yield step.value
        else:
            heard = player.do(step)


async def _iterate_async(player: AsyncPlayer, stream: Stream[T]) -> AsyncIterator[T]:
    heard: Heard = None
    while True:
        try:
            step = stream.send(heard)
        except StopIteration:
            return
        if isinstance(step, Item):
            heard = None
            yield step.value
        else:
            heard = await player.do(step)


def _read(player: Player, script: Script[None]) -> Iterator[str]:
    heard: Heard = None
    while True:
        try:
            step = script.send(heard)
        except StopIteration:
            return
        if not (isinstance(step, Request) and step.lines):
            heard = player.do(step)
            continue
        for part in player.read(step):
            if isinstance(part, str):
                yield part
            else:
                heard = part


async def _read_async(player: AsyncPlayer, script: Script[None]) -> AsyncIterator[str]:
    heard: Heard = None
    while True:
        try:
            step = script.send(heard)
        except StopIteration:
            return
        if not (isinstance(step, Request) and step.lines):
            heard = await player.do(step)
            continue
        async for part in player.read(step):
            if isinstance(part, str):
                yield part
            else:
                heard = part
