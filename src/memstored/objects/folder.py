"""Objects in a folder of this machine: one file an object, whole or not there, also after a power loss.

Our own, and not obstore's: that one does not sync what it wrote, does not keep it from others' eyes, and
follows symbolic links (decision 16).
"""

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from functools import partial
from pathlib import Path

from memstored.objects.errors import NoSuchObject
from memstored.objects.protocol import Found
from memstored.objects.reserve import Reserve
from memstored.objects.steps import Steps
from memstored.objects.stream import Stream, Tally
from memstored.objects.tree import Draft, Tree

__all__ = ["Folder"]

CHUNK = 1024 * 1024
"""Bytes that are read at once."""
PART = 64 * 1024
"""The same for what is written by the same thread."""


class Folder:
    """A place of objects: implements `protocol.Place`.

    `make`: the root is made when it is not there. A step that takes longer than `timeout` seconds is a
    trouble, and until it returned nothing else is asked of the disk. So is one that would leave less free
    than the `reserve`.
    """

    def __init__(self, root: Path, *, timeout: float, reserve: Reserve, make: bool = False) -> None:
        self._tree = Tree(root, make=make)
        self._steps = partial(Steps, timeout, hung=set())
        self._reserve = reserve

    async def write(
        self,
        key: str,
        stream: Stream,
        expected: int = 0,  # noqa: ARG002 - what may still fit is not refused for a guess
    ) -> None:
        """As `Place.write`: a draft first, that gets its name when it is synced."""
        await self._write(key, stream, 0, ExitStack())

    async def _write(self, key: str, stream: Stream, least: int, last: ExitStack) -> None:
        """`write`, of at least so many bytes; what is to be done `last` is, by the same thread."""
        draft = Draft(self._tree, key, self._reserve)
        last.callback(draft.discard)
        async with self._steps(last=last.close) as thread:
            await thread.do(draft.open, least)
            while not stream.ended:
                await thread.do(draft.take, stream)
            await thread.do(draft.publish)
            draft.kept = True

    async def read(self, key: str) -> AsyncGenerator[bytes, None]:
        """As `Place.read`."""
        reading = _Reading(self._tree, key)
        async with self._steps(last=reading.close) as thread:
            await thread.do(reading.open)
            while chunk := await thread.do(reading.next, CHUNK):
                yield chunk

    async def beginning(self, key: str, count: int) -> bytes:
        """As `Place.beginning`."""
        got = b""
        async with aclosing(self.read(key)) as chunks:
            async for chunk in chunks:
                got += chunk
                if len(got) >= count:
                    break
        return got[:count]

    async def ending(self, key: str, count: int) -> bytes:
        """As `Place.ending`."""
        reading = _Reading(self._tree, key)
        async with self._steps(last=reading.close) as thread:
            await thread.do(reading.open)
            return await thread.do(reading.last, count)

    async def copy(self, source: str, target: str, tally: Tally) -> None:
        """As `Place.copy`. Not a hard link: the owner of the copy may change it in place."""
        found = await self.head(source)
        if found is None:
            raise NoSuchObject(source)
        reading, last = _Reading(self._tree, source), ExitStack()
        last.callback(reading.close)
        await self._write(target, Stream(reading.parts(), tally), found.size, last)

    async def head(self, key: str) -> Found | None:
        """As `Place.head`."""
        async with self._steps() as thread:
            return await thread.do(self._tree.head, key)

    async def delete(self, key: str) -> None:
        """As `Place.delete`."""
        async with self._steps() as thread:
            await thread.do(self._tree.delete, key)

    async def keys(self, folder: str) -> list[str]:
        """As `Place.keys`."""
        async with self._steps() as thread:
            return await thread.do(self._tree.keys, folder)

    async def has_folder(self, folder: str) -> bool:
        """As `Place.has_folder`."""
        async with self._steps() as thread:
            return await thread.do(self._tree.has_folder, folder)

    async def sweep(self) -> None:
        """As `Place.sweep`."""
        async with self._steps() as thread:
            await thread.do(self._tree.sweep)


class _Reading:
    """An object that is being read."""

    def __init__(self, tree: Tree, key: str) -> None:
        self._tree = tree
        self._key = key
        self._file: int | None = None

    def open(self) -> None:
        self._file = self._tree.open(self._key)

    def next(self, count: int) -> bytes:
        assert self._file is not None, "it is open"
        return os.read(self._file, count)

    def parts(self) -> Iterator[bytes]:
        self.open()
        while part := self.next(PART):
            yield part

    def last(self, count: int) -> bytes:
        assert self._file is not None, "it is open"
        return os.pread(self._file, count, max(0, os.fstat(self._file).st_size - count))

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
