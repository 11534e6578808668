"""Object storage as the rest of the house uses it: whole objects under checked keys, with their hash.

An object is written once, appears when it is whole, and is never overwritten, but for one gap: in S3 an
upload ends by overwriting, so what somebody beside us puts there while its last parts are sent is lost. Two
places implement it: `objects.folder` and `objects.s3`.
"""

import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Self

from memstored.domain.object_keys import BadKey, backup_key, checked
from memstored.domain.settings import ObjectSettings
from memstored.objects.errors import NoSuchObject, ObjectAltered, ObjectExists, ObjectTrouble
from memstored.objects.places import place_of
from memstored.objects.protocol import Found, Place
from memstored.objects.stream import Stored, Stream, Tally

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

    async def put(self, key: str, parts: Iterator[bytes], *, expected: int = 0) -> Stored:
        """Write a new object out of the parts as they come, of any size; memory stays bounded.

        A thread takes them, which may wait in them for a moment, but not for long: a part without bytes says
        that there is none for now. Let them be small (`objects.stream`). What they raise is raised, but
        must be no `OSError`, which is a disk's. No thread takes any when this has returned, unless the disk
        itself hangs, or this was cancelled once more meanwhile.

        `expected` is about how many bytes there will be, if that is known: S3 must know for more than 58 GiB.
        The next parts are taken when the storage took the former ones. The object appears when it is whole
        and safe against a power loss; whatever is raised, by `parts` or a cancellation too, nothing of it
        is left, as far as the storage answers (else `sweep` or `delete` do that). Raises `ObjectExists`.
        """
        tally = Tally(key)
        await self._place.write(checked(key), Stream(parts, tally), expected)
        return tally.stored

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
        await self._place.copy(checked(source), checked(target), Tally(source, content))

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
