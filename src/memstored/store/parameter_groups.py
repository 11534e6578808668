"""The repository of custom parameter groups: each with its present values and those before.

Called by `service` with what callers want, and by `control`, which brings the values to sets. Every change is
one transaction with its events, made only from the version that was read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, insert, select, true, update

from memstored.domain.clock import Clock
from memstored.domain.model import EventDraft, Setting
from memstored.domain.parameter_group import ParameterGroup
from memstored.store.codec import plain, restore
from memstored.store.database import Database, fetch
from memstored.store.errors import GroupInUse, NameTaken, QuotaExceeded, Stale
from memstored.store.events import Resource, write_events
from memstored.store.sets import Further
from memstored.store.tables import instance_sets, parameter_group_versions, parameter_groups

__all__ = ["RESOURCE", "ParameterGroupRepository"]

RESOURCE = "parameter-group"
"""What events of parameter groups are about."""

Condition = ColumnElement[bool]

_PRESENT = (parameter_group_versions.c.group_id == parameter_groups.c.id) & (
    parameter_group_versions.c.version == parameter_groups.c.version
)
_WITH_SETTINGS: Select[Any] = select(*parameter_groups.c, parameter_group_versions.c.settings).join(
    parameter_group_versions, _PRESENT
)


class ParameterGroupRepository:
    """Keeps custom groups. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # Reading

    async def load(self, group_id: str) -> ParameterGroup | None:
        """The group of that id; None when there is none, or no longer."""
        found = await self._database.read(_read, parameter_groups.c.id == group_id)
        return found[0] if found else None

    async def load_all(self) -> list[ParameterGroup]:
        """Every group of every project, the oldest first."""
        return await self._database.read(_read, true())

    async def of_project(self, project_id: str) -> list[ParameterGroup]:
        """A project's groups, the oldest first."""
        return await self._database.read(_read, parameter_groups.c.project_id == project_id)

    async def count(self, project_id: str) -> int:
        """How many groups a project has."""
        return await self._database.read(_count, project_id)

    async def settings_before(self, group: ParameterGroup) -> tuple[Setting, ...] | None:
        """The values that the group had before its present ones; None when those are its first."""
        return await self._database.read(_settings_at, group.id, group.version - 1)

    # Writing

    async def add(self, group: ParameterGroup, events: Sequence[EventDraft] = (), *, quota: int) -> None:
        """Keep a new group.

        Raises `QuotaExceeded` when the project would have more than `quota` groups, else `NameTaken`.
        """
        await self._database.write(_add, group, quota, self._lines(events))

    async def commit(
        self, before: ParameterGroup, after: ParameterGroup, events: Sequence[EventDraft] = ()
    ) -> None:
        """Record what differs between the two, as read and as wanted; the values before are kept as well.

        Raises `Stale` when the group was changed since, or is gone.
        """
        await self._database.write(_commit, before, after, self._lines(events))

    async def remove(self, group: ParameterGroup, events: Sequence[EventDraft] = ()) -> None:
        """Forget a group and its versions; its events stay.

        Raises `GroupInUse` while a set has it, and `Stale` when it was changed since, or is gone.
        """
        await self._database.write(_remove, group, self._lines(events))

    async def record(self, group: ParameterGroup, events: Sequence[EventDraft]) -> None:
        """Write events about a group that stays as it is."""
        await self._database.write(_write_lines, group, self._lines(events))

    # Part of a set's transaction

    def linked(self, group: ParameterGroup) -> Further:
        """For the transaction of a set that is to have the group.

        Raises `Stale` when it was changed since, for then its values were not judged, or is gone.
        """
        return partial(_require_same, group=group)

    def _lines(self, events: Sequence[EventDraft]) -> "_Lines":
        return _Lines(events, self._clock.wall())


@dataclass(frozen=True, slots=True)
class _Lines:
    """Audit lines to write with a change; `now` is seconds since 1970."""

    events: Sequence[EventDraft]
    now: float


def _read(connection: Connection, which: Condition) -> list[ParameterGroup]:
    query = _WITH_SETTINGS.where(which).order_by(parameter_groups.c.created_at, parameter_groups.c.id)
    return [restore(ParameterGroup, row) for row in fetch(connection, query)]


def _count(connection: Connection, project_id: str) -> int:
    query = select(func.count()).where(parameter_groups.c.project_id == project_id)
    found: int = connection.execute(query).scalar_one()
    return found


def _settings_at(connection: Connection, group_id: str, version: int) -> tuple[Setting, ...] | None:
    table = parameter_group_versions
    query = select(table.c.settings).where(table.c.group_id == group_id, table.c.version == version)
    rows = connection.execute(query).scalar_one_or_none()
    return None if rows is None else _settings(rows)


def _settings(rows: Iterable[dict[str, Any]]) -> tuple[Setting, ...]:
    return tuple(restore(Setting, row) for row in rows)


def _add(connection: Connection, group: ParameterGroup, quota: int, lines: _Lines) -> None:
    used = _count(connection, group.project_id)
    if used >= quota:
        raise QuotaExceeded(quota, used)
    holder = select(parameter_groups.c.id).where(
        parameter_groups.c.project_id == group.project_id, parameter_groups.c.name == group.name
    )
    if connection.execute(holder).first() is not None:
        raise NameTaken(f"The name {group.name} is in use in this project.")
    row = plain(group)
    del row["settings"]
    connection.execute(insert(parameter_groups), row)
    _write_version(connection, group)
    _write_lines(connection, group, lines)


def _commit(connection: Connection, before: ParameterGroup, after: ParameterGroup, lines: _Lines) -> None:
    changed = {"description": after.description, "version": after.version, "updated_at": after.updated_at}
    _require_one(connection.execute(update(parameter_groups).where(_still(before)).values(changed)).rowcount)
    if after.version != before.version:
        _write_version(connection, after)
        _drop_before(connection, before)
    _write_lines(connection, after, lines)


def _remove(connection: Connection, group: ParameterGroup, lines: _Lines) -> None:
    used = exists().where(instance_sets.c.parameter_group_id == group.id)
    if connection.execute(select(used)).scalar_one():
        raise GroupInUse(f"A set has the parameter group {group.name}.")
    _require_one(connection.execute(delete(parameter_groups).where(_still(group))).rowcount)
    _write_lines(connection, group, lines)


def _require_same(connection: Connection, group: ParameterGroup) -> None:
    same = select(parameter_groups.c.id).where(_still(group))
    _require_one(len(connection.execute(same).all()))


def _still(group: ParameterGroup) -> Condition:
    """That the group is as it was read."""
    table = parameter_groups.c
    return (table.id == group.id) & (table.version == group.version) & (table.updated_at == group.updated_at)


def _require_one(rows: int) -> None:
    if rows != 1:
        raise Stale("The parameter group was changed since it was read; read it again.")


def _write_version(connection: Connection, group: ParameterGroup) -> None:
    row = {
        "group_id": group.id,
        "version": group.version,
        "settings": plain(group.settings),
        "created_at": group.updated_at,
    }
    connection.execute(insert(parameter_group_versions), row)


def _drop_before(connection: Connection, group: ParameterGroup) -> None:
    """Drop what a rollback can not reach any more; what was changed when is told by the events."""
    table = parameter_group_versions.c
    older = (table.group_id == group.id) & (table.version < group.version)
    connection.execute(delete(parameter_group_versions).where(older))


def _write_lines(connection: Connection, group: ParameterGroup, lines: _Lines) -> None:
    resource = Resource(project_id=group.project_id, type=RESOURCE, id=group.id, name=group.name)
    write_events(connection, resource, lines.events, lines.now)
