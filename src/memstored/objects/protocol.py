"""What a place for objects offers: `folder` and `s3` implement it, `storage.Objects` is its only user.

Keys are checked before they come here. Everything raises `ObjectTrouble`; nothing waits longer than the
place's timeout without progress, its own or that of another who writes the same object.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from memstored.objects.stream import Stream, Tally

__all__ = ["Found", "Place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object that is there: its `size` in bytes; `etag` changes with its content, where it is known."""

    size: int
    etag: str | None


class Place(Protocol):
    """Where objects lie."""

    async def write(self, key: str, stream: Stream, expected: int = 0) -> None:
        """Write an object that is not there yet; it appears when the last part is safe, or not at all.

        `expected` is about how many bytes there will be, 0 when nobody knows. Raises `ObjectExists`, and what
        the stream raises.
        """

    def read(self, key: str) -> AsyncGenerator[bytes, None]:
        """The object's bytes, in order. Raises `NoSuchObject`."""

    async def head(self, key: str) -> Found | None:
        """What is known of the object; None when there is none."""

    async def beginning(self, key: str, count: int) -> bytes:
        """The first `count` bytes, fewer when it has fewer. Raises `NoSuchObject`."""

    async def ending(self, key: str, count: int) -> bytes:
        """The last `count` bytes, fewer when it has fewer. Raises `NoSuchObject`."""

    async def copy(self, source: str, target: str, tally: Tally) -> None:
        """Copy an object to where none is. Raises `NoSuchObject` and `ObjectExists`.

        What this process reads and writes for it is in the `tally`, and what that raises leaves no target.
        """

    async def delete(self, key: str) -> None:
        """Delete the object, if there is one, and what a failed `write` may have left of a backup."""

    async def keys(self, folder: str) -> list[str]:
        """The keys of all objects beneath that folder, sorted."""

    async def has_folder(self, folder: str) -> bool:
        """Whether the folder is there; in S3, where there are none, whether an object is beneath it."""

    async def sweep(self) -> None:
        """Remove what unfinished writes of an earlier run left."""
