"""A set as the request to create it leaves it, for tests that drive it on by a whole controller."""

from memstored.control.clock import SystemClock
from memstored.domain.model import InstanceSet, Node, Operation, Source, Step
from memstored.domain.naming import node_id, node_name
from memstored.domain.words import NodeState, OperationKind, OperationState, Role, SetId, SetState

STEPS = ("provision", "load", "replicate", "open")


def ordered_set(set_id: SetId, *, replicas: int, source: Source | None = None) -> InstanceSet:
    """One of so many nodes, made of the saved data if any is given."""
    now = SystemClock().wall()
    nodes = tuple(
        Node(
            id=node_id(set_id, number),
            number=number,
            name=node_name("orders", number),
            subnet_id="subnet",
            role=Role.PRIMARY if number == 1 else Role.REPLICA,
            status=NodeState.INIT,
            created_at=now,
        )
        for number in range(1, replicas + 1)
    )
    steps = tuple(Step(name=name) for name in STEPS if name != "load" or source is not None)
    operation = Operation(
        id="11111111-0000-0000-0000-000000000001",
        kind=OperationKind.CREATE,
        state=OperationState.RUNNING,
        steps=steps,
        started_at=now,
        actor="admin",
    )
    return InstanceSet(
        id=set_id,
        project_id="p" * 32,
        name="orders",
        description=None,
        replicas=replicas,
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
        created_at=now,
        updated_at=now,
        status=SetState.INIT,
        reason=None,
        next_number=replicas + 1,
        nodes=nodes,
        operation=operation,
        source=source,
    )
