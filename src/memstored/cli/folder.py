"""The data folder: everything that a service keeps on this machine, and the lock that makes it its own.

lock              held while a service lives
server.json       where the running service answers (url, pid)
credentials.json  the first admin's credential (0600)
secret.key        the key that secrets at rest are encrypted with (0600)
memstored.db      the store
runtime/          nodes and addresses
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from memstored.cli.errors import Stop

__all__ = ["DataFolder"]


class DataFolder:
    """A data folder. `claim` makes it ours for as long as this process lives."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def store_url(self) -> str:
        """The URL of the store in this folder."""
        return f"sqlite:///{self.path / 'memstored.db'}"

    @property
    def key_file(self) -> Path:
        """The file with the key for secrets at rest."""
        return self.path / "secret.key"

    @property
    def runtime(self) -> Path:
        """The folder of the process runtime."""
        return self.path / "runtime"

    @property
    def server_file(self) -> Path:
        """Where the running service writes its address."""
        return self.path / "server.json"

    @property
    def credentials_file(self) -> Path:
        """Where the first admin's credential is written."""
        return self.path / "credentials.json"

    def claim(self) -> Self:
        """Create the folder if need be and hold its lock; raises `Stop` if it can not be ours."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(
                f"The data folder {self.path} is in use by another memstored{self._holder()}; stop it first, "
                "or name another folder with --data-dir."
            ) from None
        except OSError as error:
            raise Stop(f"The data folder {self.path} can not be used: {error.strerror}.") from None
        return self

    def _holder(self) -> str:
        server = self.server()
        return f" (pid {server['pid']})" if server else ""

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
            json.dump(content, out, indent=2)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
