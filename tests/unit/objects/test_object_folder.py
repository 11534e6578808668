"""Objects in a folder."""

import asyncio
import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from streams import BrokeOff, broken, cancelled_within_its_source, chunks, own_niceness, whole

from memstored.domain.settings import ObjectSettings
from memstored.objects.priority import NICENESS
from memstored.objects.reserve import Reserve
from memstored.objects.storage import (
    NoSuchObject,
    ObjectExists,
    Objects,
    ObjectTrouble,
    Stored,
    backup_key,
)
from memstored.objects.stream import Stream, Tally
from memstored.objects.tree import Draft, Tree

KEY = backup_key("project", "backup")
MIB, GIB = 1 << 20, 1 << 30


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def _modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}


async def test_what_was_put_is_got(objects: Objects) -> None:
    """An object comes back byte for byte, and its size and hash are told."""
    parts = [os.urandom(700_000) for _ in range(9)]

    stored = await objects.put(KEY, chunks(*parts))

    assert await whole(objects.get(KEY)) == b"".join(parts)
    assert stored == Stored(size=6_300_000, checksum=hashlib.sha256(b"".join(parts)).hexdigest())


async def test_a_project_may_have_any_id(objects: Objects, root: Path) -> None:
    """Also the longest that the API lets it have, of whichever characters: 64."""
    keys = [backup_key(project, "backup") for project in ("가" * 64, "\U0001f600" * 64, "." * 64)]

    for key in keys:
        await objects.put(key, chunks(b"data"))

    assert _files(root) == sorted(keys)


async def test_an_empty_object_is_one(objects: Objects) -> None:
    """No bytes at all make an object of size 0."""
    stored = await objects.put(KEY, chunks())

    found = await objects.head(KEY)

    assert stored.size == 0
    assert found is not None
    assert found.size == 0


async def test_the_beginning_is_as_long_as_the_object_at_most(objects: Objects) -> None:
    """The first bytes are read without the rest, and fewer when there are fewer."""
    await objects.put(KEY, chunks(b"REDIS0011", bytes(3_000_000)))

    assert await objects.beginning(KEY, 5) == b"REDIS"
    assert len(await objects.beginning(KEY, 2_000_000)) == 2_000_000
    assert len(await objects.beginning(KEY, 4_000_000)) == 3_000_009


async def test_the_ending_is_as_long_as_the_object_at_most(objects: Objects) -> None:
    """The last bytes are read without the rest, and fewer when there are fewer."""
    await objects.put(KEY, chunks(bytes(3_000_000), b"the end"))
    await objects.put("buckets/project/b/empty", chunks())

    assert await objects.ending(KEY, 3) == b"end"
    assert len(await objects.ending(KEY, 4_000_000)) == 3_000_007
    assert await objects.ending("buckets/project/b/empty", 3) == b""


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
        await objects.copy(KEY, "buckets/project/b/file")
    await objects.delete(KEY)


async def test_nothing_is_overwritten(objects: Objects, root: Path) -> None:
    """A key that is taken stays what it is, for puts and for copies."""
    await objects.put(KEY, chunks(b"first"))
    await objects.put("buckets/project/b/file", chunks(b"other"))

    with pytest.raises(ObjectExists):
        await objects.put(KEY, chunks(b"second"))
    with pytest.raises(ObjectExists):
        await objects.copy("buckets/project/b/file", KEY)

    assert await whole(objects.get(KEY)) == b"first"
    assert len(_files(root)) == 2


async def test_of_two_at_once_one_wins(objects: Objects) -> None:
    """Two puts of one key end with one whole object and one refusal."""
    outcomes = await asyncio.gather(
        objects.put(KEY, chunks(b"a" * 5_000_000)),
        objects.put(KEY, chunks(b"b" * 5_000_000)),
        return_exceptions=True,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, ObjectExists)]
    kept = await whole(objects.get(KEY))

    assert len(refused) == 1
    assert kept in (b"a" * 5_000_000, b"b" * 5_000_000)


