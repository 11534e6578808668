"""API.md 7: custom parameter groups: made, shown, changed, reset, rolled back, deleted."""

from typing import Any

import pytest
from group_calls import GROUPS, SEVEN, change, events, made, make, shown, value, values
from harness import GROUP_ID, Api
from set_calls import PARAMETERS, Pairs, faults, label, running

from memstored.domain.settings import Quotas

TIME = "2025-06-15T15:06:40Z"
UNKNOWN = "3f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11"


# Making


async def test_a_group_is_made_and_listed(api: Api) -> None:
    """It answers with the id alone, is in the list after the default groups, and an event tells of it."""
    answer = await make(api, description="for sessions")

    assert answer.status_code == 201
    assert set(answer.json()) == {"objectId"}
    rows = (await api.get(GROUPS)).json()["parameterGroups"]
    assert rows[-1] == {
        "id": answer.json()["objectId"],
        "name": "sessions",
        "description": "for sessions",
        "type": "custom",
        "engineFamily": "7.0",
        "clusterMode": False,
        "baseId": SEVEN,
        "instanceSetCount": 0,
        "createdAt": TIME,
        "updatedAt": TIME,
    }
    [event] = (await api.get("/v1/events")).json()["data"]
    assert (event["name"], event["resourceType"]) == ("Parameter Group Create", "parameter-group")
    assert (event["resourceName"], event["actor"]) == ("sessions", "mia")


async def test_a_group_begins_with_the_values_of_its_base(api: Api) -> None:
    """A custom base gives its values, and a later change of it changes nothing in what was made out of it."""
    base = await made(api)
    await values(api, base, timeout="300")

    group = await made(api, "copy", parameterGroupId=base)
    await values(api, base, timeout="60")

    assert await value(api, group, "timeout") == "300"
    assert (await shown(api, group))["baseId"] == base


async def test_a_further_id_names_its_default_group(api: Api) -> None:
    """The base is recorded by the id that is fixed."""
    assert (await shown(api, await made(api, parameterGroupId=GROUP_ID)))["baseId"] == SEVEN


@pytest.mark.parametrize("name", ["ab", "A9", "a.b-c", "Redis.7.0.default", "a" * 63, "a--b..c"])
async def test_good_names(api: Api, name: str) -> None:
    """2 to 63 characters, a letter first, a letter or digit last."""
    assert (await make(api, name)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        *(({"name": name}, {("name", "malformed")}) for name in ("1a", "a_b", "a-", "a.", "-a", "a b", "ä1")),
        ({"name": "a"}, {("name", "out_of_range")}),
        ({"name": "a" * 64}, {("name", "out_of_range")}),
        ({"name": 5}, {("name", "wrong_type")}),
        ({"name": None}, {("name", "missing")}),
        ({"description": "x" * 101}, {("description", "out_of_range")}),
        ({"description": "two\nlines"}, {("description", "line_break")}),
        ({"description": "\N{GRINNING FACE}"}, {("description", "emoji")}),
        (
            {"parameterGroupId": 5, "colour": "red"},
            {("parameterGroupId", "wrong_type"), ("colour", "unknown_field")},
        ),
        ({"parameters": {"timeout": "300"}}, {("parameters", "unknown_field")}),
    ],
    ids=label,
)
async def test_malformed_groups(api: Api, changes: dict[str, Any], expected: Pairs) -> None:
    """Every fault is named at once, and nothing is kept."""
    answer = await api.request("POST", GROUPS, json={"parameterGroupId": SEVEN, "name": "sessions"} | changes)

    assert answer.status_code == 400
    assert faults(answer) == expected
    assert (await api.get(f"{GROUPS}?parameterGroupType=custom")).json()["parameterGroups"] == []


async def test_null_counts_as_absent(api: Api) -> None:
    """As in every creation (API.md 1)."""
    assert (await shown(api, await made(api, description=None)))["description"] == ""


async def test_an_unknown_base_is_404(api: Api) -> None:
    """The base is an id in the body, and still 404; a malformed field comes first."""
    answer = await make(api, parameterGroupId=UNKNOWN)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "parameter_group_unknown")
    assert (await make(api, "1", parameterGroupId=UNKNOWN)).status_code == 400


