"""The loading door: we are the master of a fresh node for as long as it takes saved data in.

Replication is the way in, so nothing touches a disk and the engine checks what it gets (`Link.take_in`, H25).
Whoever knocks must know a secret made for this one load before anything is said, and only once (H24). The
history is new every time (H23). The data ends with a mark that its maker can not know, not after a number of
bytes: a node takes what comes behind the data as commands of its master, and a mark leaves no room for them.
"""

import asyncio
import hmac
import secrets
import socket
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, NoReturn, Self, cast

from memstored.domain.ports import DoorTrouble, Identity, Incomplete, Papers
from memstored.redis.dialogue import Dialogue
from memstored.redis.rdb import END_BYTES, may_be_whole
from memstored.redis.tls import server_context

__all__ = ["LoadingDoor"]

_FIRST_OFFSET: Final = 1000
"""Where the history begins (bytes): far from what a node shows whose load failed (H2)."""
_STRANGERS: Final = 16
"""Connections that may stand before they said who they are; beyond, the oldest makes room."""
_COMMANDS: Final = 16
"""Commands that a guest may say before it asks for the data; a node says six."""
_WORDS: Final = 8
_WORD: Final = 512
_DIGITS: Final = 4
"""How many words a command may have, bytes a word, and digits a number of these."""
_HEARTBEAT: Final = 5.0
"""Seconds between two PINGs to a node that has everything."""
_RETURN: Final = 2.0
"""Seconds within which a node whose load failed is back; it tries again at once (H28)."""
_PING: Final = b"*1\r\n$4\r\nPING\r\n"


class _Broken(DoorTrouble):
    """The connection to the node ended, or nothing came over it in time."""


