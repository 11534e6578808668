"""Objects in a bucket of an S3-compatible store, by obstore: uploaded in parts, visible when they are whole.

All objects lie under one prefix. Memory is bounded: while some parts are sent, the next ones fill.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from types import NoneType
from typing import TypeVar
from weakref import WeakValueDictionary

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from memstored.domain.object_keys import BACKUPS, is_key
from memstored.objects.errors import NoSuchObject, ObjectExists, ObjectTrouble
from memstored.objects.handover import BrokenOff, Handover
from memstored.objects.priority import pool_behind_all
from memstored.objects.protocol import Found
from memstored.objects.reasons import is_missing, reason
from memstored.objects.signing import Keys
from memstored.objects.stream import Stream, Tally
from memstored.objects.uploads import Uploads

__all__ = ["S3", "Address", "part_size"]

PART = 6 * 1024 * 1024
"""Bytes of a part, unless the object would have too many of them."""
PARTS = 10_000
"""S3's limit: of ordinary parts the largest object has 58 GiB."""
BATCH = 2 * PART
"""Bytes that are sent at once: two ordinary parts, or what completes a larger one."""
MARGIN = 1.25
"""How much larger than expected an object may turn out."""
CHUNK = 1024 * 1024
"""Bytes that are read at least at once."""
COPY = 1024**3
"""Bytes up to which the store is asked to copy by itself. S3 allows 5 GiB, but says nothing meanwhile: it
would look as if it stood still."""
TIDYING = 5.0
"""Seconds for removing what a failed upload left: whoever waits for the failure waits for this too. An upload
that is cancelled has as long before to end by itself; twice this is less than a service may take to stop."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the bucket is: `endpoint` is `http(s)://host[:port]`, `prefix` may be empty."""

    endpoint: str
    region: str
    bucket: str
    prefix: str


