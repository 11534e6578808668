"""Receivers that play for time, memory or a way in: each costs one attempt, which ends as it must."""

import asyncio
import socket
import ssl
import struct
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address

import pytest
from outbound import DAY, HERE, KEY, MESSAGE, NAME, Names, Papers, sender, sent

from memstored.domain.destinations import Destinations
from memstored.domain.webhook import Verdict
from memstored.notify import sender as sending
from memstored.notify import transport
from receiver import receiving

Behaviour = Callable[[StreamReader, StreamWriter], Awaitable[None]]
METADATA = "http://169.254.169.254/latest/meta-data/"


@asynccontextmanager
async def peer(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of one that reads the head of a message, and does then as it is told until the block ends."""
    handling: list[asyncio.Task[None]] = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                await behave(reader, writer)
        finally:
            writer.transport.abort()

    def take(reader: StreamReader, writer: StreamWriter) -> None:
        handling.append(asyncio.create_task(handle(reader, writer)))

    async with await asyncio.start_server(take, str(HERE), 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)


def saying(answer: bytes) -> Behaviour:
    """Answer that, and end the connection."""

    async def behave(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await asyncio.Event().wait()

    return behave


def repeating(begin: bytes, piece: bytes, pause: float = 0.0) -> Behaviour:
    """Begin like that, and go on with pieces for ever."""

    async def behave(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def reset(_: StreamReader, writer: StreamWriter) -> None:
    """Break off in the middle of an answer."""
    writer.write(b"HTTP/1.1 204 No Con")
    await writer.drain()
    once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, once)


@pytest.fixture
def inner() -> Iterator[socket.socket]:
    """What nobody may connect to."""
    with socket.create_server((str(HERE), 0)) as door:
        door.setblocking(False)
        yield door


def assert_nobody_came(door: socket.socket) -> None:
    """Nor does anybody wait at the door."""
    with pytest.raises(BlockingIOError):
        door.accept()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_leads_anywhere(inner: socket.socket, status: int) -> None:
    """Neither one that keeps the method nor one that does not."""
    to = f"http://{NAME}:{inner.getsockname()[1]}/latest/meta-data/"
    names = Names([HERE])
    async with peer(saying(f"HTTP/1.1 {status} Over\r\nlocation: {to}\r\n\r\n".encode())) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender(names))

    assert_nobody_came(inner)
    assert (attempt.verdict, attempt.status, names.asked) == (Verdict.REFUSED, status, [NAME])


@pytest.mark.parametrize(
    "location",
    [
        METADATA.encode(),
        b"//inner.example/",
        b"/elsewhere",
        b"http://[::1",
        b"http://x:99999999/",
        b"https://xn--" + b"a" * 70 + b"/",
        b"\xff\xfe",
    ],
)
async def test_where_a_redirect_leads_is_not_even_read(location: bytes) -> None:
    """To the machine's metadata, or to nothing that is a URL: it is a status like any other."""
    names = Names([HERE])
    async with peer(saying(b"HTTP/1.1 307 Over\r\nlocation: " + location + b"\r\n\r\n")) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender(names))

    assert (attempt.verdict, attempt.status, names.asked) == (Verdict.REFUSED, 307, [NAME])


async def test_a_name_that_leads_inside_once_it_was_checked_leads_nowhere(inner: socket.socket) -> None:
    """What was checked takes no connection; what the name leads to by then would, and is not tried."""
    port = inner.getsockname()[1]
    names = Names([ip_address("127.0.0.2")], [HERE])
    outside = Destinations.of(allow=["127.0.0.2/32"], inner=(), http=True)
    by = sender(names, destinations=outside)

    first = await sent(f"http://{NAME}:{port}/", by)
    second = await sent(f"http://{NAME}:{port}/", by)

    assert_nobody_came(inner)
    assert (first.verdict, second.verdict) == (Verdict.UNREACHABLE, Verdict.FORBIDDEN)


async def test_headers_a_byte_at_a_time_take_no_longer_than_the_deadline(brief: float) -> None:
    """Which is for all of it, and not for each byte."""
    async with peer(repeating(b"HTTP/1.1 200 OK\r\nx-slow: ", b"x", pause=0.01)) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender())

    assert (attempt.verdict, attempt.status) == (Verdict.UNREACHABLE, None)
    assert attempt.seconds >= brief


async def test_a_body_a_byte_at_a_time_takes_no_time() -> None:
    """Nothing of it is read."""
    async with peer(repeating(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"x", pause=0.01)) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender())

    assert attempt.verdict is Verdict.DELIVERED
    assert attempt.seconds < sending.DEADLINE


async def test_interim_answers_without_end_are_not_read_for_long() -> None:
    """All of them together are as long as one answer may be: the loop has other work."""
    async with peer(repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender())

    assert attempt.verdict is Verdict.UNREACHABLE
    assert "KiB" in attempt.message


async def test_an_interim_answer_is_passed_over() -> None:
    """The final one counts."""
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with peer(saying(b"HTTP/1.1 100 Continue\r\n\r\n" + early + b"HTTP/1.1 204 Yes\r\n\r\n")) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender())

    assert (attempt.verdict, attempt.status) == (Verdict.DELIVERED, 204)


