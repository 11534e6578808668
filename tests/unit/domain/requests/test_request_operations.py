from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from asked import (
    CALL,
    CATALOGUE,
    NOW,
    OTHER_SUBNET,
    SCHEDULE,
    SUBNET,
    a_backup,
    a_use,
    facts,
    failed,
    id_of,
    operation,
    running,
    with_node,
)

from memstored.domain.backup import Backup
from memstored.domain.errors import InvalidRequest
from memstored.domain.facts import SetFacts
from memstored.domain.model import InstanceSet
from memstored.domain.requests.change import Change
from memstored.domain.requests.deletion import delete
from memstored.domain.requests.growth import add_replica
from memstored.domain.requests.promotion import promote
from memstored.domain.requests.recovery import set_recovery
from memstored.domain.requests.removal import delete_node
from memstored.domain.settings import Quotas
from memstored.domain.words import (
    BackupState,
    BackupType,
    EventName,
    NodeState,
    OperationKind,
    OperationState,
    Role,
    SetState,
    UseKind,
)

BLIND = SetFacts(now=0.0, wall=0.0)


def _remove(before: InstanceSet, number: int) -> Change:
    node = before.node(id_of(number))
    assert node is not None
    return delete_node(before, node, CALL)


def _add(before: InstanceSet, subnet: str = OTHER_SUBNET, quotas: Quotas = Quotas()) -> Change:  # noqa: B008 - frozen
    return add_replica(before, subnet, CALL, CATALOGUE, quotas)


def _promote(before: InstanceSet, number: int, seen: SetFacts = BLIND) -> Change:
    return promote(before, id_of(number), CALL, seen)


def _codes(ask: Callable[[], Change]) -> list[str]:
    with pytest.raises(InvalidRequest) as refusal:
        ask()
    assert all(d.message.endswith(".") for d in refusal.value.details)
    return sorted(d.code for d in refusal.value.details)


# Deleting a set


@pytest.mark.parametrize(
    "status", [s for s in SetState if s not in (SetState.TERMINATING, SetState.TERMINATED)]
)
def test_a_set_is_deleted_in_every_state(status: SetState) -> None:
    """Deletion takes the place of whatever runs, keeps the nodes for the loop to end, and is told."""
    before = running(status=status, operation=operation())

    change = delete(before, CALL, [], keep_automatic=None)

    assert change.after.status is SetState.TERMINATING
    assert change.after.nodes == before.nodes
    assert change.after.reason is not None
    assert change.after.operation is not None
    assert change.after.operation.kind is OperationKind.DELETE
    assert [s.name for s in change.after.operation.steps] == ["withdraw", "remove"]
    assert [e.name for e in change.events] == [EventName.DELETE]


def test_a_deletion_asked_twice_changes_nothing_more() -> None:
    """A set that is going stays as it is."""
    going = delete(running(), CALL, [], keep_automatic=None).after

    again = delete(going, CALL, [], keep_automatic=None)

    assert again.after == going
    assert again.events == ()


def _automatic(**changes: Any) -> Backup:  # noqa: ANN401 - the fields of the record, checked by replace
    return a_backup(type=BackupType.AUTOMATIC, **changes)


AUTOMATIC = [
    _automatic(),
    _automatic(status=BackupState.PENDING),
    _automatic(status=BackupState.CREATING),
    _automatic(status=BackupState.ERROR),
    _automatic(uses=(a_use(UseKind.RESTORE),)),
]


@pytest.mark.parametrize("backup", AUTOMATIC, ids=lambda backup: backup.shown.value)
def test_what_becomes_of_automatic_backups_must_be_said(backup: Backup) -> None:
    """Nobody loses or keeps backups without having said so."""
    assert _codes(lambda: delete(running(), CALL, [backup], keep_automatic=None)) == ["missing"]


@pytest.mark.parametrize(
    "backup", [a_backup(), _automatic(status=BackupState.DELETING)], ids=["manual", "going"]
)
@pytest.mark.parametrize("keep", [None, True, False])
def test_other_backups_need_no_word(backup: Backup, keep: bool | None) -> None:  # noqa: FBT001 - a case
    """Those made by hand stay, those on their way out go, whatever is said."""
    going = delete(running(), CALL, [backup], keep_automatic=keep)

    assert going.after.status is SetState.TERMINATING
    assert going.backups == ()


@pytest.mark.parametrize("backup", AUTOMATIC, ids=lambda backup: backup.shown.value)
def test_automatic_backups_that_are_kept(backup: Backup) -> None:
    """They stay until they expire."""
    assert delete(running(), CALL, [backup], keep_automatic=True).backups == ()