class LoadingDoor:
    """A `domain.ports.Door` at `host`, an IPv4 address, open while the `async with` lasts.

    `size` is the data's length in bytes. `deadline` bounds in seconds the wait for the node, and every
    silence of it; the engine itself gives up when the data stands still for 20 s (`repl-timeout`).
    `turned_away` counts connections that did not know the secret, or asked for the data again. With `papers`
    it speaks TLS only, and shows them.
    """

    def __init__(self, host: str, *, size: int, deadline: float, papers: Papers | None = None) -> None:
        self.identity = Identity(user=f"memstored-load-{secrets.token_hex(4)}", secret=secrets.token_hex(32))
        self.replid = secrets.token_hex(20)
        self.port = 0
        self.turned_away = 0
        self._host = host
        self._size = size
        self._deadline = deadline
        self._context = server_context(papers) if papers is not None else None
        self._strangers: dict[asyncio.Task[None], None] = {}
        self._known: asyncio.Task[None] | None = None
        self._sent = 0
        self._arrived: asyncio.Future[_Guest] = asyncio.get_running_loop().create_future()
        self._loaded = asyncio.Event()
        self._returned = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin to listen, at a port that the system picks. Raises `DoorTrouble`."""
        try:
            self._listener = socket.create_server((self._host, 0), backlog=_STRANGERS)
        except OSError as error:
            raise DoorTrouble(f"no door could be opened at {self._host}: {error.strerror}") from error
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._listening = asyncio.create_task(self._listen())
        # Not by `__aexit__`: who waits there may be cancelled.
        self._listening.add_done_callback(lambda _: self._listener.close())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all connections."""
        self._listening.cancel()
        await asyncio.wait([self._listening])

    async def feed(self, chunks: AsyncIterable[bytes], progress: Callable[[int], None]) -> None:
        """Hand the data over; return when the node has loaded all of it and follows. See `Door.feed`.

        Raises `DoorTrouble`: no node came, it ended or stood still, it came again because it did not accept
        the data, or there are not `size` bytes; in that last case it is given no end to load.
        """
        node = await self._await_node()
        try:
            await self._hand_over(node, chunks, progress)
        except _Broken as trouble:
            # A node that waits for more data than there is sees now that none comes.
            node.close()
            await self._judge(trouble)
        self._loaded.set()

    async def _await_node(self) -> "_Guest":
        waiting = (self._arrived, self._listening)
        await asyncio.wait(waiting, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
        if self._listening.done():
            raise DoorTrouble("nobody can come in any more") from self._listening.exception()
        if not self._arrived.done():
            others = f"; {self.turned_away} others were turned away" if self.turned_away else ""
            raise DoorTrouble(f"the node did not come for its data within {self._deadline} s{others}")
        return self._arrived.result()

    async def _hand_over(
        self, node: "_Guest", chunks: AsyncIterable[bytes], progress: Callable[[int], None]
    ) -> None:
        mark = secrets.token_hex(20).encode()
        await node.send(b"+FULLRESYNC %s %d\r\n$EOF:%s\r\n" % (self.replid.encode(), _FIRST_OFFSET, mark))
        first = last = b""
        async for chunk in chunks:
            if self._sent + len(chunk) > self._size:
                raise DoorTrouble(f"the data is longer than the {self._size} bytes that it should have")
            await node.send(chunk)
            self._sent += len(chunk)
            first = (first + chunk[:END_BYTES])[:END_BYTES]
            last = (last + chunk[-END_BYTES:])[-END_BYTES:]
            progress(self._sent)
        if self._sent < self._size:
            raise DoorTrouble(f"the data ended after {self._sent} of {self._size} bytes")
        if not may_be_whole(first, last):
            raise Incomplete("the data is cut off: it does not end as an RDB does")
        # Nothing may follow the mark before the node says that it follows: it would read too far.
        await node.send(mark)
        await node.acknowledged(_FIRST_OFFSET)

    async def _judge(self, trouble: _Broken) -> NoReturn:
        """Tell a node that did not accept the data, which is back at once (H28), from one that ended."""
        so_far = f"after {self._sent} of {self._size} bytes"
        try:
            async with asyncio.timeout(_RETURN):
                await self._returned.wait()
        except TimeoutError:
            raise DoorTrouble(f"{trouble} {so_far}, and it did not come back") from trouble
        raise DoorTrouble(
            f"the node did not accept the data: {trouble} {so_far}, and it came again"
        ) from trouble

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        knocked = asyncio.Event()
        loop.add_reader(self._listener, knocked.set)
        try:
            async with asyncio.TaskGroup() as guests:
                while True:
                    await knocked.wait()
                    knocked.clear()
                    self._take(guests)
        finally:
            loop.remove_reader(self._listener)

    def _take(self, guests: asyncio.TaskGroup) -> None:
        """Attend to who knocked. `sock_accept` would lose a connection that is made as the door closes."""
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        guest = guests.create_task(self._attend(_Guest(connection, self._deadline)))
        self._strangers[guest] = None
        guest.add_done_callback(partial(self._leave, connection))
        if len(self._strangers) > _STRANGERS:
            # Who knows the secret is the node, or nobody: it gets no second chance.
            oldest = next(stranger for stranger in self._strangers if stranger is not self._known)
            self._turn_away(oldest)
            oldest.cancel()

    def _leave(self, connection: socket.socket, guest: "asyncio.Task[None]") -> None:
        connection.close()
        if guest in self._strangers:
            self._turn_away(guest)

    def _turn_away(self, guest: "asyncio.Task[None]") -> None:
        del self._strangers[guest]
        self.turned_away += 1

    async def _attend(self, guest: "_Guest") -> None:
        """One connection, from its first word until it is turned away or the door closes."""
        try:
            async with asyncio.timeout(self._deadline):
                if self._context is not None:
                    await guest.secure(self._context)
                await self._let_in(guest)
        except (DoorTrouble, TimeoutError):
            return
        del self._strangers[cast("asyncio.Task[None]", asyncio.current_task())]
        self._arrived.set_result(guest)
        await self._loaded.wait()
        with suppress(DoorTrouble):
            while True:
                await guest.send(_PING)
                await asyncio.sleep(_HEARTBEAT)

    async def _let_in(self, guest: "_Guest") -> None:
        """Return when the guest, logged in, asked for the data. Raises `DoorTrouble` for anybody else."""
        known = False
        for _ in range(_COMMANDS):
            match await guest.command():
                case [b"AUTH", *name, secret]:
                    await self._check(guest, name, secret)
                    known = True
                    await guest.send(b"+OK\r\n")
                case [b"PSYNC", *_] if known:
                    return
                case [b"PING" | b"REPLCONF", *_] if known:
                    await guest.send(b"+OK\r\n")
                case [b"PING"]:
                    await guest.send(b"-NOAUTH Authentication required.\r\n")
                case _:
                    break
        raise DoorTrouble("this guest does not ask as a node does")

    async def _check(self, guest: "_Guest", name: list[bytes], secret: bytes) -> None:
        """Let nobody pass but the node. One of an engine without users has no name to say."""
        right_user = name in ([], [self.identity.user.encode()])
        right_secret = hmac.compare_digest(secret, self.identity.secret.encode())
        if not (right_user and right_secret):
            await guest.send(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
            raise DoorTrouble("this guest does not know the secret")
        if self._known is not None:
            self._returned.set()
            # Without an answer it comes no more often, and its log keeps why it came again (H28).
            await asyncio.Event().wait()
        self._known = cast("asyncio.Task[None]", asyncio.current_task())


class _Guest:
    """Whoever is at the door. Everything raises `DoorTrouble` when it does not go on."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._dialogue = Dialogue(connection, deadline=deadline, trouble=_Broken)
        self.close = connection.close
        self.send = self._dialogue.send
        self.secure = self._dialogue.secure

    async def command(self) -> list[bytes]:
        """The next command. No empty line may stand before it: only a node that loads says such."""
        count = await self._count(b"*", _WORDS)
        return [await self._dialogue.string(await self._count(b"$", _WORD)) for _ in range(count)]

    async def acknowledged(self, offset: int) -> None:
        """Return when the node says that it is at the offset: it has loaded everything, and follows."""
        while True:
            await self._dialogue.something()
            match await self.command():
                case [b"REPLCONF", b"ACK", reached, *_] if reached.isdigit() and int(reached) >= offset:
                    return

    async def _count(self, sign: bytes, most: int) -> int:
        line = await self._dialogue.line()
        digits = line.removeprefix(sign)
        if line[:1] != sign or not digits.isdigit() or len(digits) > _DIGITS or int(digits) > most:
            raise self._dialogue.foreign(line)
        return int(digits)
