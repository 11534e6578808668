"""API.md 2.1: ordering a set."""

import json
from typing import Any
from uuid import UUID

import pytest
from harness import OTHER_PROJECT, Api
from set_calls import (
    ABSENT,
    HASH,
    OTHER_SUBNET,
    PARAMETERS,
    SECURITY_GROUP,
    SETS,
    SUBNET,
    THIRD_SUBNET,
    Pairs,
    assignment,
    created,
    faults,
    label,
    order,
    post,
    put_state,
    sized,
    stored,
)

from memstored.domain.model import BackupSchedule, TenantUser
from memstored.domain.words import Role, SetState

Changes = dict[str, Any]


async def test_an_order_answers_with_the_id_alone(api: Api) -> None:
    """201 with exactly the id and a newline: 52 bytes."""
    answer = await post(api, order(api))

    object_id = answer.json()["objectId"]
    assert answer.status_code == 201
    assert answer.content == f'{{"objectId":"{object_id}"}}\n'.encode()
    assert answer.headers["content-length"] == "52"
    assert str(UUID(object_id)) == object_id


async def test_an_order_is_recorded_before_it_is_answered(api: Api) -> None:
    """The set is `Init` with its nodes planned when the answer comes, and the control loop was told."""
    set_id = await created(api)

    it = await stored(api, set_id)
    assert it.status is SetState.INIT
    assert [(n.name, n.role, n.subnet_id) for n in it.nodes] == [
        ("orders-1", Role.PRIMARY, SUBNET),
        ("orders-2", Role.REPLICA, OTHER_SUBNET),
        ("orders-3", Role.REPLICA, SUBNET),
    ]
    assert it.creator == "mia"
    assert set_id in api.control.woken


async def test_an_order_needs_no_content_type(api: Api) -> None:
    """The documented calls send their body without a content type."""
    answer = await api.request("POST", SETS, content=json.dumps(order(api)).encode())

    assert "content-type" not in answer.request.headers
    assert answer.status_code == 201


GOOD: list[Changes] = [
    {"instanceSetName": "abcd"},
    {"instanceSetName": "a" * 20},
    {"instanceSetName": "a-1-b-2"},
    {"description": ""},
    {"description": "x" * 100},
    {"description": "가" * 100},
    {"description": "© 2026 #1 *"},
    {"description": None},
    sized(1),
    sized(2),
    sized(6),
    {"recoveryEnabled": True},
    {"recoveryEnabled": True} | sized(2),
    {"subnets": [{"id": SUBNET}, {"id": OTHER_SUBNET}, {"id": THIRD_SUBNET}]},
    {"subnetAssignments": [assignment(SUBNET, SUBNET, SUBNET)]},
    {"backupSchedule": {"cron": "* 1 * * *"}},
    {"backupSchedule": {"cron": "* 01 * * *", "retentionLimit": 1}},
    {"backupSchedule": {"cron": "* 23 * * *", "retentionLimit": 35}},
    {"backupSchedule": {"cron": "* 0 * * *", "retentionLimit": None}} | sized(2),
    {"backupSchedule": None},
    {"user": {"name": "app", "password": HASH}},
    {"user": {"name": "_", "password": HASH.lower()}},
    {"user": {"name": "A" * 32, "password": HASH}},
    {"user": {"name": "a.B-9_", "password": HASH}},
    {"user": {"name": "default", "password": HASH}},
    {"user": {"name": "Memstored", "password": HASH}},
    {"user": None},
    {"tlsEnabled": True},
    {"tlsEnabled": False},
    {"tlsEnabled": None},
    {"port": 2000},
    {"port": 50000},
    {"version": "6.2.5", "parameterGroupId": PARAMETERS["6.2"]},
    {"restoreSource": None},
]


@pytest.mark.parametrize("changes", GOOD, ids=label)
async def test_good_orders(api: Api, changes: Changes) -> None:
    """Everything that the rules allow is accepted."""
    answer = await post(api, order(api, **changes))

    assert answer.status_code == 201, answer.text