async def test_another_projects_base_is_404(api: Api) -> None:
    """A group of another project counts as absent."""
    group = await made(api)

    answer = await api.request(
        "POST",
        GROUPS,
        json={"parameterGroupId": group, "name": "theirs"},
        token=api.tokens["other_project"],
    )

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["sessions", "Redis.7.0.Default", "Redis.5.0.Default"])
async def test_a_name_is_used_once(api: Api, name: str) -> None:
    """Not twice in a project, and no default group's; an unknown base comes before that."""
    await made(api, "sessions")

    answer = await make(api, name)

    assert (answer.status_code, faults(answer)) == (409, {("name", "name_in_use")})
    assert (await make(api, name, parameterGroupId=UNKNOWN)).status_code == 404


async def test_another_project_may_use_the_name(api: Api) -> None:
    """Names are a project's own."""
    await made(api, "sessions")

    answer = await api.request(
        "POST",
        GROUPS,
        json={"parameterGroupId": SEVEN, "name": "sessions"},
        token=api.tokens["other_project"],
    )

    assert answer.status_code == 201
    assert len((await api.get(f"{GROUPS}?parameterGroupType=custom")).json()["parameterGroups"]) == 1


async def test_a_project_has_so_many_groups(api: Api) -> None:
    """The quota is counted by project, shown, and room again when one is deleted."""
    most = Quotas().parameter_groups_per_project
    ids = [await made(api, f"group-{number}") for number in range(most)]

    answer = await make(api, "one-more")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "quota_exceeded")
    quotas = (await api.get("/v1/redis/quotas")).json()["quotas"]
    assert {"name": "parameter_groups_per_project", "limit": most, "used": most} in quotas
    await api.request("DELETE", f"{GROUPS}/{ids[0]}")
    assert (await make(api, "one-more")).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"parameterGroupId": SEVEN, "name": "mine"}),
        ("PATCH", "/{}", {"description": "x"}),
        ("POST", "/{}/reset", {}),
        ("POST", "/{}/rollback", None),
        ("POST", "/{}/instance-sets/x/retry", None),
        ("DELETE", "/{}", None),
    ],
)
async def test_a_reader_only_reads(api: Api, method: str, path: str, body: object) -> None:
    """Every write needs a member or an admin (API.md 1)."""
    place = GROUPS + path.format(await made(api))

    answer = await api.request(method, place, json=body, token=api.tokens["reader"])

    assert answer.status_code == 403
    assert (await api.get(GROUPS, token=api.tokens["reader"])).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/reset"),
        ("POST", "/rollback"),
        ("DELETE", ""),
        ("GET", "/events"),
        ("GET", "/instance-sets"),
        ("POST", "/instance-sets/x/retry"),
    ],
)
async def test_another_projects_group_is_not_there(api: Api, method: str, path: str) -> None:
    """It is 404 before the body is looked at, and stays as it is."""
    group = await made(api)

    answer = await api.request(
        method, f"{GROUPS}/{group}{path}", content=b"{", token=api.tokens["other_project"]
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "parameter_group_unknown")
    assert (await shown(api, group))["version"] == 1


# Changing


async def test_values_are_changed(api: Api) -> None:
    """All other parameters keep theirs; the group has a further version, and its sequence is woken."""
    group = await made(api)

    answer = await change(api, group, {"parameters": {"timeout": "300", "maxmemory": "50%"}})

    assert (answer.status_code, answer.json()) == (200, {"objectId": group})
    assert await value(api, group, "timeout") == "300"
    assert await value(api, group, "maxmemory") == "50%"
    assert await value(api, group, "hz") == "10"
    assert (await shown(api, group))["version"] == 2
    assert api.sequence.woken == 1
    assert await events(api, group) == ["Parameter Group Create", "Parameters Update"]


