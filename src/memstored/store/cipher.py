"""Secrets at rest: sealed with a key that lies apart from the database, or comes from outside.

A key is 32 random bytes in URL-safe base64 (Fernet: AES-128-CBC with HMAC-SHA-256). Several keys, one a
line, let a key be changed: the first seals, all open.
"""

import os
import tempfile
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from memstored.store.errors import StoreTrouble, WrongKey

__all__ = ["Cipher"]


class Cipher:
    """Seals and opens short texts. `keys` are as in a key file; raises `StoreTrouble` when malformed."""

    def __init__(self, keys: str) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys.split()])
        except ValueError as fault:
            raise StoreTrouble(
                "The encryption key is malformed: it takes lines of 32 bytes in URL-safe base64."
            ) from fault

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The cipher of the keys in a file, which is created with a fresh key when it is absent.

        The file is for this user alone (mode 0600). Raises `StoreTrouble` when it can not be used.
        """
        try:
            return cls(path.read_text("ascii"))
        except FileNotFoundError:
            return cls._created(path)
        except (OSError, UnicodeDecodeError) as fault:
            raise StoreTrouble(f"The key file {path} can not be read; make it readable.") from fault

    @classmethod
    def _created(cls, path: Path) -> Self:
        key = Fernet.generate_key().decode()
        try:
            _write_private(path, f"{key}\n")
        except OSError as fault:
            raise StoreTrouble(f"The key file {path} can not be written: {fault.strerror}.") from fault
        return cls(key)

    def seal(self, text: str) -> str:
        """The text, encrypted so that only `open` of the same key reads it."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text that was sealed. Raises `WrongKey` when another key sealed it, or it is damaged."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as fault:
            raise WrongKey(
                "The secrets in the database were sealed with another key; restore the key file."
            ) from fault


def _write_private(path: Path, text: str) -> None:
    """Write a new file that only this user may read, and have it on the disk before anything relies on it.

    It gets its name only when it is whole, so a crash leaves no half key; it never replaces another file.
    """
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    finally:
        Path(draft).unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