REQUIRED = [
    "instanceSetName",
    "replicas",
    "flavorId",
    "recoveryEnabled",
    "subnets",
    "subnetAssignments",
    "securityGroups",
    "parameterGroupId",
    "port",
    "projectId",
    "version",
]


@pytest.mark.parametrize("field", REQUIRED)
@pytest.mark.parametrize("value", [ABSENT, None], ids=["absent", "null"])
async def test_required_fields(api: Api, field: str, value: object) -> None:
    """A required field that is absent, or null, is named."""
    answer = await post(api, order(api, **{field: value}))

    assert answer.status_code == 400
    assert faults(answer) == {(field, "missing")}
    assert answer.json()["error"]["code"] == "missing"


WRONG_TYPES: list[tuple[str, list[object]]] = [
    ("instanceSetName", [1, True, [], {}]),
    ("description", [1, False, ["x"]]),
    ("replicas", [True, 3.0, "3", [3]]),
    ("flavorId", [1, {"id": "x"}]),
    ("recoveryEnabled", [1, 0, "true", "false", []]),
    ("subnets", [{}, "x", {"id": SUBNET}]),
    ("subnetAssignments", [{}, "x", {"primary": {"id": SUBNET}, "replicas": []}]),
    ("securityGroups", [{}, SECURITY_GROUP]),
    ("backupSchedule", ["* 1 * * *", [], True]),
    ("user", ["app", []]),
    ("tlsEnabled", [0, "false"]),
    ("parameterGroupId", [7, []]),
    ("port", ["6379", 6379.0, True]),
    ("projectId", [1, []]),
    ("version", [7, 7.2, ["7.0.15"]]),
]


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG_TYPES for value in values], ids=label
)
async def test_nothing_is_converted(api: Api, field: str, value: object) -> None:
    """A value of another type is refused: `true`, `3.0` and `"3"` are no integers."""
    answer = await post(api, order(api, **{field: value}))

    assert answer.status_code == 400
    assert faults(answer) == {(field, "wrong_type")}


