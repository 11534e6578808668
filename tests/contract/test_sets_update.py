"""API.md 2.3: changing a set in place."""

from typing import Any

import pytest
from harness import Api
from set_calls import (
    PARAMETERS,
    SECURITY_GROUP,
    SETS,
    Pairs,
    faults,
    label,
    patch,
    put_state,
    running,
    sized,
    stored,
)

from memstored.domain.model import BackupSchedule
from memstored.domain.words import SetState

Body = dict[str, Any]
CRON = "* 3 * * *"
SCHEDULE: Body = {"backupSchedule": {"cron": "* 1 * * *", "retentionLimit": 9}}


async def test_a_change_answers_with_the_id_alone(api: Api) -> None:
    """200 with the id of the set, recorded before the answer, also without a content type."""
    set_id = await running(api)
    api.control.woken.clear()

    answer = await api.request("PATCH", f"{SETS}/{set_id}", content=b'{"description":"new"}')

    assert answer.status_code == 200
    assert answer.content == f'{{"objectId":"{set_id}"}}\n'.encode()
    assert (await stored(api, set_id)).description == "new"
    assert api.control.woken == [set_id]


async def test_a_description_is_cleared(api: Api) -> None:
    """An empty description takes it away."""
    set_id = await running(api, description="old")

    await patch(api, set_id, {"description": ""})

    assert (await stored(api, set_id)).description is None


@pytest.mark.parametrize(
    ("present", "change", "expected"),
    [
        ({}, {"cron": CRON}, BackupSchedule(cron=CRON, retention_limit=7)),
        ({}, {"cron": CRON, "retentionLimit": 35}, BackupSchedule(cron=CRON, retention_limit=35)),
        ({}, {"cron": ""}, None),
        (SCHEDULE, {"cron": CRON}, BackupSchedule(cron=CRON, retention_limit=9)),
        (SCHEDULE, {"retentionLimit": 1}, BackupSchedule(cron="* 1 * * *", retention_limit=1)),
        (SCHEDULE, {"cron": ""}, None),
    ],
)
async def test_the_schedule_is_changed(
    api: Api, present: Body, change: Body, expected: BackupSchedule | None
) -> None:
    """One field keeps the other, a first cron takes the default limit, an empty one switches it off."""
    set_id = await running(api, **present)

    answer = await patch(api, set_id, {"backupSchedule": change})

    assert answer.status_code == 200
    assert (await stored(api, set_id)).backup_schedule == expected


async def test_a_parameter_group_is_linked_while_running(api: Api) -> None:
    """The set stays `Running` and shows the group with how far it is applied."""
    set_id = await running(api)

    await patch(api, set_id, {"parameterGroupId": PARAMETERS["7.0"]})

    shown = (await api.get(f"{SETS}/{set_id}")).json()
    assert shown["status"] == "Running"
    assert shown["parameterGroup"] == {
        "id": PARAMETERS["7.0"],
        "name": "Redis.7.0.Default",
        "applyStatus": "In-Sync",
    }


async def test_security_groups_make_it_modifying(api: Api) -> None:
    """The whole new list is taken, and the set is `Modifying` with an operation until it is applied."""
    set_id = await running(api)

    await patch(api, set_id, {"securityGroups": [{"id": SECURITY_GROUP}]})

    shown = (await api.get(f"{SETS}/{set_id}")).json()
    assert shown["status"] == "Modifying"
    assert shown["reason"]["code"] == "modify"
    assert shown["operation"]["kind"] == "modify"
    assert shown["securityGroups"] == [{"id": SECURITY_GROUP}]


