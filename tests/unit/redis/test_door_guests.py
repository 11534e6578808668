import asyncio
import gc
import random
import socket
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress

import pytest
from caller import Caller

from memstored.domain.ports import Door, DoorTrouble
from memstored.redis import door as module
from memstored.redis.door import LoadingDoor

HOST = "127.0.0.1"
LONG = 10.0
DATA = b"REDIS0009" + random.Random(5).randbytes(3_000_000) + b"\xff" + bytes(8)


async def parts(data: bytes = DATA, size: int = 100_000) -> AsyncIterator[bytes]:
    """The data in parts."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def door_for(data: bytes = DATA, *, deadline: float = LONG) -> LoadingDoor:
    """A door for a load of this length."""
    return LoadingDoor(HOST, size=len(data), deadline=deadline)


def unheard(_count: int) -> None:
    """Nobody wants to know how far it is."""


@pytest.fixture(autouse=True)
def _no_long_wait(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A node that went away is given up sooner than in life."""
    monkeypatch.setattr(module, "_RETURN", 1.0)
    return


async def test_a_node_gets_all_of_it_and_is_kept() -> None:
    """Logged in, a node gets the data under the door's replid, acknowledges it, and hears PING afterwards."""
    heard: list[int] = []
    async with door_for() as opened, Caller.at(opened) as node:
        door: Door = opened
        feeding = asyncio.create_task(door.feed(parts(), heard.append))
        await node.ask(opened)
        replid, data = await node.load(len(DATA))
        node.writer.write(b"\n\r\n")
        node.say("REPLCONF", "ACK", "0")
        node.say("REPLCONF", "ACK", "1000")
        await feeding

        assert (replid, data) == (door.replid, DATA)
        assert [await node.line() for _ in range(3)] == ["*1", "$4", "PING"]
        assert await asyncio.wait_for(node.reader.readline(), LONG)
    assert heard == [*range(100_000, 3_000_000, 100_000), 3_000_000, len(DATA)]


async def test_h23_h24_every_door_is_another() -> None:
    """Replid, user and secret are new at every door, and long enough not to be guessed (H23, H24)."""
    async with door_for() as one, door_for() as other:
        assert one.port != other.port
        assert one.replid != other.replid
        assert one.identity.user != other.identity.user
        assert one.identity.secret != other.identity.secret
        assert len(one.identity.secret) == 64
        assert one.identity.secret not in repr(one.identity)


async def test_it_is_over_only_when_the_node_says_so() -> None:
    """Everything sent is not everything loaded: `feed` goes on until the node acknowledges."""
    async with door_for() as door, Caller.at(door) as node:
        feeding = asyncio.create_task(door.feed(parts(), unheard))
        await node.ask(door)
        await node.load(len(DATA))
        node.say("REPLCONF", "ACK", "999")
        done, _ = await asyncio.wait([feeding], timeout=0.1)
        assert not done

        node.say("REPLCONF", "ACK", "1000")
        await feeding


@pytest.mark.parametrize(
    "words",
    [
        ("PSYNC", "?", "-1"),
        ("SYNC",),
        ("REPLCONF", "capa", "eof"),
        ("AUTH",),
        ("HELLO", "3"),
        (),
        ("GET", "x" * 600),
        ("PING",) * 9,
    ],
)
async def test_h24_who_did_not_log_in_is_turned_away(words: tuple[str, ...]) -> None:
    """Nothing is told to a guest without the secret; the node may still come (H24)."""
    async with door_for() as door:
        async with Caller.at(door) as stranger:
            stranger.say(*words)
            assert await stranger.rest() == b""
        async with Caller.at(door) as node:
            feeding = asyncio.create_task(door.feed(parts(), unheard))
            await node.ask(door)
            await node.load(len(DATA))
            node.say("REPLCONF", "ACK", "1000")
            await feeding

        assert door.turned_away == 1