MALFORMED: list[tuple[Changes, Pairs]] = [
    *(
        ({"instanceSetName": name}, {("instanceSetName", code)})
        for name, code in {
            "": "out_of_range",
            "abc": "out_of_range",
            "a" * 21: "out_of_range",
            "1abc": "malformed",
            "-abc": "malformed",
            "abc-": "malformed",
            "ab--c": "malformed",
            "Abcd": "malformed",
            "ab_cd": "malformed",
            "ab.cd": "malformed",
            "abcd\n": "malformed",
            "äbcd": "malformed",
            "ab cd": "malformed",
        }.items()
    ),
    ({"description": "x" * 101}, {("description", "out_of_range")}),
    ({"description": "a\nb"}, {("description", "line_break")}),
    ({"description": "a\r"}, {("description", "line_break")}),
    ({"description": "nice 🚀"}, {("description", "emoji")}),
    ({"description": "\U0001f1f0\U0001f1f7"}, {("description", "emoji")}),
    ({"description": "1\ufe0f\u20e3"}, {("description", "emoji")}),
    ({"description": "❤\ufe0f"}, {("description", "emoji")}),
    ({"replicas": 0}, {("replicas", "out_of_range")}),
    ({"replicas": 7}, {("replicas", "out_of_range")}),
    ({"replicas": -1}, {("replicas", "out_of_range")}),
    ({"replicas": 10**30}, {("replicas", "out_of_range")}),
    ({"flavorId": ""}, {("flavorId", "out_of_range")}),
    ({"subnets": []}, {("subnets", "out_of_range")}),
    ({"subnets": [{"id": SUBNET}, {"id": SUBNET}]}, {("subnets", "duplicate")}),
    ({"subnets": [{}]}, {("subnets[0].id", "missing")}),
    ({"subnets": [{"id": None}]}, {("subnets[0].id", "missing")}),
    ({"subnets": [SUBNET]}, {("subnets[0]", "wrong_type")}),
    ({"subnets": [None]}, {("subnets[0]", "wrong_type")}),
    ({"subnets": [{"id": SUBNET, "name": "a"}]}, {("subnets[0].name", "unknown_field")}),
    ({"subnetAssignments": []}, {("subnetAssignments", "out_of_range")}),
    (
        {"subnetAssignments": [assignment(SUBNET, SUBNET, SUBNET)] * 2},
        {("subnetAssignments", "out_of_range")},
    ),
    (
        {"subnetAssignments": [{"replicas": []}]},
        {("subnetAssignments[0].primary", "missing"), ("subnetAssignments[0].replicas", "replica_count")},
    ),
    (
        {"subnetAssignments": [{"primary": {"id": SUBNET}}]},
        {("subnetAssignments[0].replicas", "missing")},
    ),
    (
        {"subnetAssignments": [{"primary": {"id": SUBNET}}]} | {"replicas": 1},
        {("subnetAssignments[0].replicas", "missing")},
    ),
    (
        {"subnetAssignments": [{"primary": {}, "replicas": [{}]}]},
        {
            ("subnetAssignments[0].primary.id", "missing"),
            ("subnetAssignments[0].replicas[0].id", "missing"),
        },
    ),
    ({"securityGroups": []}, {("securityGroups", "out_of_range")}),
    ({"securityGroups": [{"id": SECURITY_GROUP}] * 2}, {("securityGroups", "duplicate")}),
    *(
        ({"backupSchedule": {"cron": cron}}, {("backupSchedule.cron", "malformed")})
        for cron in [
            "",
            "* 24 * * *",
            "* 001 * * *",
            "*  1 * * *",
            "* 1 * * * ",
            "0 1 * * *",
            "* 1 * *",
            "* * * * *",
            "* 1 * * *\n",
            "* -1 * * *",
            "* \u0661 * * *",
        ]
    ),
    ({"backupSchedule": {}}, {("backupSchedule.cron", "missing")}),
    ({"backupSchedule": {"retentionLimit": 3}}, {("backupSchedule.cron", "missing")}),
    (
        {"backupSchedule": {"cron": "* 1 * * *", "retentionLimit": 0}},
        {("backupSchedule.retentionLimit", "out_of_range")},
    ),
    (
        {"backupSchedule": {"cron": "* 1 * * *", "retentionLimit": 36}},
        {("backupSchedule.retentionLimit", "out_of_range")},
    ),
    (
        {"backupSchedule": {"cron": "* 1 * * *", "retentionLimit": "7"}},
        {("backupSchedule.retentionLimit", "wrong_type")},
    ),
    ({"user": {"name": "app"}}, {("user.password", "missing")}),
    ({"user": {"password": HASH}}, {("user.name", "missing")}),
    ({"user": {}}, {("user.name", "missing"), ("user.password", "missing")}),
    ({"user": {"name": "", "password": HASH}}, {("user.name", "out_of_range")}),
    ({"user": {"name": "a" * 33, "password": HASH}}, {("user.name", "out_of_range")}),
    ({"user": {"name": "1a", "password": HASH}}, {("user.name", "malformed")}),
    ({"user": {"name": "a b", "password": HASH}}, {("user.name", "malformed")}),
    ({"user": {"name": "memstored-x", "password": HASH}}, {("user.name", "reserved_name")}),
    ({"user": {"name": "app", "password": 5}}, {("user.password", "wrong_type")}),
    ({"parameterGroupId": ""}, {("parameterGroupId", "out_of_range")}),
    ({"port": 1999}, {("port", "out_of_range")}),
    ({"port": 50001}, {("port", "out_of_range")}),
    ({"projectId": ""}, {("projectId", "out_of_range")}),
    ({"version": ""}, {("version", "out_of_range")}),
    ({"backupschedule": {"cron": "* 1 * * *"}}, {("backupschedule", "unknown_field")}),
    ({"instance_set_name": "orders"}, {("instance_set_name", "unknown_field")}),
]


