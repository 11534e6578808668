"""Bytes on their way into storage, read, hashed and written by one thread in small steps.

Small, because a scheduler lets who runs go on for milliseconds, also when a server with a higher priority
wants that processor. One thread that takes little at a time keeps up with a node, and mostly rests
(decision 26).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from memstored.objects.errors import ObjectAltered

__all__ = ["Stored", "Stream", "Tally"]

PORTION: Final = 32
"""Parts that are taken in one go: the event loop, which waits for each go, is woken by few of them, and who
gives up waits for no more than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object that was written: its `size` in bytes and its `checksum`, SHA-256 in hex."""

    size: int
    checksum: str


class Tally:
    """Size and hash of what went by. With `content`, what must have gone by, `end` raises `ObjectAltered` of
    the `key` when it was not that.
    """

    def __init__(self, key: str, content: Stored | None = None) -> None:
        self._key = key
        self._content = content
        self._hash = hashlib.sha256()
        self._size = 0

    @property
    def stored(self) -> Stored:
        """What went by."""
        return Stored(size=self._size, checksum=self._hash.hexdigest())

    def add(self, part: bytes) -> None:
        """Count it in. hashlib lets go of the interpreter's lock for 2 KiB and more."""
        self._hash.update(part)
        self._size += len(part)

    def end(self) -> None:
        """That was all."""
        if self._content not in (None, self.stored):
            raise ObjectAltered(self._key)


class Stream:
    """Parts, as a thread takes them. Only one does at a time, and every one is in the `tally` first.

    A part without bytes says that there is none for now: whoever waits for the thread is told at once.
    `ended` tells that the last part was taken. Once something was raised, nothing can be taken any more: what
    broke off must not look like the end.
    """

    def __init__(self, parts: Iterator[bytes], tally: Tally) -> None:
        self._parts = parts
        self._tally = tally
        self._sound = True
        self.ended = False

    def portion(self) -> Iterator[bytes]:
        """The next parts, some dozens. Raises what the parts raise, and what the tally does at their end."""
        for _ in range(PORTION):
            assert self._sound, "it broke off"
            self._sound = False
            part = next(self._parts, None)
            if part is None:
                self._tally.end()
                self.ended = True
                return
            self._sound = True
            if not part:
                return
            self._tally.add(part)
            yield part

    def piece(self) -> bytes:
        """The same as one."""
        return b"".join(self.portion())
