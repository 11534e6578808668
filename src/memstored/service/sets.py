"""The use cases of sets: read what is stored, ask the rules, commit, wake the control loop.

A write is one transaction. When somebody else (most often the control loop) changed the set in between,
it is read and judged anew: what was allowed a moment ago may not be so now (`service.attempts`).
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from memstored.domain.backup import BackupUse
from memstored.domain.clock import Clock
from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.errors import Detail, InvalidRequest, NotFound
from memstored.domain.facts import SetFacts
from memstored.domain.model import InstanceSet, Node, Operation
from memstored.domain.outlook import Outlook, outlook
from memstored.domain.parameter_group import AnyGroup, ParameterGroup, configured, shown_status, values_of
from memstored.domain.ports import Identity
from memstored.domain.requests.certificates import renew_certificates
from memstored.domain.requests.change import Call, Change, Misread, name_in_use
from memstored.domain.requests.creation import create, unmeetable
from memstored.domain.requests.deletion import delete
from memstored.domain.requests.growth import add_replica
from memstored.domain.requests.order import Offer, Order
from memstored.domain.requests.parameter_groups import Used, shrinking
from memstored.domain.requests.promotion import promote
from memstored.domain.requests.readiness import Readiness, readiness
from memstored.domain.requests.recovery import set_recovery
from memstored.domain.requests.removal import delete_node
from memstored.domain.requests.restore import Sought, backup_source
from memstored.domain.requests.update import Wishes, update
from memstored.domain.words import ApplyStatus, NodeId, SetId, SetState, UseKind
from memstored.identity.protocol import Caller
from memstored.redis.rdb import RDB_FORMATS
from memstored.runtime.protocol import Engine
from memstored.service.attempts import until_fresh
from memstored.service.calls import call_of, project_of, refuse_marker
from memstored.service.catalogue import CatalogueService
from memstored.service.files import Files
from memstored.service.group_finder import GroupFinder
from memstored.service.passwords import PasswordService
from memstored.service.ports import Control, Keeper
from memstored.service.ports import Sequence as GroupSequence
from memstored.store.backups import BackupRepository
from memstored.store.errors import MarkerUnknown, NameTaken, QuotaExceeded
from memstored.store.events import Event, EventRepository
from memstored.store.paging import Page
from memstored.store.sets import Further, Identities, SetRepository

__all__ = ["EventFilter", "SetFilter", "SetService", "SetView"]

DEFAULT_LICENSE = "BSD-3-Clause"
"""The licence of every Redis before 7.4, for a set whose engine is not here any more."""


_RDB_FORMATS = {str(family): newest for family, newest in RDB_FORMATS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetView:
    """A set with what is known of it elsewhere: its engine's SPDX licence, the name of its parameter group,
    and how far that group's present values have come to it.
    """

    set: InstanceSet
    license: str
    parameter_group_name: str
    apply_status: ApplyStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFilter:
    """Which page of which sets; None: all names, all states, from the beginning."""

    limit: int
    marker: str | None = None
    name: str | None = None
    status: SetState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which page of which events; times are seconds since 1970, both included."""

    limit: int
    marker: str | None = None
    resource_id: str | None = None
    name: str | None = None
    since: float | None = None
    until: float | None = None