@pytest.mark.parametrize("wrong", ["user", "secret", "both"])
async def test_h24_a_wrong_login_is_turned_away(wrong: str) -> None:
    """User and secret must both be right; what follows a wrong one is not listened to (H24)."""
    async with door_for() as door:
        async with Caller.at(door) as stranger:
            user = "default" if wrong in ("user", "both") else door.identity.user
            secret = "0" * 64 if wrong in ("secret", "both") else door.identity.secret
            stranger.say("AUTH", user, secret)
            stranger.say("PSYNC", "?", "-1")
            answer = await stranger.rest()

        assert answer in (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", b"")
        async with Caller.at(door) as node:
            await node.log_in(door)


async def test_a_node_without_users_says_the_secret_alone() -> None:
    """It has no name to say; the secret is long enough to be the whole proof (H24)."""
    async with door_for() as door:
        async with Caller.at(door) as stranger:
            stranger.say("AUTH", "0" * 64)
            assert (
                await stranger.rest() == b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            )
        async with Caller.at(door) as node:
            node.say("AUTH", door.identity.secret)
            assert await node.line() == "+OK"

        assert door.turned_away == 1


@pytest.mark.parametrize(
    "junk",
    [
        b"*1000000000\r\n",
        b"*-1\r\n",
        b"$5\r\n",
        b"x" * 300_000,
        b"\x00\xff\r\n",
        b"\r\n",
        b"\n" * 300_000,
    ],
)
async def test_junk_is_turned_away_at_once(junk: bytes) -> None:
    """A guest that does not speak as a node does costs no memory and no time (H24)."""
    async with door_for() as door, Caller.at(door) as stranger:
        stranger.writer.write(junk)

        assert await stranger.rest() == b""
        assert door.turned_away == 1


async def test_who_only_knocks_keeps_nobody_out() -> None:
    """However many connections stand silent, the node comes in (H24)."""
    async with door_for() as door, AsyncExitStack() as crowd:
        for _ in range(40):
            await crowd.enter_async_context(Caller.at(door))
        async with Caller.at(door) as node:
            feeding = asyncio.create_task(door.feed(parts(), unheard))
            await node.ask(door)
            await node.load(len(DATA))
            node.say("REPLCONF", "ACK", "1000")
            await feeding

        assert door.turned_away >= 24


async def test_who_knocks_later_does_not_put_the_node_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its login and its request the node is the oldest of all who did not ask yet."""
    monkeypatch.setattr(module, "_STRANGERS", 2)
    async with door_for() as door, AsyncExitStack() as crowd, Caller.at(door) as node:
        await node.log_in(door)
        for _ in range(10):
            stranger = await crowd.enter_async_context(Caller.at(door))
            stranger.say("PING")
            await stranger.line()
        feeding = asyncio.create_task(door.feed(parts(), unheard))
        node.say("PSYNC", "?", "-1")
        await node.load(len(DATA))
        node.say("REPLCONF", "ACK", "1000")
        await feeding

    assert door.turned_away == 10


async def test_who_logs_in_and_asks_for_nothing_is_given_up() -> None:
    """A node that does not go on within the deadline is none."""
    async with door_for(deadline=1.0) as door, Caller.at(door) as node:
        await node.log_in(door)

        assert await node.rest() == b""
        assert door.turned_away == 1


async def test_h24_the_secret_opens_once() -> None:
    """A second guest with the right secret gets nothing, while the first one is served (H24)."""
    async with AsyncExitStack() as opened:
        door = await opened.enter_async_context(door_for())
        async with Caller.at(door) as node:
            await node.ask(door)
            async with Caller.at(door) as second:
                second.say("AUTH", door.identity.user, door.identity.secret)
                second.say("PSYNC", "?", "-1")
                feeding = asyncio.create_task(door.feed(parts(), unheard))
                await node.load(len(DATA))
                node.say("REPLCONF", "ACK", "1000")
                await feeding
                await opened.aclose()
                heard = await second.rest()

    assert heard == b""


async def test_h28_a_node_that_comes_again_did_not_accept_the_data() -> None:
    """A node whose load failed ends the connection and logs in again: it is told, and not served (H28)."""
    async with door_for() as door:
        feeding = asyncio.create_task(door.feed(parts(), unheard))
        async with Caller.at(door) as node:
            await node.ask(door)
            await node.load(len(DATA))
        async with Caller.at(door) as node:
            node.say("AUTH", door.identity.user, door.identity.secret)
            with pytest.raises(DoorTrouble, match=r"did not accept the data.* after (\d+) of \1 bytes"):
                await feeding


async def test_a_node_that_ends_is_told_from_one_that_did_not_accept() -> None:
    """A connection that ends and does not come back is trouble of the node's."""
    async with door_for() as door:
        feeding = asyncio.create_task(door.feed(parts(), unheard))
        async with Caller.at(door) as node:
            await node.ask(door)
            await node.reader.readexactly(1000)
        with pytest.raises(DoorTrouble, match=rf"after \d+ of {len(DATA)} bytes, and it did not come back"):
            await feeding


@pytest.mark.parametrize("reads", [False, True])
async def test_a_node_that_stands_still_is_given_up(*, reads: bool) -> None:
    """A silence of the deadline's length ends it, before the end of the data or after (H28)."""
    async with door_for(deadline=1.0) as door, Caller.at(door) as node:
        feeding = asyncio.create_task(door.feed(parts(DATA), unheard))
        await node.ask(door)
        if reads:
            await node.load(len(DATA))
        with pytest.raises(DoorTrouble, match=r"silent for 1\.0 s after \d+ of"):
            await feeding


async def test_a_node_that_never_comes_is_trouble() -> None:
    """The wait for the node is bounded, and who came instead is counted."""
    async with door_for(deadline=0.2) as door, Caller.at(door) as stranger:
        stranger.say("GET", "key")
        assert await stranger.rest() == b""

        with pytest.raises(DoorTrouble, match=r"did not come for its data within 0\.2 s; 1 others"):
            await door.feed(parts(), unheard)


@pytest.mark.parametrize(
    ("data", "size", "words"),
    [
        (DATA[:-1], len(DATA), f"ended after {len(DATA) - 1} of {len(DATA)} bytes"),
        (DATA, len(DATA) - 1, f"longer than the {len(DATA) - 1} bytes"),
        (DATA[:-9], len(DATA) - 9, "cut off"),
        (DATA[:9], 9, "cut off"),
    ],
)
async def test_what_is_not_the_whole_data_gets_no_end(data: bytes, size: int, words: str) -> None:
    """Data of another length, or without an RDB's end, is never finished: no node takes it for whole."""
    async with LoadingDoor(HOST, size=size, deadline=LONG) as door, Caller.at(door) as node:
        feeding = asyncio.create_task(door.feed(parts(data), unheard))
        await node.ask(door)
        await node.line()
        mark = (await node.line()).removeprefix("$EOF:").encode()
        reading = asyncio.create_task(node.rest())
        with pytest.raises(DoorTrouble, match=words):
            await feeding
        await door.__aexit__(None, None, None)

        assert len(mark) == 40
        assert mark not in await reading


async def test_trouble_of_the_source_is_passed_on() -> None:
    """What goes wrong where the data comes from is raised as it is."""

    async def broken() -> AsyncIterator[bytes]:
        yield DATA[:1000]
        raise ValueError("the source broke")

    async with door_for() as door, Caller.at(door) as node:
        await node.ask(door)
        with pytest.raises(ValueError, match="the source broke"):
            await door.feed(broken(), unheard)


async def test_an_address_that_is_not_here_is_trouble() -> None:
    """A door that can not be opened says so."""
    with pytest.raises(DoorTrouble, match=r"no door could be opened at 192\.0\.2\.1"):
        async with LoadingDoor("192.0.2.1", size=1, deadline=LONG):
            pass


async def test_a_closed_door_leaves_no_connection() -> None:
    """With the block ends whoever is still there, and nobody else can come."""
    async with AsyncExitStack() as after:
        async with door_for() as door:
            stranger = await after.enter_async_context(Caller.at(door))
            node = await after.enter_async_context(Caller.at(door))
            await node.ask(door)

        assert (await stranger.rest(), await node.rest()) == (b"", b"")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, door.port)


@pytest.mark.parametrize("turns", range(6))
async def test_who_knocks_as_the_door_closes_is_sent_away(turns: int) -> None:
    """Wherever the loop is with a new connection when the door closes, it is not left to the collector."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        async with AsyncExitStack() as opened:
            door = await opened.enter_async_context(door_for())
            await asyncio.sleep(0)
            with socket.create_connection((HOST, door.port), LONG) as guest:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await opened.aclose()
                with suppress(ConnectionResetError):
                    assert guest.recv(1) == b""
        gc.collect()

    # Others may have left something that is collected now.
    assert [each for each in said if f"laddr=('{HOST}', {door.port})" in str(each.message)] == []


async def test_a_door_that_is_given_up_as_it_closes_is_closed() -> None:
    """The node for which it was opened may be lost in the very turn in which it has everything."""
    opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def load() -> None:
        async with door_for() as door:
            opened.set_result(door.port)

    loading = asyncio.create_task(load())
    port = await opened
    assert not loading.done(), "it closes already"
    loading.cancel()
    await asyncio.wait([loading])
    await asyncio.sleep(0)

    assert loading.cancelled()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, port)
