"""What may be asked of parameter groups: drafts, versions, and the sets that have the group."""

from dataclasses import replace

import pytest
from asked import CALL, CATALOGUE, FLAVOR, NOW, PARAMETERS, SET, operation, running

from memstored.domain.errors import Fault, InvalidRequest
from memstored.domain.model import Configuration, GroupValues, InstanceSet, Setting
from memstored.domain.parameter_group import (
    ParameterGroup,
    behind,
    maxmemory_of,
    on_nodes,
    progress_of,
    shown_status,
    values_of,
)
from memstored.domain.requests.change import Misread
from memstored.domain.requests.parameter_groups import (
    Draft,
    GroupTitle,
    GroupWishes,
    concerned,
    create,
    draft_change,
    draft_reset,
    draft_rollback,
    remove,
    retry,
    revise,
    shrinking,
)
from memstored.domain.requests.update import Wishes, update
from memstored.domain.words import ApplyStatus, EventName, GroupId, OperationKind, SetState

GIB = 1024**3
TIMEOUT = Setting(name="timeout", value="300")
GROUP = ParameterGroup(
    id=GroupId("group-1"),
    project_id="p",
    name="sessions",
    description=None,
    family="7.0",
    base_id=PARAMETERS["7.0"],
    version=3,
    settings=(TIMEOUT,),
    created_at=5.0,
    updated_at=6.0,
)


def _changed(**parameters: str) -> Draft:
    chosen = {name.replace("_", "-"): value for name, value in parameters.items()}
    return draft_change(GROUP, GroupWishes(parameters=chosen), Misread())


def _having(group: ParameterGroup = GROUP, **changes: object) -> InstanceSet:
    return running(parameter_group_id=group.id, configuration=Configuration(values=group.values()), **changes)


def _codes(fault: pytest.ExceptionInfo[Fault]) -> list[tuple[str, str]]:
    return [(d.field, d.code) for d in fault.value.details]


def test_a_group_begins_at_version_one() -> None:
    """Whatever its base has come to; version 0 is that of a default group."""
    title = GroupTitle(id=GroupId("new"), project_id="p", name="copy", description="")

    group = create(GROUP, title, CALL).group

    assert (group.version, group.settings, group.base_id, group.description) == (
        1,
        (TIMEOUT,),
        GROUP.id,
        None,
    )
    assert values_of(CATALOGUE.parameter_groups[0]).version == 0


def test_only_what_differs_from_the_defaults_is_kept() -> None:
    """A value that is the default again is none of the group's."""
    draft = _changed(timeout="0", hz="20", maxmemory="65%")

    assert draft.settings == (Setting(name="hz", value="20"),)


def test_another_value_is_another_version() -> None:
    """Counted up, dated, and told of."""
    change = revise(GROUP, _changed(hz="20"), CALL, [], {})

    assert (change.after.version, change.after.updated_at) == (4, NOW)
    assert [e.message for e in change.events] == ["mia set hz = 20 (version 4)."]


def test_a_reset_of_nothing_named_is_one_of_all() -> None:
    """One that names something leaves the rest."""
    both = replace(GROUP, settings=(Setting(name="hz", value="20"), TIMEOUT))

    assert draft_reset(both, [], Misread()).settings == ()
    assert draft_reset(both, ["hz"], Misread()).settings == (TIMEOUT,)


def test_a_rollback_checks_what_it_takes_back() -> None:
    """What was allowed in an earlier release may not be so any more."""
    draft = draft_rollback(GROUP, [Setting(name="timeout", value="1")])

    with pytest.raises(InvalidRequest) as refusal:
        revise(GROUP, draft, CALL, [], {})
    assert _codes(refusal) == [("parameters.timeout", "value_not_allowed")]


def test_a_used_group_stays() -> None:
    """However many sets have it."""
    assert [e.name for e in remove(GROUP, CALL, users=0)] == [EventName.GROUP_DELETE]
    with pytest.raises(InvalidRequest):
        remove(GROUP, CALL, users=1)


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        ([_having()], 1),
        ([_having(status=SetState.WARNING)], 1),
        ([_having(status=SetState.FAILED)], 0),
        ([_having(status=SetState.TERMINATING)], 0),
        ([_having(opened=False)], 0),
    ],
)
def test_who_is_asked_how_much_it_uses(users: list[InstanceSet], expected: int) -> None:
    """Sets with data, to which a change leaves less than they have."""
    less, more, same = _changed(maxmemory="50%"), _changed(maxmemory="80%"), _changed(hz="20")

    assert len(shrinking(less.settings, concerned(GROUP, less, users))) == expected
    assert shrinking(more.settings, concerned(GROUP, more, users)) == []
    assert concerned(GROUP, same, users) == []