class SetService:
    """Everything callers can do with sets. A caller sees the sets of the token's project only."""

    def __init__(
        self,
        *,
        sets: SetRepository,
        backups: BackupRepository,
        files: Files,
        events: EventRepository,
        catalogue: CatalogueService,
        groups: GroupFinder,
        passwords: PasswordService,
        control: Control,
        sequence: GroupSequence,
        keeper: Keeper,
        clock: Clock,
    ) -> None:
        self._sets = sets
        self._backups = backups
        self._files = files
        self._events = events
        self._catalogue = catalogue
        self._groups = groups
        self._passwords = passwords
        self._control = control
        self._sequence = sequence
        self._keeper = keeper
        self._clock = clock

    # Writing

    async def create(self, caller: Caller, order: Order, misread: Misread) -> SetId:
        """Keep a new set as ordered. Raises as `requests.creation.create`, and `Conflict` for its name."""
        opened = await self._opened(order)
        set_id = await until_fresh(lambda: self._create(caller, opened, misread))
        self._control.wake(set_id)
        if order.restore is not None:
            # A backup that it begins with is in use from now on, and who sees to the end of that is to know.
            self._keeper.wake()
        return set_id

    async def check(self, caller: Caller, order: Order, misread: Misread) -> None:
        """Judge an order by the rules of `create` as things are now; nothing is kept. Raises as `create`."""
        await self._judged(caller, await self._opened(order), misread)
        project_id = project_of(caller)
        used = await self._catalogue.holdings.nodes_used(project_id)
        most = self._catalogue.quotas.of(project_id).nodes_per_project
        if used + order.replicas > most:
            raise unmeetable(order, [_no_room(QuotaExceeded(most, used))])
        if (await self._sets.page(project_id, name=order.name, limit=1)).rows:
            raise name_in_use("instanceSetName", order.name)

    async def _opened(self, order: Order) -> Order:
        """The order with its password opened, where that was sent encrypted."""
        return order if order.user is None else replace(order, user=await self._passwords.read(order.user))

    async def _create(self, caller: Caller, order: Order, misread: Misread) -> SetId:
        change, offer = await self._judged(caller, order, misread)
        new = change.after
        try:
            await self._sets.add(
                new,
                _fresh_identities(order),
                change.events,
                node_quota=offer.quotas.nodes_per_project,
                further=[*self._restore_use(new), *self._group_link(offer.custom)],
            )
        except QuotaExceeded as full:
            raise unmeetable(order, [_no_room(full)]) from full
        except NameTaken as taken:
            raise name_in_use("instanceSetName", order.name) from taken
        return new.id

    async def _judged(self, caller: Caller, order: Order, misread: Misread) -> tuple[Change, Offer]:
        """The set that would be made, out of what is offered to the caller's project."""
        project_id, set_id = project_of(caller), SetId(str(uuid4()))
        offer = self._offer(project_id, await self._groups.custom(project_id, order.parameter_group_id))
        sought = await self._sought(project_id, order, misread)
        call = self._call(caller)
        change = create(order, offer, call, set_id, project_id=project_id, misread=misread, sought=sought)
        return change, offer

    def _offer(self, project_id: str, custom: ParameterGroup | None) -> Offer:
        return Offer(
            catalogue=self._catalogue.catalogue,
            versions=self._catalogue.versions(),
            tls=self._catalogue.tls_versions(),
            quotas=self._catalogue.quotas.of(project_id),
            rdb_formats=_RDB_FORMATS,
            custom=custom,
        )

    async def _sought(self, project_id: str, order: Order, misread: Misread) -> Sought | None:
        """The data that the order names; None when it names none, or could not be read."""
        wish = order.restore
        if wish is None or any(field.startswith("restoreSource") for field in misread.fields):
            return None
        if wish.file is not None:
            return await self._files.source(project_id, wish.file, wish.field)
        name = wish.backup_name or ""
        return backup_source(await self._backups.named(project_id, name), name, wish.field)

    def _restore_use(self, new: InstanceSet) -> list[Further]:
        """That the backup which the set begins with is in use until its data is loaded."""
        if new.source is None or new.source.backup_id is None:
            return []
        use = BackupUse(
            id=str(uuid4()),
            backup_id=new.source.backup_id,
            kind=UseKind.RESTORE,
            since=new.created_at,
            holder=new.id,
        )
        return [self._backups.used(use, project_id=new.project_id)]

    def _group_link(self, custom: ParameterGroup | None) -> list[Further]:
        """That the project's own group, which the set is to have, is still there."""
        return [self._groups.groups.linked(custom)] if custom else []

    async def delete(self, caller: Caller, set_id: str, *, keep_automatic_backups: bool | None) -> SetId:
        """Let a set go, and its automatic backups or not; harmless when it is on its way already."""

        async def attempt() -> SetId:
            before = await self.get(caller, set_id)
            backups = await self._backups.of_project(before.project_id, set_id=before.id)
            going = delete(before, self._call(caller), backups, keep_automatic=keep_automatic_backups)
            further = [self._backups.changed(it.before, it.after, it.events) for it in going.backups]
            return await self._commit(before, going, further=further)

        deleted = await until_fresh(attempt)
        self._keeper.wake()
        return deleted

    async def update(self, caller: Caller, set_id: str, wishes: Wishes, misread: Misread) -> SetId:
        """Change a set in place: everything that is wished, or nothing."""
        catalogue, wanted = self._catalogue.catalogue, wishes.parameter_group_id

        async def attempt() -> SetId:
            before = await self.get(caller, set_id)
            group = None if wanted is None else await self._groups.find(before.project_id, wanted)
            custom = group if isinstance(group, ParameterGroup) else None
            used = await self._used(before, group)
            change = update(before, wishes, self._call(caller), catalogue, misread, custom=custom, used=used)
            return await self._commit(before, change, further=self._group_link(custom))

        changed = await until_fresh(attempt)
        if wanted is not None:
            self._sequence.wake()
        return changed

    async def preview_group(self, caller: Caller, set_id: str, group_id: str) -> Outlook:
        """What giving a set this parameter group will do; raises what `update` would. Nothing is recorded."""
        before, wishes = await self.get(caller, set_id), Wishes(parameter_group_id=group_id)
        group = await self._groups.find(before.project_id, group_id)
        custom = group if isinstance(group, ParameterGroup) else None
        used, catalogue = await self._used(before, group), self._catalogue.catalogue
        update(before, wishes, self._call(caller), catalogue, Misread(), custom=custom, used=used)
        present = configured(before).values.settings
        after = values_of(group) if group else configured(before).values
        return outlook(family_of(before.version), present, after, [before], used)

    async def _used(self, instance_set: InstanceSet, group: AnyGroup | None) -> Used:
        """What the set's data takes, if this group would leave it less memory than it has now."""
        if group is None or group.family != family_of(instance_set.version):
            return {}
        less = shrinking(values_of(group).settings, [instance_set])
        return {it.id: await self._control.used_memory(it.id) for it in less}

    async def delete_node(self, caller: Caller, set_id: str, node_id: str) -> SetId:
        """Take one node out of a set; raises `NotFound` when it has none such."""
        return await self._change(
            caller, set_id, lambda before, call: delete_node(before, _node_of(before, node_id), call)
        )

    async def promote(self, caller: Caller, set_id: str, target_id: str) -> SetId:
        """Make a replica the primary."""
        facts = self._control.facts
        return await self._change(
            caller, set_id, lambda before, call: promote(before, target_id, call, facts(before.id))
        )

    async def add_replica(self, caller: Caller, set_id: str, subnet_id: str) -> SetId:
        """Plan one more replica."""
        catalogue, quotas = self._catalogue.catalogue, self._catalogue.quotas.of(project_of(caller))
        try:
            return await self._change(
                caller,
                set_id,
                lambda before, call: add_replica(before, subnet_id, call, catalogue, quotas),
                node_quota=quotas.nodes_per_project,
            )
        except QuotaExceeded as full:
            raise InvalidRequest(_no_room(full).message, details=[_no_room(full)]) from full

    async def set_recovery(self, caller: Caller, set_id: str, *, enabled: bool) -> SetId:
        """Switch high availability on or off."""
        return await self._change(
            caller, set_id, lambda before, call: set_recovery(before, call, enabled=enabled)
        )

    async def renew_certificates(self, caller: Caller, set_id: str) -> SetId:
        """Have every node of a set get another certificate."""
        return await self._change(caller, set_id, renew_certificates)

    async def _change(
        self,
        caller: Caller,
        set_id: str,
        judge: Callable[[InstanceSet, Call], Change],
        *,
        node_quota: int | None = None,
    ) -> SetId:
        async def attempt() -> SetId:
            before = await self.get(caller, set_id)
            return await self._commit(before, judge(before, self._call(caller)), node_quota=node_quota)

        return await until_fresh(attempt)

    async def _commit(
        self,
        before: InstanceSet,
        change: Change,
        *,
        node_quota: int | None = None,
        further: Sequence[Further] = (),
    ) -> SetId:
        if change.after == before and not change.events:
            return before.id
        await self._sets.commit(before, change.after, change.events, node_quota=node_quota, further=further)
        self._control.wake(before.id)
        return before.id

    def _call(self, caller: Caller) -> Call:
        return call_of(caller, self._clock)

    # Reading

    async def get(self, caller: Caller, set_id: str) -> InstanceSet:
        """The set of that id; raises `NotFound`, also for one of another project."""
        found = await self._sets.load(set_id)
        if found is None or found.project_id != project_of(caller) or found.status is SetState.TERMINATED:
            raise NotFound("There is no such instance set in this project.", code="instance_set_unknown")
        return found

    async def view(self, instance_set: InstanceSet) -> SetView:
        """The set with what is known of it elsewhere."""
        group = await self._groups.find(instance_set.project_id, instance_set.parameter_group_id)
        return self._view(instance_set, group)

    def _view(self, instance_set: InstanceSet, group: AnyGroup | None) -> SetView:
        """Of a group that nobody knows any more, as of a further id that was dropped, what is recorded."""
        recorded = configured(instance_set).status
        return SetView(
            set=instance_set,
            license=_license(self._catalogue.engines(), instance_set.version),
            parameter_group_name=group.name if group else "",
            apply_status=shown_status(instance_set, values_of(group)) if group else recorded,
        )

    async def page(self, caller: Caller, wanted: SetFilter) -> Page[SetView]:
        """The project's sets, oldest first."""
        try:
            found = await self._sets.page(
                project_of(caller),
                name=wanted.name,
                status=wanted.status,
                limit=wanted.limit,
                marker=wanted.marker,
            )
        except MarkerUnknown:
            refuse_marker()
        groups = await self._groups.of_sets(project_of(caller), found.rows)
        rows = (self._view(row, groups.get(row.parameter_group_id)) for row in found.rows)
        return Page(rows=tuple(rows), next=found.next)

    async def all(self, caller: Caller) -> list[InstanceSet]:
        """Every set of the project, the oldest first."""
        return await self._catalogue.holdings.sets_of(project_of(caller))

    async def operations(self, set_id: SetId, *, limit: int, marker: str | None) -> Page[Operation]:
        """A set's operations, newest first."""
        try:
            return await self._sets.last_operations(set_id, limit=limit, marker=marker)
        except MarkerUnknown:
            refuse_marker()

    async def events(self, caller: Caller, wanted: EventFilter) -> Page[Event]:
        """The project's events, newest first; they stay when a set is gone."""
        try:
            return await self._events.page(
                project_of(caller),
                resource_id=wanted.resource_id,
                name=wanted.name,
                since=wanted.since,
                until=wanted.until,
                limit=wanted.limit,
                marker=wanted.marker,
            )
        except MarkerUnknown:
            refuse_marker()

    def seen(self, instance_set: InstanceSet) -> SetFacts:
        """What is seen of the set's nodes and addresses now; nothing is asked of a node for it."""
        return self._control.facts(instance_set.id)

    def failover_check(self, instance_set: InstanceSet) -> Readiness:
        """Whether the set could fail over now."""
        return readiness(instance_set, self.seen(instance_set))


def _node_of(instance_set: InstanceSet, node_id: str) -> Node:
    """The set's node of that id; raises `NotFound`."""
    node = instance_set.node(NodeId(node_id))
    if node is None:
        raise NotFound("There is no such instance in this set.", code="instance_unknown")
    return node


def _fresh_identities(order: Order) -> Identities:
    """Identities for this set alone; what the tenants' password is, only where the engine takes no hash."""
    clear = None if order.user is None or capabilities_of(order.version).acl else order.user.clear
    return Identities(
        control=Identity(user="memstored-control", secret=secrets.token_hex(32)),
        replication=Identity(user="memstored-replication", secret=secrets.token_hex(32)),
        password=clear,
    )


def _no_room(full: QuotaExceeded) -> Detail:
    message = f"This project may have {full.limit} nodes and has {full.used}; delete some or ask for more."
    return Detail("replicas", "quota_exceeded", message)


def _license(engines: Sequence[Engine], version: str) -> str:
    return next((engine.license for engine in engines if engine.version == version), DEFAULT_LICENSE)
