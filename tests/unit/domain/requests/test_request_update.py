from dataclasses import replace

import pytest
from asked import CALL, CATALOGUE, GROUP, NOW, PARAMETERS, SCHEDULE, operation, running

from memstored.domain.errors import Detail, InvalidRequest
from memstored.domain.model import BackupSchedule, InstanceSet
from memstored.domain.requests.change import Change, Misread
from memstored.domain.requests.update import ScheduleWish, Wishes, update
from memstored.domain.words import EventName, OperationKind, SetState


def _update(before: InstanceSet, wishes: Wishes) -> Change:
    return update(before, wishes, CALL, CATALOGUE, Misread())


def _codes(before: InstanceSet, wishes: Wishes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refusal:
        _update(before, wishes)
    return [(d.field, d.code) for d in refusal.value.details]


def test_a_description_is_changed_at_once() -> None:
    """The state stays, the change is dated, and the audit line names the field."""
    change = _update(running(), Wishes(description="new"))

    assert (change.after.description, change.after.status) == ("new", SetState.RUNNING)
    assert change.after.updated_at == NOW
    assert [e.name for e in change.events] == [EventName.UPDATE]
    assert "description" in change.events[0].message


def test_an_empty_description_clears_it() -> None:
    """`""` takes the description away."""
    assert _update(running(description="old"), Wishes(description="")).after.description is None


@pytest.mark.parametrize(
    ("present", "wish", "expected"),
    [
        (None, ScheduleWish(cron="* 3 * * *"), BackupSchedule(cron="* 3 * * *", retention_limit=7)),
        (
            None,
            ScheduleWish(cron="* 3 * * *", retention_limit=2),
            BackupSchedule(cron="* 3 * * *", retention_limit=2),
        ),
        (
            BackupSchedule(cron="* 1 * * *", retention_limit=9),
            ScheduleWish(cron="* 3 * * *"),
            BackupSchedule(cron="* 3 * * *", retention_limit=9),
        ),
        (
            BackupSchedule(cron="* 1 * * *", retention_limit=9),
            ScheduleWish(retention_limit=30),
            BackupSchedule(cron="* 1 * * *", retention_limit=30),
        ),
        (SCHEDULE, ScheduleWish(cron=""), None),
        (None, ScheduleWish(cron=""), None),
    ],
)
def test_one_field_of_the_schedule_keeps_the_other(
    present: BackupSchedule | None, wish: ScheduleWish, expected: BackupSchedule | None
) -> None:
    """A schedule is made, changed field by field, or switched off by an empty cron."""
    change = _update(running(backup_schedule=present), Wishes(backup_schedule=wish))

    assert change.after.backup_schedule == expected
    assert [e.name for e in change.events] == [EventName.BACKUP_SCHEDULE_UPDATE]


@pytest.mark.parametrize(
    ("present", "wish", "since"),
    [
        (None, ScheduleWish(cron="* 1 * * *"), NOW),
        (SCHEDULE, ScheduleWish(cron="* 2 * * *"), NOW),
        (SCHEDULE, ScheduleWish(cron="* 1 * * *"), 5.0),
        (SCHEDULE, ScheduleWish(cron="* 01 * * *"), 5.0),
        (SCHEDULE, ScheduleWish(retention_limit=3), 5.0),
        (SCHEDULE, ScheduleWish(cron=""), None),
    ],
)
def test_an_hour_counts_from_when_it_was_chosen(
    present: BackupSchedule | None, wish: ScheduleWish, since: float | None
) -> None:
    """Another hour begins anew; the same hour, however it is spelled, goes on."""
    before = running(backup_schedule=present, schedule_since=5.0 if present else None)

    assert _update(before, Wishes(backup_schedule=wish)).after.schedule_since == since


def test_two_nodes_suffice_for_a_schedule() -> None:
    """A set of one primary and one replica may be backed up automatically."""
    wish = ScheduleWish(cron="* 3 * * *")

    assert _update(running(2), Wishes(backup_schedule=wish)).after.backup_schedule is not None


@pytest.mark.parametrize(
    ("nodes", "present", "wish", "expected"),
    [
        (3, None, ScheduleWish(), ("backupSchedule", "nothing_to_change")),
        (3, None, ScheduleWish(retention_limit=3), ("backupSchedule.retentionLimit", "no_schedule")),
        (
            3,
            SCHEDULE,
            ScheduleWish(cron="", retention_limit=3),
            ("backupSchedule.retentionLimit", "no_schedule"),
        ),
        (1, None, ScheduleWish(cron="* 3 * * *"), ("backupSchedule", "too_few_nodes")),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(
    nodes: int, present: BackupSchedule | None, wish: ScheduleWish, expected: tuple[str, str]
) -> None:
    """Nothing to change, a limit of no schedule, and a schedule on one node are refused."""
    assert _codes(running(nodes, backup_schedule=present), Wishes(backup_schedule=wish)) == [expected]


def test_a_group_of_the_same_family_is_linked() -> None:
    """The set stays `Running` while its parameter group changes."""
    further = replace(CATALOGUE.parameter_groups[1], further_ids=("other-id",))
    catalogue = replace(CATALOGUE, parameter_groups=(further,))

    change = update(running(), Wishes(parameter_group_id="other-id"), CALL, catalogue, Misread())

    assert (change.after.parameter_group_id, change.after.status) == ("other-id", SetState.RUNNING)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        (Wishes(parameter_group_id="none"), [("parameterGroupId", "unknown_parameter_group")]),
        (Wishes(parameter_group_id=PARAMETERS["6.2"]), [("parameterGroupId", "parameter_group_family")]),
        (Wishes(security_groups=(GROUP, "none")), [("securityGroups[1].id", "unknown_security_group")]),
        (
            Wishes(security_groups=("none",), parameter_group_id="none", backup_schedule=ScheduleWish()),
            [
                ("securityGroups[0].id", "unknown_security_group"),
                ("parameterGroupId", "unknown_parameter_group"),
                ("backupSchedule", "nothing_to_change"),
            ],
        ),
        (Wishes(), [("", "nothing_to_change")]),
    ],
)
def test_wishes_that_can_not_be_fulfilled_are_all_named(
    wishes: Wishes, expected: list[tuple[str, str]]
) -> None:
    """Everything that stands against the request is told at once."""
    assert _codes(running(), wishes) == expected


def test_security_groups_are_applied_by_an_operation() -> None:
    """The whole new list is recorded and the set is `Modifying` until it is applied."""
    after = _update(running(security_groups=("old",)), Wishes(security_groups=(GROUP,))).after

    assert (after.security_groups, after.status) == ((GROUP,), SetState.MODIFYING)
    assert after.operation is not None
    assert (after.operation.kind, after.operation.step) == (OperationKind.MODIFY, "apply")
    assert after.reason is not None


def test_several_changes_are_one_change() -> None:
    """Everything is recorded together, with one line for the schedule and one for the rest."""
    change = _update(
        running(),
        Wishes(description="new", security_groups=(GROUP,), backup_schedule=ScheduleWish(cron="* 3 * * *")),
    )

    assert [e.name for e in change.events] == [EventName.UPDATE, EventName.BACKUP_SCHEDULE_UPDATE]
    assert "description, securityGroups" in change.events[0].message


IMMEDIATE = [Wishes(description="new"), Wishes(backup_schedule=ScheduleWish(cron="* 3 * * *"))]
OVER = (SetState.TERMINATING, SetState.TERMINATED, SetState.FAILED)


@pytest.mark.parametrize("status", [s for s in SetState if s not in OVER])
@pytest.mark.parametrize("wishes", IMMEDIATE)
def test_description_and_schedule_change_in_almost_every_state(status: SetState, wishes: Wishes) -> None:
    """They change whatever the set is doing, and the state stays what it is."""
    before = running(status=status, operation=operation())

    assert _update(before, wishes).after.status is status


@pytest.mark.parametrize("status", OVER)
@pytest.mark.parametrize("wishes", IMMEDIATE)
def test_nothing_changes_once_a_set_is_over(status: SetState, wishes: Wishes) -> None:
    """A set that is going or `Failed` can only be deleted."""
    assert _codes(running(status=status), wishes) == [("instanceSetId", "wrong_state")]


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(security_groups=(GROUP,)),
        Wishes(parameter_group_id=PARAMETERS["7.0"]),
        Wishes(security_groups=(GROUP,), description="new"),
    ],
)
def test_groups_change_only_while_running(wishes: Wishes) -> None:
    """Groups, and whatever is asked with them, need a set that is `Running` and free."""
    assert _codes(running(status=SetState.WARNING), wishes) == [("instanceSetId", "wrong_state")]
    assert _codes(running(operation=operation()), wishes) == [("instanceSetId", "set_busy")]


def test_a_misread_field_refuses_everything() -> None:
    """A malformed field is told together with the faults of the well-formed ones."""
    fault = Detail("description", "emoji", "Leave out emoji.")
    misread = Misread(faults=(fault,), fields=frozenset({"description"}))

    with pytest.raises(InvalidRequest) as refusal:
        update(running(), Wishes(parameter_group_id="none"), CALL, CATALOGUE, misread)

    assert [d.code for d in refusal.value.details] == ["emoji", "unknown_parameter_group"]
