"""The files beneath a folder, reached only by a walk downwards from it. `folder` runs this in threads.

Every path is walked from the root, folder by folder, and no symbolic link is followed: nothing leads out, not
even what is swapped while we look. Folders are made with mode 0700, files with 0600. Raises `OSError`, and
`NoSuchObject` and `ObjectExists` where that is what is found.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memstored.domain.object_keys import UNFINISHED, is_key
from memstored.objects.errors import NoSuchObject, ObjectExists, ObjectTrouble
from memstored.objects.protocol import Found
from memstored.objects.reserve import Reserve
from memstored.objects.stream import Stream

__all__ = ["Draft", "Tree"]

SYNC = 64 * 1024 * 1024
"""Bytes after which what was written is first brought to the disk; then twice as many as before up to
`SYNC_MOST`, for servers' clients feel each time however little there is to bring (decision 26), or half, down
to `SYNC_LEAST`, when it took longer than `SYNC_LONG`. Meanwhile nothing is read, and the system keeps as much
for the end: neither may look like a disk, or a reader, that stands still."""
SYNC_MOST = 256 * 1024 * 1024
SYNC_LEAST = 8 * 1024 * 1024
SYNC_LONG = 2.0
"""Seconds: a tenth of what a replica waits for us (`repl-timeout`)."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a pipe that somebody put there would hold us up at opening.
_OBJECT = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DRAFT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

# What opening a path answers when a part of it is missing, a file or a link: it is not there, for us.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


class Tree:
    """The tree beneath `root`. `make`: the root is made when it is not there; else that is a trouble, because
    a disk that is not mounted must not be written beside.
    """

    def __init__(self, root: Path, *, make: bool) -> None:
        self._root = root
        self._make = make

    def open(self, key: str) -> int:
        """A descriptor to read the object by. Raises `NoSuchObject`."""
        *folders, name = key.split("/")
        try:
            with self.folder(folders) as folder:
                file = os.open(name, _OBJECT, dir_fd=folder)
        except OSError as error:
            if error.errno in _NOT_THERE:
                raise NoSuchObject(key) from None
            raise
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise NoSuchObject(key)
        return file

    def head(self, key: str) -> Found | None:
        """The object's size and etag; None when there is none."""
        try:
            file = self.open(key)
        except NoSuchObject:
            return None
        try:
            found = os.fstat(file)
        finally:
            os.close(file)
        return Found(size=found.st_size, etag=f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}")

    def delete(self, key: str) -> None:
        """Delete the object, if there is one."""
        *folders, name = key.split("/")
        try:
            with self.folder(folders) as folder:
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in (*_NOT_THERE, errno.EISDIR):
                raise

    def keys(self, folder: str) -> list[str]:
        """The keys of all objects beneath the folder, sorted."""
        if not self.has_folder(folder):
            return []
        with self.folder(folder.split("/")) as top:
            return sorted(f"{folder}/{path}" for path in _files(top) if is_key(path))

    def has_folder(self, folder: str) -> bool:
        """Whether the folder is there."""
        try:
            with self.folder(folder.split("/")):
                return True
        except OSError as error:
            if error.errno in _NOT_THERE:
                return False
            raise

    def sweep(self) -> None:
        """Remove the drafts that were not finished."""
        with suppress(FileNotFoundError), self.folder([UNFINISHED]) as folder:
            for name in os.listdir(folder):  # noqa: PTH208 - a Path can not be opened by a descriptor
                os.unlink(name, dir_fd=folder)

    @contextmanager
    def folder(self, names: list[str], *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder at the end of that way, made on the way with `make`."""
        here = self._open_root()
        try:
            for name in names:
                inner = _enter(here, name, make=make)
                os.close(here)
                here = inner
            yield here
        finally:
            os.close(here)

    def _open_root(self) -> int:
        if self._make and not self._root.exists():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(self._root.parent)
        try:
            # The root itself may be a link: it is the operator's word.
            return os.open(self._root, _FOLDER)
        except FileNotFoundError:
            raise ObjectTrouble(
                "The folder of object storage is not there: mount its disk, or make it."
            ) from None


class Draft:
    """An object in the making: written beside the others, and given its name when it is whole.

    Every step that takes room raises `ObjectTrouble` when it would leave less free than the `reserve`.

    `kept` is set by whoever learned that it was published: else nobody knows of it, and `discard` removes it.
    """

    def __init__(
        self, tree: Tree, key: str, reserve: Reserve, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._tree = tree
        self._key = key
        self._reserve = reserve
        self._name = secrets.token_hex(16)
        self._file: int | None = None
        self._unsynced = 0
        self._most_unsynced = SYNC
        self._now = now
        self._published = False
        self.kept = False

    def open(self, least: int) -> None:
        """Begin what has at least so many bytes. Raises `ObjectExists` when there is one of that key."""
        if self._tree.head(self._key):
            raise ObjectExists(self._key)
        with self._tree.folder([UNFINISHED], make=True) as folder:
            self._reserve.require(folder, least)
            self._file = os.open(self._name, _DRAFT, 0o600, dir_fd=folder)

    def take(self, stream: Stream) -> None:
        """Add the next portion of the stream."""
        assert self._file is not None, "it is open"
        for part in stream.portion():
            self._reserve.require(self._file, len(part))
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._unsynced += len(part)
        if self._unsynced >= self._most_unsynced:
            self._sync(self._file)

    def _sync(self, file: int) -> None:
        began = self._now()
        os.fdatasync(file)
        took = self._now() - began
        self._unsynced = 0
        if took > SYNC_LONG:
            self._most_unsynced = max(SYNC_LEAST, self._most_unsynced // 2)
        elif 2 * took <= SYNC_LONG:
            self._most_unsynced = min(SYNC_MOST, 2 * self._most_unsynced)

    def publish(self) -> None:
        """Let the object appear, safe against a power loss. Raises `ObjectExists` when another came first."""
        assert self._file is not None, "it is open"
        os.fsync(self._file)
        *folders, name = self._key.split("/")
        with self._tree.folder([UNFINISHED]) as drafts, self._tree.folder(folders, make=True) as folder:
            try:
                # A rename would overwrite.
                os.link(self._name, name, src_dir_fd=drafts, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                raise ObjectExists(self._key) from None
            self._published = True
            os.fsync(folder)

    def discard(self) -> None:
        """Remove the object unless it is `kept`, then the draft's own name, and close it."""
        if self._file is None:
            return
        # One that can not be taken keeps none of the others from it. A draft that is left, `sweep` removes.
        if self._published and not self.kept:
            with suppress(OSError, ObjectTrouble):
                self._tree.delete(self._key)
        with suppress(OSError, ObjectTrouble), self._tree.folder([UNFINISHED]) as folder:
            os.unlink(self._name, dir_fd=folder)
        with suppress(OSError):
            os.close(self._file)


def _sync(path: Path) -> None:
    """See to it that what was made in this folder is there after a power loss."""
    folder = os.open(path, _FOLDER)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _enter(here: int, name: str, *, make: bool) -> int:
    """A descriptor of the folder `name` in the folder `here`."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=here)
            os.fsync(here)
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)


def _files(top: int) -> Iterator[str]:
    """The paths of the plain files beneath a folder."""
    for path, _, names, folder in os.fwalk(".", dir_fd=top):
        for name in names:
            # It may have been deleted since.
            with suppress(FileNotFoundError):
                if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    yield os.path.normpath(f"{path}/{name}")
