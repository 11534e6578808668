"""Objects in a real S3 server."""

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import obstore
import pytest
from gateway import BUCKET, KEYS, PREFIX, REGION, Gateway
from looking import DEADLINE
from obstore.store import S3Store
from slow_link import SlowLink
from streams import BrokeOff, broken, cancelled_within_its_source, chunks, own_niceness, whole

from memstored.objects.buckets import BucketFault, Buckets
from memstored.objects.priority import NICENESS
from memstored.objects.signing import Keys, canonical_query, signed
from memstored.objects.storage import (
    NoSuchObject,
    ObjectAltered,
    ObjectExists,
    Objects,
    ObjectTrouble,
    backup_key,
)

KEY = backup_key("project", "backup")
MIB = 1024 * 1024


async def test_an_object_of_many_parts_comes_back(objects: Objects, gateway: Gateway) -> None:
    """More than five parts, and chunks that do not fit into them: byte for byte, with size and hash."""
    data = [os.urandom(MIB - 7) for _ in range(52)]

    stored = await objects.put(KEY, chunks(*data))

    assert stored.size == 52 * (MIB - 7)
    assert stored.checksum == hashlib.sha256(b"".join(data)).hexdigest()
    assert await whole(objects.get(KEY)) == b"".join(data)
    assert gateway.file(KEY).stat().st_size == stored.size


async def test_small_and_empty_objects_are_objects(objects: Objects) -> None:
    """Less than a part, down to nothing."""
    await objects.put(KEY, chunks())
    await objects.put("buckets/p/b/one", chunks(b"REDIS0011"))

    found = await objects.head(KEY)
    assert found is not None
    assert (found.size, await objects.beginning(KEY, 10)) == (0, b"")
    assert await whole(objects.get(KEY)) == b""
    assert await objects.beginning("buckets/p/b/one", 5) == b"REDIS"
    assert await objects.beginning("buckets/p/b/one", 50) == b"REDIS0011"
    assert await objects.ending("buckets/p/b/one", 2) == b"11"
    assert await objects.ending("buckets/p/b/one", 50) == b"REDIS0011"
    assert await objects.ending(KEY, 2) == b""


async def test_what_is_not_there_is_said_so(objects: Objects) -> None:
    """Of a missing object there is no head, no bytes and nothing to delete."""
    assert await objects.head(KEY) is None
    with pytest.raises(NoSuchObject, match=KEY):
        await whole(objects.get(KEY))
    with pytest.raises(NoSuchObject):
        await objects.beginning(KEY, 1)
    with pytest.raises(NoSuchObject):
        await objects.ending(KEY, 1)
    with pytest.raises(NoSuchObject):
        await objects.copy(KEY, "buckets/p/b/x")
    await objects.delete(KEY)


