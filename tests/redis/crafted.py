"""RDB files that no engine writes: sound ones of one's own choice, and such as do harm (H25)."""

import struct

from memstored.domain.engine import Family, family_of

WITHOUT_CHECKSUM = bytes(8)
_HASH_ZIPLIST, _HASH_LISTPACK = 13, 16


def rdb(number: int, *values: tuple[int, bytes, bytes], checksum: bytes = WITHOUT_CHECKSUM) -> bytes:
    """A file of a format with these values (type, key, encoded value), which must be short."""
    keys = b"".join(bytes([kind]) + _string(key) + value for kind, key, value in values)
    return b"REDIS%04d\xfe\x00" % number + keys + b"\xff" + checksum


def strings(number: int, *pairs: tuple[bytes, bytes]) -> bytes:
    """A sound file of short strings."""
    return rdb(number, *((0, key, _string(value)) for key, value in pairs))


def poisoned(version: str) -> bytes:
    """A file with a sound key, and a hash (`bad`) whose last value claims to be longer than the hash is."""
    good = (0, b"good", _string(b"1"))
    if family_of(version) in (Family.V5_0, Family.V6_2):
        return rdb(9, good, (_HASH_ZIPLIST, b"bad", _string(_ziplist(b"\x01f", b"\x3fv"))))
    return rdb(10, good, (_HASH_LISTPACK, b"bad", _string(_listpack(b"\x81f\x02", b"\xbfv\x02"))))


def _string(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def _ziplist(first: bytes, second: bytes) -> bytes:
    body = b"\x00" + first + bytes([len(first) + 1]) + second
    tail = 10 + 1 + len(first)
    return struct.pack("<IIH", 10 + len(body) + 1, tail, 2) + body + b"\xff"


def _listpack(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return struct.pack("<IH", 6 + len(body) + 1, len(entries)) + body + b"\xff"