async def test_a_copy_is_a_file_of_its_own(objects: Objects, root: Path) -> None:
    """Who changes an exported file in place does not change the backup."""
    await objects.put(KEY, chunks(b"saved"))

    await objects.copy(KEY, "buckets/project/b/out.rdb")
    (root / "buckets/project/b/out.rdb").write_bytes(b"changed")

    assert await whole(objects.get(KEY)) == b"saved"


async def test_a_deleted_object_is_gone(objects: Objects, root: Path) -> None:
    """After a delete nothing of the object is left."""
    await objects.put(KEY, chunks(b"saved"))

    await objects.delete(KEY)

    assert await objects.head(KEY) is None
    assert _files(root) == []


async def test_a_source_that_breaks_off_leaves_nothing(objects: Objects, root: Path) -> None:
    """The source's own error is raised, and no part of the object stays."""
    with pytest.raises(BrokeOff):
        await objects.put(KEY, broken(bytes(5_000_000)))

    assert _files(root) == []


async def test_a_cancelled_put_leaves_nothing(objects: Objects, root: Path) -> None:
    """A put that is cancelled at any moment leaves nothing, and ends as cancelled."""
    begun = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1_000_000)
            begun.set()

    putting = asyncio.create_task(objects.put(KEY, endless()))
    await asyncio.to_thread(begun.wait, 10)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting

    assert _files(root) == []


async def test_nobody_takes_from_the_source_of_a_put_that_was_cancelled(objects: Objects) -> None:
    """So whoever gave it may close what it reads from: its thread was waited for."""
    await cancelled_within_its_source(objects, KEY)


async def test_a_put_that_is_cancelled_at_its_end_leaves_nothing(
    objects: Objects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that got its name while nobody waited for it any more goes again."""
    linked, seen = threading.Event(), threading.Event()
    link = os.link

    def telling(*args: str, **named: int) -> None:
        link(*args, **named)
        linked.set()
        seen.wait()

    monkeypatch.setattr(os, "link", telling)
    putting = asyncio.create_task(objects.put(KEY, chunks(b"saved")))
    await asyncio.to_thread(linked.wait)
    putting.cancel()
    seen.set()
    with pytest.raises(asyncio.CancelledError):
        await putting

    assert _files(root) == []


async def test_an_object_of_a_failed_put_goes_also_when_its_draft_can_not(
    objects: Objects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails after the object got its name, and keeps the draft: the object is not left."""
    unlink, sync = os.unlink, os.fsync

    def refusing(name: str, *, dir_fd: int) -> None:
        if name != Path(KEY).name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(name, dir_fd=dir_fd)

    def failing(file: int) -> None:
        if (root / KEY).exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(file)

    monkeypatch.setattr(os, "unlink", refusing)
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ObjectTrouble, match="Input/output error"):
        await objects.put(KEY, chunks(b"saved"))

    assert await objects.keys("backups") == []


async def test_an_object_appears_only_when_whole(objects: Objects) -> None:
    """While it is written there is no object, under no name."""
    seen: list[object] = []
    loop = asyncio.get_running_loop()

    def watched() -> Iterator[bytes]:
        yield bytes(5_000_000)
        looks = (objects.head(KEY), objects.keys("backups"))
        seen.extend(asyncio.run_coroutine_threadsafe(look, loop).result() for look in looks)

    await objects.put(KEY, watched())

    assert seen == [None, []]
    assert await objects.keys("backups") == [KEY]