async def test_the_event_tells_what_was_changed(api: Api) -> None:
    """By whom, to what, and which version that made."""
    group = await made(api)
    await values(api, group, timeout="300", notify_keyspace_events="KEA")

    [event, _created] = (await api.get(f"{GROUPS}/{group}/events")).json()["data"]

    assert event["message"] == "mia set notify-keyspace-events = KEA, timeout = 300 (version 2)."
    assert event["requestId"]


@pytest.mark.parametrize("body", [{"parameters": {"timeout": "0"}}, {"description": "same"}], ids=label)
async def test_what_is_so_already_is_no_change(api: Api, body: object) -> None:
    """The answer is the same, and nothing is recorded."""
    group = await made(api, description="same")
    before = await shown(api, group)
    api.clock.advance(60)

    answer = await change(api, group, body)

    assert answer.status_code == 200
    assert await shown(api, group) == before
    assert await events(api, group) == ["Parameter Group Create"]


async def test_a_description_alone_makes_no_version(api: Api) -> None:
    """It is changed, or cleared by an empty one, and dated."""
    group = await made(api, description="old")
    api.clock.advance(60)

    await change(api, group, {"description": "new"})
    assert (await shown(api, group))["description"] == "new"
    await change(api, group, {"description": ""})

    found = await shown(api, group)
    assert (found["description"], found["version"]) == ("", 1)
    assert found["updatedAt"] == "2025-06-15T15:07:40Z"
    assert found["createdAt"] == TIME


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"timeout": "9"}, {("parameters.timeout", "value_not_allowed")}),
        ({"timeout": "1e3"}, {("parameters.timeout", "value_not_allowed")}),
        ({"timeout": "0300"}, {("parameters.timeout", "value_not_allowed")}),
        ({"timeout": ""}, {("parameters.timeout", "value_not_allowed")}),
        ({"timeout": 300}, {("parameters.timeout", "wrong_type")}),
        ({"timeout": None}, {("parameters.timeout", "null")}),
        ({"timeout": ["300"]}, {("parameters.timeout", "wrong_type")}),
        ({"maxmemory": "0"}, {("parameters.maxmemory", "value_not_allowed")}),
        ({"maxmemory": "81%"}, {("parameters.maxmemory", "value_not_allowed")}),
        ({"maxmemory": "1gb"}, {("parameters.maxmemory", "value_not_allowed")}),
        ({"maxmemory-policy": "Allkeys-LRU"}, {("parameters.maxmemory-policy", "value_not_allowed")}),
        ({"activerehashing": "true"}, {("parameters.activerehashing", "value_not_allowed")}),
        ({"notify-keyspace-events": "KEQ"}, {("parameters.notify-keyspace-events", "value_not_allowed")}),
        (
            {"client-output-buffer-limit": "replica 0 0 0"},
            {("parameters.client-output-buffer-limit", "value_not_allowed")},
        ),
        *(
            ({name: "x"}, {(f"parameters.{name}", "parameter_not_editable")})
            for name in ("databases", "save", "appendonly", "repl-backlog-ttl", "replica-read-only")
        ),
        *(
            ({name: "x"}, {(f"parameters.{name}", "unknown_parameter")})
            for name in (
                "bind",
                "port",
                "dir",
                "requirepass",
                "rename-command",
                "TIMEOUT",
                "hash-max-ziplist-value",
            )
        ),
        (
            {"timeout": "9", "bind": "0.0.0.0", "databases": "1", "hz": 20, "maxmemory": "60%"},
            {
                ("parameters.timeout", "value_not_allowed"),
                ("parameters.bind", "unknown_parameter"),
                ("parameters.databases", "parameter_not_editable"),
                ("parameters.hz", "wrong_type"),
            },
        ),
    ],
    ids=label,
)
async def test_values_that_are_refused(api: Api, parameters: dict[str, Any], expected: Pairs) -> None:
    """Every fault is named at once, and nothing is changed, not even what was right."""
    group = await made(api)

    answer = await change(api, group, {"parameters": parameters, "description": "new"})

    assert answer.status_code == 400
    assert faults(answer) == expected
    assert (await shown(api, group))["version"] == 1
    assert (await shown(api, group))["description"] == ""
    assert api.sequence.woken == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("", "nothing_to_change")}),
        ({"parameters": {}}, {("parameters", "out_of_range")}),
        ({"parameters": None}, {("parameters", "null")}),
        ({"parameters": []}, {("parameters", "wrong_type")}),
        ({"description": None}, {("description", "null")}),
        (
            {"description": 5, "parameters": {"bind": "x"}},
            {("description", "wrong_type"), ("parameters.bind", "unknown_parameter")},
        ),
        ({"name": "other"}, {("name", "not_changeable")}),
        ({"parameterGroupId": SEVEN}, {("parameterGroupId", "not_changeable")}),
        ({"parameter": {"timeout": "300"}}, {("parameter", "unknown_field")}),
    ],
    ids=label,
)
async def test_changes_that_are_refused(api: Api, body: object, expected: Pairs) -> None:
    """What is missing, null or unknown is named."""
    answer = await change(api, await made(api), body)

    assert answer.status_code == 400
    assert faults(answer) == expected


