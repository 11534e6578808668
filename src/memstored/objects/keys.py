"""The names of objects, and the one place that says which names are good.

backups/<project>/<backup id>.rdb      ours
buckets/<project>/<bucket>/...         the project's own, unless the catalogue says where they lie
unfinished/...                         what is being written (a folder only)
"""

from urllib.parse import quote

__all__ = ["BACKUPS", "BUCKETS", "UNFINISHED", "BadKey", "backup_key", "checked", "segment"]

BACKUPS = "backups"
BUCKETS = "buckets"
UNFINISHED = "unfinished"
LONGEST = 1024
"""Bytes of UTF-8 that a key may have: S3's limit."""


class BadKey(ValueError):
    """The name can not be that of an object; the message says what is wrong with it."""


def checked(key: str) -> str:
    """The key itself; raises `BadKey` unless it is a plain path downwards.

    Every way out of the storage is shut here, for folders and for S3 alike: `..` and `.`, absolute paths,
    backslashes, control characters, empty segments.
    """
    if fault := _fault(key):
        raise BadKey(fault)
    return key


def backup_key(project_id: str, backup_id: str) -> str:
    """Where the object of a backup lies."""
    return checked(f"{BACKUPS}/{segment(project_id)}/{segment(backup_id)}.rdb")


def segment(word: str) -> str:
    """One segment of a key out of a word from outside, such as a project's id: no two words share one."""
    # `quote` leaves dots, and a segment of dots alone would be a way up.
    return quote(word, safe="").replace(".", "%2E")


def _fault(key: str) -> str | None:
    """What is wrong with the key; None when nothing is."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    segments = key.split("/")
    faults = {
        f"it is longer than {LONGEST} bytes": size > LONGEST,
        "it begins with a slash": key.startswith("/"),
        "it holds a backslash or a character that can not be printed": "\\" in key or not key.isprintable(),
        "it has an empty part, between two slashes or at its end": "" in segments,
        "it has a part . or .., which is no name": not {".", ".."}.isdisjoint(segments),
    }
    return next((words for words, found in faults.items() if found), None)
