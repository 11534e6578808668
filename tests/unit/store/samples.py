"""Sets and backups to keep, by hand and by chance."""

from dataclasses import replace
from uuid import uuid4

from hypothesis import strategies as st

from memstored.domain.backup import Backup, BackupUse
from memstored.domain.model import (
    BackupSchedule,
    EventDraft,
    InstanceSet,
    Launches,
    Lineage,
    Node,
    Operation,
    Promotion,
    Reason,
    Source,
    Step,
    TenantUser,
    Vips,
)
from memstored.domain.ports import Identity
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    EventName,
    NodeId,
    NodeState,
    OperationKind,
    OperationState,
    Role,
    SetId,
    SetState,
    UseKind,
)
from memstored.store.sets import Identities

NOW = 1_790_000_000.25
PROJECT = "3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d"
IDENTITIES = Identities(
    control=Identity(user="memstored-1", secret="control secret"),
    replication=Identity(user="memstored-replication", secret="replication secret"),
)


def a_node(number: int, **changes: object) -> Node:
    """A running replica."""
    node = Node(
        id=NodeId(str(uuid4())),
        number=number,
        name=f"orders-{number}",
        subnet_id="subnet-a",
        role=Role.REPLICA,
        status=NodeState.RUNNING,
        created_at=NOW,
    )
    return replace(node, **changes)


def a_set(name: str = "orders", *, nodes: int = 3, **changes: object) -> InstanceSet:
    """A running set of that many nodes, the first of them the primary."""
    members = tuple(a_node(number) for number in range(1, nodes + 1))
    kept = InstanceSet(
        id=SetId(str(uuid4())),
        project_id=PROJECT,
        name=name,
        description=None,
        replicas=nodes,
        flavor_id="flavor-1",
        memory=4 << 30,
        recovery_enabled=True,
        tls_enabled=False,
        subnets=("subnet-a",),
        security_groups=("group-a",),
        backup_schedule=None,
        user=None,
        parameter_group_id="parameters-1",
        port=6379,
        version="7.0.15",
        creator="somebody",
        created_at=NOW,
        updated_at=NOW,
        status=SetState.RUNNING,
        reason=None,
        next_number=nodes + 1,
        nodes=members,
        lineage=Lineage(epoch=1, primary=members[0].id, replid="a" * 40),
    )
    return replace(kept, **changes)


def an_operation(kind: OperationKind = OperationKind.MODIFY, **changes: object) -> Operation:
    """An operation in the first of its two steps."""
    operation = Operation(
        id=str(uuid4()),
        kind=kind,
        state=OperationState.RUNNING,
        steps=(Step(name="first", state=OperationState.RUNNING, started_at=NOW), Step(name="second")),
        started_at=NOW,
        actor="somebody",
    )
    return replace(operation, **changes)


def an_event(name: EventName = EventName.UPDATE, **changes: object) -> EventDraft:
    """An audit line."""
    return replace(EventDraft(name=name, message="It was so."), **changes)


def a_backup(name: str = "nightly", **changes: object) -> Backup:
    """An available backup of a set that may be gone."""
    backup = Backup(
        id=BackupId(str(uuid4())),
        project_id=PROJECT,
        name=name,
        set_id=SetId(str(uuid4())),
        set_name="orders",
        type=BackupType.MANUAL,
        status=BackupState.AVAILABLE,
        version="7.0.15",
        flavor_id="flavor-1",
        key="backups/somewhere.rdb",
        created_at=NOW,
        actor="somebody",
        size=4096,
    )
    return replace(backup, **changes)


def a_use(backup: Backup, kind: UseKind = UseKind.RESTORE, **changes: object) -> BackupUse:
    """A use of a backup that began just now."""
    return replace(BackupUse(id=str(uuid4()), backup_id=backup.id, kind=kind, since=NOW), **changes)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
identifiers = st.uuids().map(str)
times = st.floats(min_value=0, max_value=1e11)
offsets = st.integers(min_value=0, max_value=2**62)
node_ids = identifiers.map(NodeId)