async def test_a_message_tells_what_is_allowed(api: Api) -> None:
    """So nobody has to look it up."""
    answer = await change(api, await made(api), {"parameters": {"maxmemory-samples": "65"}})

    [detail] = answer.json()["error"]["details"]
    assert detail["message"] == "Give a value that maxmemory-samples can have: 1 to 64 (keys)."


async def test_a_maxmemory_that_is_too_much_is_told_both_bounds(api: Api) -> None:
    """In percent and in bytes."""
    answer = await change(api, await made(api), {"parameters": {"maxmemory": "81%"}})

    (detail,) = answer.json()["error"]["details"]
    assert "5% to 80%, or bytes from 67108864 to 80% of the flavor's memory" in detail["message"]


async def test_families_have_their_own_parameters(api: Api) -> None:
    """A group of Redis 6.2 knows `ziplist` and not `listpack`, one of 5.0 no threads."""
    six, five = [await made(api, f"for-{f[0]}", parameterGroupId=PARAMETERS[f]) for f in ("6.2", "5.0")]

    assert (await change(api, six, {"parameters": {"hash-max-ziplist-entries": "64"}})).status_code == 200
    refused = await change(api, five, {"parameters": {"io-threads": "2", "hash-max-listpack-entries": "1"}})

    assert faults(refused) == {
        ("parameters.io-threads", "unknown_parameter"),
        ("parameters.hash-max-listpack-entries", "unknown_parameter"),
    }


# Reset and rollback


async def test_some_parameters_are_reset(api: Api) -> None:
    """Those that are named get their defaults again."""
    group = await made(api)
    await values(api, group, timeout="300", hz="20", maxmemory="50%")

    answer = await api.request("POST", f"{GROUPS}/{group}/reset", json={"names": ["timeout", "hz"]})

    assert (answer.status_code, answer.json()) == (200, {"objectId": group})
    assert [await value(api, group, n) for n in ("timeout", "hz", "maxmemory")] == ["0", "10", "50%"]
    assert (await events(api, group))[-1] == "Parameters Reset"


@pytest.mark.parametrize("body", [None, {}, {"names": []}], ids=label)
async def test_all_parameters_are_reset(api: Api, body: object) -> None:
    """When none is named; also what the base had."""
    base = await made(api)
    await values(api, base, timeout="300")
    group = await made(api, "copy", parameterGroupId=base)
    await values(api, group, hz="20")

    await api.request("POST", f"{GROUPS}/{group}/reset", json=body)

    rows = (await shown(api, group))["parameters"]
    assert [row["name"] for row in rows if row["value"] != row["defaultValue"]] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"names": ["timeout", "bind"]}, {("names[1]", "unknown_parameter")}),
        ({"names": ["databases"]}, {("names[0]", "parameter_not_editable")}),
        ({"names": [5, "bind"]}, {("names[0]", "wrong_type"), ("names[1]", "unknown_parameter")}),
        ({"names": "timeout"}, {("names", "wrong_type")}),
        ({"names": None}, {("names", "null")}),
        ({"parameters": ["timeout"]}, {("parameters", "unknown_field")}),
    ],
    ids=label,
)
async def test_resets_that_are_refused(api: Api, body: object, expected: Pairs) -> None:
    """A wrong name must not reset everything."""
    group = await made(api)
    await values(api, group, timeout="300")

    answer = await api.request("POST", f"{GROUPS}/{group}/reset", json=body)

    assert (answer.status_code, faults(answer)) == (400, expected)
    assert await value(api, group, "timeout") == "300"


