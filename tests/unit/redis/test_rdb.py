from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.redis.rdb import (
    END_BYTES,
    HEADER_BYTES,
    NotRdb,
    RdbHeader,
    may_be_whole,
    read_header,
)

DATABASE = b"\xfe\x00\xfb\x01\x00\x00\x01a\x01b"
OF_7_0 = (
    b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\xa3\x21\x07\x6b"
    b"\xfa\x08used-mem\xc2\x68\x56\x0e\x00\xfa\x08aof-base\xc0\x00"
    + DATABASE
    + b"\xff\x22\x94\xfb\x57\x78\xf6\x4e\x52"
)
OF_6_2 = (
    b"REDIS0009\xfa\x09redis-ver\x056.2.5\xfa\x0aredis-bits\xc0\x40\xfa\x05ctime\xc2\xa5\x21\x07\x6b"
    b"\xfa\x08used-mem\xc2\x70\x4f\x0d\x00\xfa\x0caof-preamble\xc0\x00"
    + DATABASE
    + b"\xff\x5d\x94\x4e\x0c\xa2\xd7\x8a\x20"
)
OF_5_0 = OF_6_2.replace(b"\x056.2.5", b"\x055.0.6")
OF_3_0 = b"REDIS0006" + DATABASE + b"\xff" + bytes(8)


def field(name: bytes, value: bytes) -> bytes:
    """A field whose value is encoded already."""
    return b"\xfa" + bytes([len(name)]) + name + value


def file_of(*fields: bytes, number: int = 10) -> bytes:
    """A whole file of a format with these fields and one key."""
    return b"REDIS%04d" % number + b"".join(fields) + DATABASE + b"\xff" + bytes(8)


@pytest.mark.parametrize(
    ("head", "header"),
    [
        (OF_7_0, RdbHeader(format=10, redis_version="7.0.15", used_memory=939624, created_at=1795629475)),
        (OF_6_2, RdbHeader(format=9, redis_version="6.2.5", used_memory=872304, created_at=1795629477)),
        (OF_5_0, RdbHeader(format=9, redis_version="5.0.6", used_memory=872304, created_at=1795629477)),
        (OF_3_0, RdbHeader(format=6)),
    ],
    ids=["7.0.15", "6.2.5", "5.0.6", "before fields"],
)
def test_a_header_says_what_the_engine_wrote(head: bytes, header: RdbHeader) -> None:
    """Format, version, memory and time of files as real engines write them."""
    assert read_header(head) == header


def test_the_head_is_enough_whatever_follows() -> None:
    """A large file is read by its beginning; what is cut off behind the header does not matter."""
    assert read_header((OF_7_0 + b"x" * HEADER_BYTES)[:HEADER_BYTES]) == read_header(OF_7_0)


@pytest.mark.parametrize(
    ("value", "used_memory"),
    [
        (b"\xc0\x7f", 127),
        (b"\xc1\xff\x7f", 32767),
        (b"\xc2\xff\xff\xff\x7f", 2147483647),
        (b"\x0a4294967296", 4294967296),
        (b"\x40\x0a4294967296", 4294967296),
        (b"\x80\x00\x00\x00\x0a4294967296", 4294967296),
        (b"\x81\x00\x00\x00\x00\x00\x00\x00\x0a4294967296", 4294967296),
        (b"\xc3\x05\x13" + b"\x001\xe0\x09\x00", 1111111111111111111),
        (b"\xc3\x08\x07" + b"\x0112\x20\x01\x0134", 1212134),
        (b"\xc3\x09\x09" + b"\x0112\x60\x01\x0134", 121212134),
        (b"\xc0\xff", None),
        (b"\x03low", None),
        (b"\x00", None),
    ],
    ids=[
        "8",
        "16",
        "32",
        "6",
        "14",
        "32 long",
        "64 long",
        "lzf",
        "lzf overlapping",
        "lzf far",
        "negative",
        "word",
        "empty",
    ],
)
def test_every_way_to_write_a_field_is_read(value: bytes, used_memory: int | None) -> None:
    """Integers of each width, lengths of each width, and compressed strings; what is no amount is None."""
    assert read_header(file_of(field(b"used-mem", value))).used_memory == used_memory