@pytest.mark.parametrize(("changes", "expected"), MALFORMED, ids=label)
async def test_malformed_orders(api: Api, changes: Changes, expected: Pairs) -> None:
    """Every malformed field is 400, with its place and a code."""
    answer = await post(api, order(api, **changes))

    assert answer.status_code == 400
    assert faults(answer) == expected
    assert all(d["message"].endswith(".") for d in answer.json()["error"]["details"])


async def test_the_words_say_what_to_send(api: Api) -> None:
    """The message of a malformed field tells what would be right."""
    answer = await post(api, order(api, port=1, subnetAssignments=[{"primary": {"id": SUBNET}}]))

    [port, replicas] = answer.json()["error"]["details"]
    assert port["message"] == "Give a port number from 2000 to 50000."
    assert replicas["message"].startswith("This field is required. Give one object with an id for each")


SINGLE = sized(1)
REDIS_6_2 = {"version": "6.2.5", "parameterGroupId": PARAMETERS["6.2"]}

UNMET: list[tuple[Changes, Pairs]] = [
    ({"flavorId": "none"}, {("flavorId", "unknown_flavor")}),
    ({"flavorId": "3830EBAD-EA2F-4822-8A7D-9E301C86A58D"}, {("flavorId", "unknown_flavor")}),
    (
        {"subnets": [{"id": SUBNET}, {"id": OTHER_SUBNET}, {"id": "none"}]},
        {("subnets[2].id", "unknown_subnet")},
    ),
    (
        {"subnetAssignments": [assignment(THIRD_SUBNET, SUBNET, SUBNET)]},
        {("subnetAssignments[0].primary.id", "subnet_not_of_set")},
    ),
    (
        {"subnetAssignments": [assignment(SUBNET, THIRD_SUBNET, "none")]},
        {
            ("subnetAssignments[0].replicas[0].id", "subnet_not_of_set"),
            ("subnetAssignments[0].replicas[1].id", "subnet_not_of_set"),
        },
    ),
    ({"replicas": 2}, {("subnetAssignments[0].replicas", "replica_count")}),
    ({"replicas": 4}, {("subnetAssignments[0].replicas", "replica_count")}),
    (SINGLE | {"recoveryEnabled": True}, {("recoveryEnabled", "too_few_nodes")}),
    (SINGLE | {"backupSchedule": {"cron": "* 1 * * *"}}, {("backupSchedule", "too_few_nodes")}),
    ({"securityGroups": [{"id": "none"}]}, {("securityGroups[0].id", "unknown_security_group")}),
    ({"parameterGroupId": "none"}, {("parameterGroupId", "unknown_parameter_group")}),
    ({"parameterGroupId": PARAMETERS["6.2"]}, {("parameterGroupId", "parameter_group_family")}),
    ({"version": "7.2.7"}, {("version", "version_unavailable")}),
    ({"version": "7.0"}, {("version", "version_unavailable")}),
    (REDIS_6_2 | {"tlsEnabled": True}, {("tlsEnabled", "tls_unavailable")}),
    *(
        ({"user": {"name": "app", "password": password}}, {("user.password", "password_not_encrypted")})
        for password in ["", "hunter2", HASH[:-1], HASH + "0", "g" * 64, HASH + "\n", " " + HASH[1:]]
    ),
    (
        {"flavorId": "none", "version": "9.9.9", "securityGroups": [{"id": "none"}]},
        {
            ("flavorId", "unknown_flavor"),
            ("version", "version_unavailable"),
            ("securityGroups[0].id", "unknown_security_group"),
        },
    ),
]


@pytest.mark.parametrize(("changes", "expected"), UNMET, ids=label)
async def test_orders_that_can_not_be_met(api: Api, changes: Changes, expected: Pairs) -> None:
    """What is well-formed but not to be had is 422, all of it at once."""
    answer = await post(api, order(api, **changes))

    assert answer.status_code == 422
    assert faults(answer) == expected
    single = len(expected) == 1
    assert answer.json()["error"]["code"] == (next(iter(expected))[1] if single else "cannot_be_met")