class S3:
    """A place of objects: implements `protocol.Place`.

    A request that does not move for `timeout` seconds is given up; it is tried again as long as no more than
    that time went by in all.
    """

    def __init__(self, address: Address, keys: Keys, *, timeout: float) -> None:
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        self._timeout = timeout
        self._store = _store(address, keys, timeout)
        self._uploads = Uploads(
            address.endpoint, address.bucket, region=address.region, keys=keys, timeout=timeout
        )
        self._writers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def write(self, key: str, stream: Stream, expected: int = 0) -> None:
        """As `Place.write`: a multipart upload, that obstore aborts when its pieces break off."""
        async with self._only_writer(key):
            await self._require_free(key)
            async with aclosing(_pieces(stream)) as pieces:
                await self._write(key, pieces, expected)

    async def _write(self, key: str, pieces: AsyncIterator[bytes], expected: int) -> None:
        part = part_size(expected)
        handover = Handover(BATCH)
        uploading = asyncio.ensure_future(self._upload(key, handover, part))
        try:
            size = 0
            async for piece in pieces:
                size += len(piece)
                _require_possible(size, part)
                await _given(handover, piece, uploading)
            # The upload took its time, and S3 would overwrite what somebody else put there meanwhile.
            await self._require_free(key)
            handover.end()
            await asyncio.shield(uploading)
        except asyncio.CancelledError:
            # Who stops may not wait for a store that stands still.
            await self._undo(key, handover, uploading, TIDYING)
            raise
        except BaseException:
            # Its last request and obstore's own abort take their timeout each.
            await self._undo(key, handover, uploading, 3 * self._timeout)
            raise

    async def read(self, key: str) -> AsyncGenerator[bytes, None]:
        """As `Place.read`."""
        answer = await self._asked(key, obstore.get_async(self._store, key))
        chunks = aiter(answer.stream(min_chunk_size=CHUNK))
        while chunk := await self._asked(key, anext(chunks, None)):
            yield bytes(chunk)

    async def head(self, key: str) -> Found | None:
        """As `Place.head`."""
        try:
            meta = await self._asked(key, obstore.head_async(self._store, key))
        except NoSuchObject:
            return await self._surely_missing(key)
        return Found(size=meta["size"], etag=meta["e_tag"])

    async def beginning(self, key: str, count: int) -> bytes:
        """As `Place.beginning`."""
        return await self._between(key, 0, min(count, await self._size(key)))

    async def ending(self, key: str, count: int) -> bytes:
        """As `Place.ending`."""
        size = await self._size(key)
        return await self._between(key, max(0, size - count), size)

    async def _size(self, key: str) -> int:
        found = await self.head(key)
        if found is None:
            raise NoSuchObject(key)
        return found.size

    async def _between(self, key: str, start: int, end: int) -> bytes:
        if start == end:
            # S3 has no way to ask for nothing.
            return b""
        return bytes(await self._asked(key, obstore.get_range_async(self._store, key, start=start, end=end)))

    async def copy(self, source: str, target: str, tally: Tally) -> None:
        """As `Place.copy`: by the store itself, through us when it is large."""
        found = await self.head(source)
        if found is None:
            raise NoSuchObject(source)
        async with self._only_writer(target):
            await self._require_free(target)
            if found.size <= COPY:
                await self._copy_within(source, target)
                return
            async with aclosing(self.read(source)) as chunks, aclosing(_tallied(chunks, tally)) as pieces:
                await self._write(target, pieces, found.size)

    async def _copy_within(self, source: str, target: str) -> None:
        """By the store. One that does not know the condition overwrites what appears while it copies."""
        try:
            copying = obstore.copy_async(self._store, source, target, overwrite=False)
            await self._asked(source, copying)
        except ObjectTrouble:
            # A conflict is not always an object that is there: it may as well be another request.
            await self._require_free(target)
            raise

    async def delete(self, key: str) -> None:
        """As `Place.delete`, and what is left of its uploads while the store did not answer."""
        await self._asked(key, obstore.delete_async(self._store, key))
        await self._clear(key)

    async def keys(self, folder: str) -> list[str]:
        """As `Place.keys`."""
        batches = obstore.list(self._store, folder, chunk_size=1000)
        found: list[str] = []
        while batch := await self._asked(folder, anext(aiter(batches), None)):
            found += [meta["path"] for meta in batch if is_key(meta["path"])]
        return sorted(found)

    async def has_folder(self, folder: str) -> bool:
        """As `Place.has_folder`."""
        batches = obstore.list(self._store, folder, chunk_size=1)
        return bool(await self._asked(folder, anext(aiter(batches), None)))

    async def sweep(self) -> None:
        """As `Place.sweep`: uploads of backups. Those into buckets may be their owners' own."""
        await self._uploads.clear_folder(f"{self._prefix}{BACKUPS}")

    def _only_writer(self, key: str) -> asyncio.Lock:
        """To be held by who writes the object: of two at once the second finds what the first one wrote."""
        return self._writers.setdefault(key, asyncio.Lock())

    async def _require_free(self, key: str) -> None:
        if await self.head(key):
            raise ObjectExists(key)

    async def _upload(self, key: str, handover: Handover, part: int) -> None:
        await self._asked(
            key,
            # One at a time, as `Handover` wants it: what it hands over at once is sent at once nevertheless.
            obstore.put_async(
                self._store, key, handover, use_multipart=True, chunk_size=part, max_concurrency=1
            ),
        )

    async def _undo(
        self, key: str, handover: Handover, uploading: asyncio.Task[None], patience: float
    ) -> None:
        """Leave nothing of an upload, as far as the store answers: `sweep` or `delete` remove the rest."""
        handover.break_off()
        await asyncio.wait([uploading], timeout=patience)
        if _ended_by(uploading, BrokenOff):
            # obstore gave it up, and the store said that it is gone.
            return
        with suppress(ObjectTrouble, TimeoutError):
            async with asyncio.timeout(TIDYING):
                if _ended_by(uploading, None):
                    await self.delete(key)
                else:
                    await self._clear(key)

    async def _clear(self, key: str) -> None:
        """Give up what is left of uploads of a backup. Those into buckets may be their owners' own."""
        if key.startswith(f"{BACKUPS}/"):
            await self._uploads.clear_object(f"{self._prefix}{key}")

    async def _surely_missing(self, key: str) -> Found | None:
        """The answer to a HEAD has no words; those to a GET tell a missing object from a missing bucket."""
        try:
            answer = await self._asked(key, obstore.get_async(self._store, key))
        except NoSuchObject:
            return None
        return Found(size=answer.meta["size"], etag=answer.meta["e_tag"])

    async def _asked(self, key: str, question: Awaitable[Answer]) -> Answer:
        """The answer; every error of the store's becomes `ObjectTrouble`, without its words."""
        try:
            return await question
        except (BaseError, OSError) as error:
            if is_missing(error):
                raise NoSuchObject(key) from None
            raise reason(error, self._timeout) from None


