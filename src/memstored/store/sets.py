"""The repository of sets: every change is one transaction, made only from the newest state (S7).

Called by `service` with what callers want and by `control` with what was decided. A set is read as a
whole; of a change only what differs is written, with the events that tell of it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, tuple_, update

from memstored.domain.clock import Clock
from memstored.domain.model import EventDraft, InstanceSet, Lineage, Node, Operation
from memstored.domain.ports import Identity
from memstored.domain.words import SetId, SetState
from memstored.store import quota
from memstored.store.cipher import Cipher
from memstored.store.codec import plain, restore
from memstored.store.database import Database, fetch
from memstored.store.difference import write_difference
from memstored.store.errors import MarkerUnknown, NameTaken, NoSuchSet, QuotaExceeded, Stale, WrongKey
from memstored.store.events import Resource, write_events
from memstored.store.known import Known
from memstored.store.operations import OPEN, is_open, operations_page, write_operations
from memstored.store.paging import Page, decode_place, encode_place
from memstored.store.rows import assembled, set_changes, set_row
from memstored.store.tables import events, instance_sets, lineages, nodes, operations, set_secrets

__all__ = [
    "Further",
    "Identities",
    "MarkerUnknown",
    "NameTaken",
    "NoSuchSet",
    "Page",
    "QuotaExceeded",
    "SetRepository",
    "Stale",
    "WrongKey",
]

_RESOURCE = "instance-set"

_PLACES = select(instance_sets.c.id, instance_sets.c.revision)

_AT_ONCE = 500

_IS_FRESH = (instance_sets.c.id == bindparam("this_set")) & (
    instance_sets.c.revision == bindparam("from_revision")
)
_ADVANCE = update(instance_sets).where(_IS_FRESH)
_REMOVE = delete(instance_sets).where(_IS_FRESH)

SetQuery = Select[*tuple[Any, ...]]

Further = Callable[[Connection], None]
"""Work of another repository that belongs to the same transaction; when it raises, nothing is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """The service's own users on the nodes of a set; kept sealed.

    `password` is the tenants', in clear, only where the engine has no ACL and takes no hash of it (H19).
    """

    control: Identity
    replication: Identity
    password: str | None = field(default=None, repr=False)


