"""API.md 1: `details` lists every fault at once: each pair of wrong fields, on each call with several."""

from collections.abc import Mapping
from copy import deepcopy
from itertools import combinations
from typing import Any

import pytest
from harness import Api
from set_calls import HASH, PARAMETERS, SETS, faults, order, running

Step = str | int
Place = tuple[Step, ...]

KNOWN, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"

MALFORMED: Mapping[Place, Any] = {
    ("instanceSetName",): "No",
    ("description",): "two\nlines",
    ("replicas",): "3",
    ("flavorId",): 5,
    ("recoveryEnabled",): "yes",
    ("subnets", 0, "id"): 5,
    ("subnets", 1, "id"): "",
    ("subnetAssignments", 0, "primary", "id"): 5,
    ("subnetAssignments", 0, "replicas", 0, "id"): 5,
    ("subnetAssignments", 0, "replicas", 1, "id"): "",
    ("subnetAssignments", 0, "unheardOf"): 1,
    ("securityGroups", 0, "id"): 5,
    ("backupSchedule", "cron"): "0 1 * * *",
    ("backupSchedule", "retentionLimit"): 36,
    ("user", "name"): "1x",
    ("user", "password"): 5,
    ("user", "unheardOf"): 1,
    ("tlsEnabled",): "yes",
    ("parameterGroupId",): "",
    ("port",): "6379",
    ("projectId",): 5,
    ("version",): 7,
    ("restoreSource",): {},
    ("unheardOf",): 1,
}
"""A value that each field of an order may not have."""

UNMET: Mapping[Place, Any] = {
    ("flavorId",): KNOWN,
    ("subnets", 2, "id"): "nowhere",
    ("subnetAssignments", 0, "primary", "id"): KNOWN,
    ("subnetAssignments", 0, "replicas", 1, "id"): OTHER,
    ("securityGroups", 0, "id"): KNOWN,
    ("user", "password"): "in the clear",
    ("parameterGroupId",): KNOWN,
    ("version",): "6.2.17",
}
"""A value of the right form that can not be met here."""

NEEDS: Mapping[Place, str] = {
    ("tlsEnabled",): "version",
    ("subnetAssignments", 0, "primary", "id"): "subnets",
    ("subnetAssignments", 0, "replicas", 1, "id"): "subnets",
}
"""A field that can only be judged against another one, which must be sound for it."""

CHANGES: Mapping[Place, Any] = {
    ("description",): "two\nlines",
    ("backupSchedule", "cron"): "0 1 * * *",
    ("backupSchedule", "retentionLimit"): 36,
    ("backupSchedule", "unheardOf"): 1,
    ("parameterGroupId",): KNOWN,
    ("securityGroups", 0, "id"): 5,
    ("securityGroups", 1, "id"): OTHER,
    ("securityGroups", 2, "id"): None,
    ("port",): 6380,
    ("unheardOf",): None,
}
"""A value that each field of a change may not have."""


