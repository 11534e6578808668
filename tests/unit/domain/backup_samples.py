"""A set that is well and a backup that is being made, for what is decided about backups."""

from dataclasses import replace

from memstored.domain.backup import Backup
from memstored.domain.model import InstanceSet, Lineage, Node
from memstored.domain.words import BackupId, BackupState, BackupType, NodeId, NodeState, Role, SetId, SetState

__all__ = ["NOW", "REPLID", "a_backup", "a_set", "member"]

NOW = 1_800_000_000.0
REPLID = "a" * 40


def member(number: int, **changes: object) -> Node:
    """A running node; the first is the primary."""
    node = Node(
        id=NodeId(f"node-{number}"),
        number=number,
        name=f"orders-{number}",
        subnet_id="subnet",
        role=Role.PRIMARY if number == 1 else Role.REPLICA,
        status=NodeState.RUNNING,
        created_at=1.0,
        launched=True,
        address=f"127.20.0.{number}",
        run_id=f"run-{number}",
        whole=True,
    )
    return replace(node, **changes)


def a_set(*nodes: Node, **changes: object) -> InstanceSet:
    """A running set of these nodes, or of three."""
    members = nodes or tuple(member(number) for number in (1, 2, 3))
    made = InstanceSet(
        id=SetId("5a0c0a34-3c53-4f4a-a2a6-5d1a4c1c9c10"),
        project_id="p",
        name="orders",
        description=None,
        replicas=len(members),
        flavor_id="flavor",
        memory=4,
        recovery_enabled=True,
        tls_enabled=False,
        subnets=("subnet",),
        security_groups=("group",),
        backup_schedule=None,
        user=None,
        parameter_group_id="group",
        port=6379,
        version="7.0.15",
        creator="admin",
        created_at=1.0,
        updated_at=1.0,
        status=SetState.RUNNING,
        reason=None,
        next_number=4,
        nodes=members,
        lineage=Lineage(epoch=3, primary=members[0].id, replid=REPLID),
    )
    return replace(made, **changes)


def a_backup(kind: BackupType = BackupType.MANUAL, **changes: object) -> Backup:
    """A backup that is being made."""
    backup = Backup(
        id=BackupId("b"),
        project_id="p",
        name="mine",
        set_id=SetId("s"),
        set_name="orders",
        type=kind,
        status=BackupState.CREATING,
        version="7.0.15",
        flavor_id="flavor",
        key="backups/p/b.rdb",
        created_at=NOW,
        actor="somebody",
    )
    return replace(backup, **changes)