async def test_malformed_fields_are_told_with_what_can_not_be_had(api: Api) -> None:
    """400 names the catalogue faults of the well-formed fields, but none that rests on a malformed one."""
    body = order(api, port=1, replicas="3", flavorId="none", version="9.9.9", typo=1)

    answer = await post(api, body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert faults(answer) == {
        ("port", "out_of_range"),
        ("replicas", "wrong_type"),
        ("typo", "unknown_field"),
        ("flavorId", "unknown_flavor"),
        ("version", "version_unavailable"),
    }


async def test_an_empty_order_names_every_required_field(api: Api) -> None:
    """`{}` is answered with all that is missing and nothing else."""
    answer = await post(api, {})

    assert faults(answer) == {(field, "missing") for field in REQUIRED}


async def test_another_project_is_forbidden(api: Api) -> None:
    """A foreign `projectId` is 403: after what is malformed, before what can not be met."""
    foreign = await post(api, order(api, projectId=OTHER_PROJECT))
    malformed = await post(api, order(api, projectId=OTHER_PROJECT, port=1))
    unmet = await post(api, order(api, projectId=OTHER_PROJECT, flavorId="none"))

    assert [a.status_code for a in (foreign, malformed, unmet)] == [403, 400, 403]
    assert foreign.json()["error"]["code"] == "foreign_project"


async def test_a_name_is_used_once_in_a_project(api: Api) -> None:
    """A name in use is 409, after 422; it is free again only when its set is gone."""
    set_id = await created(api)

    taken = await post(api, order(api))
    unmet = await post(api, order(api, flavorId="none"))
    other = await post(api, order(api, instanceSetName="others"))
    await put_state(api, set_id, SetState.TERMINATING)
    going = await post(api, order(api))
    await put_state(api, set_id, SetState.TERMINATED)
    gone = await post(api, order(api))

    assert [a.status_code for a in (taken, unmet, other, going, gone)] == [409, 422, 201, 409, 201]
    assert taken.json()["error"]["code"] == "name_in_use"
    assert faults(taken) == {("instanceSetName", "name_in_use")}


async def test_another_project_may_use_the_same_name(api: Api) -> None:
    """Names are unique in a project, not beyond it."""
    await created(api)

    answer = await api.request(
        "POST", SETS, token=api.tokens["other_project"], json=order(api, projectId=OTHER_PROJECT)
    )

    assert answer.status_code == 201


async def test_the_quota_of_the_project_bounds_all_its_nodes(api: Api) -> None:
    """A project may have 60 nodes; the 61st is 422, and that comes before the name."""
    for number in range(10):
        await created(api, instanceSetName=f"set-{number}", **sized(6))

    answer = await post(api, order(api, instanceSetName="set-0", **sized(1)))

    assert answer.status_code == 422
    assert faults(answer) == {("replicas", "quota_exceeded")}


async def test_what_was_ordered_is_recorded(api: Api) -> None:
    """Schedule, user and all else are kept as ordered, the password as Redis keeps it."""
    set_id = await created(
        api,
        description="for orders",
        backupSchedule={"cron": "* 1 * * *"},
        user={"name": "app", "password": HASH},
    )

    it = await stored(api, set_id)
    assert it.description == "for orders"
    assert it.backup_schedule == BackupSchedule(cron="* 1 * * *", retention_limit=7)
    assert it.schedule_since == api.clock.wall()
    assert it.user == TenantUser(name="app", password_hash=HASH.lower())


async def test_a_refused_order_leaves_nothing(api: Api) -> None:
    """After a refusal there is no set, no event, and nobody was woken."""
    await post(api, order(api, flavorId="none"))
    await post(api, order(api, port=1))

    assert (await api.get(SETS)).json()["size"] == 0
    assert (await api.get("/v1/events")).json()["size"] == 0
    assert api.control.woken == []