def written(place: Place) -> str:
    """The place as an error names it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def spoiled(document: dict[str, Any], wrong: Mapping[Place, Any]) -> dict[str, Any]:
    """The document with these values at these places."""
    body = deepcopy(document)
    for place, value in wrong.items():
        node: Any = body
        for step in place[:-1]:
            if isinstance(node, list) and step == len(node):
                node.append({"id": f"{KNOWN}-{step}"})
            node = node[step]
        node[place[-1]] = value
    return body


def whole(api: Api) -> dict[str, Any]:
    """A sound order with every field, of a version whose program has no TLS."""
    return order(
        api,
        version="6.2.5",
        parameterGroupId=PARAMETERS["6.2"],
        description="fine",
        backupSchedule={"cron": "* 1 * * *", "retentionLimit": 7},
        user={"name": "app", "password": HASH},
        tlsEnabled=False,
    )


def named(answer: Any) -> set[str]:  # noqa: ANN401 - a response
    """The fields that a refusal names."""
    return {field for field, _ in faults(answer)}


@pytest.mark.parametrize("first", MALFORMED, ids=written)
async def test_two_malformed_fields_of_an_order_are_both_named(api: Api, first: Place) -> None:
    """Whatever else is malformed, this field is named, and so is the other."""
    for second in MALFORMED:
        wrong = {place: MALFORMED[place] for place in (first, second)}

        answer = await api.request("POST", SETS, json=spoiled(whole(api), wrong))

        assert answer.status_code == 400
        assert named(answer) == set(map(written, wrong)), answer.text


@pytest.mark.parametrize("first", UNMET, ids=written)
async def test_what_can_not_be_met_is_named_beside_what_is_malformed(api: Api, first: Place) -> None:
    """A malformed field hides nothing of the others, not even in the same object."""
    for second in MALFORMED:
        if first == second or second[0] == NEEDS.get(first):
            continue
        wrong = {first: UNMET[first], second: MALFORMED[second]}

        answer = await api.request("POST", SETS, json=spoiled(whole(api), wrong))

        assert answer.status_code == 400
        assert set(map(written, wrong)) <= named(answer), (wrong, answer.text)


async def test_two_things_that_can_not_be_met_are_both_named(api: Api) -> None:
    """422 names both of each pair."""
    for pair in combinations(UNMET, 2):
        if NEEDS.get(pair[0]) == pair[1][0]:
            continue
        wrong = {place: UNMET[place] for place in pair}

        answer = await api.request("POST", SETS, json=spoiled(whole(api), wrong))

        assert answer.status_code == 422
        assert set(map(written, wrong)) <= named(answer), answer.text


@pytest.mark.parametrize("absent", MALFORMED, ids=written)
async def test_a_missing_field_is_named_beside_a_wrong_one(api: Api, absent: Place) -> None:
    """A required field that is left out is named whatever else is wrong."""
    required = {
        field for field, code in faults(await api.request("POST", SETS, json={})) if code == "missing"
    }
    for second in MALFORMED:
        if absent[:1] == second[:1] or absent[0] not in required:
            continue
        body = spoiled(whole(api), {second: MALFORMED[second]})
        del body[str(absent[0])]

        answer = await api.request("POST", SETS, json=body)

        assert named(answer) == {str(absent[0]), written(second)}, answer.text


@pytest.mark.parametrize("given", ["name", "password"])
@pytest.mark.parametrize("second", MALFORMED, ids=written)
async def test_half_a_user_is_named_beside_a_wrong_field(api: Api, given: str, second: Place) -> None:
    """A user without a name or without a password hides nothing else that is wrong."""
    absent = "password" if given == "name" else "name"
    body = whole(api)
    del body["user"][absent]
    wrong = {place: value for place, value in MALFORMED.items() if place == second != ("user", absent)}

    answer = await api.request("POST", SETS, json=spoiled(body, wrong))

    assert named(answer) == {f"user.{absent}", *map(written, wrong)}, answer.text


async def test_two_wrong_fields_of_a_change_are_both_named(api: Api) -> None:
    """Of each pair both are named, whether malformed, null, fixed or unknown."""
    set_id = await running(api)
    good = {"backupSchedule": {"cron": "* 2 * * *"}, "securityGroups": whole(api)["securityGroups"]}
    for first, second in combinations(CHANGES, 2):
        places = {place for place in CHANGES if place[0] in (first[0], second[0]) and len(place) > 1}
        wrong = {place: CHANGES[place] for place in sorted({first, second} | places, key=str)}

        answer = await api.request("PATCH", f"{SETS}/{set_id}", json=spoiled(good, wrong))

        assert answer.status_code == 400
        assert named(answer) == set(map(written, wrong)), (wrong, answer.text)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("primary", {"primaryId": 5, "unheardOf": 1}, {"primaryId", "unheardOf"}),
        ("primary", {"primaryId": None, "unheardOf": None}, {"primaryId", "unheardOf"}),
        ("replicas", {"subnet": {"id": 5, "unheardOf": 1}}, {"subnet.id", "subnet.unheardOf"}),
        ("replicas", {"subnet": {"id": None, "unheardOf": 1}}, {"subnet.id", "subnet.unheardOf"}),
        ("replicas", {"unheardOf": None}, {"subnet", "unheardOf"}),
        ("recovery", {"enabled": 1, "unheardOf": 1}, {"enabled", "unheardOf"}),
    ],
)
async def test_two_faults_of_a_small_change_are_both_named(
    api: Api, path: str, body: dict[str, Any], expected: set[str]
) -> None:
    """Promotion, one more replica, high availability: the field and what does not belong there."""
    answer = await api.request("PATCH", f"{SETS}/{await running(api)}/{path}", json=body)

    assert answer.status_code == 400
    assert named(answer) == expected