@pytest.mark.parametrize(
    ("used", "code"), [({SET: 3 * GIB}, "maxmemory_below_used"), ({}, "used_memory_unknown")]
)
def test_nothing_is_evicted(used: dict[str, int], code: str) -> None:
    """A value that some set can not have changes nothing at all (H30)."""
    draft = _changed(maxmemory="50%", timeout="60")

    with pytest.raises(InvalidRequest) as refusal:
        revise(GROUP, draft, CALL, [_having()], used)  # type: ignore[arg-type]

    assert _codes(refusal) == [("parameters.maxmemory", code)]


# How far the values have come


def test_a_set_of_which_nothing_is_recorded_has_the_defaults() -> None:
    """It is in sync with the default group, and waits for any other."""
    plain = running()

    assert not behind(plain, GroupValues(group_id=PARAMETERS["7.0"]))
    assert behind(plain, GROUP.values())
    assert maxmemory_of(plain) == FLAVOR.memory * GIB * 65 // 100
    assert on_nodes(plain, GROUP.values())["timeout"] == "300"


@pytest.mark.parametrize("status", list(ApplyStatus))
def test_a_version_that_makes_no_difference_is_no_work(status: ApplyStatus) -> None:
    """Unless something is under way: then that is what is shown, until it has ended."""
    present = _having()
    assert present.configuration is not None
    stopped = replace(present, configuration=replace(present.configuration, status=status))
    again = replace(GROUP, version=5).values()

    expected = ApplyStatus.APPLYING if status is ApplyStatus.APPLYING else ApplyStatus.IN_SYNC
    assert shown_status(stopped, again) is expected


def test_nodes_that_go_back_are_not_settled() -> None:
    """An apply that failed is over when every node has the recorded values again."""
    going_back = _having(operation=operation(OperationKind.APPLY_PARAMETERS))

    assert behind(going_back, GROUP.values())
    assert not behind(_having(operation=operation()), GROUP.values())


def test_progress_is_dated() -> None:
    """A set waits since the group was changed, or since it was linked, whichever is later."""
    late = replace(GROUP, version=4, settings=(), updated_at=NOW + 5)

    assert progress_of(_having(), late).since == NOW + 5
    assert progress_of(_having(), GROUP).since == running().created_at


# Linking


def test_a_link_waits_and_keeps_what_the_nodes_have() -> None:
    """The nodes run with the values of the group before until the others have come."""
    before = _having()

    change = update(before, Wishes(parameter_group_id=PARAMETERS["7.0"]), CALL, CATALOGUE, Misread())

    assert change.after.status is SetState.RUNNING
    assert change.after.configuration == Configuration(
        values=GROUP.values(), status=ApplyStatus.PENDING, since=NOW
    )


def test_a_link_that_makes_no_difference_is_recorded_at_once() -> None:
    """With the version whose values the nodes have."""
    twin = replace(GROUP, id=GroupId("twin"), version=9)

    change = update(_having(), Wishes(parameter_group_id="twin"), CALL, CATALOGUE, Misread(), custom=twin)

    assert change.after.configuration == Configuration(values=twin.values(), since=NOW)


def test_a_link_leaves_an_apply_alone() -> None:
    """What is on its way is not said to be there: the sequence takes the set from where it is."""
    applying = Configuration(values=GROUP.values(), wanted=GROUP.values(), status=ApplyStatus.APPLYING)
    present = running(parameter_group_id=GROUP.id, configuration=applying)

    change = update(present, Wishes(parameter_group_id=PARAMETERS["7.0"]), CALL, CATALOGUE, Misread())

    assert change.after.configuration == applying
    assert change.after.parameter_group_id == PARAMETERS["7.0"]


# Trying again


@pytest.mark.parametrize("status", [ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED])
def test_what_is_stuck_is_tried_again(status: ApplyStatus) -> None:
    """With the present values, whatever it was stuck with."""
    stuck = Configuration(
        values=GroupValues(group_id=GROUP.id), wanted=GROUP.values(), status=status, error="no"
    )
    change = retry(running(parameter_group_id=GROUP.id, configuration=stuck), GROUP, CALL)

    assert change.after.configuration == Configuration(
        values=GroupValues(group_id=GROUP.id),
        wanted=GROUP.values(),
        status=ApplyStatus.APPLYING,
        since=NOW,
    )


def test_what_is_not_stuck_is_left_alone() -> None:
    """There is nothing to try again."""
    with pytest.raises(InvalidRequest) as refusal:
        retry(_having(), GROUP, CALL)

    assert _codes(refusal) == [("setId", "nothing_to_retry")]
