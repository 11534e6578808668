from dataclasses import replace
from typing import Any

import pytest
from asked import (
    CALL,
    FLAVOR,
    GROUP,
    HASH,
    NOW,
    OFFER,
    ORDER,
    OTHER_SUBNET,
    PARAMETERS,
    SCHEDULE,
    SET,
    SUBNET,
    id_of,
)

from memstored.domain.errors import CannotBeMet, Detail, Forbidden, InvalidRequest
from memstored.domain.model import TenantUser
from memstored.domain.requests.change import Change, Misread
from memstored.domain.requests.creation import create
from memstored.domain.requests.order import Login, Order, unmet
from memstored.domain.settings import Quotas
from memstored.domain.words import EventName, NodeState, OperationKind, OperationState, Role, SetState

SINGLE: dict[str, Any] = {
    "replicas": 1,
    "replica_subnets": (),
    "recovery_enabled": False,
    "backup_schedule": None,
}


def _create(order: Order = ORDER, misread: Misread = Misread()) -> Change:  # noqa: B008 - it is frozen
    return create(order, OFFER, CALL, SET, project_id="p", misread=misread)


def test_an_order_becomes_a_planned_set() -> None:
    """What was ordered is recorded as it is, with the flavor's memory and the caller as creator."""
    planned = _create().after

    assert (planned.id, planned.project_id, planned.name, planned.description) == (
        SET,
        "p",
        "orders",
        "for orders",
    )
    assert (planned.replicas, planned.memory, planned.port) == (3, FLAVOR.memory, 6379)
    assert (planned.subnets, planned.security_groups) == ((SUBNET, OTHER_SUBNET), (GROUP,))
    assert (planned.backup_schedule, planned.creator) == (SCHEDULE, "mia")
    assert (planned.created_at, planned.updated_at) == (NOW, NOW)
    assert planned.status is SetState.INIT
    assert planned.reason is not None
    assert not planned.opened
    assert planned.source is None


def test_a_schedule_counts_from_the_order_on() -> None:
    """An hour that passed before is not missed; without a schedule there is none to miss."""
    without = _create(replace(ORDER, backup_schedule=None)).after

    assert (_create().after.schedule_since, without.schedule_since) == (NOW, None)


def test_the_nodes_are_planned_by_number() -> None:
    """Node 1 is the primary in its subnet, the others are replicas in theirs, and the next number is free."""
    planned = _create().after

    assert [(n.id, n.name, n.subnet_id, n.role) for n in planned.nodes] == [
        (id_of(1), "orders-1", SUBNET, Role.PRIMARY),
        (id_of(2), "orders-2", OTHER_SUBNET, Role.REPLICA),
        (id_of(3), "orders-3", SUBNET, Role.REPLICA),
    ]
    assert {n.status for n in planned.nodes} == {NodeState.INIT}
    assert not any(n.launched for n in planned.nodes)
    assert planned.next_number == 4


def test_a_creation_begins_its_operation_and_its_event() -> None:
    """The operation is in its first step, and the audit line names caller and request."""
    change = _create()

    operation = change.after.operation
    assert operation is not None
    assert (operation.kind, operation.state) == (OperationKind.CREATE, OperationState.RUNNING)
    assert [step.name for step in operation.steps] == ["provision", "replicate", "open"]
    assert (operation.step, operation.started_at, operation.actor) == ("provision", NOW, "mia")
    assert [(e.name, e.actor, e.request_id) for e in change.events] == [
        (EventName.CREATE, "mia", "request-1")
    ]


def test_a_password_is_kept_as_redis_keeps_it() -> None:
    """The SHA-256 is stored in lower case, and shown in no representation."""
    planned = _create().after

    assert planned.user == TenantUser(name="app", password_hash="ab" * 32)
    assert HASH.lower() not in repr(planned)
    assert HASH not in repr(ORDER)


def test_a_single_node_needs_no_replica() -> None:
    """One node, without high availability and schedule, is a whole set."""
    planned = _create(replace(ORDER, **SINGLE)).after

    assert [n.role for n in planned.nodes] == [Role.PRIMARY]


REDIS_6_2 = {"version": "6.2.5", "parameter_group_id": PARAMETERS["6.2"]}
REDIS_5_0 = {"version": "5.0.6", "parameter_group_id": PARAMETERS["5.0"]}