@pytest.mark.parametrize("backup", [AUTOMATIC[0], AUTOMATIC[1], AUTOMATIC[3]])
def test_automatic_backups_go_with_their_set(backup: Backup) -> None:
    """They are `Deleting` at once, which is told."""
    [going] = delete(running(), CALL, [backup, a_backup()], keep_automatic=False).backups

    assert (going.before, going.after.status) == (backup, BackupState.DELETING)
    assert [(e.name, e.actor) for e in going.events] == [(EventName.SCHEDULED_BACKUP_DELETE, "mia")]


@pytest.mark.parametrize("backup", [AUTOMATIC[2], AUTOMATIC[4]])
def test_automatic_backups_in_use_or_in_the_making_go_afterwards(backup: Backup) -> None:
    """They expire at this moment, so they go when what is done with them has ended."""
    [going] = delete(running(), CALL, [backup], keep_automatic=False).backups

    assert going.after == replace(backup, expires_at=NOW)
    assert going.events == ()


def test_a_deletion_asked_twice_needs_no_word() -> None:
    """While the set goes, nothing more is decided about its backups."""
    going = running(status=SetState.TERMINATING)

    assert delete(going, CALL, [_automatic()], keep_automatic=None).after == going
    assert delete(going, CALL, [_automatic()], keep_automatic=False).backups == ()


# While a backup is made


@pytest.mark.parametrize(
    "ask", [lambda it: _remove(it, 2), _add, lambda it: _promote(it, 2), lambda it: _promote(it, 1)]
)
def test_members_stay_while_a_backup_is_made(ask: Callable[[InstanceSet], Change]) -> None:
    """No node is added, deleted or promoted; everything else may be done."""
    before = running(backup="backup-1")

    assert _codes(lambda: ask(before)) == ["backup_under_way"]
    assert set_recovery(before, CALL, enabled=True).after.recovery_enabled
    assert delete(before, CALL, [], keep_automatic=None).after.status is SetState.TERMINATING


# Deleting a node


def test_a_replica_is_taken_out() -> None:
    """It is marked to go, one node fewer is asked for, and the set scales."""
    change = _remove(running(), 3)

    after = change.after
    node = after.node(id_of(3))
    assert node is not None
    assert (node.removing, node.status) == (True, NodeState.TERMINATING)
    assert (after.replicas, after.status) == (2, SetState.SCALING_HORIZONTAL)
    assert after.operation is not None
    assert (after.operation.kind, after.operation.node) == (OperationKind.DELETE_NODE, id_of(3))
    assert [(e.name, e.node) for e in change.events] == [(EventName.NODE_DELETE, id_of(3))]


def test_a_dead_node_stays_failed_while_it_is_removed() -> None:
    """Nothing may take a node that is known to be dead for a living one again."""
    after = _remove(failed(running(), 1), 1).after

    node = after.node(id_of(1))
    assert node is not None
    assert (node.removing, node.lost) == (True, True)


def _with_recovery(nodes: int = 3, **changes: Any) -> InstanceSet:  # noqa: ANN401 - the fields of the record, checked by replace
    return running(nodes, recovery_enabled=True, **changes)


@pytest.mark.parametrize(
    ("before", "number", "codes"),
    [
        (_with_recovery(), 1, ["primary_with_ha"]),
        (with_node(_with_recovery(), 2, status=NodeState.STARTING), 2, ["node_not_running"]),
        (_with_recovery(2), 2, ["last_replica_with_ha"]),
        (running(), 1, ["primary_not_failed"]),
        (running(2, backup_schedule=SCHEDULE), 2, ["backup_needs_replica"]),
        (failed(running(2, backup_schedule=SCHEDULE), 1), 1, ["backup_needs_replica"]),
        (running(1), 1, ["only_node"]),
        (failed(running(1), 1), 1, ["only_node"]),
        (failed(running(2), 1), 2, ["last_copy"]),
        (failed(running(3), 1, 2), 3, ["last_copy"]),
        (failed(with_node(running(3), 2, whole=False), 1), 3, ["last_copy"]),
        (_with_recovery(2, backup_schedule=SCHEDULE), 2, ["backup_needs_replica", "last_replica_with_ha"]),
    ],
)
def test_nodes_that_must_stay(before: InstanceSet, number: int, codes: list[str]) -> None:
    """Every documented precondition holds, and all that are broken are told at once."""
    assert _codes(lambda: _remove(before, number)) == codes


@pytest.mark.parametrize(
    ("before", "number"),
    [
        (_with_recovery(), 3),
        (running(2), 2),
        (running(3, backup_schedule=SCHEDULE), 2),
        (failed(running(2), 2), 2),
        (failed(running(2), 1), 1),
        (failed(running(3), 1), 2),
        (failed(running(3), 2), 3),
    ],
)
def test_nodes_that_may_go(before: InstanceSet, number: int) -> None:
    """A node that nobody needs can be deleted, a `Failed` primary too."""
    assert _remove(before, number).after.replicas == before.replicas - 1


