"""The beginning of an RDB file: what it says of itself before anything is started for it.

A file is its magic and format number (`REDIS0010`), fields about it, then databases. Only the fields are
read here; whether the rest is whole and sound is for the engine that loads it to say (H25).
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from memstored.domain.engine import Family

__all__ = [
    "END_BYTES",
    "HEADER_BYTES",
    "RDB_FORMATS",
    "NotRdb",
    "RdbHeader",
    "may_be_whole",
    "read_header",
]

HEADER_BYTES: Final = 64 * 1024
"""So many bytes from the beginning of a file hold its header; real ones have some 200."""

END_BYTES: Final = 9
"""So many bytes of a file's beginning and of its end tell whether it may be whole."""

RDB_FORMATS: Mapping[Family, int] = MappingProxyType(
    {Family.V5_0: 9, Family.V6_2: 9, Family.V7_0: 10, Family.V7_2: 11}
)
"""The newest format a family loads; it loads all before."""

_MAGIC: Final = b"REDIS"
_MAGIC_BYTES: Final = 9
_RDB = re.compile(_MAGIC + rb"\d{4}")
_FIELD: Final = 0xFA
_END: Final = 0xFF
_WITH_CHECKSUM: Final = 5
"""The first format that ends with a checksum."""
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}")
_NUMBER = re.compile(rb"\d{1,19}")
_AOF = re.compile(rb"\*\d+\r\n\$|#TS:\d")
_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_MAKE_ONE: Final = "Make one with SAVE, or with `redis-cli --rdb`"
_SHOWN: Final = 512
"""Bytes that tell a text."""

_INTEGERS: Mapping[int, int] = MappingProxyType({0xC0: 1, 0xC1: 2, 0xC2: 4})
"""Bytes of a string that is written as an integer, by its first byte."""
_COMPRESSED: Final = 0xC3
_LONG: Mapping[int, int] = MappingProxyType({0x80: 4, 0x81: 8})
"""Bytes of a length, by the byte before it."""

_LITERALS: Final = 0x20
"""An LZF control byte below it is followed by so many bytes and one more, as they are."""
_LONG_REPEAT: Final = 9
"""A repeat of so many bytes has a further byte that says how many more."""


class NotRdb(Exception):
    """The file can not be an RDB that is to be loaded; the message says what it is, and what to do."""