BAD: list[tuple[Body, Pairs]] = [
    ({}, {("", "nothing_to_change")}),
    ({"description": None}, {("description", "null")}),
    ({"backupSchedule": None}, {("backupSchedule", "null")}),
    ({"backupSchedule": {"cron": None}}, {("backupSchedule.cron", "null")}),
    ({"securityGroups": [{"id": None}]}, {("securityGroups[0].id", "null")}),
    ({"parameterGroupId": None, "description": "new"}, {("parameterGroupId", "null")}),
    ({"description": "x" * 101}, {("description", "out_of_range")}),
    ({"description": "a\nb"}, {("description", "line_break")}),
    ({"description": "🚀"}, {("description", "emoji")}),
    ({"description": 5}, {("description", "wrong_type")}),
    ({"backupSchedule": {}}, {("backupSchedule", "nothing_to_change")}),
    ({"backupSchedule": {"cron": "* 24 * * *"}}, {("backupSchedule.cron", "malformed")}),
    ({"backupSchedule": {"retentionLimit": 3}}, {("backupSchedule.retentionLimit", "no_schedule")}),
    (
        {"backupSchedule": {"cron": CRON, "retentionLimit": 0}},
        {("backupSchedule.retentionLimit", "out_of_range")},
    ),
    (
        {"backupSchedule": {"cron": "", "retentionLimit": 3}},
        {("backupSchedule.retentionLimit", "no_schedule")},
    ),
    ({"parameterGroupId": ""}, {("parameterGroupId", "out_of_range")}),
    ({"parameterGroupId": "none"}, {("parameterGroupId", "unknown_parameter_group")}),
    ({"parameterGroupId": PARAMETERS["6.2"]}, {("parameterGroupId", "parameter_group_family")}),
    ({"securityGroups": []}, {("securityGroups", "out_of_range")}),
    ({"securityGroups": [{"id": SECURITY_GROUP}] * 2}, {("securityGroups", "duplicate")}),
    ({"securityGroups": [{"id": "none"}]}, {("securityGroups[0].id", "unknown_security_group")}),
    ({"typo": 1}, {("typo", "unknown_field")}),
    *(
        ({field: value}, {(field, "not_changeable")})
        for field, value in {
            "instanceSetName": "other",
            "name": "other",
            "port": 6380,
            "version": "6.2.5",
            "flavorId": "x",
            "user": {"name": "app"},
            "tlsEnabled": True,
            "replicas": 2,
            "recoveryEnabled": True,
            "subnets": [],
            "subnetAssignments": [],
            "projectId": "x",
        }.items()
    ),
    (
        {"description": "🚀", "port": 1, "parameterGroupId": "none", "backupSchedule": {}},
        {
            ("description", "emoji"),
            ("port", "not_changeable"),
            ("parameterGroupId", "unknown_parameter_group"),
            ("backupSchedule", "nothing_to_change"),
        },
    ),
]


@pytest.mark.parametrize(("body", "expected"), BAD, ids=label)
async def test_changes_that_are_refused(api: Api, body: Body, expected: Pairs) -> None:
    """Every fault is 400 with its field, all at once, and nothing is changed."""
    set_id = await running(api, description="old")
    before = await stored(api, set_id)

    answer = await patch(api, set_id, body)

    assert answer.status_code == 400
    assert faults(answer) == expected
    assert await stored(api, set_id) == before


async def test_a_schedule_needs_two_nodes(api: Api) -> None:
    """One node alone is never backed up automatically."""
    set_id = await running(api, **sized(1))

    answer = await patch(api, set_id, {"backupSchedule": {"cron": CRON}})

    assert answer.status_code == 400
    assert faults(answer) == {("backupSchedule", "too_few_nodes")}


async def test_all_or_nothing(api: Api) -> None:
    """One wish that can not be fulfilled stops all of them."""
    set_id = await running(api)

    answer = await patch(api, set_id, {"description": "new", "parameterGroupId": "none"})

    assert answer.status_code == 400
    assert (await stored(api, set_id)).description is None


IMMEDIATE: list[Body] = [{"description": "new"}, {"backupSchedule": {"cron": CRON}}]


@pytest.mark.parametrize("status", [s for s in SetState if s is not SetState.TERMINATED])
@pytest.mark.parametrize("body", IMMEDIATE, ids=label)
async def test_what_changes_in_which_state(api: Api, body: Body, status: SetState) -> None:
    """Description and schedule change in all states but `Terminating` and `Failed` (API.md 2.9)."""
    set_id = await running(api)
    await put_state(api, set_id, status)

    answer = await patch(api, set_id, body)

    over = status in (SetState.TERMINATING, SetState.FAILED)
    assert answer.status_code == (400 if over else 200)


@pytest.mark.parametrize("status", [s for s in SetState if s is not SetState.TERMINATED])
@pytest.mark.parametrize(
    "body",
    [{"securityGroups": [{"id": SECURITY_GROUP}]}, {"parameterGroupId": PARAMETERS["7.0"]}],
    ids=["securityGroups", "parameterGroupId"],
)
async def test_groups_change_only_while_running(api: Api, body: Body, status: SetState) -> None:
    """Groups need a set that is `Running` (API.md 2.9)."""
    set_id = await running(api)
    await put_state(api, set_id, status)

    answer = await patch(api, set_id, body)

    assert answer.status_code == (200 if status is SetState.RUNNING else 400)


async def test_a_set_that_is_not_there_comes_before_its_body(api: Api) -> None:
    """404 is said before a body is looked at."""
    answer = await api.request("PATCH", f"{SETS}/none", content=b"{")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "instance_set_unknown"
