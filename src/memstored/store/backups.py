"""The repository of backups: what was saved, what is asked of it, and who uses it.

Called by `service` with what callers want and by `control` with what became of it. Every change is one
transaction with its events, made only from the state that was read; where a set changes with its backup,
both do or neither does.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection, delete, exists, insert, select, true, update

from memstored.domain.backup import Backup, BackupUse
from memstored.domain.clock import Clock
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.words import BackupState, BackupType
from memstored.store.backup_queries import (
    Condition,
    backups_counted,
    backups_of,
    backups_page,
    object_keys,
    read_backups,
    shown_as,
)
from memstored.store.database import Database
from memstored.store.errors import BackupUnderWay, NameTaken, QuotaExceeded, Stale
from memstored.store.events import Resource, write_events
from memstored.store.paging import Page
from memstored.store.rows import record_changes, row_of
from memstored.store.sets import Further, SetRepository
from memstored.store.tables import backup_uses, backups

__all__ = ["BackupRepository"]

RESOURCE = "backup"
"""What events of backups are about."""

_UNDER_WAY = (BackupState.PENDING.value, BackupState.CREATING.value)
_SETTLED = (BackupState.AVAILABLE.value, BackupState.ERROR.value)
_IN_USE = exists().where(backup_uses.c.backup_id == backups.c.id)


class BackupRepository:
    """Keeps backups. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, clock: Clock, sets: SetRepository) -> None:
        self._database = database
        self._clock = clock
        self._sets = sets

    # Reading

    async def load(self, backup_id: str) -> Backup | None:
        """The backup of that id with its uses; None when there is none, or no longer."""
        return await self._one(backups.c.id == backup_id)

    async def named(self, project_id: str, name: str) -> Backup | None:
        """The project's backup of that name; None when there is none."""
        return await self._one((backups.c.project_id == project_id) & (backups.c.name == name))

    async def of_project(
        self, project_id: str, *, set_id: str | None = None, set_name: str | None = None
    ) -> list[Backup]:
        """A project's backups, the oldest first: all, or those of one set, or of sets of one name."""
        return await self._database.read(read_backups, backups_of(project_id, set_id, set_name))

    async def page(
        self,
        project_id: str,
        *,
        set_id: str | None = None,
        set_name: str | None = None,
        states: Collection[BackupState] = (),
        kind: BackupType | None = None,
        limit: int,
        marker: str | None = None,
    ) -> Page[Backup]:
        """A project's backups, the newest first; `states` are those that callers see, none: every one.

        Raises `MarkerUnknown`.
        """
        wanted = backups_of(project_id, set_id, set_name)
        if states:
            wanted &= shown_as(states)
        if kind is not None:
            wanted &= backups.c.type == kind.value
        return await self._database.read(backups_page, wanted, limit, marker)

    async def all(self) -> list[Backup]:
        """Every backup of every project, the oldest first."""
        return await self._database.read(read_backups, true())

    async def unsettled(self, now: float) -> list[Backup]:
        """Those that something is to be done about at that time, the oldest first.

        They are neither `AVAILABLE` nor in `ERROR`, or they are in use, or they have expired.
        """
        settled = backups.c.status.in_(_SETTLED)
        return await self._database.read(read_backups, ~settled | _IN_USE | (backups.c.expires_at <= now))

    async def keys(self) -> dict[str, BackupState]:
        """Where the object of every backup lies or would lie, and the state of that backup."""
        return await self._database.read(object_keys)

    async def count(self, project_id: str) -> int:
        """How many backups count against the project's quota."""
        return await self._database.read(backups_counted, project_id)

    async def _one(self, which: Condition) -> Backup | None:
        found = await self._database.read(read_backups, which)
        return found[0] if found else None

    # Writing

    async def add(
        self, backup: Backup, events: Sequence[EventDraft] = (), *, quota: int | None = None
    ) -> None:
        """Keep a new backup of a set.

        Raises `BackupUnderWay` while another one of the set waits or is being made, else `QuotaExceeded` when
        the project would have more than `quota` backups, else `NameTaken`.
        """
        await self._database.write(_add_next, backup, quota, self._lines(events))

    async def update(self, before: Backup, after: Backup, events: Sequence[EventDraft] = ()) -> None:
        """Record what differs between the two, but for uses, which have methods of their own.

        Raises `Stale` when the backup is not in the state of `before` any more, or not there; one that is in
        use does not become `DELETING`.
        """
        await self._database.write(self.changed(before, after, events))

    async def begin(
        self,
        before: Backup,
        after: Backup,
        set_before: InstanceSet,
        set_after: InstanceSet,
        events: Sequence[EventDraft] = (),
    ) -> InstanceSet:
        """Record that a backup is being made, and that it is made of this set: both or none.

        Returns the set as it is kept. `events` are about the backup. Raises `Stale` when either was changed.
        """
        return await self._sets.commit(set_before, set_after, further=[self.changed(before, after, events)])

    async def end(
        self,
        before: Backup,
        after: Backup,
        set_before: InstanceSet,
        set_after: InstanceSet,
        events: Sequence[EventDraft] = (),
    ) -> InstanceSet:
        """Record what became of a backup, and that none is made of the set now: both or none, as `begin`."""
        return await self._sets.commit(set_before, set_after, further=[self.changed(before, after, events)])

    async def begin_use(
        self,
        use: BackupUse,
        *,
        project_id: str,
        copy: Backup | None = None,
        events: Sequence[EventDraft] = (),
        quota: int | None = None,
    ) -> None:
        """Record that an available backup of the project is being used, and keep the copy that is wanted.

        `events` are about the copy, if there is one, else about the backup. Raises `Stale` when the backup
        is not `AVAILABLE` (any more), else for the copy `QuotaExceeded` and `NameTaken` as `add`.
        """
        await self._database.write(_begin_use, use, project_id, copy, self._lines(events), quota)

    async def end_use(self, use: BackupUse, events: Sequence[EventDraft] = ()) -> None:
        """Record that a use is over, with what it came to; nothing happens when it was over before.

        `events` are about the backup.
        """
        await self._database.write(_end_use, use, self._lines(events))

    async def remove(self, backup: Backup, events: Sequence[EventDraft] = ()) -> None:
        """Forget a backup and its uses; its events stay. Raises `Stale` when it left the state it was in."""
        await self._database.write(_remove, backup, self._lines(events))

    # Parts of a set's transaction

    def changed(self, before: Backup, after: Backup, events: Sequence[EventDraft] = ()) -> Further:
        """What `update` does, for the transaction of a set."""
        return partial(_update, before=before, after=after, lines=self._lines(events))

    def used(self, use: BackupUse, *, project_id: str) -> Further:
        """What `begin_use` does, for the transaction of a set."""
        return partial(_begin_use, use=use, project_id=project_id, copy=None, lines=self._lines(()))

    def _lines(self, events: Sequence[EventDraft]) -> "_Lines":
        return _Lines(events, self._clock.wall())