UNMET: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"flavor_id": "none"}, [("flavorId", "unknown_flavor")]),
    ({"subnets": (SUBNET, "none", OTHER_SUBNET)}, [("subnets[1].id", "unknown_subnet")]),
    ({"primary_subnet": "none"}, [("subnetAssignments[0].primary.id", "subnet_not_of_set")]),
    (
        {"subnets": (SUBNET,)},
        [("subnetAssignments[0].replicas[0].id", "subnet_not_of_set")],
    ),
    ({"replicas": 4}, [("subnetAssignments[0].replicas", "replica_count")]),
    ({"replicas": 2}, [("subnetAssignments[0].replicas", "replica_count")]),
    (SINGLE | {"recovery_enabled": True}, [("recoveryEnabled", "too_few_nodes")]),
    (SINGLE | {"backup_schedule": SCHEDULE}, [("backupSchedule", "too_few_nodes")]),
    ({"security_groups": (GROUP, "none")}, [("securityGroups[1].id", "unknown_security_group")]),
    ({"parameter_group_id": "none"}, [("parameterGroupId", "unknown_parameter_group")]),
    ({"parameter_group_id": PARAMETERS["6.2"]}, [("parameterGroupId", "parameter_group_family")]),
    ({"version": "7.2.7"}, [("version", "version_unavailable")]),
    (REDIS_6_2 | {"tls_enabled": True}, [("tlsEnabled", "tls_unavailable")]),
    ({"user": Login(name="app", password="hunter2")}, [("user.password", "password_not_encrypted")]),
    ({"user": Login(name="app", password="ab" * 31)}, [("user.password", "password_not_encrypted")]),
    ({"user": Login(name="app", password="ab" * 32 + "\n")}, [("user.password", "password_not_encrypted")]),
    (
        {"flavor_id": "none", "version": "1.0", "tls_enabled": True},
        [("flavorId", "unknown_flavor"), ("version", "version_unavailable")],
    ),
    (
        REDIS_6_2 | {"flavor_id": "none", "tls_enabled": True},
        [("flavorId", "unknown_flavor"), ("tlsEnabled", "tls_unavailable")],
    ),
    (REDIS_5_0 | {"user": None}, [("user", "user_required")]),
    (
        REDIS_5_0 | {"user": Login(name="default", password=HASH)},
        [("user.password", "password_hash_unavailable")],
    ),
    (
        REDIS_5_0 | {"user": Login(name="app", password=HASH, clear="x")},
        [("user.name", "named_user_unavailable")],
    ),
    (
        REDIS_5_0 | {"user": Login(name="default", password=HASH, clear="a\0b")},
        [("user.password", "password_unusable")],
    ),
    (
        REDIS_5_0 | {"user": Login(name="Default", password=HASH)},
        [("user.name", "named_user_unavailable"), ("user.password", "password_hash_unavailable")],
    ),
    (
        REDIS_5_0 | {"user": Login(name="app", password="hunter2")},
        [("user.password", "password_not_encrypted"), ("user.name", "named_user_unavailable")],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), UNMET)
def test_everything_that_can_not_be_had_is_named(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Each rule of a well-formed order is checked, and all that it breaks is told at once."""
    with pytest.raises(CannotBeMet) as refusal:
        _create(replace(ORDER, **changes))

    assert [(d.field, d.code) for d in refusal.value.details] == expected
    assert all(d.message.endswith(".") for d in refusal.value.details)


def test_an_engine_without_users_takes_the_default_one_with_an_encrypted_password() -> None:
    """The one form in which it can be had: its password is needed in clear (API.md 5, H19)."""
    login = Login(name="default", password=HASH, clear="open sesame")

    planned = _create(replace(ORDER, **REDIS_5_0, user=login)).after

    assert planned.user == TenantUser(name="default", password_hash="ab" * 32)
    assert "sesame" not in repr((login, planned))


def test_an_engine_with_tls_takes_an_order_for_it() -> None:
    """Whether the program has it decides, not its version."""
    assert _create(replace(ORDER, tls_enabled=True)).after.tls_enabled


@pytest.mark.parametrize(("quotas", "most"), [(Quotas(nodes_per_set=2), 2), (Quotas(replicas_per_set=1), 2)])
def test_the_quotas_of_the_project_bound_a_set(quotas: Quotas, most: int) -> None:
    """A project whose sets may have fewer nodes is told so at the field that is too large."""
    [detail] = unmet(ORDER, replace(OFFER, quotas=quotas))

    assert (detail.field, detail.code) == ("replicas", "quota_exceeded")
    assert str(most) in detail.message


@pytest.mark.parametrize("quotas", [Quotas(nodes_per_set=3), Quotas(replicas_per_set=2)])
def test_a_quota_may_be_used_up(quotas: Quotas) -> None:
    """A set of exactly as many nodes as the quota allows can be ordered."""
    assert unmet(ORDER, replace(OFFER, quotas=quotas)) == []


def test_a_malformed_field_is_told_with_what_can_not_be_had() -> None:
    """A malformed field makes it 400, and the other fields are still asked about."""
    fault = Detail("port", "out_of_range", "Give a port.")

    with pytest.raises(InvalidRequest) as refusal:
        _create(replace(ORDER, flavor_id="none"), Misread(faults=(fault,), fields=frozenset({"port"})))

    assert [(d.field, d.code) for d in refusal.value.details] == [
        ("port", "out_of_range"),
        ("flavorId", "unknown_flavor"),
    ]


@pytest.mark.parametrize("field", ["replicas", "subnetAssignments"])
def test_no_rule_is_asked_about_a_malformed_field(field: str) -> None:
    """A rule that looks at a field which was malformed says nothing: it would judge a stand-in."""
    assert unmet(replace(ORDER, replicas=2), OFFER, frozenset({field})) == []


def test_another_project_is_forbidden_before_what_can_not_be_had() -> None:
    """A foreign project is 403 even when the order could not be met."""
    with pytest.raises(Forbidden) as refusal:
        _create(replace(ORDER, project_id="q", flavor_id="none"))

    assert [d.code for d in refusal.value.details] == ["foreign_project"]


def test_a_malformed_field_comes_before_another_project() -> None:
    """400 is said before 403."""
    fault = Detail("port", "out_of_range", "Give a port.")

    with pytest.raises(InvalidRequest):
        _create(replace(ORDER, project_id="q"), Misread(faults=(fault,), fields=frozenset({"port"})))
