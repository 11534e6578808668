"""Making a set (API.md 2.1): from the order to the plan of its nodes."""

from dataclasses import replace

from memstored.domain.errors import CannotBeMet, Detail, Forbidden
from memstored.domain.model import InstanceSet, TenantUser
from memstored.domain.requests.change import Call, Change, Misread, begun, event, reason, refusal
from memstored.domain.requests.growth import STEPS, planned_node
from memstored.domain.requests.order import Login, Offer, Order, unmet
from memstored.domain.words import EventName, OperationKind, Role, SetId, SetState

__all__ = ["create"]


def create(
    order: Order, offer: Offer, call: Call, set_id: SetId, *, project_id: str, misread: Misread
) -> Change:
    """Plan the set that is ordered; `project_id` is the caller's own.

    Raises, in this order, `InvalidRequest` for malformed fields (naming what can not be met as well),
    `Forbidden` for another project, `CannotBeMet`.
    """
    missing = unmet(order, offer, misread.fields)
    if misread.faults:
        raise refusal([*misread.faults, *missing])
    if order.project_id != project_id:
        message = "Give the project of your token as projectId."
        raise Forbidden(message, details=[Detail("projectId", "foreign_project", message)])
    if missing:
        raise CannotBeMet(refusal(missing).message, details=missing)
    planned = _planned(order, offer, call, set_id)
    message = f"{call.actor} ordered {order.replicas} nodes of Redis {order.version}."
    return Change(after=planned, events=(event(EventName.CREATE, call, message),))


def _planned(order: Order, offer: Offer, call: Call, set_id: SetId) -> InstanceSet:
    flavor = offer.catalogue.flavor(order.flavor_id)
    assert flavor is not None, "an order for an unknown flavor can not be met"
    bare = InstanceSet(
        id=set_id,
        project_id=order.project_id,
        name=order.name,
        description=order.description,
        replicas=order.replicas,
        flavor_id=order.flavor_id,
        memory=flavor.memory,
        recovery_enabled=order.recovery_enabled,
        tls_enabled=order.tls_enabled,
        subnets=order.subnets,
        security_groups=order.security_groups,
        backup_schedule=order.backup_schedule,
        user=_tenant(order.user),
        parameter_group_id=order.parameter_group_id,
        port=order.port,
        version=order.version,
        creator=call.actor,
        created_at=call.at,
        updated_at=call.at,
        status=SetState.INIT,
        reason=reason(
            OperationKind.CREATE,
            call,
            "The set was ordered just now.",
            trying="reserving its addresses",
            then="Its nodes are started.",
        ),
        next_number=order.replicas + 1,
    )
    return _with_nodes(bare, order, call)


def _with_nodes(bare: InstanceSet, order: Order, call: Call) -> InstanceSet:
    places = [(Role.PRIMARY, order.primary_subnet)]
    places += [(Role.REPLICA, subnet_id) for subnet_id in order.replica_subnets]
    nodes = [planned_node(bare, n, subnet, role, call.at) for n, (role, subnet) in enumerate(places, start=1)]
    return replace(bare.with_nodes(nodes), operation=begun(bare, call, OperationKind.CREATE, STEPS))


def _tenant(login: Login | None) -> TenantUser | None:
    return TenantUser(name=login.name, password_hash=login.password.lower()) if login else None
