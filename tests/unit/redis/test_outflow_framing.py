import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_node import BEGUN, CONTROLLERS, OFFSET, ScriptedNode

from memstored.domain.ports import LinkTrouble
from memstored.domain.settings import ObjectSettings
from memstored.objects.storage import Objects
from memstored.redis import dialogue
from memstored.redis.acl import acting
from memstored.redis.outflow import outflow

MARK = b"0123456789abcdef0123456789abcdef01234567"
DATA = random.Random(7).randbytes(1000)
FRAMED = b"$EOF:" + MARK + b"\r\n" + DATA + MARK
COUNTED = b"$%d\r\n" % len(DATA) + DATA
LONG = 5.0
Way = dict[str, bool]
WAYS = pytest.mark.parametrize("way", [{}, {"tls": True}], ids=["plain", "tls"])


async def all_of(node: ScriptedNode, *, deadline: float = LONG) -> bytes:
    """What comes out of the node."""
    async with node.standing(), outflow(node.target, CONTROLLERS, deadline=deadline) as flow:
        return await asyncio.to_thread(b"".join, flow.parts)


@pytest.mark.parametrize("part", [1, 7, 39, 40, 41, 1039, 1040, 1041, 65536])
@pytest.mark.parametrize("framed", [FRAMED, COUNTED], ids=["mark", "size"])
@WAYS
async def test_the_rdb_comes_whole_wherever_its_parts_end(
    way: Way, framed: bytes, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both framings are taken off exactly, also when the mark is spread over two reads."""
    monkeypatch.setattr(dialogue, "PART", part)
    monkeypatch.setattr(dialogue, "TAKEN", part)

    assert await all_of(ScriptedNode(copy=BEGUN + framed, **way)) == DATA


async def test_the_beginning_of_a_mark_within_the_data_is_data() -> None:
    """Only a mark at the very end ends a copy."""
    data = DATA + MARK[:39] + DATA + MARK[:20]
    framed = b"$EOF:" + MARK + b"\r\n" + data + MARK

    assert await all_of(ScriptedNode(copy=BEGUN + framed)) == data


async def test_an_empty_line_is_a_sign_of_life() -> None:
    """A node that is not ready yet sends line breaks, before the answer and before the data."""
    node = ScriptedNode(copy=b"\n\n" + BEGUN + b"\n\n\n" + COUNTED)

    assert await all_of(node) == DATA


@WAYS
async def test_no_part_is_larger_than_one_read(way: Way) -> None:
    """What is held at once is bounded, however much there is."""
    data = bytes(3_000_000)
    node = ScriptedNode(copy=BEGUN + b"$EOF:" + MARK + b"\r\n" + data + MARK, **way)

    async with node.standing(), outflow(node.target, CONTROLLERS, deadline=LONG) as flow:
        sizes = [len(part) for part in await asyncio.to_thread(list, flow.parts)]

    assert sum(sizes) == len(data)
    assert max(sizes) <= 256 * 1024


async def test_it_asks_for_the_data_alone() -> None:
    """The node is told to send the RDB and nothing after it, and that we take a mark at the end (H26)."""
    node = ScriptedNode(copy=BEGUN + COUNTED)

    own = acting(node.target.control, CONTROLLERS.own)

    await all_of(node)

    assert [words for words in node.heard if words[0] != "AUTH"] == [
        ["REPLCONF", "rdb-only", "1"],
        ["REPLCONF", "capa", "eof", "capa", "psync2"],
        ["PSYNC", "?", "-1"],
        ["INFO"],
    ]
    assert node.heard.count(["AUTH", own.user, own.secret]) == 2


@pytest.mark.parametrize(
    ("node", "keys"),
    [
        (ScriptedNode(keys=4, saving=True, offset=OFFSET + 1), 4),
        (ScriptedNode(keys=4, saving=False, offset=OFFSET), 4),
        (ScriptedNode(keys=4, saving=False, offset=OFFSET + 1), None),
    ],
    ids=["the child lives", "nothing was written since", "too late"],
)
async def test_keys_are_those_of_the_snapshot_or_none(node: ScriptedNode, keys: int | None) -> None:
    """The count is the one at the fork; when that can not be told, it is None, never another one."""
    node.copy = BEGUN + COUNTED

    async with node.standing(), outflow(node.target, CONTROLLERS, deadline=LONG) as flow:
        assert (flow.keys, flow.used_memory, flow.size) == (keys, 1000, len(DATA))


async def test_the_size_of_a_marked_copy_is_not_known_beforehand() -> None:
    """A node that sends while it makes the snapshot can not say how long it will be."""
    node = ScriptedNode(copy=BEGUN + FRAMED)

    async with node.standing(), outflow(node.target, CONTROLLERS, deadline=LONG) as flow:
        assert flow.size is None


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (ScriptedNode(auth=b"-WRONGPASS invalid username-password pair\r\n"), "AUTH: WRONGPASS invalid"),
        (ScriptedNode(copy=b"-NOMASTERLINK Can't SYNC\r\n"), "PSYNC: NOMASTERLINK Can't SYNC"),
        (ScriptedNode(copy=b"+CONTINUE\r\n"), "not what a Redis says: CONTINUE"),
        (ScriptedNode(copy=BEGUN + b"$EOF:short\r\n"), r"not what a Redis says: \$EOF:short"),
        (ScriptedNode(copy=b"x" * 10_000), "not what a Redis says: xxx"),
        (ScriptedNode(copy=BEGUN), "the node ended the connection$"),
        (
            ScriptedNode(copy=BEGUN + COUNTED[:-1]),
            "the node ended the connection after 999 bytes of its data",
        ),
        (
            ScriptedNode(copy=BEGUN + FRAMED[:-1]),
            "the node ended the connection after 1039 bytes of its data",
        ),
        (ScriptedNode(copy=BEGUN + FRAMED[:-40] + MARK[::-1]), "after 1040 bytes of its data"),
    ],
)
async def test_a_copy_that_is_not_whole_is_trouble(node: ScriptedNode, words: str) -> None:
    """What the node said, or how far it came, is told with its address; the secret is not."""
    with pytest.raises(LinkTrouble, match=words) as trouble:
        await all_of(node)

    assert str(trouble.value).startswith(f"127.0.0.1:{node.port}: ")
    assert "hidden" not in str(trouble.value)


@pytest.mark.parametrize("copy", [b"", BEGUN, BEGUN + COUNTED[:500]])
async def test_a_silence_ends_the_copy(copy: bytes) -> None:
    """A node that stands still, before the data or within, is given up after the deadline."""
    with pytest.raises(LinkTrouble, match=r"silent for 0\.05 s"):
        await all_of(ScriptedNode(copy=copy, stays=True), deadline=0.05)


async def test_nobody_there_is_trouble() -> None:
    """A refused connection says so."""
    async with ScriptedNode().standing() as node:
        gone = node.target

    with pytest.raises(LinkTrouble, match="Connection refused"):
        async with outflow(gone, CONTROLLERS, deadline=LONG):
            pass


async def test_a_cancelled_reader_leaves_no_connection(tmp_path: Path) -> None:
    """Whoever stops waiting for data ends both connections, which is what this node waits for."""
    node = ScriptedNode(copy=BEGUN + COUNTED[:500], stays=True)
    objects = Objects.open(ObjectSettings(), default=tmp_path)
    reading = threading.Event()

    def seen(parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            yield part
            reading.set()

    async with node.standing():

        async def read() -> None:
            async with outflow(node.target, CONTROLLERS, deadline=LONG) as flow:
                await objects.put("backups/p/1.rdb", seen(flow.parts))

        reader = asyncio.create_task(read())
        assert await asyncio.to_thread(reading.wait, 10)
        reader.cancel()
        await asyncio.wait([reader])

    assert reader.cancelled()