async def test_an_object_of_an_expected_size_has_fitting_parts(
    objects: Objects, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bytes than ordinary parts can hold are no matter; an object that outgrows its parts is refused."""
    monkeypatch.setattr("memstored.objects.s3.PARTS", 2)

    data = [os.urandom(MIB) for _ in range(40)]
    await objects.put(KEY, chunks(*data), expected=36 * MIB)
    with pytest.raises(ObjectTrouble, match="has more than the"):
        await objects.put("backups/p/2.rdb", chunks(*[bytes(MIB)] * 40), expected=20 * MIB)

    assert await whole(objects.get(KEY)) == b"".join(data)
    assert await objects.head("backups/p/2.rdb") is None
    assert await gateway.uploads().beneath("") == []


async def test_nothing_is_overwritten(objects: Objects) -> None:
    """A key that is taken stays what it is, for puts and for copies."""
    await objects.put(KEY, chunks(b"first"))
    await objects.put("buckets/p/b/x", chunks(b"other"))

    with pytest.raises(ObjectExists):
        await objects.put(KEY, chunks(b"second"))
    with pytest.raises(ObjectExists):
        await objects.copy("buckets/p/b/x", KEY)

    assert await whole(objects.get(KEY)) == b"first"


async def test_of_two_at_once_one_wins(objects: Objects) -> None:
    """Two puts of one key end with one whole object and one refusal, and so do copies to one key."""
    data = {bytes([number]) * 13 * MIB for number in range(2)}
    outcomes = await asyncio.gather(
        *(objects.put(KEY, chunks(content)) for content in data), return_exceptions=True
    )
    copies = await asyncio.gather(
        *(objects.copy(KEY, "buckets/p/b/x") for _ in range(5)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes].count(ObjectExists) == 1
    assert await whole(objects.get(KEY)) in data
    assert sorted(type(outcome).__name__ for outcome in copies) == ["NoneType", *["ObjectExists"] * 4]


async def test_what_its_owner_puts_there_meanwhile_stays(objects: Objects, gateway: Gateway) -> None:
    """An upload that finds an object at its end is given up; nothing of it is left."""
    key = "buckets/p/b/x"

    loop = asyncio.get_running_loop()

    def overtaken() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(MIB)
            yield b""
        theirs = gateway.objects().put(key, chunks(b"theirs"))
        asyncio.run_coroutine_threadsafe(theirs, loop).result()

    with pytest.raises(ObjectExists):
        await objects.put(key, overtaken())

    assert await whole(objects.get(key)) == b"theirs"
    assert await gateway.uploads().beneath("") == []


async def test_what_its_owner_puts_there_while_the_store_copies_stays(
    objects: Objects, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as nothing was there when we looked; the store itself looks again, for the last time."""
    key = "buckets/p/b/x"
    copy = obstore.copy_async

    async def overtaken(store: S3Store, source: str, target: str, *, overwrite: bool = True) -> None:
        await gateway.objects().put(key, chunks(b"theirs"))
        await copy(store, source, target, overwrite=overwrite)

    await objects.put(KEY, chunks(b"ours"))
    monkeypatch.setattr(obstore, "copy_async", overtaken)
    with pytest.raises(ObjectExists):
        await objects.copy(KEY, key)

    assert await whole(objects.get(key)) == b"theirs"
    assert await gateway.uploads().beneath("") == []


async def test_a_copy_is_whole(objects: Objects) -> None:
    """A copy holds the same bytes."""
    data = os.urandom(20 * MIB)
    await objects.put(KEY, chunks(data))

    await objects.copy(KEY, "buckets/p/b/out.rdb")

    assert await whole(objects.get("buckets/p/b/out.rdb")) == data


async def test_a_large_object_is_copied_through_us(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large for a copy within the store comes out the same."""
    monkeypatch.setattr("memstored.objects.s3.COPY", 5 * MIB)
    data = os.urandom(20 * MIB)
    stored = await objects.put(KEY, chunks(data))

    await objects.copy(KEY, "buckets/p/b/out.rdb", content=stored)

    assert await whole(objects.get("buckets/p/b/out.rdb")) == data


@pytest.mark.parametrize("limit", [5 * MIB, 1024 * MIB])
async def test_an_object_that_was_altered_is_not_copied(
    objects: Objects, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Its size tells at once, its hash when it comes through us; nothing of it is left."""
    monkeypatch.setattr("memstored.objects.s3.COPY", limit)
    stored = await objects.put(KEY, chunks(os.urandom(20 * MIB)))
    longer = replace(stored, size=stored.size + 1)
    wanted = [longer, replace(stored, checksum="0" * 64)] if limit < stored.size else [longer]

    for content in wanted:
        with pytest.raises(ObjectAltered):
            await objects.copy(KEY, "buckets/p/b/out.rdb", content=content)

    assert await objects.head("buckets/p/b/out.rdb") is None
    assert await gateway.uploads().beneath("") == []


async def test_keys_are_those_beneath_a_folder(objects: Objects, gateway: Gateway) -> None:
    """A list holds what lies beneath, sorted, not what merely begins alike, and nothing beside the prefix."""
    beside = gateway.objects(url=f"s3://{BUCKET}")
    await beside.put("buckets/p/b/beside", chunks(b"x"))
    for key in ("buckets/p/b/z", "buckets/p/b/deep/a", "buckets/p/bb/x", KEY):
        await objects.put(key, chunks(b"x"))

    assert await objects.keys("buckets/p/b/") == ["buckets/p/b/deep/a", "buckets/p/b/z"]
    assert await objects.keys("buckets/q") == []
    assert f"{PREFIX}/{KEY}" in await beside.keys(PREFIX)
    assert await objects.has_folder("buckets/p/b")
    assert not await objects.has_folder("buckets/p/c")


async def test_a_long_list_is_complete(objects: Objects, gateway: Gateway) -> None:
    """More keys than the server tells at once."""
    folder = gateway.file("buckets/p/b")
    folder.mkdir(parents=True)
    for number in range(2100):
        (folder / f"{number:04}").touch()

    assert len(await objects.keys("buckets/p/b")) == 2100


@pytest.mark.parametrize(
    "name", ["my file #1 100%.rdb", "백업/일", "a+b&c=d", "q?x", "[x]{y}", "pct%41", "~t*"]
)
async def test_any_good_name_works(objects: Objects, gateway: Gateway, name: str) -> None:
    """What people call their files is found under that very name."""
    key = f"buckets/p/b/{name}"

    await objects.put(key, chunks(b"saved"))

    assert gateway.file(key).read_bytes() == b"saved"
    assert await objects.keys("buckets/p/b") == [key]
    await objects.delete(key)
    assert await objects.head(key) is None


async def test_a_source_that_breaks_off_leaves_nothing(objects: Objects, gateway: Gateway) -> None:
    """The source's own error is raised; neither an object nor an upload stays."""
    with pytest.raises(BrokeOff):
        await objects.put(KEY, broken(*[bytes(MIB)] * 30))

    assert await objects.head(KEY) is None
    assert await gateway.uploads().beneath("") == []


@pytest.mark.parametrize("after", [0, 1, 20, 50])
async def test_a_cancelled_put_leaves_nothing(objects: Objects, gateway: Gateway, after: int) -> None:
    """Cancelled before, within or at the end of the parts: neither an object nor an upload stays."""
    there = threading.Event()

    def waiting() -> Iterator[bytes]:
        for number in range(50):
            if number == after:
                there.set()
            yield bytes(MIB)
            yield b""
        there.set()

    putting = asyncio.create_task(objects.put(KEY, waiting()))
    await asyncio.to_thread(there.wait, 10)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting

    assert await objects.head(KEY) is None
    assert await gateway.uploads().beneath("") == []


@pytest.mark.parametrize("slow", ["?uploads", "partNumber="])
async def test_an_upload_is_given_up_when_nothing_of_it_is_on_its_way(gateway: Gateway, slow: str) -> None:
    """What begins it is waited for; a part that arrives later would bring it back, and nobody would know."""
    async with SlowLink.to(gateway.host, slow=slow) as link:
        putting = asyncio.create_task(gateway.objects(by=link.host).put(KEY, _endless()))
        await link.begun.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        await link.settled()

    assert await gateway.uploads().beneath("") == []


async def test_an_upload_is_given_up_though_nobody_waits_for_that(gateway: Gateway) -> None:
    """Who put it is cancelled again while the last parts are on their way."""
    async with SlowLink.to(gateway.host, slow="partNumber=") as link:
        putting = asyncio.create_task(gateway.objects(by=link.host).put(KEY, _endless()))
        await link.begun.wait()
        while not putting.done():
            putting.cancel()
            await asyncio.sleep(0)
        await link.settled()

        async with asyncio.timeout(DEADLINE):
            while await gateway.uploads().beneath(""):  # noqa: ASYNC110 - seen, not announced
                await asyncio.sleep(0.01)


async def test_uploads_of_others_to_the_same_key_of_a_bucket_stay(objects: Objects, gateway: Gateway) -> None:
    """Somebody's own upload to the key of an export is left alone when the export fails."""
    key = "buckets/p/b/export.rdb"
    await _begin(gateway, f"{PREFIX}/{key}")

    with pytest.raises(BrokeOff):
        await objects.put(key, broken(*[bytes(MIB)] * 30))

    assert len(await gateway.uploads().beneath("")) == 1


async def test_what_is_left_of_an_upload_goes_with_its_backup(objects: Objects, gateway: Gateway) -> None:
    """As when the store did not answer to whoever gave it up; what lies beside it stays."""
    beside = f"{PREFIX}/{KEY}.other"
    for key in (f"{PREFIX}/{KEY}", beside):
        await _begin(gateway, key)

    await objects.delete(KEY)

    assert [upload.key for upload in await gateway.uploads().beneath("")] == [beside]


async def test_nobody_takes_from_the_source_of_a_put_that_was_cancelled(objects: Objects) -> None:
    """So whoever gave it may close what it reads from: its thread was waited for."""
    await cancelled_within_its_source(objects, KEY)


async def test_a_source_is_read_by_a_thread_behind_everybody_else(objects: Objects) -> None:
    """Whatever the source does, it keeps no server from its clients, and the event loop from nothing."""
    seen = set()

    def watched() -> Iterator[bytes]:
        for _ in range(20):
            seen.add(own_niceness())
            yield bytes(MIB)
            yield b""

    await objects.put(KEY, watched())

    assert seen == {NICENESS}


async def test_an_object_appears_only_when_whole(objects: Objects) -> None:
    """While it is uploaded there is no object."""
    seen: list[object] = []

    loop = asyncio.get_running_loop()

    def watched() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(MIB)
            yield b""
        looks = (objects.head(KEY), objects.keys("backups"))
        seen.extend(asyncio.run_coroutine_threadsafe(look, loop).result() for look in looks)

    await objects.put(KEY, watched())

    assert seen == [None, []]


async def test_a_sweep_removes_uploads_of_backups_only(objects: Objects, gateway: Gateway) -> None:
    """What a killed service left goes; what others upload, beside our prefix or into a bucket, stays."""
    keys = [f"{PREFIX}/{KEY}", f"{PREFIX}/backups/p/a b+c.rdb", f"{PREFIX}/buckets/p/b/x", "backups/p/y.rdb"]
    for key in keys:
        await _begin(gateway, key)

    await objects.sweep()

    assert sorted(upload.key for upload in await gateway.uploads().beneath("")) == sorted(keys[2:])


async def test_a_sweep_removes_any_number_of_uploads(
    objects: Objects, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than the server tells at once."""
    monkeypatch.setattr("memstored.objects.uploads.PAGE", 2)
    for number in range(5):
        await _begin(gateway, f"{PREFIX}/backups/p/{number}.rdb")

    await objects.sweep()

    assert await gateway.uploads().beneath("") == []


@pytest.mark.parametrize("secret", ["", "a-wrong-one"])
async def test_refused_keys_are_said_without_telling_them(
    gateway: Gateway, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every call with keys that the store does not take says so and repeats none of them, nor does a log."""
    caplog.set_level(logging.DEBUG)
    keys = Keys(access=KEYS.access if secret else "AKIDNOBODY", secret=secret or KEYS.secret)
    objects = gateway.objects(keys=keys)

    for said in await _said(objects):
        assert "refused our keys" in said
        assert "AWS_SECRET_ACCESS_KEY" in said
        assert keys.access not in said
        assert keys.secret not in said.replace("AWS_SECRET_ACCESS_KEY", "")
    assert keys.access not in caplog.text
    assert keys.secret not in caplog.text


async def test_a_missing_bucket_is_said(gateway: Gateway) -> None:
    """It is not taken for a missing object, by no call."""
    objects = gateway.objects(url="s3://nobody")

    for said in await _said(objects):
        assert said == "The bucket of object storage is not there: make it, or correct objects.url."


async def test_a_server_that_is_away_is_said(gateway: Gateway) -> None:
    """Nobody listens: every call ends soon, and says so without the address."""
    gateway.end()
    objects = gateway.objects(timeout=2.0)

    for said in await _said(objects):
        assert said == "Object storage can not be reached: it takes no connections."


async def test_a_server_that_stands_still_is_given_up(gateway: Gateway) -> None:
    """Every call to a stopped server ends with the time that it was given."""
    objects = gateway.objects(timeout=0.5)
    gateway.pause()

    async with asyncio.timeout(30):
        for said in await _said(objects):
            assert said == "Object storage did not answer for 0.5 s."


async def test_a_put_to_a_server_that_stops_is_given_up(gateway: Gateway) -> None:
    """Stopped in the middle: the put takes no more, ends with a reason, and sweeps find what is left.

    As soon as the server goes on it works on what it was sent before, which can bring the upload back.
    """
    objects = gateway.objects(timeout=1.0)
    taken = 0

    def stopping() -> Iterator[bytes]:
        nonlocal taken
        for taken in range(1000):
            if taken == 20:
                gateway.pause()
            yield bytes(MIB)
            yield b""

    async with asyncio.timeout(30):
        with pytest.raises(ObjectTrouble, match=r"did not answer for 1 s"):
            await objects.put(KEY, stopping())
    assert taken < 20 + 32, "no more is taken than memory may hold"
    gateway.resume()
    patient = gateway.objects()

    async with asyncio.timeout(DEADLINE):
        while await gateway.uploads().beneath(""):
            await patient.sweep()
    assert await patient.head(KEY) is None


async def test_a_cancelled_put_waits_for_no_server_that_stands_still(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is to stop does, however long it would be patient; sweeps find what is left."""
    monkeypatch.setattr("memstored.objects.s3.TIDYING", 0.5)
    patient = gateway.objects(timeout=60.0)
    there = threading.Event()

    def stopping() -> Iterator[bytes]:
        for _ in range(20):
            yield bytes(MIB)
            yield b""
        gateway.pause()
        there.set()
        yield from _endless()

    putting = asyncio.create_task(patient.put(KEY, stopping()))
    await asyncio.to_thread(there.wait, 10)
    putting.cancel()
    await asyncio.wait([putting], timeout=10)
    gateway.resume()

    assert putting.cancelled()
    async with asyncio.timeout(DEADLINE):
        while await gateway.uploads().beneath(""):
            await gateway.objects().sweep()
    assert await gateway.objects().head(KEY) is None


async def test_a_put_to_a_server_that_dies_is_given_up(objects: Objects, gateway: Gateway) -> None:
    """Killed in the middle: the put ends with a reason."""

    def killing() -> Iterator[bytes]:
        for number in range(1000):
            if number == 20:
                gateway.end()
            yield bytes(MIB)
            yield b""

    async with asyncio.timeout(30):
        with pytest.raises(ObjectTrouble, match=r"Object storage can not be reached|broke off"):
            await objects.put(KEY, killing())


async def test_a_get_from_a_server_that_stops_is_given_up(gateway: Gateway) -> None:
    """Stopped in the middle of an object: the stream ends with a reason, not as if it were whole."""
    await gateway.objects().put(KEY, chunks(*[bytes(MIB)] * 64))
    stream = gateway.objects(timeout=1.0).get(KEY)

    assert await anext(stream)
    gateway.pause()
    async with asyncio.timeout(30):
        with pytest.raises(ObjectTrouble, match=r"did not answer for 1 s"):
            await whole(stream)


async def test_a_slow_reader_is_not_given_up(gateway: Gateway) -> None:
    """Whoever takes longer for a chunk than the store may be silent gets the object nevertheless."""
    objects = gateway.objects(timeout=2.0)
    data = os.urandom(20 * MIB)
    await gateway.objects().put(KEY, chunks(data))
    got = []

    async for chunk in objects.get(KEY):
        if not got:
            await asyncio.sleep(3.0)
        got.append(chunk)

    assert b"".join(got) == data


async def test_a_bucket_is_there_with_its_first_object(objects: Objects) -> None:
    """S3 has no folders: what somebody put beneath makes the bucket."""
    buckets = Buckets(objects)
    with pytest.raises(BucketFault):
        await buckets.locate("p", "b/x", edit=True)

    await objects.put("buckets/p/b/first", chunks(b"x"))

    assert await buckets.locate("p", "b/x", edit=True) == "buckets/p/b/x"


def _endless() -> Iterator[bytes]:
    """Two parts, and a source that then gives nothing."""
    for _ in range(14):
        yield bytes(MIB)
        yield b""
    while True:
        time.sleep(0.01)
        yield b""


async def _begin(gateway: Gateway, key: str) -> None:
    """Begin an upload as any client of the server would, and leave it."""
    way = f"/{BUCKET}/{key}"
    query = {"uploads": ""}
    headers = signed("POST", gateway.host, way, query, keys=KEYS, region=REGION, now=datetime.now(UTC))
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{gateway.endpoint}{quote(way)}?{canonical_query(query)}", headers=headers
        )
    assert answer.is_success, answer.text


async def _said(objects: Objects) -> list[str]:
    """What every call says of a store that does not work."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: objects.put(KEY, chunks(bytes(20 * MIB))),
        lambda: whole(objects.get(KEY)),
        lambda: objects.head(KEY),
        lambda: objects.beginning(KEY, 10),
        lambda: objects.ending(KEY, 10),
        lambda: objects.copy(KEY, "buckets/p/b/x"),
        lambda: objects.delete(KEY),
        lambda: objects.keys("backups"),
        lambda: objects.has_folder("buckets/p/b"),
        objects.sweep,
    ]
    return [await _trouble(call) for call in calls]


async def _trouble(call: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(ObjectTrouble) as trouble:
        await call()
    hidden = trouble.value.__context__ is None or trouble.value.__suppress_context__
    assert hidden, "a log of it would show what the store said"
    return str(trouble.value)