@pytest.mark.parametrize(
    ("takes", "after"),
    [
        ([0.1] * 9, [64, 192, 448, 704, 960]),
        ([1.5] * 9, [64, 128, 192, 256, 320]),
        ([3.0] * 9, [64, 96, 112, 120, 128]),
        ([3.0, 3.0, 0.1, 0.1, 0.1], [64, 96, 112, 144, 208]),
    ],
    ids=["fast", "as it should be", "slow", "slow for a while"],
)
def test_a_large_object_is_brought_to_the_disk_on_the_way(
    root: Path, monkeypatch: pytest.MonkeyPatch, takes: list[float], after: list[int]
) -> None:
    """Seldom, for that is felt; as often as it must be for no time to be long: the replica waits for us."""
    times = iter([moment for took in takes for moment in (0.0, took)])
    written, synced = 0, []

    def writing(_file: int, data: memoryview) -> int:
        nonlocal written
        written += len(data)
        return len(data)

    monkeypatch.setattr(os, "write", writing)
    monkeypatch.setattr(os, "fdatasync", lambda _file: synced.append(written // MIB))
    draft = Draft(Tree(root, make=True), KEY, Reserve(0), now=lambda: next(times))
    draft.open(0)
    stream = Stream(iter([bytes(256 * 1024)] * 4000), Tally(KEY))

    while len(synced) < len(after):
        draft.take(stream)
    draft.discard()

    assert synced == after


async def test_one_thread_behind_everybody_else_reads_and_writes(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy and a new object: nothing is handed from thread to thread, and no server waits for it."""
    seen: list[tuple[str, int, int]] = []
    await objects.put(KEY, chunks(bytes(3_000_000)))

    def noted(name: str) -> None:
        seen.append((name, threading.get_native_id(), own_niceness()))

    def watched() -> Iterator[bytes]:
        for _ in range(3):
            noted("read")
            yield bytes(64 * 1024)

    read, write = os.read, os.write

    def reading(file: int, count: int) -> bytes:
        noted("read")
        return read(file, count)

    def writing(file: int, data: bytes) -> int:
        noted("write")
        return write(file, data)

    monkeypatch.setattr(os, "read", reading)
    monkeypatch.setattr(os, "write", writing)
    for putting in (
        objects.put(backup_key("project", "more"), watched()),
        objects.copy(KEY, "buckets/project/b/file"),
    ):
        seen.clear()
        await putting

        assert {name for name, *_ in seen} == {"read", "write"}
        assert len({thread for _, thread, _ in seen}) == 1
        assert {niceness for *_, niceness in seen} == {NICENESS}


async def test_an_object_is_on_the_disk_before_it_has_its_name(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power loss finds the whole object or none: content first, then its name, then the name's folder."""
    calls: list[str] = []

    def noted(name: str) -> None:
        call = getattr(os, name)

        def noting(*args: object, **named: object) -> object:
            calls.append("folder" if name == "fsync" and _is_folder(args[0]) else name)
            return call(*args, **named)

        monkeypatch.setattr(os, name, noting)

    for name in ("write", "fsync", "link"):
        noted(name)
    await objects.put(KEY, chunks(bytes(3_000_000)))

    written = calls[calls.index("write") :]
    assert [call for call in written if call != "write"] == ["fsync", "folder", "folder", "link", "folder"]


def _is_folder(file: object) -> bool:
    assert isinstance(file, int)
    return stat.S_ISDIR(os.fstat(file).st_mode)


async def test_keys_are_those_beneath_a_folder(objects: Objects) -> None:
    """A list holds what lies beneath, sorted, not what merely begins alike."""
    for key in ("buckets/p/b/z", "buckets/p/b/deep/er/a", "buckets/p/bb/x", "backups/p/1.rdb"):
        await objects.put(key, chunks(b"x"))

    assert await objects.keys("buckets/p/b/") == ["buckets/p/b/deep/er/a", "buckets/p/b/z"]
    assert await objects.keys("buckets/q") == []


async def test_a_folder_is_there_when_somebody_made_it(objects: Objects, root: Path) -> None:
    """An empty folder counts; a file in its place does not."""
    (root / "buckets/p/b").mkdir(parents=True)
    (root / "buckets/p/file").touch()

    assert await objects.has_folder("buckets/p/b/")
    assert not await objects.has_folder("buckets/p/c")
    assert not await objects.has_folder("buckets/p/file")


async def test_a_sweep_removes_what_was_not_finished(objects: Objects, root: Path) -> None:
    """What a killed service left half-written goes; whole objects stay."""
    await objects.put(KEY, chunks(b"saved"))
    (root / "unfinished/0123456789abcdef").write_bytes(b"half")

    await objects.sweep()

    assert _files(root) == [KEY]


async def test_a_sweep_of_nothing_is_none(objects: Objects) -> None:
    """The first start finds nothing to sweep."""
    await objects.sweep()


async def test_only_the_owner_may_look(objects: Objects, root: Path) -> None:
    """Folders have mode 0700, files 0600, also when the umask is generous."""
    before = os.umask(0)
    try:
        await objects.put(KEY, chunks(b"saved"))
    finally:
        os.umask(before)

    assert _modes(root) == {0o700, 0o600}
    assert stat.S_IMODE((root / KEY).stat().st_mode) == 0o600


@pytest.mark.parametrize("way", ["buckets/p/link/secret", "buckets/p/b/link"])
async def test_no_link_leads_out(objects: Objects, root: Path, tmp_path: Path, way: str) -> None:
    """Behind a symbolic link, of a folder or a file, there is nothing for us."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "buckets/p/b").mkdir(parents=True)
    (root / "buckets/p/link").symlink_to(outside)
    (root / "buckets/p/b/link").symlink_to(outside / "secret")

    assert await objects.head(way) is None
    with pytest.raises(NoSuchObject):
        await whole(objects.get(way))
    assert await objects.keys("buckets/p") == []
    assert not await objects.has_folder("buckets/p/link")


async def test_nothing_is_written_or_deleted_behind_a_link(
    objects: Objects, root: Path, tmp_path: Path
) -> None:
    """A put behind a link is a trouble, a delete does nothing."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    (root / "buckets/p").mkdir(parents=True)
    (root / "buckets/p/link").symlink_to(outside)

    with pytest.raises(ObjectTrouble):
        await objects.put("buckets/p/link/new", chunks(b"x"))
    await objects.delete("buckets/p/link/file")

    assert _files(outside) == ["file"]


async def test_a_pipe_is_no_object(objects: Objects, root: Path) -> None:
    """What is no plain file is not there, and does not hold us up."""
    (root / "buckets/p/b").mkdir(parents=True)
    os.mkfifo(root / "buckets/p/b/pipe")

    assert await objects.head("buckets/p/b/pipe") is None


async def test_a_folder_that_is_named_must_be_there(tmp_path: Path) -> None:
    """A disk that is not mounted is not written beside."""
    away = tmp_path / "mnt"
    objects = Objects.open(ObjectSettings(url=f"file://{away}"), default=tmp_path)

    with pytest.raises(ObjectTrouble, match="mount its disk"):
        await objects.put(KEY, chunks(b"x"))

    assert not away.exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk of object storage is full."),
        (errno.EDQUOT, "The disk of object storage is full."),
        (errno.EROFS, "may not be used so: Read-only file system."),
        (errno.EIO, "can not be used: Input/output error."),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync", "link"])
async def test_a_disk_that_refuses_is_said_in_plain_words(
    objects: Objects, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, call: str
) -> None:
    """Whatever step the disk refuses: the reason has no path in it, and nothing is left."""

    def refused(*_args: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number), str(root))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refused)
        with pytest.raises(ObjectTrouble) as trouble:
            await objects.put(KEY, chunks(bytes(5_000_000)))

    assert words in str(trouble.value)
    assert str(root) not in str(trouble.value)
    assert _files(root) == []


def _disk(monkeypatch: pytest.MonkeyPatch, root: Path, *, free: int) -> None:
    """Have the folder lie on a disk of 2 GiB, of which so much was free before anything was written."""

    def told(_file: int) -> os.statvfs_result:
        left = free - sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        return os.statvfs_result((1024, 1024, 2 * MIB, 0, left // 1024, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "fstatvfs", told)


async def test_a_part_of_the_disk_stays_free(
    objects: Objects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What turns out too large goes, and the disk is for the service's own store; what fits is kept."""
    _disk(monkeypatch, root, free=102 * MIB + 5 * MIB)

    stored = await objects.put(KEY, chunks(*[bytes(MIB)] * 4))
    with pytest.raises(ObjectTrouble, match=r"make room on it\. 102 MiB stay free"):
        await objects.put(backup_key("project", "more"), chunks(*[bytes(MIB)] * 4))

    assert stored.size == 4 * MIB
    assert _files(root) == [KEY]


async def test_what_can_not_fit_is_not_begun(
    objects: Objects, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where little is left nothing is taken from the source, and of a copy the size is known before."""
    await objects.put(KEY, chunks(*[bytes(MIB)] * 4))
    _disk(monkeypatch, root, free=102 * MIB + 6 * MIB)
    monkeypatch.setattr(os, "write", None)

    with pytest.raises(ObjectTrouble, match="nearly full"):
        await objects.copy(KEY, "buckets/project/b/file")
    _disk(monkeypatch, root, free=102 * MIB + 3 * MIB)
    with pytest.raises(ObjectTrouble, match="nearly full"):
        await objects.put(backup_key("project", "more"), chunks(b"x"))

    assert await whole(objects.get(KEY)) == bytes(4 * MIB)
    assert _files(root) == [KEY]


@pytest.mark.parametrize(
    ("given", "size", "kept"),
    [(None, 100, 5), (None, 20, 1), (None, 252 * GIB, GIB), (None, 0, 0), (3, 100 * GIB, 3 * MIB)],
)
def test_the_reserve_is_a_part_of_the_disk(given: int | None, size: int, kept: int) -> None:
    """A twentieth, a GiB at most; or what the operator says."""
    assert Reserve(given).of(size) == kept


async def test_a_disk_that_hangs_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that takes longer than the timeout is a trouble, and what it wrote goes when it ends."""
    objects = Objects.open(ObjectSettings(timeout=0.2), default=root)
    awake = asyncio.Event()
    loop = asyncio.get_running_loop()
    write = os.write

    def hanging(file: int, data: bytes) -> int:
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(awake.wait(), loop).result()
        return write(file, data)

    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1_000_000)

    monkeypatch.setattr(os, "write", hanging)
    with pytest.raises(ObjectTrouble, match=r"did not answer for 0\.2 s"):
        await objects.put(KEY, endless())
    awake.set()

    assert taken < 10, "no more is taken than memory may hold"

    async with asyncio.timeout(10):
        while _files(root):  # noqa: ASYNC110 - what is waited for is seen, not announced
            await asyncio.sleep(0.01)


async def test_a_disk_that_hangs_holds_one_thread(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a step hangs, calls are refused at once and hold nothing; when it returned, all is as before."""
    patient = Objects.open(ObjectSettings(), default=root)
    await patient.put(KEY, chunks(b"saved"))
    objects = Objects.open(ObjectSettings(timeout=0.2), default=root)
    before = set(threading.enumerate())
    awake = threading.Event()

    with monkeypatch.context() as patch:
        patch.setattr(Tree, "head", lambda *_: awake.wait())
        for _ in range(60):
            with pytest.raises(ObjectTrouble, match=r"did not answer for 0\.2 s"):
                await objects.head(KEY)
    held = set(threading.enumerate()) - before
    awake.set()

    async with asyncio.timeout(10):
        while held & set(threading.enumerate()):  # noqa: ASYNC110 - what is waited for is seen, not announced
            await asyncio.sleep(0.01)
    assert len(held) == 1
    assert (await objects.head(KEY)).size == len(b"saved")
    assert await whole(patient.get(KEY)) == b"saved"


def test_a_disk_that_hangs_does_not_keep_the_process(root: Path) -> None:
    """A process that has nothing more to do ends, whatever its disk does not answer."""
    ended = subprocess.run([sys.executable, "-c", HANGING, str(root)], timeout=30, check=False)

    assert ended.returncode == 0


HANGING = """
import asyncio, sys, threading
from pathlib import Path
from memstored.domain.settings import ObjectSettings
from memstored.objects.storage import Objects, ObjectTrouble
from memstored.objects.tree import Tree

Tree.head = lambda *_: threading.Event().wait()
objects = Objects.open(ObjectSettings(timeout=0.2), default=Path(sys.argv[1]))
try:
    asyncio.run(objects.head("backups/p/x.rdb"))
except ObjectTrouble:
    sys.exit(0)
"""
