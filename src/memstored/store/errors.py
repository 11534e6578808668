"""What the store refuses, and how it says that it can not work, as one tree.

    StoreTrouble          the database can not be used now; nothing of the change was recorded
    ├── SchemaTooNew      it was written by a newer memstored
    ├── StoreBusy         another process holds it
    ├── StoreCorrupt      the file is damaged, or no database
    ├── StoreFull         no room left on the disk
    ├── StoreReadOnly     the file or its folder can not be written, or is not there
    ├── Superseded        another controller works on it since; this one records nothing more
    └── WrongKey          the secrets in it were sealed with another key

    StoreRefusal          the database works, but this change may not be made
    ├── BackupUnderWay    a backup of the set waits or is being made
    ├── GroupInUse        a set has the parameter group
    ├── MarkerUnknown     the marker of a page is none that we gave
    ├── NameTaken         the name is in use in this project
    ├── NoSuchSet         the set is not in the store (any more)
    ├── QuotaExceeded     more nodes, parameter groups or backups than the project may have
    └── Stale             it was changed by somebody else since it was read

The layer above turns the first tree into `Unavailable` and the second into refusals of the API.
"""

__all__ = [
    "BackupUnderWay",
    "GroupInUse",
    "MarkerUnknown",
    "NameTaken",
    "NoSuchSet",
    "QuotaExceeded",
    "SchemaTooNew",
    "Stale",
    "StoreBusy",
    "StoreCorrupt",
    "StoreFull",
    "StoreReadOnly",
    "StoreRefusal",
    "StoreTrouble",
    "Superseded",
    "WrongKey",
]


class StoreTrouble(Exception):
    """The database can not be used now; the message says what to do about it."""


class SchemaTooNew(StoreTrouble):
    """A newer memstored wrote this database; nothing in it was changed."""


class StoreBusy(StoreTrouble):
    """Another process holds the database for longer than we wait."""


class StoreCorrupt(StoreTrouble):
    """The file is damaged, or is not a database at all."""


class StoreFull(StoreTrouble):
    """There is no room left on the disk."""


class StoreReadOnly(StoreTrouble):
    """The file or its folder can not be written, or is not there."""


class Superseded(StoreTrouble):
    """Another controller began on this state, so this one's time is over for good (S7)."""


class WrongKey(StoreTrouble):
    """A secret was sealed with a key that we do not have."""


class StoreRefusal(Exception):
    """The database works, but this change may not be made."""


class BackupUnderWay(StoreRefusal):
    """A backup of the set is `Pending` or `Creating`: there is one at a time."""


class GroupInUse(StoreRefusal):
    """A set has the parameter group, so it can not be removed."""


class MarkerUnknown(StoreRefusal):
    """The marker is none that an earlier page ended with."""


class NameTaken(StoreRefusal):
    """The name is in use by another of the project's sets, of its backups, or of its parameter groups."""


class NoSuchSet(StoreRefusal):
    """The set is not in the store, or no longer."""


class QuotaExceeded(StoreRefusal):
    """The project may have `limit` nodes, parameter groups or backups, and has `used`, before this change."""

    def __init__(self, limit: int, used: int) -> None:
        super().__init__(f"The project may have {limit} and uses {used}.")
        self.limit = limit
        self.used = used


class Stale(StoreRefusal):
    """A set, backup or group was changed since it was read: read it again and decide anew (S7)."""
