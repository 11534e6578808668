"""The writers of the tour: what they count as acknowledged, and how pauses are told from it."""

import asyncio
from collections.abc import Iterator
from itertools import chain, count, repeat

import pytest

from memstored.cli.tour_load import Acknowledged, Record, Writer, at

ENOUGH = 4
"""Writes that were answered before a node says that it was busy."""


class Node:
    """Answers each `SET` with the next of `answers`, each `WAIT` with `copies`; an empty answer hangs up."""

    def __init__(self, answers: Iterator[bytes], copies: bytes = b":1\r\n") -> None:
        self.sets: list[str] = []
        self.busy = asyncio.Event()
        self._answers = answers
        self._copies = copies

    async def __call__(self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        while line := (await reader.readline()).decode():
            answer = self._copies if line.startswith("WAIT") else self._answer(line)
            if not answer:
                break
            stream.write(answer)
        stream.close()

    def _answer(self, line: str) -> bytes:
        self.sets.append(line.split()[1])
        if len(self.sets) > ENOUGH:
            self.busy.set()
        return next(self._answers)


async def written(node: Node, *, confirming: bool = False) -> Writer:
    """Let one writer work on that node until it has had `ENOUGH` answers."""
    async with await asyncio.start_server(node, "127.0.0.1", 0) as server:
        writer = Writer("w", at(*server.sockets[0].getsockname()), confirming=confirming)
        work = asyncio.create_task(writer.run())
        async with asyncio.timeout(10):
            await node.busy.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    return writer


@pytest.mark.parametrize("refusal", [b"-READONLY You can't write against a read only replica.\r\n", b""])
async def test_a_write_that_was_not_acknowledged_is_not_counted_and_not_repeated(refusal: bytes) -> None:
    """After a refusal or a broken connection the writer comes back with another key."""
    node = Node(chain([b"+OK\r\n", refusal], repeat(b"+OK\r\n")))

    writer = await written(node)

    assert [w.key for w in writer.acknowledged[:2]] == ["w:1", "w:3"]
    assert node.sets[:3] == ["w:1", "w:2", "w:3"]
    assert writer.acknowledged[0].connected_at < writer.acknowledged[1].connected_at


@pytest.mark.parametrize(("copies", "confirmed"), [(b":1\r\n", True), (b":0\r\n", False)])
async def test_a_write_is_confirmed_only_by_a_replica(copies: bytes, *, confirmed: bool) -> None:
    """`WAIT` that counted no replica in time leaves the write acknowledged, not confirmed."""
    node = Node(repeat(b"+OK\r\n"), copies)

    writer = await written(node, confirming=True)

    assert {w.confirmed for w in writer.acknowledged[:3]} == {confirmed}


def writes(*times: float, connected_at: float = 0.0) -> tuple[Acknowledged, ...]:
    """Acknowledged writes at those times."""
    return tuple(Acknowledged(f"k{i}", t, connected_at, confirmed=False) for i, t in zip(count(), times))


def test_writing_has_resumed_when_a_new_connection_was_answered() -> None:
    """An answer that the dead primary sent before it died, read a little later, ends no gap."""
    record = Record([writes(0.9, 1.001), writes(1.25, 1.3, connected_at=1.2)])

    resumed = record.resumed_after(1.0)

    assert resumed == pytest.approx(0.25)


def test_writing_that_never_resumed_has_no_gap() -> None:
    """Without a write over a new connection there is no figure that could look good."""
    assert Record([writes(0.9, 1.001)]).resumed_after(1.0) is None


def test_the_longest_gap_is_one_in_which_no_writer_was_served() -> None:
    """The gap of the whole is shorter than that of each writer when they took turns."""
    record = Record([writes(1.0, 1.5), writes(0.8, 1.2, 1.7)])

    assert record.longest_gap() == pytest.approx(0.3)
    assert record.longest_gaps() == pytest.approx([0.5, 0.5])
    assert record.longest_gap(since=1.6) == pytest.approx(0.2)


def test_a_writer_that_never_came_back_has_a_pause_to_the_end() -> None:
    """A writer that was not served again may not look better than one that was."""
    record = Record([writes(1.0, 1.5), writes(0.8, 1.2)])

    assert record.longest_pause(since=0.5, until=3.0) == pytest.approx(1.8)
    assert Record([()]).longest_pause(since=0.5, until=3.0) == pytest.approx(2.5)
