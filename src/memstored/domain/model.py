"""The set as the store keeps it: one frozen aggregate of set, nodes, lineage and running operation.

Everything that changes a set, whether a caller's request (`domain.requests`) or the control loop
(`domain.plan`), is a pure function from one `InstanceSet` to the next; `store.sets` commits the
difference only when the revision it was made from is still the stored one.
Times are seconds since 1970 (UTC) with fractions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from memstored.domain.words import (
    ApplyStatus,
    AuthorityId,
    BackupId,
    EventName,
    NodeId,
    NodeState,
    OperationKind,
    OperationState,
    Outcome,
    Role,
    SetId,
    SetState,
)

__all__ = [
    "DEFAULT_USER",
    "BackupSchedule",
    "Certificate",
    "Configuration",
    "EventDraft",
    "GroupValues",
    "InstanceSet",
    "Launches",
    "Lineage",
    "Node",
    "Operation",
    "Promotion",
    "Reason",
    "Setting",
    "Source",
    "Step",
    "TenantUser",
    "Vips",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a set is not `Running`, in words for its owner (S10).

    `since` is the time the state began; `trying` what is being done; `next` what will happen then.
    """

    code: str
    message: str
    since: float
    trying: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSchedule:
    """`cron` names an hour in KST (`* 1 * * *`); `retention_limit` is in days, 1 to 35."""

    cron: str
    retention_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The saved data that a set begins with: an RDB in object storage.

    `key` is where it lies there, `name` what the caller called it (a backup's name, or
    `bucket/folder/file`). `size` is in bytes. `checksum` (SHA-256, 64 hex digits) and `keys` are known of
    backups only, `etag` is the storage's own mark of the object's content, `used_memory` (bytes) and
    `version` are from the RDB's header, where it has them. `refusals` tell, in the engine's own words, how
    each load of it ended that failed (H28).
    """

    key: str
    name: str
    size: int
    used_memory: int | None = None
    version: str | None = None
    backup_id: BackupId | None = None
    checksum: str | None = None
    keys: int | None = None
    etag: str | None = None
    refusals: tuple[str, ...] = ()


DEFAULT_USER = "default"
"""The user of everyone who gives no name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantUser:
    """The one user of a set; `password_hash` is the SHA-256 in 64 lower-case hex digits."""

    name: str
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vips:
    """The addresses (IPv4, no port) that stay for the life of the set; no reader for one node.

    `down_since`: when (seconds since 1970) who carries them was found dead or hung; None when it is not.
    """

    primary: str
    reader: str | None
    down_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One parameter of the engine by its name, with the value as `CONFIG SET` takes it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupValues:
    """What a version of a parameter group sets: only what differs from the family's defaults, by name.

    `version` counts up with every change of a group; it is 0 for a default group, which sets nothing.
    `group_name` is for people, and "" where it is not known.
    """

    group_id: str
    group_name: str = field(default="", compare=False)
    version: int = 0
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What of its parameter group has come to a set (API.md 7).

    Every node runs with `values`, and a new one starts with them. `wanted` is on its way to the nodes; it
    becomes `values` only once every node read it back. `status` says how far that is, `since` when, and
    `error` why it stopped, in the engine's own words; then `wanted` tells what it was about, and the nodes go
    back to `values`. `failures` counts the times that the primary could not hand over to a node that was
    started with `wanted`; `retry_at` is when it may be tried again. `mixed`: nodes may differ in what only a
    start can give; so it is from the begin of an apply that replaces nodes until one has seen them all alike.
    """

    values: GroupValues
    wanted: GroupValues | None = None
    failures: int = 0
    retry_at: float = 0.0
    status: ApplyStatus = ApplyStatus.IN_SYNC
    since: float | None = None
    error: str | None = None
    mixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a node shows to whoever connects over TLS; the key is kept where the node lives.

    `fingerprint` is the SHA-256 of the certificate in DER, 64 lower-case hex digits; times are seconds since
    1970. `authority` is the certificate authority that signed it; `trusts` are those whose certificates the
    node accepts, which it was given together with its own. `outdated`: another one is wanted in its place.
    """

    fingerprint: str
    authority: AuthorityId
    not_before: float
    not_after: float
    trusts: tuple[AuthorityId, ...] = ()
    outdated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One Redis server, from its planning to its end. It is never started twice (S2).

    `launched` is committed before the launch is tried; `address` (IPv4) and `run_id` are what was
    then observed. `whole` says that it acknowledged something produced after its sync, so it holds a
    copy (S4, H5). `removing` is the wish, by a user or by healing, that it goes away. `certificate` is
    the one it was last given; None without TLS.
    """

    id: NodeId
    number: int
    name: str
    subnet_id: str
    role: Role
    status: NodeState
    created_at: float
    launched: bool = False
    address: str | None = None
    run_id: str | None = None
    whole: bool = False
    removing: bool = False
    certificate: Certificate | None = None

    @property
    def lost(self) -> bool:
        """Whether the node is known to be dead; nothing brings it back."""
        return self.status in (NodeState.FAILED, NodeState.TERMINATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A change of primary under way, committed before it is acted on (S7).

    `source` is the primary before. While `sent` is false only the old primary was touched and the
    change may be abandoned. Once true, `REPLICAOF NO ONE` may have reached the heir: forward, or the
    heir is proven gone (H9). `epoch` is raised with `sent`. Abandoning after the old primary was
    stopped is itself a promotion, of the old primary.
    """

    heir: NodeId
    source: NodeId
    sent: bool
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Whose data is the truth: recorded before it is acted on, compared before anyone is trusted.

    Offsets are in bytes of the replication stream and continue over a promotion. `ancestor` is the
    replid before the last promotion and `fork` the last offset that the two histories share: a node of
    that replid at or below it holds a true prefix. `watermark` is a floor of what was once reached.
    """

    epoch: int
    primary: NodeId
    replid: str
    watermark: int = 0
    ancestor: str | None = None
    fork: int = 0
    promotion: Promotion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One named part of an operation. One that moves data tells how far it is: `done` of `total` bytes."""

    name: str
    state: OperationState = OperationState.PENDING
    started_at: float | None = None
    finished_at: float | None = None
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A long change of a set. `node` is the node it is about, where there is one."""

    id: str
    kind: OperationKind
    state: OperationState
    steps: tuple[Step, ...]
    started_at: float
    actor: str
    request_id: str | None = None
    node: NodeId | None = None
    finished_at: float | None = None
    error: str | None = None

    @property
    def step(self) -> str:
        """The name of the step that is running or comes next; the last one's when all are done."""
        open_states = (OperationState.RUNNING, OperationState.PENDING)
        return next((s.name for s in self.steps if s.state in open_states), self.steps[-1].name)

    @property
    def percent(self) -> int:
        """Finished steps of all, 0 to 100; of the step that moves data its finished part."""
        if self.state is OperationState.SUCCEEDED:
            return 100
        return sum(_hundredths(step) for step in self.steps) // len(self.steps)

    @property
    def moved(self) -> Step | None:
        """The step that moves data and tells how much of it, where there is one."""
        return next((s for s in self.steps if s.total is not None), None)

    def at(self, name: str, now: float) -> Self:
        """This operation with step `name` running and all before it done; never goes back."""
        index = next(i for i, s in enumerate(self.steps) if s.name == name)
        return replace(self, steps=tuple(_walked(s, i, index, now) for i, s in enumerate(self.steps)))

    def moving(self, name: str, *, done: int, total: int) -> Self:
        """This operation with so many bytes of the data of step `name` moved."""
        moved = (replace(s, done=done, total=total) if s.name == name else s for s in self.steps)
        return replace(self, steps=tuple(moved))

    def ended(self, now: float, error: str | None = None) -> Self:
        """This operation finished: succeeded, or failed with `error` at the step it was in."""
        state = OperationState.FAILED if error else OperationState.SUCCEEDED
        steps = tuple(_closed(s, now, failed=bool(error)) for s in self.steps)
        return replace(self, state=state, steps=steps, finished_at=now, error=error)


