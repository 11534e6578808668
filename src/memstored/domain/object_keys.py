"""The names of objects in object storage, and the one place that says which names are good. Pure.

backups/<project>/<backup id>.rdb       ours
buckets/<project>/<bucket>/...          a project's own, unless the catalogue says where it lies
unfinished/...                          what is being written (in a folder only)
"""

import hashlib
from urllib.parse import quote

__all__ = ["BACKUPS", "BUCKETS", "UNFINISHED", "BadKey", "backup_key", "bucket_key", "checked", "is_key"]

BACKUPS = "backups"
BUCKETS = "buckets"
UNFINISHED = "unfinished"
LONGEST = 1024
"""Bytes of UTF-8 that a key may have: S3's limit."""
LONGEST_PART = 200
"""Bytes that a word from outside may take in a key: a file's name has 255, with what is added to it."""


class BadKey(ValueError):
    """The name can not be that of an object; the message says what is wrong with it."""


def checked(key: str) -> str:
    """The key itself; raises `BadKey` unless it is a plain path downwards.

    Every way out of the storage is shut here, for folders and for S3 alike: `..` and `.`, absolute paths,
    backslashes, control characters, empty parts.
    """
    if fault := _fault(key):
        raise BadKey(fault)
    return key


def is_key(name: str) -> bool:
    """Whether it is a good key: what lies in the storage may have been named by others."""
    return _fault(name) is None


def backup_key(project_id: str, backup_id: str) -> str:
    """Where the object of a backup lies."""
    return checked(f"{BACKUPS}/{_part(project_id)}/{_part(backup_id)}.rdb")


def bucket_key(project_id: str, bucket: str) -> str:
    """Where a project's own bucket lies."""
    return checked(f"{BUCKETS}/{_part(project_id)}/{bucket}")


def _part(word: str) -> str:
    """One part of a key out of a word from outside, such as a project's id: no two words share one.

    One that gets too long by being quoted (12 bytes a character at worst) is told by its hash.
    """
    # `quote` leaves dots, and a part of dots alone would be a way up.
    part = quote(word, safe="").replace(".", "%2E")
    # No quoted word has an equals sign.
    return part if len(part) <= LONGEST_PART else f"sha256={hashlib.sha256(word.encode()).hexdigest()}"


def _fault(key: str) -> str | None:
    """What is wrong with the key; None when nothing is."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    parts = key.split("/")
    faults = {
        f"it is longer than {LONGEST} bytes": size > LONGEST,
        "it begins with a slash": key.startswith("/"),
        "it holds a backslash or a character that can not be printed": "\\" in key or not key.isprintable(),
        "it has an empty part, between two slashes or at its end": "" in parts,
        "it has a part . or .., which is no name": not {".", ".."}.isdisjoint(parts),
    }
    return next((words for words, found in faults.items() if found), None)