async def test_a_rollback_takes_no_fields(api: Api) -> None:
    """Who names parameters means a reset: nothing is done, and the field is said."""
    group = await made(api)
    await values(api, group, timeout="300")

    answer = await api.request("POST", f"{GROUPS}/{group}/rollback", json={"names": ["timeout"]})

    assert (answer.status_code, faults(answer)) == (400, {("names", "unknown_field")})
    assert await value(api, group, "timeout") == "300"


@pytest.mark.parametrize("body", [None, {}], ids=label)
async def test_a_rollback_may_have_an_empty_body(api: Api, body: object) -> None:
    """Some clients send one with every write."""
    group = await made(api)
    await values(api, group, timeout="300")

    answer = await api.request("POST", f"{GROUPS}/{group}/rollback", json=body)

    assert answer.status_code == 200
    assert await value(api, group, "timeout") == "0"


async def test_a_rollback_takes_the_version_before(api: Api) -> None:
    """It is a version of its own, so the same once more takes it back."""
    group = await made(api)
    await values(api, group, timeout="60")
    await values(api, group, timeout="300", hz="20")

    await api.request("POST", f"{GROUPS}/{group}/rollback")
    first = [await value(api, group, name) for name in ("timeout", "hz")]
    await api.request("POST", f"{GROUPS}/{group}/rollback")

    assert first == ["60", "10"]
    assert [await value(api, group, name) for name in ("timeout", "hz")] == ["300", "20"]
    assert (await shown(api, group))["version"] == 5
    assert (await events(api, group))[-2:] == ["Parameters Rollback", "Parameters Rollback"]


async def test_a_rollback_keeps_the_description(api: Api) -> None:
    """Versions are of values."""
    group = await made(api, description="first")
    await change(api, group, {"parameters": {"timeout": "60"}, "description": "second"})

    await api.request("POST", f"{GROUPS}/{group}/rollback")

    assert (await shown(api, group))["description"] == "second"


async def test_there_may_be_nothing_to_go_back_to(api: Api) -> None:
    """A group whose values were never changed has no version before; a description makes none."""
    group = await made(api)
    await change(api, group, {"description": "new"})

    answer = await api.request("POST", f"{GROUPS}/{group}/rollback")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "no_version_before")


# Deletion


async def test_an_unused_group_is_deleted(api: Api) -> None:
    """It is gone at once, its name is free, and its events stay among the project's."""
    group = await made(api)

    answer = await api.request("DELETE", f"{GROUPS}/{group}")

    assert (answer.status_code, answer.json()) == (200, {"objectId": group})
    assert (await api.get(f"{GROUPS}/{group}")).status_code == 404
    assert (await make(api)).status_code == 201
    told = (await api.get(f"/v1/events?resourceId={group}")).json()["data"]
    assert [event["name"] for event in told] == ["Parameter Group Delete", "Parameter Group Create"]


async def test_a_used_group_is_not_deleted(api: Api) -> None:
    """Not while a set has it, in whatever state that set is."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)

    answer = await api.request("DELETE", f"{GROUPS}/{group}")
    await api.request("DELETE", f"/v1/instance-sets/{set_id}")
    still = await api.request("DELETE", f"{GROUPS}/{group}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "parameter_group_in_use")
    assert (still.status_code, still.json()["error"]["code"]) == (400, "parameter_group_in_use")
    assert (await shown(api, group))["instanceSetCount"] == 1


async def test_a_base_may_go(api: Api) -> None:
    """What was made out of it has values of its own."""
    base = await made(api)
    group = await made(api, "copy", parameterGroupId=base)

    assert (await api.request("DELETE", f"{GROUPS}/{base}")).status_code == 200
    assert (await shown(api, group))["baseId"] == base