def _store(address: Address, keys: Keys, timeout: float) -> S3Store:
    """The store as obstore sees it.

    What obstore would else take from the environment is said here, so that it and `Uploads` talk to the same.
    """
    patience = timedelta(seconds=timeout)
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config={
            "endpoint": address.endpoint,
            "aws_endpoint_url_s3": address.endpoint,
            "region": address.region,
            "access_key_id": keys.access,
            "secret_access_key": keys.secret,
            **({"session_token": keys.token} if keys.token else {}),
            "virtual_hosted_style_request": False,
            "skip_signature": False,
            # A copy that does not overwrite is an upload of one part, which the store copies by itself.
            "copy_if_not_exists": "multipart",
            # Not every store knows how to delete several objects at once.
            "disable_bulk_delete": True,
        },
        client_options={
            "allow_http": address.endpoint.startswith("http://"),
            "connect_timeout": patience,
            "read_timeout": patience,
            # Of a whole request: a large object takes its time, as long as it moves.
            "timeout": timedelta(days=7),
        },
        retry_config={"max_retries": 5, "retry_timeout": patience},
    )


def _ended_by(task: asyncio.Task[None], fault: type[Exception] | None) -> bool:
    """Whether the task ended by that fault; None: by none."""
    if not task.done() or task.cancelled():
        return False
    return isinstance(task.exception(), fault or NoneType)


def part_size(expected: int) -> int:
    """Bytes of each part of an object of about that many bytes."""
    return max(PART, ceil(expected * MARGIN / PARTS))


def _require_possible(size: int, part: int) -> None:
    if size > PARTS * part:
        raise ObjectTrouble(
            f"The object has more than the {PARTS * part} bytes that its upload to S3 was begun for."
        )


async def _pieces(stream: Stream) -> AsyncGenerator[bytes, None]:
    """What a thread takes from the stream, as it comes."""
    pool = pool_behind_all()
    try:
        while not stream.ended:
            taking = asyncio.wrap_future(pool.submit(stream.piece))
            try:
                piece = await asyncio.shield(taking)
            except asyncio.CancelledError:
                # What is read from may be closed by whoever gave us up, but not under the thread.
                await asyncio.wait([taking])
                raise
            if piece:
                yield piece
    finally:
        pool.shutdown(wait=False)


async def _tallied(chunks: AsyncIterator[bytes], tally: Tally) -> AsyncGenerator[bytes, None]:
    """The same chunks, each in the tally before."""
    pool = pool_behind_all()
    try:
        async for chunk in chunks:
            await asyncio.wrap_future(pool.submit(tally.add, chunk))
            yield chunk
    finally:
        pool.shutdown(wait=False)
    tally.end()


async def _given(handover: Handover, piece: bytes, uploading: asyncio.Task[None]) -> None:
    """Hand the piece over; raises what made the upload fail, when it did."""
    giving = asyncio.ensure_future(handover.give(piece))
    try:
        await asyncio.wait({giving, uploading}, return_when=asyncio.FIRST_COMPLETED)
        if uploading.done():
            await uploading
    finally:
        giving.cancel()