# Promoting


def test_a_running_replica_may_be_promoted() -> None:
    """The set switches over; the roles stay until the loop has seen the change."""
    change = _promote(running(), 2)

    after = change.after
    assert after.status is SetState.SWITCHING_OVER
    assert after.operation is not None
    assert (after.operation.kind, after.operation.node) == (OperationKind.PROMOTE, id_of(2))
    assert [s.name for s in after.operation.steps] == ["stop_writes", "catch_up", "promote", "move_address"]
    assert [n.role for n in after.nodes] == [Role.PRIMARY, Role.REPLICA, Role.REPLICA]
    assert [e.name for e in change.events] == [EventName.SWITCHOVER]


def test_the_present_primary_is_promoted_by_doing_nothing() -> None:
    """Naming the primary that lives is harmless."""
    before = running()

    assert _promote(before, 1) == Change(after=before)


@pytest.mark.parametrize(
    ("before", "number", "code"),
    [
        (_with_recovery(), 2, "ha_on"),
        (_with_recovery(), 1, "ha_on"),
        (running(), 9, "unknown_instance"),
        (with_node(running(), 2, status=NodeState.STARTING), 2, "not_a_running_replica"),
        (failed(running(), 2), 2, "not_a_running_replica"),
        (failed(running(), 1), 1, "not_a_running_replica"),
    ],
)
def test_what_can_not_be_promoted(before: InstanceSet, number: int, code: str) -> None:
    """Only a running replica of this set, and only with high availability off."""
    assert _codes(lambda: _promote(before, number)) == [code]


def test_after_a_death_the_freshest_replica_may_be_promoted() -> None:
    """With the primary dead, the replica that holds most, or as much as any, takes over."""
    before = failed(running(), 1)

    assert _promote(before, 2, facts({2: 100, 3: 90})).after.status is SetState.SWITCHING_OVER
    assert _promote(before, 3, facts({2: 100, 3: 100})).after.status is SetState.SWITCHING_OVER


def test_after_a_death_a_fresher_replica_goes_first() -> None:
    """With the primary dead, what the target lacks would be lost, so the fresher one is named."""
    with pytest.raises(InvalidRequest) as refusal:
        _promote(failed(running(), 1), 3, facts({2: 100, 3: 90}))

    [detail] = refusal.value.details
    assert (detail.field, detail.code) == ("primaryId", "fresher_replica")
    assert "orders-2" in detail.message
    assert id_of(2) in detail.message
    assert "10 bytes" in detail.message


def test_a_replica_of_another_history_is_not_compared() -> None:
    """Offsets of different histories mean nothing to each other (S4)."""
    ours, strange = facts({2: 90}), facts({3: 1000}, replid="b" * 40)
    seen = SetFacts(now=1.0, wall=NOW, nodes={**ours.nodes, **strange.nodes})

    assert _promote(failed(running(), 1), 2, seen).after.status is SetState.SWITCHING_OVER


def test_a_copy_that_was_never_whole_is_not_compared() -> None:
    """A replica that can not inherit itself stands in nobody's way, whatever offset it shows."""
    before = with_node(failed(running(), 1), 3, whole=False)

    assert _promote(before, 2, facts({2: 90, 3: 100})).after.status is SetState.SWITCHING_OVER


def test_after_a_death_an_unknown_copy_is_not_promoted() -> None:
    """Nobody takes over of whom it is not known what it holds."""
    assert _codes(lambda: _promote(failed(running(), 1), 2)) == ["copy_unproven"]


def test_a_replica_takes_over_when_the_row_of_the_dead_primary_is_gone() -> None:
    """After a `Failed` primary was deleted a replica can still be promoted."""
    bare = failed(running(), 1)
    orphaned = bare.with_nodes(n for n in bare.nodes if n.number != 1)

    assert _promote(orphaned, 2, facts({2: 5, 3: 5})).after.status is SetState.SWITCHING_OVER


# Adding a replica


def test_a_replica_is_planned() -> None:
    """The new node has the next number, and its subnet joins those of the set."""
    change = _add(running(2, next_number=5))

    after = change.after
    fresh = after.node(id_of(5))
    assert fresh is not None
    assert (fresh.name, fresh.role, fresh.status, fresh.subnet_id) == (
        "orders-5",
        Role.REPLICA,
        NodeState.INIT,
        OTHER_SUBNET,
    )
    assert (after.replicas, after.next_number) == (3, 6)
    assert after.subnets == (SUBNET, OTHER_SUBNET)
    assert after.status is SetState.SCALING_HORIZONTAL
    assert after.operation is not None
    assert (after.operation.kind, after.operation.node) == (OperationKind.ADD_REPLICA, id_of(5))
    assert [s.name for s in after.operation.steps] == ["provision", "replicate", "open"]
    assert [(e.name, e.node) for e in change.events] == [(EventName.NODE_ADD, id_of(5))]


