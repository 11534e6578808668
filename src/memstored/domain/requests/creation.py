"""Making a set (API.md 2.1): from the order to the plan of its nodes."""

from collections.abc import Sequence
from dataclasses import replace

from memstored.domain.errors import CannotBeMet, Detail, Fault, Forbidden
from memstored.domain.model import Configuration, InstanceSet, TenantUser
from memstored.domain.requests.change import Call, Change, Misread, begun, event, reason, refusal
from memstored.domain.requests.growth import STEPS, planned_node
from memstored.domain.requests.order import Login, Offer, Order, unmet
from memstored.domain.requests.restore import Found, Missing, Sought, unloadable
from memstored.domain.words import EventName, OperationKind, Role, SetId, SetState

__all__ = ["RESTORE_STEPS", "create", "unmeetable"]

RESTORE_STEPS = ("provision", "load", "replicate", "open")
"""The steps of making a set that begins with saved data."""


def create(
    order: Order,
    offer: Offer,
    call: Call,
    set_id: SetId,
    *,
    project_id: str,
    misread: Misread,
    sought: Sought | None = None,
) -> Change:
    """Plan the set that is ordered; `project_id` is the caller's own, `sought` the data it is to begin with.

    Raises, in this order, `InvalidRequest` for malformed fields (naming what can not be met as well),
    `Forbidden` for another project or a bucket, and `unmeetable`.
    """
    missing = [*unmet(order, offer, misread.fields), *_unfit(sought, order, offer, misread)]
    if misread.faults:
        raise refusal([*misread.faults, *missing])
    if order.project_id != project_id:
        message = "Give the project of your token as projectId."
        raise Forbidden(message, details=[Detail("projectId", "foreign_project", message)])
    if isinstance(sought, Missing) and sought.forbidden:
        raise Forbidden(sought.fault.message, details=[sought.fault])
    if missing:
        raise unmeetable(order, missing)
    planned = _planned(order, offer, call, set_id)
    nodes = "a node" if order.replicas == 1 else f"{order.replicas} nodes"
    message = f"{call.actor} ordered {nodes} of Redis {order.version}."
    if not isinstance(sought, Found):
        return Change(after=planned, events=(event(EventName.CREATE, call, message),))
    operation = begun(planned, call, OperationKind.CREATE, RESTORE_STEPS)
    restored = replace(planned, source=sought.source, operation=operation)
    message = f"{message.removesuffix('.')} with the data of {sought.source.name}."
    return Change(after=restored, events=(event(EventName.CREATE, call, message),))


def unmeetable(order: Order, missing: Sequence[Detail]) -> Fault:
    """The refusal of an order that is well-formed: 422 for plain create, 400 for a restore (API.md 1)."""
    found = refusal(missing)
    return found if order.restore else CannotBeMet(found.message, details=missing)


def _unfit(sought: Sought | None, order: Order, offer: Offer, misread: Misread) -> list[Detail]:
    if isinstance(sought, Missing):
        return [sought.fault]
    return list(unloadable(sought, order, offer, misread.fields)) if sought else []


def _planned(order: Order, offer: Offer, call: Call, set_id: SetId) -> InstanceSet:
    flavor = offer.catalogue.flavor(order.flavor_id)
    assert flavor is not None, "an order for an unknown flavor can not be met"
    custom = offer.custom
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
        schedule_since=call.at if order.backup_schedule else None,
        user=_tenant(order.user),
        parameter_group_id=order.parameter_group_id,
        configuration=Configuration(values=custom.values(), since=call.at) if custom else None,
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