def _hundredths(step: Step) -> int:
    if step.state is OperationState.SUCCEEDED:
        return 100
    return 100 * (step.done or 0) // step.total if step.total else 0


def _walked(step: Step, index: int, current: int, now: float) -> Step:
    if step.state in (OperationState.SUCCEEDED, OperationState.FAILED):
        return step
    if index < current:
        return _succeeded(step, now)
    if index == current and step.state is OperationState.PENDING:
        return replace(step, state=OperationState.RUNNING, started_at=now)
    return step


def _succeeded(step: Step, now: float) -> Step:
    begun = step.started_at or now
    return replace(step, state=OperationState.SUCCEEDED, started_at=begun, finished_at=now, done=step.total)


def _closed(step: Step, now: float, *, failed: bool) -> Step:
    if step.finished_at is not None:
        return step
    if not failed:
        return _succeeded(step, now)
    if step.state is OperationState.RUNNING:
        return replace(step, state=OperationState.FAILED, finished_at=now)
    return step


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """How launching goes: consecutive failures, the last one's words, and when to try again."""

    failures: int = 0
    error: str | None = None
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An audit line to be written with the change it belongs to; the store adds id and time.

    `cause` names the event that led to it: the newest of that name of the same set.
    """

    name: EventName
    message: str
    outcome: Outcome = Outcome.SUCCESS
    actor: str = "memstored"
    request_id: str | None = None
    node: NodeId | None = None
    cause: EventName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSet:
    """A managed Redis: what was asked for, and what is recorded of how far it is.

    `replicas` is the number of nodes asked for, primary included (the API's word). `nodes` holds every
    node that is not `Terminated`, by number. `next_number` numbers the next node; numbers are never
    reused. `opened` tells that tenants were let in once: before that there is no data to lose.
    `failovers` are the times of recent ones, for the brake (H25). `source` is the data that the first node
    must hold before anything else happens. `backup` is the backup that is being made of the set (`Creating`).
    `schedule_since` is when the hour of `backup_schedule` was chosen, `scheduled_day` the KST day
    (`2026-11-25`) for which nothing more is to be done. `configuration` tells what of the linked parameter
    group has come to the nodes; None: the defaults of the family. `revision` is the store's.
    """

    id: SetId
    project_id: str
    name: str
    description: str | None
    replicas: int
    flavor_id: str
    memory: int
    recovery_enabled: bool
    tls_enabled: bool
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    backup_schedule: BackupSchedule | None
    user: TenantUser | None
    parameter_group_id: str
    port: int
    version: str
    creator: str
    created_at: float
    updated_at: float
    status: SetState
    reason: Reason | None
    next_number: int
    nodes: tuple[Node, ...] = ()
    vips: Vips | None = None
    lineage: Lineage | None = None
    operation: Operation | None = None
    opened: bool = False
    launches: Launches = Launches()
    failovers: tuple[float, ...] = ()
    source: Source | None = None
    backup: BackupId | None = None
    schedule_since: float | None = None
    scheduled_day: str | None = None
    configuration: Configuration | None = None
    revision: int = 0

    @property
    def deleting(self) -> bool:
        """Whether the set is on its way out; nothing turns that back."""
        return self.status in (SetState.TERMINATING, SetState.TERMINATED)

    @property
    def primary(self) -> Node | None:
        """The node that the lineage names, while it is still one of the set's nodes."""
        if self.lineage is None:
            return None
        return self.node(self.lineage.primary)

    def node(self, node_id: NodeId) -> Node | None:
        """The node of that id, or None when the set has none such (any more)."""
        return next((n for n in self.nodes if n.id == node_id), None)

    def with_node(self, node: Node) -> Self:
        """This set with `node` in the place of the one of the same id."""
        return replace(self, nodes=tuple(node if n.id == node.id else n for n in self.nodes))

    def with_nodes(self, nodes: Iterable[Node]) -> Self:
        """This set with exactly these nodes, in the order of their numbers."""
        return replace(self, nodes=tuple(sorted(nodes, key=lambda n: n.number)))
