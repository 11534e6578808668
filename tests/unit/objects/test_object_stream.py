"""What goes into storage is counted as it is taken, and taken little by little."""

from collections.abc import Iterator
from hashlib import sha256

import pytest

from memstored.objects.errors import ObjectAltered
from memstored.objects.stream import PORTION, Stored, Stream, Tally

HELLO = Stored(size=5, checksum=sha256(b"hello").hexdigest())


def taken(parts: Iterator[bytes], tally: Tally) -> list[list[bytes]]:
    """All portions of it."""
    stream = Stream(parts, tally)
    portions = []
    while not stream.ended:
        portions.append(list(stream.portion()))
    return portions


def test_every_part_is_in_the_tally() -> None:
    """Nothing is left out or counted twice, in however many portions it is taken."""
    parts = [bytes([number]) * number for number in range(1, 3 * PORTION)]
    tally = Tally("key")

    portions = taken(iter(parts), tally)

    assert [part for portion in portions for part in portion] == parts
    assert max(map(len, portions)) == PORTION
    whole = b"".join(parts)
    assert tally.stored == Stored(size=len(whole), checksum=sha256(whole).hexdigest())


def test_a_portion_ends_when_there_is_nothing_for_now() -> None:
    """What came so far is handed on, and what comes later is part of the same object."""
    tally = Tally("key")

    assert taken(iter([b"he", b"", b"", b"llo", b""]), tally) == [[b"he"], [], [b"llo"], []]
    assert tally.stored == HELLO


def test_a_stream_without_parts_ends_at_once() -> None:
    """As an empty object."""
    assert taken(iter(()), Tally("key", Stored(size=0, checksum=sha256().hexdigest()))) == [[]]


def test_what_the_parts_raise_is_raised() -> None:
    """After what came before it, and the stream has not ended."""

    def breaking() -> Iterator[bytes]:
        yield b"he"
        raise KeyError

    tally = Tally("key", HELLO)
    stream = Stream(breaking(), tally)

    with pytest.raises(KeyError):
        stream.piece()
    with pytest.raises(AssertionError):
        stream.piece()
    assert not stream.ended
    assert tally.stored.size == 2


def test_what_is_not_the_content_is_no_end() -> None:
    """Of another size, of another hash: the stream never says that it ended well."""
    for other in ([b"hell"], [b"hullo"], [b"hello!"], []):
        stream = Stream(iter(other), Tally("key", HELLO))
        with pytest.raises(ObjectAltered, match="key"):
            stream.piece()
        assert not stream.ended
    stream = Stream(iter([b"hel", b"lo"]), Tally("key", HELLO))
    assert stream.piece() == b"hello"
    assert stream.ended