class SetRepository:
    """Keeps sets. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, clock: Clock, cipher: Cipher) -> None:
        self._database = database
        self._clock = clock
        self._cipher = cipher
        self._known = Known()
        self._observer: Callable[[InstanceSet], None] | None = None

    def observe(self, observer: Callable[[InstanceSet], None]) -> None:
        """Tell it of every set that is written from now on, once that is recorded."""
        self._observer = observer

    async def add(
        self,
        after: InstanceSet,
        identities: Identities,
        events: Sequence[EventDraft] = (),
        *,
        node_quota: int,
        further: Sequence[Further] = (),
    ) -> InstanceSet:
        """Keep a new set, as revision 1, and return it as it is kept.

        Raises `QuotaExceeded` when the project would have more than `node_quota` nodes, else `NameTaken`,
        else what `further` raises.
        """
        change = _Change(None, replace(after, revision=1), events, self._clock.wall(), node_quota, further)
        sealed = self._cipher.seal(json.dumps(plain(identities)))
        await self._database.write(_add, change, sealed)
        self._written(change.after)
        return _settled(change.after)

    async def commit(
        self,
        before: InstanceSet,
        after: InstanceSet,
        events: Sequence[EventDraft] = (),
        *,
        node_quota: int | None = None,
        further: Sequence[Further] = (),
    ) -> InstanceSet:
        """Record a change with its events, and return the set as it is kept, at its next revision.

        `before` is the set as it was read. `after.operation` may be one that just ended: it is filed and
        the set that is returned has none. A set that is `Terminated` is removed, its events stay.
        Raises `Stale` when the set was changed since, and `QuotaExceeded` when the change takes more nodes
        than `node_quota` lets the project have, else what `further` raises; then nothing is recorded.
        """
        written = replace(after, revision=before.revision + 1)
        change = _Change(before, written, events, self._clock.wall(), node_quota, further)
        write = self._database.write_first if _awaited(before, after) else self._database.write
        await write(_commit, change)
        self._written(written)
        return _settled(written)

    def _written(self, instance_set: InstanceSet) -> None:
        if self._observer is not None:
            self._observer(instance_set)

    async def load(self, set_id: str) -> InstanceSet | None:
        """The set of that id; None when there is none, or no longer."""
        query = _PLACES.where(instance_sets.c.id == set_id)
        found = await self._database.read(_read, query, self._known)
        return found[0] if found else None

    async def load_all(self) -> list[InstanceSet]:
        """Every set, the oldest first."""
        return await self._database.read(_read, _in_order(_PLACES), self._known)

    async def page(
        self,
        project_id: str,
        *,
        name: str | None = None,
        status: SetState | None = None,
        limit: int,
        marker: str | None = None,
    ) -> Page[InstanceSet]:
        """A project's sets, the oldest first. Raises `MarkerUnknown`."""
        query = _PLACES.where(instance_sets.c.project_id == project_id)
        if name is not None:
            query = query.where(instance_sets.c.name == name)
        if status is not None:
            query = query.where(instance_sets.c.status == status.value)
        if marker is not None:
            place = tuple_(instance_sets.c.created_at, instance_sets.c.id)
            query = query.where(place > decode_place(marker))
        found = await self._database.read(_read, _in_order(query).limit(limit + 1), self._known)
        return Page.cut(found, [encode_place(row.created_at, row.id) for row in found], limit)

    async def identities(self, set_id: SetId) -> Identities:
        """The service's own users on the set's nodes. Raises `NoSuchSet`, and `WrongKey`."""
        sealed = await self._database.read(_sealed, set_id)
        if sealed is None:
            raise NoSuchSet(f"There is no set {set_id}.")
        return restore(Identities, json.loads(self._cipher.open(sealed)))

    async def nodes_used(self, project_id: str) -> int:
        """How many nodes count against the project's quota, by the rule of `store.quota`."""
        return await self._database.read(quota.nodes_used, project_id)

    async def last_operations(
        self, set_id: SetId, *, limit: int, marker: str | None = None
    ) -> Page[Operation]:
        """The operations of a set, the latest first. Raises `MarkerUnknown`."""
        return await self._database.read(operations_page, set_id, limit, marker)

    async def forgot(self, set_id: SetId) -> bool:
        """Whether this store never knew the set: no row, and no event tells of it.

        Then the store, not the set, is what is missing: another file, or an older copy (S6).
        """
        return await self._database.read(_forgot, set_id)

    async def check_key(self) -> None:
        """Raise `WrongKey` when the secrets that are kept were sealed with another key.

        One of many that can not be opened is damaged itself: that is its own set's trouble.
        """
        wrong: WrongKey | None = None
        for sealed in await self._database.read(_all_sealed):
            try:
                self._cipher.open(sealed)
            except WrongKey as fault:
                wrong = fault
            else:
                return
        if wrong is not None:
            raise wrong


@dataclass(frozen=True, slots=True)
class _Change:
    """A change to be written; `before` is None for a new set, `now` is seconds since 1970."""

    before: InstanceSet | None
    after: InstanceSet
    events: Sequence[EventDraft]
    now: float
    node_quota: int | None
    further: Sequence[Further]


def _awaited(before: InstanceSet, after: InstanceSet) -> bool:
    """Whether tenants' writes may stand still until this is recorded: the primary is being changed."""
    return before.opened and before.lineage != after.lineage


def _in_order(query: SetQuery) -> SetQuery:
    return query.order_by(instance_sets.c.created_at, instance_sets.c.id)


def _settled(written: InstanceSet) -> InstanceSet:
    """The set as `load` gives it: an operation that ended belongs to its history."""
    if written.operation is None or is_open(written.operation):
        return written
    return replace(written, operation=None)


def _read(connection: Connection, query: SetQuery, known: Known) -> list[InstanceSet]:
    """The sets whose ids and revisions the query finds, in its order; only unknown revisions are fetched.

    One transaction sees one state, so what is fetched has the revision that was found.
    """
    places = [(SetId(row.id), row.revision) for row in connection.execute(query)]
    sets = {set_id: known.at(set_id, revision) for set_id, revision in places}
    for fetched in _fetched(connection, [set_id for set_id, found in sets.items() if found is None]):
        known.keep(fetched)
        sets[fetched.id] = fetched
    return [found for set_id, _ in places if (found := sets[set_id]) is not None]