class _EndOfHead(Exception):
    """More bytes are needed than there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RdbHeader:
    """What a file says of itself; None where it says nothing that can be used.

    `redis_version` is the engine's that wrote it (`7.0.15`); `used_memory` is what its data took there, in
    bytes; `created_at` is in seconds since 1970. It holds no counts of keys (H29).
    """

    format: int
    redis_version: str | None = None
    used_memory: int | None = None
    created_at: int | None = None


def read_header(head: bytes) -> RdbHeader:
    """Read the header from the first `HEADER_BYTES` of a file, or from all of it when it is smaller.

    Raises `NotRdb`. The format number may be one that no engine knows.
    """
    if not _RDB.match(head):
        raise NotRdb(_what_it_is(head))
    try:
        fields = _read_fields(_Cursor(head, _MAGIC_BYTES))
    except _EndOfHead:
        raise NotRdb(_unending(head)) from None
    if b"1" in (fields.get(b"aof-preamble"), fields.get(b"aof-base")):
        raise NotRdb(
            "It is the RDB at the start of an append-only file (AOF): what was written after it stands behind"
            f" it or in other files. {_MAKE_ONE}, which holds all of it."
        )
    return RdbHeader(
        format=int(head[len(_MAGIC) : _MAGIC_BYTES]),
        redis_version=_version(fields.get(b"redis-ver", b"")),
        used_memory=_number(fields.get(b"used-mem", b"")),
        created_at=_number(fields.get(b"ctime", b"")),
    )


def may_be_whole(first: bytes, last: bytes) -> bool:
    """Whether a file with these `END_BYTES` at its beginning and its end may be whole: it ends with a sign.

    Behind the sign stands a checksum since format 5. One of 256 files that are cut off looks whole, and so
    does what is no RDB at all.
    """
    if not re.fullmatch(_RDB, first):
        return True
    sign = 0 if int(first[len(_MAGIC) :]) >= _WITH_CHECKSUM else -1
    return len(last) == END_BYTES and last[sign] == _END


def _what_it_is(head: bytes) -> str:
    """What a file that does not begin like an RDB looks like."""
    if not head:
        return f"It is empty. {_MAKE_ONE}."
    if _MAGIC.startswith(head[: len(_MAGIC)]) and len(head) < _MAGIC_BYTES:
        return f"It is cut off: an RDB has more than its first {len(head)} bytes. Copy it again."
    if _AOF.match(head):
        return f"It is an append-only file (AOF), not an RDB. {_MAKE_ONE}."
    for start, name in _PACKED:
        if head.startswith(start):
            return f"It is compressed ({name}). Unpack it: the RDB itself is needed."
    if _is_text(head[:_SHOWN]):
        return f"It is a text, not an RDB. {_MAKE_ONE}."
    return f"It is not an RDB: it does not begin with REDIS and a format number. {_MAKE_ONE}."


def _is_text(beginning: bytes) -> bool:
    try:
        letters = getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in letters)


def _unending(head: bytes) -> str:
    if len(head) < HEADER_BYTES:
        return f"It is cut off: it has {len(head)} bytes and ends before its header does. Copy it again."
    return f"Its header does not end within {HEADER_BYTES} bytes, as that of every RDB does. {_MAKE_ONE}."


def _version(value: bytes) -> str | None:
    words = value.decode("ascii", errors="replace")
    return words if _VERSION.fullmatch(words) else None


def _number(value: bytes) -> int | None:
    return int(value) if _NUMBER.fullmatch(value) else None


class _Cursor:
    """A place in the head; every read moves it on, or raises `_EndOfHead`."""

    def __init__(self, head: bytes, place: int) -> None:
        self._head = head
        self._place = place

    def peek(self) -> int:
        """The next byte, which stays the next."""
        if self._place >= len(self._head):
            raise _EndOfHead
        return self._head[self._place]

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > len(self._head) - self._place:
            raise _EndOfHead
        self._place += count
        return self._head[self._place - count : self._place]

    def length(self) -> int:
        """A length: of 6 bits, 14, 32 or 64. Raises `NotRdb` for what is none."""
        first = self.take(1)[0]
        match first >> 6:
            case 0b00:
                return first
            case 0b01:
                return (first & 0x3F) << 8 | self.take(1)[0]
        if first not in _LONG:
            raise NotRdb(f"Its header is damaged: a length begins with byte {first:#x}. Copy it again.")
        return int.from_bytes(self.take(_LONG[first]), "big")

    def string(self) -> bytes:
        """A string: plain, as an integer, or compressed."""
        first = self.peek()
        if first in _INTEGERS:
            self.take(1)
            return b"%d" % int.from_bytes(self.take(_INTEGERS[first]), "little", signed=True)
        if first == _COMPRESSED:
            self.take(1)
            packed, unpacked = self.length(), self.length()
            return _unpacked(self.take(packed), unpacked)
        return self.take(self.length())


def _read_fields(cursor: _Cursor) -> dict[bytes, bytes]:
    """The fields up to what is none: databases, functions, the end."""
    fields = {}
    while cursor.peek() == _FIELD:
        cursor.take(1)
        name = cursor.string()
        fields[name] = cursor.string()
    return fields


def _unpacked(packed: bytes, size: int) -> bytes:
    """What LZF made of `size` bytes. Raises `NotRdb` when that is not what is there."""
    cursor, out = _Cursor(packed, 0), bytearray()
    try:
        while len(out) < min(size, HEADER_BYTES):
            control = cursor.take(1)[0]
            out += cursor.take(control + 1) if control < _LITERALS else _repeated(control, cursor, out)
    except _EndOfHead:
        out.clear()
    if len(out) != size:
        raise NotRdb("Its header is damaged: a compressed field can not be unpacked. Copy it again.")
    return bytes(out)


def _repeated(control: int, cursor: _Cursor, out: bytearray) -> bytes:
    """The bytes that LZF writes as a place further back and a count."""
    count = (control >> 5) + 2
    if count == _LONG_REPEAT:
        count += cursor.take(1)[0]
    back = ((control & 0x1F) << 8 | cursor.take(1)[0]) + 1
    if back > len(out):
        raise _EndOfHead
    piece = bytes(out[-back:])
    return (piece * (count // back + 1))[:count]