def test_a_long_field_that_nobody_knows_is_passed_over() -> None:
    """Forks and modules write fields of their own, of any length."""
    strange = field(b"fork-notes", b"\x41\x00" + b"n" * 256)
    version = field(b"redis-ver", b"\x057.2.4")

    header = read_header(file_of(strange, version, number=11))

    assert header == RdbHeader(format=11, redis_version="7.2.4")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"RED", "cut off"),
        (b"REDIS00", "cut off"),
        (b"REDIS0010", "cut off"),
        (OF_7_0[:40], "cut off"),
        (OF_7_0[:80], "cut off"),
        (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", r"append-only file \(AOF\)"),
        (b"#TS:1795629475\r\n*2\r\n$6\r\nSELECT\r\n", r"append-only file \(AOF\)"),
        (OF_6_2.replace(b"aof-preamble\xc0\x00", b"aof-preamble\xc0\x01"), "start of an append-only file"),
        (OF_7_0.replace(b"aof-base\xc0\x00", b"aof-base\xc0\x01"), "start of an append-only file"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "gzip"),
        (b"PK\x03\x04" + bytes(20), "zip"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "zstd"),
        (b"set a b\nset c d\n", "text"),
        (b"REDIS is not a format", "text"),
        ("키,값\n".encode(), "text"),
        (bytes(100), "does not begin with REDIS"),
        (b"VALKEY080\xfa", "does not begin with REDIS"),
        (file_of(field(b"ctime", b"\xc4")), "damaged"),
        (file_of(field(b"ctime", b"\x82\x00")), "damaged"),
        (file_of(field(b"ctime", b"\xc3\x03\x05\x20\x00\x00")), "damaged"),
        (file_of(field(b"ctime", b"\xc3\x02\x01\x01aa")), "damaged"),
        (file_of(field(b"ctime", b"\xc3\x01\x81" + b"\xff" * 8 + b"\x00")), "damaged"),
        ((b"REDIS0010" + field(b"a", b"\x01b") * HEADER_BYTES)[:HEADER_BYTES], "does not end"),
    ],
)
def test_what_is_no_rdb_is_told_by_name(head: bytes, words: str) -> None:
    """Whoever sends something else is told what it is, and what to do."""
    with pytest.raises(NotRdb, match=words):
        read_header(head)


@pytest.mark.parametrize("file", [OF_7_0, OF_6_2, OF_3_0, b"REDIS0002" + DATABASE + b"\xff"])
def test_the_end_of_a_whole_file_is_known(file: bytes) -> None:
    """It ends with its sign, before a checksum or, in ancient formats, without one."""
    assert may_be_whole(file[:END_BYTES], file[-END_BYTES:])


@pytest.mark.parametrize("cut", [1, 5, 8, 9, len(OF_7_0) - 3])
def test_a_file_that_is_cut_off_is_known_by_its_end(cut: int) -> None:
    """Some bytes less, and the sign is not where it must be."""
    assert not may_be_whole(OF_7_0[:END_BYTES], OF_7_0[:-cut][-END_BYTES:])


def test_what_is_no_rdb_is_for_others_to_say() -> None:
    """Of a file that is something else, its end tells nothing."""
    assert may_be_whole(b"something", b" or other")


@given(st.binary(max_size=300), st.sampled_from([b"", b"REDIS0010", OF_7_0[:30], b"REDIS0010\xfa\x01a\xc3"]))
def test_any_bytes_are_either_a_header_or_told_to_be_none(rest: bytes, start: bytes) -> None:
    """Nothing that a file may begin with makes reading fail in another way."""
    with suppress(NotRdb):
        assert 0 <= read_header(start + rest).format <= 9999