@dataclass(frozen=True, slots=True)
class _Lines:
    """Audit lines to write with a change; `now` is seconds since 1970."""

    events: Sequence[EventDraft]
    now: float


def _add_next(connection: Connection, backup: Backup, quota: int | None, lines: _Lines) -> None:
    under_way = select(backups.c.id).where(
        backups.c.set_id == backup.set_id, backups.c.status.in_(_UNDER_WAY), backups.c.copy_of.is_(None)
    )
    if connection.execute(under_way).first() is not None:
        raise BackupUnderWay(f"A backup of {backup.set_name} is under way.")
    _add(connection, backup, quota, lines)


def _add(connection: Connection, backup: Backup, quota: int | None, lines: _Lines) -> None:
    if quota is not None and (used := backups_counted(connection, backup.project_id)) >= quota:
        raise QuotaExceeded(quota, used)
    holder = select(backups.c.id).where(
        backups.c.project_id == backup.project_id, backups.c.name == backup.name
    )
    if connection.execute(holder).first() is not None:
        raise NameTaken(f"The name {backup.name} is in use in this project.")
    row = row_of(backup)
    del row["uses"]
    connection.execute(insert(backups), row)
    _write_lines(connection, backup, lines)


def _update(connection: Connection, before: Backup, after: Backup, lines: _Lines) -> None:
    still = (backups.c.id == before.id) & (backups.c.status == before.status.value)
    if after.status is BackupState.DELETING:
        still &= ~_IN_USE
    differences = record_changes(replace(before, uses=after.uses), after)
    changed = {"status": after.status.value, **differences}
    _require_one(connection.execute(update(backups).where(still).values(changed)).rowcount)
    _write_lines(connection, after, lines)


def _begin_use(
    connection: Connection,
    use: BackupUse,
    project_id: str,
    copy: Backup | None,
    lines: _Lines,
    quota: int | None = None,
) -> None:
    available = (
        (backups.c.id == use.backup_id)
        & (backups.c.project_id == project_id)
        & (backups.c.status == BackupState.AVAILABLE.value)
    )
    found = read_backups(connection, available)
    _require_one(len(found))
    connection.execute(insert(backup_uses), row_of(use))
    if copy is None:
        _write_lines(connection, found[0], lines)
    else:
        _add(connection, copy, quota, lines)


def _end_use(connection: Connection, use: BackupUse, lines: _Lines) -> None:
    ended = connection.execute(delete(backup_uses).where(backup_uses.c.id == use.id)).rowcount
    if ended and lines.events:
        (backup,) = read_backups(connection, backups.c.id == use.backup_id)
        _write_lines(connection, backup, lines)


def _remove(connection: Connection, backup: Backup, lines: _Lines) -> None:
    still = (backups.c.id == backup.id) & (backups.c.status == backup.status.value)
    _require_one(connection.execute(delete(backups).where(still)).rowcount)
    _write_lines(connection, backup, lines)


def _require_one(rows: int) -> None:
    if rows != 1:
        raise Stale("The backup was changed since it was read; read it again.")


def _write_lines(connection: Connection, backup: Backup, lines: _Lines) -> None:
    resource = Resource(project_id=backup.project_id, type=RESOURCE, id=backup.id, name=backup.name)
    write_events(connection, resource, lines.events, lines.now)
