"""Sets, orders and callers for the tests of requests."""

from dataclasses import replace
from typing import Any

from memstored.domain.backup import Backup, BackupUse
from memstored.domain.catalogue import default_catalogue
from memstored.domain.facts import Life, NodeFacts, ReplicationFacts, SetFacts
from memstored.domain.model import BackupSchedule, InstanceSet, Lineage, Node, Operation, Step, Vips
from memstored.domain.naming import node_id, node_name
from memstored.domain.requests.change import Call
from memstored.domain.requests.order import Login, Offer, Order
from memstored.domain.settings import Quotas
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    NodeId,
    NodeState,
    OperationKind,
    OperationState,
    Role,
    SetId,
    SetState,
    UseKind,
)

CATALOGUE = default_catalogue()
FLAVOR = CATALOGUE.flavors[0]
SUBNET, OTHER_SUBNET = CATALOGUE.subnets[0].id, CATALOGUE.subnets[1].id
GROUP = CATALOGUE.security_groups[0].id
PARAMETERS = {group.family: group.id for group in CATALOGUE.parameter_groups}
SCHEDULE = BackupSchedule(cron="* 1 * * *", retention_limit=7)
NOW = 1_750_000_100.0
SET = SetId("6f9d7a52-5d0d-4c0e-9a69-0d0b1f7e7a11")
REPLID = "a" * 40
CALL = Call(actor="mia", request_id="request-1", at=NOW)

HASH = "AB" * 32
OFFER = Offer(
    catalogue=CATALOGUE,
    versions=["7.0.15", "6.2.5", "5.0.6"],
    tls=["7.0.15"],
    quotas=Quotas(),
    rdb_formats={"6.2": 9, "7.0": 10},
)
ORDER = Order(
    name="orders",
    description="for orders",
    replicas=3,
    flavor_id=FLAVOR.id,
    recovery_enabled=True,
    subnets=(SUBNET, OTHER_SUBNET),
    primary_subnet=SUBNET,
    replica_subnets=(OTHER_SUBNET, SUBNET),
    security_groups=(GROUP,),
    backup_schedule=SCHEDULE,
    user=Login(name="app", password=HASH),
    tls_enabled=False,
    parameter_group_id=PARAMETERS["7.0"],
    port=6379,
    project_id="p",
    version="7.0.15",
)


def id_of(number: int) -> NodeId:
    """The id of the set's node of that number."""
    return node_id(SET, number)


def running(nodes: int = 3, **changes: Any) -> InstanceSet:  # noqa: ANN401 - the fields of the record, checked by replace
    """A healthy set, with high availability off unless asked for; node 1 is the primary."""
    members = tuple(_node(number) for number in range(1, nodes + 1))
    healthy = InstanceSet(
        id=SET,
        project_id="p",
        name="orders",
        description=None,
        replicas=nodes,
        flavor_id=FLAVOR.id,
        memory=FLAVOR.memory,
        recovery_enabled=False,
        tls_enabled=False,
        subnets=(SUBNET,),
        security_groups=(GROUP,),
        backup_schedule=None,
        user=None,
        parameter_group_id=PARAMETERS["7.0"],
        port=6379,
        version="7.0.15",
        creator="mia",
        created_at=1_750_000_000.0,
        updated_at=1_750_000_000.0,
        status=SetState.RUNNING,
        reason=None,
        next_number=nodes + 1,
        nodes=members,
        vips=Vips(primary="127.20.255.1", reader="127.20.255.2" if nodes > 1 else None),
        lineage=Lineage(epoch=1, primary=id_of(1), replid=REPLID),
        opened=True,
        revision=7,
    )
    return replace(healthy, **changes)


def _node(number: int) -> Node:
    return Node(
        id=id_of(number),
        number=number,
        name=node_name("orders", number),
        subnet_id=SUBNET,
        role=Role.PRIMARY if number == 1 else Role.REPLICA,
        status=NodeState.RUNNING,
        created_at=1_750_000_000.0,
        launched=True,
        address=f"127.20.0.{number}",
        run_id=f"run-{number}",
        whole=number > 1,
    )


def a_backup(**changes: Any) -> Backup:  # noqa: ANN401 - the fields of the record, checked by replace
    """An available backup of the set that was made by hand."""
    backup = Backup(
        id=BackupId("backup-1"),
        project_id="p",
        name="nightly",
        set_id=SET,
        set_name="orders",
        type=BackupType.MANUAL,
        status=BackupState.AVAILABLE,
        version="7.0.15",
        flavor_id=FLAVOR.id,
        key="backups/p/backup-1.rdb",
        created_at=1_750_000_000.0,
        actor="remy",
        completed_at=1_750_000_060.0,
        size=4096,
        used_memory=8192,
        keys=3,
        checksum="c" * 64,
    )
    return replace(backup, **changes)


def a_use(kind: UseKind) -> BackupUse:
    """A use of that backup."""
    return BackupUse(id="use-1", backup_id=BackupId("backup-1"), kind=kind, since=1_750_000_070.0)


def with_node(instance_set: InstanceSet, number: int, **changes: Any) -> InstanceSet:  # noqa: ANN401 - the fields of the record, checked by replace
    """The set with one of its nodes changed."""
    node = instance_set.node(id_of(number))
    assert node is not None
    return instance_set.with_node(replace(node, **changes))


def failed(instance_set: InstanceSet, *numbers: int) -> InstanceSet:
    """The set with these nodes dead, shown as degraded."""
    for number in numbers:
        instance_set = with_node(instance_set, number, status=NodeState.FAILED)
    return replace(instance_set, status=SetState.WARNING)


def operation(kind: OperationKind = OperationKind.ADD_REPLICA) -> Operation:
    """An operation that is under way."""
    return Operation(
        id="operation-1",
        kind=kind,
        state=OperationState.RUNNING,
        steps=(Step(name="provision", state=OperationState.RUNNING, started_at=NOW),),
        started_at=NOW,
        actor="mia",
    )


def facts(offsets: dict[int, int], *, replid: str = REPLID) -> SetFacts:
    """What is seen of a set whose nodes have reached these offsets (by number); node 1 is the master."""
    return SetFacts(now=1.0, wall=NOW, nodes={id_of(n): _seen(n, at, replid) for n, at in offsets.items()})


def _seen(number: int, offset: int, replid: str) -> NodeFacts:
    replication = ReplicationFacts(is_master=number == 1, replid=replid, offset=offset, link_up=number != 1)
    return NodeFacts(life=Life.UP, run_id=f"run-{number}", replication=replication)
