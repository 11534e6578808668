"""Object storage as the rest of the house uses it: whole objects under checked keys, with their hash.

An object is written once, appears when it is whole, and is never overwritten, but for one gap: in S3 an
upload ends by overwriting, so what somebody beside us puts there while its last parts are sent is lost. Two
places implement it: `objects.folder` and `objects.s3`.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from memstored.domain.object_keys import BadKey, backup_key, checked
from memstored.domain.settings import ObjectSettings
from memstored.objects.errors import NoSuchObject, ObjectAltered, ObjectExists, ObjectTrouble
from memstored.objects.places import place_of
from memstored.objects.priority import in_turns, pool_behind_all
from memstored.objects.protocol import Found, Place

__all__ = [
    "BadKey",
    "Found",
    "NoSuchObject",
    "ObjectAltered",
    "ObjectExists",
    "ObjectTrouble",
    "Objects",
    "Stored",
    "backup_key",
]

PIECE = 1024 * 1024
"""Bytes that are hashed and handed on at once: enough that the way through a thread costs little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object that was written: its `size` in bytes and its `checksum`, SHA-256 in hex."""

    size: int
    checksum: str


class Objects:
    """All objects. Every method raises `ObjectTrouble`, and `BadKey` for a key that is none."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @classmethod
    def open(
        cls, settings: ObjectSettings, *, default: Path, environment: Mapping[str, str] = os.environ
    ) -> Self:
        """The storage that the settings name; without a url the folder `default`, made when needed.

        The keys of an S3 store come from the `environment`. Nothing is asked of it yet. Raises `ValueError`
        with the reason when the settings can not be right.
        """
        return cls(place_of(settings, default, environment))

    async def put(self, key: str, chunks: AsyncIterable[bytes], *, expected: int = 0) -> Stored:
        """Write a new object out of the chunks as they come, of any size; memory stays bounded.

        `expected` is about how many bytes there will be, if that is known: S3 must know for more than 58 GiB.
        The next chunks are taken when the storage took the former ones. The object appears when it is whole
        and safe against a power loss; whatever is raised, by `chunks` or a cancellation too, nothing of it
        is left, as far as the storage answers (else `sweep` or `delete` do that). Raises `ObjectExists`.
        """
        pieces = _Pieces(chunks)
        async with aclosing(pieces.run()) as run:
            await self._place.write(checked(key), run, expected)
        return pieces.stored

    def get(self, key: str) -> AsyncGenerator[bytes, None]:
        """The object's bytes as a stream with bounded memory; close it when you stop early.

        Raises `NoSuchObject` at the first step.
        """
        return self._place.read(checked(key))

    async def head(self, key: str) -> Found | None:
        """The object's size and etag; None when there is none."""
        return await self._place.head(checked(key))

    async def beginning(self, key: str, count: int) -> bytes:
        """The first `count` bytes, fewer when the object has fewer. Raises `NoSuchObject`."""
        return await self._place.beginning(checked(key), count)

    async def ending(self, key: str, count: int) -> bytes:
        """The last `count` bytes, fewer when the object has fewer. Raises `NoSuchObject`."""
        return await self._place.ending(checked(key), count)

    async def copy(self, source: str, target: str, *, content: Stored | None = None) -> None:
        """Copy an object; `target` appears when it is whole. Raises `NoSuchObject` and `ObjectExists`.

        With `content`, what the object must hold, another one is not copied but raises `ObjectAltered`. Its
        size is always compared, its checksum unless S3 copies by itself, as it does up to 1 GiB.
        """
        if content is not None:
            found = await self.head(source)
            if found is not None and found.size != content.size:
                raise ObjectAltered(source)
        await self._place.copy(
            checked(source), checked(target), partial(_proven, key=source, content=content)
        )

    async def delete(self, key: str) -> None:
        """Delete the object, if there is one, and what a failed `put` may have left of a backup."""
        await self._place.delete(checked(key))

    async def keys(self, prefix: str) -> list[str]:
        """The keys beneath the folder `prefix`, such as `backups` or `backups/`, sorted."""
        return await self._place.keys(checked(prefix.removesuffix("/")))

    async def has_folder(self, prefix: str) -> bool:
        """Whether that folder is there; in S3, whether any object is beneath it."""
        return await self._place.has_folder(checked(prefix.removesuffix("/")))

    async def sweep(self) -> None:
        """Remove what unfinished uploads of an earlier run left. Call it before the first `put`."""
        await self._place.sweep()


class _Pieces:
    """Chunks put together to pieces, hashed on their way in a thread, so that the event loop stays free."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks
        self._hash = hashlib.sha256()
        self._size = 0

    @property
    def stored(self) -> Stored:
        """What went through."""
        return Stored(size=self._size, checksum=self._hash.hexdigest())

    async def run(self) -> AsyncGenerator[bytes, None]:
        pool = pool_behind_all()
        try:
            async with aclosing(_joined(self._chunks)) as pieces:
                # While one piece is hashed, and the one before it stored, the next one comes.
                hashed: Awaitable[None] | None = None
                async for piece in pieces:
                    if hashed:
                        await hashed
                    # hashlib lets go of the interpreter's lock for pieces of this size.
                    hashed = asyncio.wrap_future(pool.submit(self._take_in, piece))
                    self._size += len(piece)
                    yield piece
                if hashed:
                    await hashed
        finally:
            pool.shutdown(wait=False)

    def _take_in(self, piece: bytes) -> None:
        for part in in_turns(piece):
            self._hash.update(part)


async def _proven(
    chunks: AsyncIterable[bytes], *, key: str, content: Stored | None
) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces; raises `ObjectAltered` at the end of those that are not that content."""
    pieces = _Pieces(chunks)
    async with aclosing(pieces.run()) as run:
        async for piece in run:
            yield piece
    if content not in (None, pieces.stored):
        raise ObjectAltered(key)


async def _joined(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces of at least `PIECE` bytes, but for the last."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)