def test_a_subnet_joins_once() -> None:
    """A subnet that the set already has is not listed twice."""
    assert _add(running(), SUBNET).after.subnets == (SUBNET,)


@pytest.mark.parametrize(
    ("before", "quotas", "codes"),
    [
        (running(6), Quotas(), ["too_many_replicas"]),
        (running(3), Quotas(replicas_per_set=2), ["too_many_replicas"]),
        (running(3), Quotas(nodes_per_set=3), ["too_many_replicas"]),
        (failed(running(2), 1), Quotas(), ["no_living_primary"]),
        (failed(running(6), 1), Quotas(), ["no_living_primary", "too_many_replicas"]),
    ],
)
def test_when_no_replica_can_be_added(before: InstanceSet, quotas: Quotas, codes: list[str]) -> None:
    """Five replicas are the most, the project's quota may say fewer, and there must be a primary to copy."""
    assert _codes(lambda: _add(before, quotas=quotas)) == codes


@pytest.mark.parametrize("quotas", [Quotas(replicas_per_set=3), Quotas(nodes_per_set=4)])
def test_a_quota_may_be_used_up(quotas: Quotas) -> None:
    """The last replica that the quota allows can be added."""
    assert _add(running(3), quotas=quotas).after.replicas == 4


def test_an_unknown_subnet_is_refused() -> None:
    """The subnet must be one of the catalogue."""
    assert _codes(lambda: _add(running(), "none")) == ["unknown_subnet"]


def test_a_degraded_set_with_a_living_primary_may_grow() -> None:
    """In `Warning` a replica can be added as long as the primary lives."""
    assert _add(failed(running(), 2)).after.replicas == 4


# Switching high availability


@pytest.mark.parametrize("enabled", [True, False])
def test_high_availability_is_switched(enabled: bool) -> None:  # noqa: FBT001 - the value of the wire field
    """The set stays `Running`, and the change is told."""
    change = set_recovery(running(recovery_enabled=not enabled), CALL, enabled=enabled)

    assert change.after.recovery_enabled is enabled
    assert change.after.status is SetState.RUNNING
    assert [e.name for e in change.events] == [EventName.RECOVERY_UPDATE]


def test_the_same_value_again_changes_nothing() -> None:
    """What is already so is not changed, dated or told."""
    before = running(recovery_enabled=True)

    assert set_recovery(before, CALL, enabled=True) == Change(after=before)


def test_one_node_can_not_be_highly_available() -> None:
    """Somebody must be there to take over."""
    assert _codes(lambda: set_recovery(running(1), CALL, enabled=True)) == ["too_few_nodes"]


# What may run when

HEALTHY = (SetState.RUNNING,)
DEGRADED = (SetState.RUNNING, SetState.WARNING)
REQUESTS: list[tuple[str, Callable[[InstanceSet], Change], tuple[SetState, ...]]] = [
    ("delete_node", lambda before: _remove(before, 3), DEGRADED),
    ("promote", lambda before: _promote(before, 2), DEGRADED),
    ("add_replica", _add, DEGRADED),
    ("set_recovery on", lambda before: set_recovery(before, CALL, enabled=True), HEALTHY),
    ("set_recovery as it is", lambda before: set_recovery(before, CALL, enabled=False), HEALTHY),
]


@pytest.mark.parametrize("status", list(SetState))
@pytest.mark.parametrize(("_name", "ask", "allowed"), REQUESTS)
def test_the_states_in_which_a_set_may_be_changed(
    _name: str, ask: Callable[[InstanceSet], Change], allowed: tuple[SetState, ...], status: SetState
) -> None:
    """Each request is possible in its states only; while a set heals the answer says so."""
    before = running(status=status)
    healing = status in (SetState.RECOVERING, SetState.SCALING_OUT)

    if status in allowed:
        ask(before)
    else:
        assert _codes(lambda: ask(before)) == ["set_healing" if healing else "wrong_state"]


@pytest.mark.parametrize(("_name", "ask", "_allowed"), REQUESTS)
def test_one_operation_at_a_time(
    _name: str, ask: Callable[[InstanceSet], Change], _allowed: tuple[SetState, ...]
) -> None:
    """While an operation runs the answer names it; one that ended is no hindrance."""
    busy = running(operation=operation(OperationKind.MODIFY))
    done = running(operation=replace(operation(), state=OperationState.SUCCEEDED))

    with pytest.raises(InvalidRequest) as refusal:
        ask(busy)

    assert [d.code for d in refusal.value.details] == ["set_busy"]
    assert "modify" in refusal.value.message
    ask(done)
