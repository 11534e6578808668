"""Small files that must be whole after a crash, and how a broken one is reported."""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["DamagedFile", "read_json", "replace_file", "write_private"]


class DamagedFile(Exception):
    """What the runtime keeps can not be read or understood; the message names it and says what to do."""


def write_private(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) into a file for nobody else (mode 0600). Raises `OSError`."""
    with _opened(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def replace_file(path: Path, text: str) -> None:
    """Put `text` in the place of the private file, for good: a reader sees the old one or the new one.

    Blocks until the disk has it. Raises `OSError`.
    """
    draft = path.with_name(f"{path.name}.new")
    with _opened(draft) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _opened(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    # A draft may have been left by somebody else, and a umask may take from the owner too.
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "wb")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in the file; None when there is no file. Raises `DamagedFile`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as fault:
        raise DamagedFile(f"{path} is not JSON ({fault}): put back a copy of it") from fault
    if not isinstance(document, dict):
        raise DamagedFile(f"{path} does not hold an object: put back a copy of it")
    return document
