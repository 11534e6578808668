"""Queries of backups: which there are, with who uses them."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, case, func, select, tuple_

from memstored.domain.backup import USED, Backup, BackupUse
from memstored.domain.words import BackupState, BackupType
from memstored.store.codec import restore
from memstored.store.database import fetch
from memstored.store.paging import Page, decode_place, encode_place
from memstored.store.tables import backup_uses, backups

__all__ = [
    "Condition",
    "backups_counted",
    "backups_of",
    "backups_page",
    "object_keys",
    "read_backups",
    "shown_as",
]

Condition = ColumnElement[bool]

_LATEST_USE = (
    select(case({kind.value: state.value for kind, state in USED.items()}, value=backup_uses.c.kind))
    .where(backup_uses.c.backup_id == backups.c.id, backup_uses.c.kind.in_([kind.value for kind in USED]))
    .order_by(backup_uses.c.since.desc(), backup_uses.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_SHOWN = case(
    (backups.c.status == BackupState.AVAILABLE.value, func.coalesce(_LATEST_USE, backups.c.status)),
    else_=backups.c.status,
)
"""`Backup.shown`."""


def backups_of(project_id: str, set_id: str | None, set_name: str | None) -> Condition:
    """A project's backups: all, or those of one set, or of sets of one name."""
    wanted = backups.c.project_id == project_id
    if set_id is not None:
        wanted &= backups.c.set_id == set_id
    if set_name is not None:
        wanted &= backups.c.set_name == set_name
    return wanted


def shown_as(states: Collection[BackupState]) -> Condition:
    """Backups that callers see in one of these states."""
    return _SHOWN.in_([state.value for state in states])


def backups_page(connection: Connection, which: Condition, limit: int, marker: str | None) -> Page[Backup]:
    """The backups that meet a condition, the newest first. Raises `MarkerUnknown`."""
    if marker is not None:
        which &= tuple_(backups.c.created_at, backups.c.id) < decode_place(marker)
    newest_first = (backups.c.created_at.desc(), backups.c.id.desc())
    query = select(backups.c.id).where(which).order_by(*newest_first).limit(limit + 1)
    found = read_backups(connection, backups.c.id.in_(connection.scalars(query).all()))[::-1]
    return Page.cut(found, [encode_place(it.created_at, it.id) for it in found], limit)


def read_backups(connection: Connection, which: Condition) -> list[Backup]:
    """The backups that meet a condition, the oldest first; their uses in the order they began."""
    query = select(backups).where(which).order_by(backups.c.created_at, backups.c.id)
    theirs = backup_uses.c.backup_id.in_(select(backups.c.id).where(which))
    by_age = select(backup_uses).where(theirs).order_by(backup_uses.c.since, backup_uses.c.id)
    uses: dict[str, list[BackupUse]] = {}
    for row in fetch(connection, by_age):
        uses.setdefault(row["backup_id"], []).append(restore(BackupUse, row))
    found = [restore(Backup, row) for row in fetch(connection, query)]
    return [replace(backup, uses=tuple(uses.get(backup.id, ()))) for backup in found]


def backups_counted(connection: Connection, project_id: str) -> int:
    """How many backups count against the project's quota (API.md 3).

    All that hold data, or stay until somebody deletes them; so not an automatic one in `Error`.
    """
    passing = (backups.c.type == BackupType.AUTOMATIC.value) & (backups.c.status == BackupState.ERROR.value)
    theirs = select(func.count()).select_from(backups).where(backups.c.project_id == project_id, ~passing)
    return connection.execute(theirs).scalar_one()


def object_keys(connection: Connection) -> dict[str, BackupState]:
    """Where the object of every backup lies or would lie, and the state of that backup."""
    rows = connection.execute(select(backups.c.key, backups.c.status))
    return {row.key: BackupState(row.status) for row in rows}