steps = st.builds(
    Step,
    name=words,
    state=st.sampled_from(OperationState),
    started_at=st.none() | times,
    finished_at=st.none() | times,
)
running_operations = st.builds(
    Operation,
    id=identifiers,
    kind=st.sampled_from(OperationKind),
    state=st.just(OperationState.RUNNING),
    steps=st.lists(steps, min_size=1, max_size=3).map(tuple),
    started_at=times,
    actor=words,
    request_id=st.none() | words,
    node=st.none() | node_ids,
    finished_at=st.none() | times,
    error=st.none() | words,
)
promotions = st.builds(Promotion, heir=node_ids, source=node_ids, sent=st.booleans(), started_at=times)
lineages = st.builds(
    Lineage,
    epoch=offsets,
    primary=node_ids,
    replid=words,
    watermark=offsets,
    ancestor=st.none() | words,
    fork=offsets,
    promotion=st.none() | promotions,
)
nodes = st.builds(
    Node,
    id=node_ids,
    number=st.integers(min_value=1, max_value=9),
    name=words,
    subnet_id=words,
    role=st.sampled_from(Role),
    status=st.sampled_from(NodeState),
    created_at=times,
    address=st.none() | words,
    run_id=st.none() | words,
    launched=st.booleans(),
    whole=st.booleans(),
    removing=st.booleans(),
)
members = st.lists(nodes, max_size=4, unique_by=(lambda n: n.number, lambda n: n.id)).map(
    lambda some: tuple(sorted(some, key=lambda n: n.number))
)
statuses = st.sampled_from([state for state in SetState if state is not SetState.TERMINATED])
sources = st.builds(
    Source,
    key=words,
    name=words,
    size=offsets,
    used_memory=st.none() | offsets,
    version=st.none() | words,
    backup_id=st.none() | identifiers.map(BackupId),
    checksum=st.none() | words,
    keys=st.none() | offsets,
    etag=st.none() | words,
)
reasons = st.builds(Reason, code=words, message=words, since=times, trying=words, next=words)
instance_sets = st.builds(
    InstanceSet,
    id=identifiers.map(SetId),
    project_id=identifiers,
    name=words,
    description=st.none() | words,
    replicas=st.integers(min_value=1, max_value=6),
    flavor_id=words,
    memory=offsets,
    recovery_enabled=st.booleans(),
    tls_enabled=st.booleans(),
    subnets=st.lists(words, max_size=3).map(tuple),
    security_groups=st.lists(words, max_size=3).map(tuple),
    backup_schedule=st.none() | st.builds(BackupSchedule, cron=words, retention_limit=st.integers(1, 35)),
    user=st.none() | st.builds(TenantUser, name=words, password_hash=words),
    parameter_group_id=words,
    port=st.integers(2000, 50000),
    version=words,
    creator=words,
    created_at=times,
    updated_at=times,
    status=statuses,
    reason=st.none() | reasons,
    next_number=st.integers(1, 99),
    nodes=members,
    vips=st.none() | st.builds(Vips, primary=words, reader=st.none() | words),
    lineage=st.none() | lineages,
    operation=st.none() | running_operations,
    opened=st.booleans(),
    launches=st.builds(Launches, failures=offsets, error=st.none() | words, retry_at=times),
    failovers=st.lists(times, max_size=3).map(tuple),
    source=st.none() | sources,
    backup=st.none() | identifiers.map(BackupId),
    schedule_since=st.none() | times,
    scheduled_day=st.none() | st.dates().map(str),
    revision=st.just(0),
)
saved_backups = st.builds(
    Backup,
    id=identifiers.map(BackupId),
    project_id=identifiers,
    name=words,
    set_id=identifiers.map(SetId),
    set_name=words,
    type=st.sampled_from(BackupType),
    status=st.sampled_from(BackupState),
    version=words,
    flavor_id=words,
    key=words,
    created_at=times,
    actor=words,
    request_id=st.none() | words,
    completed_at=st.none() | times,
    expires_at=st.none() | times,
    size=offsets,
    used_memory=offsets,
    keys=st.none() | offsets,
    checksum=st.none() | words,
    reason=st.none() | words,
    node=st.none() | node_ids,
    copy_of=st.none() | identifiers.map(BackupId),
    verified_at=st.none() | times,
    damage=st.none() | words,
)