async def test_who_answers_without_having_read_is_heard() -> None:
    """Although the message does not fit into what lies between."""
    large = replace(MESSAGE, body=b"x" * 32 * 1024 * 1024)

    async def refuse(_: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\n\r\n")
        await asyncio.Event().wait()

    async with peer(refuse) as port:
        attempt = await sender().send(f"http://{NAME}:{port}/", large, [KEY])

    assert (attempt.verdict, attempt.status) == (Verdict.REFUSED, 413)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\n\r\n",
        b"220 banner-of-mail ESMTP\r\n",
        b"-ERR unknown command banner-of-mail\r\n\r\n",
        b"\0" * 100_000,
    ],
)
async def test_what_is_no_answer_is_none_and_is_not_repeated(answer: bytes) -> None:
    """Nor shown: it may be of a service that whoever chose the URL can not ask."""
    async with peer(saying(answer)) as port:
        attempt = await sent(f"http://{NAME}:{port}/", sender())

    assert (attempt.verdict, attempt.status) == (Verdict.UNREACHABLE, None)
    assert "banner" not in attempt.message


async def test_a_connection_that_ends_without_an_answer_is_said() -> None:
    """In other words than one that brought something else."""
    async with peer(saying(b"")) as port:
        ended = await sent(f"http://{NAME}:{port}/", sender())
    async with peer(saying(b"hello\r\n\r\n")) as port:
        strange = await sent(f"http://{NAME}:{port}/", sender())

    assert ended.message.endswith("It ended the connection without an answer.")
    assert strange.message.endswith("Its answer is none of HTTP.")


@pytest.mark.parametrize("secured", [False, True])
async def test_a_connection_that_breaks_in_an_answer_is_said(papers: Papers, secured: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Without where it led."""
    scheme, tls = ("https", papers.server) if secured else ("http", None)
    async with peer(reset, tls) as port:
        attempt = await sent(f"{scheme}://{NAME}:{port}/", sender(ca_file=papers.ca_file))

    assert (attempt.verdict, attempt.status) == (Verdict.UNREACHABLE, None)
    assert str(HERE) not in attempt.message


async def test_a_connection_that_is_refused_is_said() -> None:
    """Without where it led."""
    with socket.socket() as nobody:
        nobody.bind((str(HERE), 0))
        attempt = await sent(f"http://{NAME}:{nobody.getsockname()[1]}/", sender())

    assert attempt.message == "The receiver could not be reached. Connection refused."


@pytest.mark.parametrize(
    ("days", "words"), [(-3, "has expired"), (3, "not yet valid")], ids=["expired", "of tomorrow"]
)
async def test_a_certificate_has_its_time(papers: Papers, days: int, words: str) -> None:
    """Neither before nor after."""
    with receiving(papers.issued_at(time.time() + days * DAY)) as receiver:
        attempt = await sent(f"https://{NAME}:{receiver.port}/", sender(ca_file=papers.ca_file))

        assert receiver.messages == []
    assert attempt.verdict is Verdict.UNREACHABLE
    assert words in attempt.message


async def test_a_certificate_that_vouches_for_itself_is_refused(papers: Papers) -> None:
    """For the right name, but by nobody."""
    with receiving(papers.of_its_own()) as receiver:
        attempt = await sent(f"https://{NAME}:{receiver.port}/", sender(ca_file=papers.ca_file))

        assert receiver.messages == []
    assert attempt.verdict is Verdict.UNREACHABLE
    assert "self-signed" in attempt.message


async def test_a_receiver_that_wants_a_certificate_of_ours_is_left(papers: Papers) -> None:
    """It says so only when the connection is made, in place of an answer."""
    asking = papers.server
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(papers.ca_file)

    def ask(door: socket.socket) -> None:
        with asking.wrap_socket(door.accept()[0], server_side=True, do_handshake_on_connect=False) as asked:
            with pytest.raises(ssl.SSLError):
                asked.do_handshake()
            # Closed with something unread, the connection would be reset, and what was said with it.
            with suppress(OSError):
                while socket.socket.recv(asked, 1024):
                    pass

    with socket.create_server((str(HERE), 0)) as door:
        url = f"https://{NAME}:{door.getsockname()[1]}/"
        attempt, _ = await asyncio.gather(
            sent(url, sender(ca_file=papers.ca_file)), asyncio.to_thread(ask, door)
        )

    assert attempt.verdict is Verdict.UNREACHABLE
    assert "certificate required" in attempt.message


async def test_a_receiver_without_tls_is_left(papers: Papers) -> None:
    """Nothing is sent in clear."""
    with receiving() as receiver:
        attempt = await sent(f"https://{NAME}:{receiver.port}/", sender(ca_file=papers.ca_file))

        assert receiver.messages == []
    assert attempt.verdict is Verdict.UNREACHABLE


async def test_a_handshake_without_end_is_left_for_the_next_address(
    papers: Papers, inner: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes the connection and says nothing holds up what another address may take."""
    monkeypatch.setattr(transport, "CONNECT", 1.0)
    port = inner.getsockname()[1]
    both = Destinations.of(allow=["127.0.0.1/32", "127.0.0.2/32"], inner=(), http=False)
    names = Names([HERE, ip_address("127.0.0.2")])
    async with await asyncio.start_server(
        lambda _, writer: writer.write(b"HTTP/1.1 204 Yes\r\n\r\n"), "127.0.0.2", port, ssl=papers.server
    ):
        by = sender(names, destinations=both, ca_file=papers.ca_file)
        attempt = await sent(f"https://{NAME}:{port}/", by)

    assert attempt.verdict is Verdict.DELIVERED
