"""The data folder: everything that a service keeps on this machine, and the lock that makes it its own.

lock              held while a service lives; what is written in it makes the folder memstored's
server.json       where the running service answers (url, pid)
credentials.json  the first admin's credential (0600)
secret.key        the key that secrets at rest are encrypted with (0600)
memstored.db      the store
metrics.history   the last hours of every node's figures
runtime/          nodes and addresses
objects/          backups and callers' files, unless the settings name another place
"""

import fcntl
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from memstored.cli.errors import Stop

__all__ = ["DataFolder"]

MARK = b"memstored data folder\n"
STORE = "memstored.db"
PRIVATE = ("credentials.json", "secret.key", STORE, f"{STORE}-wal", f"{STORE}-shm", f"{STORE}-journal")
"""Files that hold secrets, or what is as good."""
HISTORY = "metrics.history"
FILES = (*PRIVATE, HISTORY, f"{HISTORY}.new", "server.json", "credentials.new", "server.new")
RUNTIME_FILES = ("addresses.json", "addresses.json.new")
HARMLESS = (".gitignore", ".gitkeep", "lost+found")
"""What may lie in a folder that is to become one of ours."""


class DataFolder:
    """A data folder. `claim` makes it ours for as long as this process lives."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def store_url(self) -> str:
        """The URL of the store in this folder."""
        return f"sqlite:///{self.path / STORE}"

    @property
    def key_file(self) -> Path:
        """The file with the key for secrets at rest."""
        return self.path / "secret.key"

    @property
    def history_file(self) -> Path:
        """Where the last hours of every node's figures are kept over a restart."""
        return self.path / HISTORY

    @property
    def runtime(self) -> Path:
        """The folder of the process runtime."""
        return self.path / "runtime"

    @property
    def objects(self) -> Path:
        """Where backups lie when the settings name no other place. Removing the folder leaves them."""
        return self.path / "objects"

    @property
    def server_file(self) -> Path:
        """Where the running service writes its address."""
        return self.path / "server.json"

    @property
    def credentials_file(self) -> Path:
        """Where the first admin's credential is written."""
        return self.path / "credentials.json"

    @property
    def is_ours(self) -> bool:
        """Whether memstored made a data folder of it; false when it can not be read."""
        with suppress(OSError):
            return (self.path / "lock").read_bytes().startswith(MARK) or self._was_ours()
        return False

    def _was_ours(self) -> bool:
        """Whether it was made before locks were marked, or its making was cut short."""
        unmarked = (self.path / "lock").stat().st_size == 0
        return unmarked and ((self.path / STORE).is_file() or not self._strange())

    def _strange(self) -> list[str]:
        """The names of what is in it and would not be in one of ours."""
        ours = {*FILES, *HARMLESS, "lock", "runtime", "objects"}
        return sorted(entry.name for entry in self.path.iterdir() if entry.name not in ours)

    def claim(self) -> Self:
        """Create the folder if need be, keep it from others' eyes, and hold its lock.

        Raises `Stop` if it can not be ours: it belongs to another user, or holds somebody's files.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._require_room()
            self._make_private()
        except OSError as error:
            raise self._unusable(error) from None
        return self.hold()

    def hold(self) -> Self:
        """Hold the lock of the folder; raises `Stop` when a service has it."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_size == 0:
                    os.write(lock, MARK)
            except BaseException:
                os.close(lock)
                raise
        except BlockingIOError:
            raise Stop(
                f"The data folder {self.path} is in use by another memstored{self._holder()}; stop it first, "
                "or name another folder with --data-dir."
            ) from None
        except OSError as error:
            raise self._unusable(error) from None
        self._lock = lock
        return self

    def _unusable(self, error: OSError) -> Stop:
        return Stop(f"The data folder {self.path} can not be used: {error.strerror}.")

    def _require_room(self) -> None:
        """Never make a data folder of somebody's folder: its mode would be changed, and purge removes."""
        if self.is_ours:
            return
        strange = ["lock"] if (self.path / "lock").exists() else self._strange()
        if strange:
            raise Stop(
                f"The folder {self.path} holds files that are not memstored's (like {strange[0]}); "
                "name an empty or a new one with --data-dir."
            )

    def _make_private(self) -> None:
        """Mode 0700, and 0600 for what holds secrets, whatever it was before."""
        folder = self.path.stat()
        if folder.st_uid != os.geteuid():
            raise Stop(
                f"The data folder {self.path} belongs to another user (uid {folder.st_uid}); "
                "run memstored as that user, or name another folder with --data-dir."
            )
        if stat.S_IMODE(folder.st_mode) != 0o700:  # noqa: PLR2004 - the mode as everybody writes it
            self.path.chmod(0o700)
        for file in (self.path / name for name in PRIVATE):
            if file.is_file():
                file.chmod(0o600)

    def _holder(self) -> str:
        server = self.server()
        return f" (pid {server.get('pid')})" if server else ""

    def remove(self) -> list[str]:
        """Remove what memstored made but backups, and the folder when nothing else is in it.

        Returns what else is. The lock goes last: until then it can be done again. Nodes and their folders
        must be gone. Raises `OSError`.
        """
        files = (*(self.path / name for name in FILES), *(self.runtime / name for name in RUNTIME_FILES))
        for file in files:
            file.unlink(missing_ok=True)
        for folder in (self.runtime / "nodes", self.runtime / "proxies", self.runtime):
            _remove_empty(folder)
        self._remove_drafts()
        (self.path / "lock").unlink(missing_ok=True)
        _remove_empty(self.path)
        return sorted(entry.name for entry in self.path.iterdir()) if self.path.exists() else []

    def _remove_drafts(self) -> None:
        """Remove what is no whole object. Backups stay: they are what is left when all else is gone."""
        for draft in (self.objects / "unfinished").glob("*"):
            draft.unlink()
        for folder, _, _ in os.walk(self.objects, topdown=False):
            _remove_empty(Path(folder))

    def release(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def server(self) -> dict[str, object] | None:
        """What the running service wrote of itself, if it did."""
        return self._read(self.server_file)

    def credentials(self) -> dict[str, object] | None:
        """The first admin's credential, if it was made."""
        return self._read(self.credentials_file)

    def _read(self, file: Path) -> dict[str, object] | None:
        try:
            content = json.loads(file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Stop(f"{file} can not be read: {error}.") from None
        if not isinstance(content, dict):
            raise Stop(f"{file} does not hold what it should; restore or remove it.")
        return content

    def write(self, file: Path, content: Mapping[str, object]) -> None:
        """Write a JSON file of this folder whole or not at all, readable by its owner only."""
        fresh = file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            os.fchmod(descriptor, 0o600)
            json.dump(content, out, indent=2)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)


def _remove_empty(folder: Path) -> None:
    """Remove a folder in which nothing is."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