def _fetched(connection: Connection, ids: Sequence[SetId]) -> Iterator[InstanceSet]:
    """These sets with their parts, some hundreds a query: SQLite takes so many values and not many more."""
    for begin in range(0, len(ids), _AT_ONCE):
        wanted = ids[begin : begin + _AT_ONCE]
        members = select(nodes).where(nodes.c.set_id.in_(wanted)).order_by(nodes.c.number)
        truths = select(lineages).where(lineages.c.set_id.in_(wanted))
        under_way = select(operations).where(
            operations.c.set_id.in_(wanted), operations.c.state.in_([state.value for state in OPEN])
        )
        yield from assembled(
            fetch(connection, select(instance_sets).where(instance_sets.c.id.in_(wanted))),
            fetch(connection, members),
            fetch(connection, truths),
            fetch(connection, under_way),
        )


def _sealed(connection: Connection, set_id: SetId) -> str | None:
    query = select(set_secrets.c.sealed).where(set_secrets.c.set_id == set_id)
    return connection.execute(query).scalar_one_or_none()


def _forgot(connection: Connection, set_id: SetId) -> bool:
    told = select(events.c.resource_id).where(events.c.resource_id == set_id).limit(1)
    row = select(instance_sets.c.id).where(instance_sets.c.id == set_id)
    return all(connection.execute(query).first() is None for query in (told, row))


def _all_sealed(connection: Connection) -> Sequence[str]:
    return connection.execute(select(set_secrets.c.sealed)).scalars().all()


def _add(connection: Connection, change: _Change, sealed: str) -> None:
    after = change.after
    _require_room(connection, change)
    _require_free_name(connection, after)
    connection.execute(insert(instance_sets), set_row(after))
    connection.execute(insert(set_secrets), {"set_id": after.id, "sealed": sealed})
    _write_parts(connection, change)
    _write_events(connection, change)
    _go_further(connection, change)


def _commit(connection: Connection, change: _Change) -> None:
    if change.after.status is SetState.TERMINATED:
        _remove(connection, change)
    else:
        _advance(connection, change)
        _require_room(connection, change)
        _write_parts(connection, change)
    _write_events(connection, change)
    _go_further(connection, change)


def _go_further(connection: Connection, change: _Change) -> None:
    for work in change.further:
        work(connection)


def _advance(connection: Connection, change: _Change) -> None:
    """Write the set's own row, which only one can do from any revision."""
    assert change.before is not None, "a new set is added, not committed"
    changed = set_changes(change.before, change.after)
    written = connection.execute(_ADVANCE, {**_fresh(change.before), **changed})
    _require_written(written.rowcount, change.before)


def _remove(connection: Connection, change: _Change) -> None:
    """Remove the set; the rows of its nodes, lineage, operations and secrets go with it."""
    assert change.before is not None, "a new set is added, not committed"
    _require_written(connection.execute(_REMOVE, _fresh(change.before)).rowcount, change.before)


def _fresh(before: InstanceSet) -> dict[str, object]:
    return {"this_set": before.id, "from_revision": before.revision}


def _require_written(rows: int, before: InstanceSet) -> None:
    if rows != 1:
        raise Stale(f"The set {before.name} was changed since revision {before.revision}; read it again.")


def _require_room(connection: Connection, change: _Change) -> None:
    if change.node_quota is not None:
        quota.require_room(connection, change.before, change.after, change.node_quota)


def _require_free_name(connection: Connection, wanted: InstanceSet) -> None:
    holder = select(instance_sets.c.id).where(
        instance_sets.c.project_id == wanted.project_id, instance_sets.c.name == wanted.name
    )
    if connection.execute(holder).first() is not None:
        raise NameTaken(f"The name {wanted.name} is in use in this project.")


def _write_parts(connection: Connection, change: _Change) -> None:
    before, after = change.before, change.after
    owner = {"set_id": after.id}
    write_difference(connection, nodes, _nodes(before), _nodes(after), owner)
    write_difference(connection, lineages, _lineages(before), _lineages(after), owner)
    write_operations(connection, before, after)


def _nodes(instance_set: InstanceSet | None) -> dict[str, Node]:
    return {node.id: node for node in instance_set.nodes} if instance_set else {}


def _lineages(instance_set: InstanceSet | None) -> dict[str, Lineage]:
    """The set's lineage, if it has one; its primary key is the set's id."""
    return {instance_set.id: instance_set.lineage} if instance_set and instance_set.lineage else {}


def _write_events(connection: Connection, change: _Change) -> None:
    after = change.after
    resource = Resource(project_id=after.project_id, type=_RESOURCE, id=after.id, name=after.name)
    write_events(connection, resource, change.events, change.now)
