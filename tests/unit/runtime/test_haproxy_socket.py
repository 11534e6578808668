"""Asking an HAProxy whether it answers; played by a socket that says what it is told to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memstored.runtime.haproxy_socket import Pulse, say


class Socket:
    """A socket like HAProxy's. It answers each line, unless it is `silent`, and remembers what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.silent = False
        self.answer = b""
        self.lines: list[str] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.left = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Called for every connection."""
        self.writers.append(writer)
        while line := await reader.readline():
            self.lines.append(line.decode().strip())
            if not self.silent:
                writer.write(self.answer + b"\n> ")
        writer.close()
        self.left.set()

    async def end_connections(self) -> None:
        """End them all, as after a long silence."""
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self.writers))


@pytest.fixture
async def socket(tmp_path: Path) -> AsyncIterator[Socket]:
    """One that answers."""
    socket = Socket(tmp_path)
    server = await asyncio.start_unix_server(socket.take, tmp_path / "control")
    async with server:
        yield socket
        await socket.end_connections()


async def answered(pulse: Pulse) -> None:
    """Return when no answer is due any more."""
    async with asyncio.timeout(5):
        while pulse.unanswered:  # noqa: ASYNC110 - what is waited for is seen, not announced
            await asyncio.sleep(0.001)


async def test_it_asks_over_one_connection(socket: Socket) -> None:
    """However often it asks."""
    pulse = Pulse(socket.folder)
    for _ in range(5):
        pulse.ask()
        await answered(pulse)

    assert len(socket.writers) == 1
    assert socket.lines[0] == "prompt"
    assert len(socket.lines) == 5
    pulse.close()


async def test_a_connection_that_ended_is_made_anew(socket: Socket) -> None:
    """By the next question after its end was seen."""
    pulse = Pulse(socket.folder)
    pulse.ask()
    await answered(pulse)
    await socket.end_connections()

    async with asyncio.timeout(5):
        while len(socket.writers) == 1:
            pulse.ask()
            await asyncio.sleep(0.001)
    await answered(pulse)
    pulse.ask()
    await answered(pulse)

    assert len(socket.writers) == 2
    pulse.close()


async def test_nothing_more_is_asked_while_an_answer_is_due(socket: Socket) -> None:
    """Questions do not pile up at one that stands still."""
    pulse = Pulse(socket.folder)
    pulse.ask()
    await answered(pulse)
    socket.silent = True

    for _ in range(5):
        pulse.ask()
        await asyncio.sleep(0)

    assert pulse.unanswered
    pulse.close()
    async with asyncio.timeout(5):
        await socket.left.wait()
    assert len(socket.lines) == 2


TABLE = (
    b"# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,"
    b"dreq,dresp,ereq,econ,eresp,wretr,wredis,status,\n"
    b"primary,FRONTEND,,,0,0,20064,0,0,0,0,0,0,,,,,%b,\n"
    b"reader,FRONTEND,,,0,0,20064,0,0,0,0,0,0,,,,,%b,\n"
)
"""What is said of listeners, as far as it is of interest."""


@pytest.mark.parametrize(
    ("primary", "reader", "owes"),
    [
        (b"OPEN", b"OPEN", False),
        (b"FULL", b"OPEN", False),
        (b"PAUSED", b"OPEN", True),
        (b"OPEN", b"STOP", True),
    ],
)
async def test_a_listener_that_takes_nobody_is_as_good_as_no_answer(
    socket: Socket, primary: bytes, reader: bytes, *, owes: bool
) -> None:
    """And is asked again, for it may take clients again by then."""
    pulse = Pulse(socket.folder)
    pulse.ask()
    await answered(pulse)
    socket.answer = TABLE % (primary, reader)

    for lines in (2, 3):
        pulse.ask()
        async with asyncio.timeout(5):
            while len(socket.lines) < lines:  # noqa: ASYNC110 - see `answered`
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert pulse.unanswered is owes

    pulse.close()


async def test_a_socket_that_is_not_there_owes_an_answer(tmp_path: Path) -> None:
    """It is as good as silent, whatever the system says."""
    pulse = Pulse(tmp_path)
    for _ in range(3):
        pulse.ask()
        await asyncio.sleep(0.01)

    assert pulse.unanswered
    pulse.close()
    assert not pulse.unanswered


async def test_after_its_end_it_asks_nothing(socket: Socket) -> None:
    """Also when the connection was just being made."""
    pulse = Pulse(socket.folder)
    pulse.ask()
    pulse.close()
    pulse.ask()
    other = Pulse(socket.folder)
    other.ask()
    await answered(other)

    assert not pulse.unanswered
    assert socket.lines == ["prompt"], "who came later was heard, and nobody else"
    other.close()


async def test_one_line_is_said_over_a_connection_of_its_own(socket: Socket) -> None:
    """What comes until its end is the answer."""
    saying = asyncio.create_task(say(socket.folder, "show stat"))
    async with asyncio.timeout(5):
        while not socket.lines:  # noqa: ASYNC110 - see `answered`
            await asyncio.sleep(0.001)
    await socket.end_connections()

    assert (await saying).strip() == ">"
    assert socket.lines == ["show stat"]
