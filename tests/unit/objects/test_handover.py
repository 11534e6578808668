"""Pieces handed over in batches."""

import asyncio

import pytest

from memstored.objects.handover import BrokenOff, Handover


async def test_batches_are_of_one_size_with_nothing_between_them() -> None:
    """Whatever the pieces are; obstore waits with nothing until the batch before it has arrived."""
    handover = Handover(4)
    giving = asyncio.create_task(_give_all(handover, b"abc", b"defghij", b"", b"k"))

    taken = [bytes(batch) async for batch in handover]
    await giving

    assert taken == [b"abcd", b"", b"efgh", b"", b"ijk", b""]


async def test_nothing_is_a_whole() -> None:
    """An end without any piece, and one right after a batch, add no batch."""
    for pieces, batches in ((), []), ((b"abcd",), [b"abcd", b""]):
        handover = Handover(4)

        await _give_all(handover, *pieces)

        assert [bytes(batch) async for batch in handover] == batches


async def test_no_more_is_taken_than_one_batch() -> None:
    """Who gives waits until a full one was taken."""
    handover = Handover(4)

    giving = asyncio.create_task(handover.give(b"abcdef"))
    await asyncio.sleep(0)
    waited = not giving.done()
    await anext(handover)
    await giving

    assert waited


async def test_a_batch_stays_what_it_was() -> None:
    """What comes after it is not written over it: of a large part obstore keeps several."""
    handover = Handover(4)
    await handover.give(b"abcd")

    batch = await anext(handover)
    await handover.give(b"efgh")

    assert bytes(batch) == b"abcd"


async def test_who_takes_hears_of_the_end_only_when_nothing_is_on_its_way() -> None:
    """Broken off after a batch: first nothing, then the break."""
    handover = Handover(4)
    await handover.give(b"abcd")
    await anext(handover)

    await handover.give(b"efgh")
    handover.break_off()

    assert bytes(await anext(handover)) == b""
    with pytest.raises(BrokenOff):
        await anext(handover)


async def test_who_waits_for_a_batch_hears_of_the_break_at_once() -> None:
    """Nothing is on its way then."""
    handover = Handover(4)
    waiting = asyncio.ensure_future(anext(handover))
    await asyncio.sleep(0)

    handover.break_off()

    with pytest.raises(BrokenOff):
        await waiting


async def _give_all(handover: Handover, *pieces: bytes) -> None:
    for piece in pieces:
        await handover.give(piece)
    handover.end()
