"""Adding one replica (API.md 2.7)."""

from dataclasses import replace

from memstored.domain.catalogue import Catalogue
from memstored.domain.errors import Detail
from memstored.domain.model import InstanceSet, Node
from memstored.domain.naming import node_id, node_name
from memstored.domain.requests.change import Call, Change, begun, event, reason, refusal
from memstored.domain.requests.gate import PATH_FIELD, check_members
from memstored.domain.settings import Quotas
from memstored.domain.words import EventName, NodeState, OperationKind, Role, SetState

__all__ = ["add_replica", "planned_node"]

STEPS = ("provision", "replicate", "open")


def add_replica(
    instance_set: InstanceSet, subnet_id: str, call: Call, catalogue: Catalogue, quotas: Quotas
) -> Change:
    """Plan one more replica in a subnet, which becomes one of the set's."""
    check_members(instance_set, (SetState.RUNNING, SetState.WARNING))
    faults = list(_faults(instance_set, subnet_id, catalogue, quotas))
    if faults:
        raise refusal(faults)
    node = planned_node(instance_set, instance_set.next_number, subnet_id, Role.REPLICA, call.at)
    why = reason(
        OperationKind.ADD_REPLICA,
        call,
        f"{node.name} is being added.",
        trying="starting the node",
        then="It copies the data from the primary and then serves.",
    )
    after = replace(
        instance_set.with_nodes([*instance_set.nodes, node]),
        replicas=instance_set.replicas + 1,
        next_number=instance_set.next_number + 1,
        subnets=tuple(dict.fromkeys((*instance_set.subnets, subnet_id))),
        status=SetState.SCALING_HORIZONTAL,
        reason=why,
        operation=begun(instance_set, call, OperationKind.ADD_REPLICA, STEPS, node.id),
        updated_at=call.at,
    )
    return Change(after=after, events=(event(EventName.NODE_ADD, call, f"{node.name} joins.", node.id),))


def _faults(instance_set: InstanceSet, subnet_id: str, catalogue: Catalogue, quotas: Quotas) -> list[Detail]:
    faults: list[Detail] = []
    most = min(quotas.replicas_per_set, quotas.nodes_per_set - 1)
    if instance_set.replicas - 1 >= most:
        message = f"A set has at most {most} replicas; delete one first."
        faults.append(Detail(PATH_FIELD, "too_many_replicas", message))
    primary = instance_set.primary
    if primary is None or primary.lost:
        message = "There is no living primary to copy from; promote a replica first."
        faults.append(Detail(PATH_FIELD, "no_living_primary", message))
    if catalogue.subnet(subnet_id) is None:
        message = "There is no such subnet; take one from GET /v1/redis/subnets."
        faults.append(Detail("subnet.id", "unknown_subnet", message))
    return faults


def planned_node(instance_set: InstanceSet, number: int, subnet_id: str, role: Role, at: float) -> Node:
    """A node that is to be, with the id and the name that follow from its number."""
    return Node(
        id=node_id(instance_set.id, number),
        number=number,
        name=node_name(instance_set.name, number),
        subnet_id=subnet_id,
        role=role,
        status=NodeState.INIT,
        created_at=at,
    )
