"""API.md 2.10: reading sets, operations, events, and whether a set could fail over."""

import json
from dataclasses import replace
from typing import Any

import pytest
from harness import Api
from set_calls import (
    FLAVOR,
    HASH,
    OTHER_SUBNET,
    PARAMETERS,
    SECURITY_GROUP,
    SETS,
    SUBNET,
    created,
    delete,
    faults,
    kill,
    node_ids,
    order,
    patch,
    put,
    put_state,
    running,
    seen,
    sized,
    stored,
)

from memstored.domain.model import Vips
from memstored.domain.words import SetState


async def _shown(api: Api, set_id: str) -> dict[str, Any]:
    body: dict[str, Any] = (await api.get(f"{SETS}/{set_id}")).json()
    return body


async def test_a_set_is_shown_with_the_documented_fields(api: Api) -> None:
    """Exactly the documented fields, and never a password."""
    set_id = await running(
        api,
        backupSchedule={"cron": "* 1 * * *"},
        user={"name": "app", "password": HASH},
        description="for orders",
    )

    answer = await api.get(f"{SETS}/{set_id}")

    assert answer.json() == {
        "objectId": set_id,
        "instanceSetName": "orders",
        "description": "for orders",
        "projectId": api.project,
        "status": "Running",
        "reason": None,
        "version": "7.0.15",
        "flavorId": FLAVOR,
        "replicas": 3,
        "recoveryEnabled": False,
        "tlsEnabled": False,
        "port": 6379,
        "endpoints": {
            "primary": {"host": "127.20.255.1", "port": 6379},
            "reader": {"host": "127.20.255.2", "port": 6379},
        },
        "subnets": [{"id": SUBNET}, {"id": OTHER_SUBNET}],
        "securityGroups": [{"id": SECURITY_GROUP}],
        "backupSchedule": {"cron": "* 1 * * *", "retentionLimit": 7},
        "user": {"name": "app"},
        "parameterGroup": {
            "id": PARAMETERS["7.0"],
            "name": "Redis.7.0.Default",
            "applyStatus": "In-Sync",
        },
        "creator": "mia",
        "license": "BSD-3-Clause",
        "createdAt": "2025-06-15T15:06:40Z",
        "updatedAt": "2025-06-15T15:06:40Z",
        "operation": None,
    }
    assert HASH.lower() not in answer.text


async def test_a_new_set_says_what_it_is_doing(api: Api) -> None:
    """Until it is `Running` there is a reason and an operation, and what is absent is null."""
    shown = await _shown(api, await created(api))

    assert shown["status"] == "Init"
    assert {name: shown[name] for name in ("description", "endpoints", "backupSchedule", "user")} == {
        "description": "",
        "endpoints": None,
        "backupSchedule": None,
        "user": None,
    }
    assert shown["reason"]["since"] == "2025-06-15T15:06:40Z"
    assert set(shown["reason"]) == {"code", "message", "since", "trying", "next"}
    assert all(shown["reason"].values())
    assert (shown["operation"]["kind"], shown["operation"]["step"]) == ("create", "provision")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(SetState.INIT, False), (SetState.PROVISIONING, False), (SetState.REPLICATING, True)],
)
async def test_endpoints_appear_with_replicating(api: Api, status: SetState, *, expected: bool) -> None:
    """Addresses that are reserved earlier are not yet shown."""
    set_id = await created(api)
    vips = Vips(primary="127.20.255.1", reader="127.20.255.2")
    await put(api, set_id, lambda it: replace(it, status=status, vips=vips))

    assert ((await _shown(api, set_id))["endpoints"] is not None) is expected


async def test_a_single_node_has_no_reader(api: Api) -> None:
    """The reader is null for a set of one node."""
    shown = await _shown(api, await running(api, **sized(1)))

    assert shown["endpoints"]["reader"] is None


async def test_a_change_is_dated(api: Api) -> None:
    """`updatedAt` is the time of the last change, in whole seconds."""
    set_id = await running(api)
    api.clock.advance(61.7)

    await patch(api, set_id, {"description": "new"})

    assert (await _shown(api, set_id))["updatedAt"] == "2025-06-15T15:07:41Z"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_a_set_of_another_project_does_not_exist(api: Api, method: str) -> None:
    """Another project's set is 404, whatever is asked of it, and not in the list."""
    set_id = await running(api)
    stranger = api.tokens["other_project"]

    answer = await api.request(method, f"{SETS}/{set_id}", token=stranger, content=b'{"description":"x"}')

    assert answer.status_code == 404
    assert (await api.get(SETS, token=stranger)).json()["data"] == []
    assert (await stored(api, set_id)).status is SetState.RUNNING


@pytest.mark.parametrize("rest", ["", "/instances", "/operations", "/events", "/failover-check"])
async def test_a_reader_reads(api: Api, rest: str) -> None:
    """The role reader suffices for everything that is read."""
    set_id = await running(api)

    assert (await api.get(f"{SETS}/{set_id}{rest}", token=api.tokens["reader"])).status_code == 200


async def test_a_reader_changes_nothing(api: Api) -> None:
    """The role reader is refused before the set is looked for."""
    answer = await api.request("DELETE", f"{SETS}/none", token=api.tokens["reader"])

    assert answer.status_code == 403


# The list


async def _names(api: Api, query: str = "") -> list[str]:
    return [row["instanceSetName"] for row in (await api.get(f"{SETS}{query}")).json()["data"]]


async def test_sets_are_listed_oldest_first(api: Api) -> None:
    """The list shows each set as it is shown alone, by age."""
    ids = []
    for name in ("zzzz", "aaaa", "mmmm"):
        ids.append(await running(api, instanceSetName=name, **sized(1)))
        api.clock.advance(1)

    body = (await api.get(SETS)).json()

    assert (body["size"], body["next"]) == (3, None)
    assert [row["objectId"] for row in body["data"]] == ids
    assert body["data"][1] == await _shown(api, ids[1])


async def test_sets_of_one_second_are_all_listed_once(api: Api) -> None:
    """Pages go by time, then id, so sets of the same moment are neither lost nor doubled."""
    names = {f"set-{number}" for number in range(5)}
    for name in names:
        await created(api, instanceSetName=name, **sized(1))

    pages = [(await api.get(f"{SETS}?limit=2")).json()]
    for _ in range(2):
        pages.append((await api.get(f"{SETS}?limit=2&marker={pages[-1]['next']}")).json())

    assert [page["size"] for page in pages] == [2, 2, 1]
    assert pages[-1]["next"] is None
    found = [row["instanceSetName"] for page in pages for row in page["data"]]
    assert sorted(found) == sorted(names)


async def test_the_list_is_filtered(api: Api) -> None:
    """By exact name and by state, alone or together."""
    await running(api, instanceSetName="first", **sized(1))
    await created(api, instanceSetName="second", **sized(1))

    assert await _names(api, "?name=first") == ["first"]
    assert await _names(api, "?name=firs") == []
    assert await _names(api, "?status=Running") == ["first"]
    assert await _names(api, "?status=Init&name=second") == ["second"]
    assert await _names(api, "?status=Scaling(horizontal)") == []


PAGED = [SETS, "/v1/events"]


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize("limit", ["1", "500"])
async def test_limits_that_are_right(api: Api, path: str, limit: str) -> None:
    """A page has 1 to 500 rows."""
    assert (await api.get(f"{path}?limit={limit}")).status_code == 200


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "out_of_range"),
        ("limit=501", "out_of_range"),
        ("limit=99999999999999999999", "out_of_range"),
        ("limit=-1", "wrong_type"),
        ("limit=1.0", "wrong_type"),
        ("limit=%2B1", "wrong_type"),
        ("limit=%20" + "1", "wrong_type"),
        ("limit=", "wrong_type"),
        ("limit=%D9%A1", "wrong_type"),
        ("marker=none", "unknown_marker"),
        ("marker=", "unknown_marker"),
        ("sort=name", "unknown_field"),
    ],
)
async def test_pages_that_can_not_be_had(api: Api, path: str, query: str, code: str) -> None:
    """A limit out of bounds and a marker that nobody gave are 400."""
    answer = await api.get(f"{path}?{query}")

    assert answer.status_code == 400
    assert faults(answer) == {(query.partition("=")[0], code)}


async def test_an_unknown_state_is_refused(api: Api) -> None:
    """A state that no set can have is a typo."""
    answer = await api.get(f"{SETS}?status=running")

    assert answer.status_code == 400
    assert faults(answer) == {("status", "malformed")}


async def test_a_set_that_is_going_is_still_listed(api: Api) -> None:
    """A set is listed until it is `Terminated`."""
    set_id = await running(api)
    await delete(api, set_id)
    going = await _names(api)
    await put_state(api, set_id, SetState.TERMINATED)

    assert (going, await _names(api)) == (["orders"], [])


# Operations


async def test_operations_tell_their_steps(api: Api) -> None:
    """Newest first, each with its steps and times; steps have milliseconds."""
    set_id = await running(api)
    api.clock.advance(1.25)
    await patch(api, f"{set_id}/primary", {"primaryId": (await node_ids(api, set_id))[1]})

    body = (await api.get(f"{SETS}/{set_id}/operations")).json()

    assert (body["size"], body["next"]) == (2, None)
    [newest, oldest] = body["data"]
    assert {name: value for name, value in newest.items() if name not in ("id", "steps")} == {
        "kind": "promote",
        "state": "running",
        "step": "stop_writes",
        "percent": 0,
        "transferredBytes": None,
        "totalBytes": None,
        "startedAt": "2025-06-15T15:06:41Z",
        "finishedAt": None,
        "error": None,
    }
    assert newest["steps"][:2] == [
        {
            "name": "stop_writes",
            "state": "running",
            "startedAt": "2025-06-15T15:06:41.250Z",
            "finishedAt": None,
        },
        {"name": "catch_up", "state": "pending", "startedAt": None, "finishedAt": None},
    ]
    assert (oldest["kind"], oldest["state"], oldest["percent"]) == ("create", "succeeded", 100)


async def test_operations_are_paged(api: Api) -> None:
    """A marker leads to the next page."""
    set_id = await running(api)
    await delete(api, set_id)

    first = (await api.get(f"{SETS}/{set_id}/operations?limit=1")).json()
    second = (await api.get(f"{SETS}/{set_id}/operations?limit=1&marker={first['next']}")).json()

    assert [page["data"][0]["kind"] for page in (first, second)] == ["delete", "create"]
    assert second["next"] is None


# Events


async def test_an_event_has_the_documented_fields(api: Api) -> None:
    """Who did what to which set, when, in which request."""
    answer = await api.request("POST", SETS, json=order(api, **sized(1)))
    set_id = answer.json()["objectId"]

    [row] = (await api.get(f"{SETS}/{set_id}/events")).json()["data"]

    assert {name: value for name, value in row.items() if name not in ("id", "message")} == {
        "name": "Cluster Create",
        "time": "2025-06-15T15:06:40.000Z",
        "actor": "mia",
        "projectId": api.project,
        "resourceType": "instance-set",
        "resourceId": set_id,
        "resourceName": "orders",
        "outcome": "success",
        "requestId": answer.headers["x-request-id"],
        "causeId": None,
    }
    assert row["message"].endswith(".")


async def test_every_write_leaves_its_event(api: Api) -> None:
    """Newest first, each write by its audit word."""
    set_id = await running(api)
    ids = await node_ids(api, set_id)
    steps: list[tuple[str, str, object]] = [
        ("PATCH", "", {"description": "new"}),
        ("PATCH", "", {"backupSchedule": {"cron": "* 1 * * *"}}),
        ("PATCH", "/recovery", {"enabled": True}),
        ("PATCH", "/recovery", {"enabled": False}),
        ("PATCH", "/replicas", {"subnet": {"id": SUBNET}}),
        ("PATCH", "/primary", {"primaryId": ids[1]}),
        ("DELETE", f"/instances/{ids[2]}", None),
        ("DELETE", "", None),
    ]
    for method, rest, body in steps:
        await put(api, set_id, lambda it: replace(it, status=SetState.RUNNING, operation=None))
        answer = await api.request(method, f"{SETS}/{set_id}{rest}", json=body)
        assert answer.status_code == 200, answer.text

    rows = (await api.get(f"{SETS}/{set_id}/events")).json()["data"]

    assert [row["name"] for row in reversed(rows)] == [
        "Cluster Create",
        "Cluster Update",
        "Cluster Backup Schedule Update",
        "Cluster High Availability Update",
        "Cluster High Availability Update",
        "Cluster Node Add",
        "Cluster Switchover",
        "Cluster Node Delete",
        "Cluster Delete",
    ]


async def test_events_stay_when_the_set_is_gone(api: Api) -> None:
    """The project's events tell of sets that no longer exist."""
    set_id = await running(api)
    await delete(api, set_id)
    await put_state(api, set_id, SetState.TERMINATED)

    rows = (await api.get(f"/v1/events?resourceId={set_id}")).json()["data"]

    assert [row["name"] for row in rows] == ["Cluster Delete", "Cluster Create"]
    assert (await api.get(f"{SETS}/{set_id}/events")).status_code == 404


async def test_events_are_filtered_and_paged(api: Api) -> None:
    """By resource, word and time, both ends included; a marker leads to the next page."""
    first = await created(api, instanceSetName="first", **sized(1))
    api.clock.advance(10)
    await created(api, instanceSetName="second", **sized(1))
    await delete(api, first)

    async def names(query: str) -> list[str]:
        rows = (await api.get(f"/v1/events?{query}")).json()["data"]
        return [f"{row['name'].split()[1]} {row['resourceName']}" for row in rows]

    assert await names("") == ["Delete first", "Create second", "Create first"]
    assert await names(f"resourceId={first}") == ["Delete first", "Create first"]
    assert await names("name=Cluster%20Create") == ["Create second", "Create first"]
    assert await names("until=2025-06-15T15:06:40Z") == ["Create first"]
    assert await names("since=2025-06-15T15:06:50Z") == ["Delete first", "Create second"]
    assert await names("since=2025-06-16T00:06:50%2B09:00&limit=1") == ["Delete first"]
    page = (await api.get("/v1/events?limit=2")).json()
    assert await names(f"limit=2&marker={page['next']}") == ["Create first"]


@pytest.mark.parametrize("field", ["since", "until"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2026-01-01",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "1750000000",
        "0000-01-01T00:00:00Z",
    ],
)
async def test_times_that_are_none(api: Api, field: str, value: str) -> None:
    """A time is RFC 3339 with its zone, or 400."""
    answer = await api.get(f"/v1/events?{field}={value}")

    assert answer.status_code == 400
    assert faults(answer) == {(field, "malformed")}


async def test_events_of_another_project_are_not_shown(api: Api) -> None:
    """A caller sees the events of the token's project only."""
    await created(api)

    assert (await api.get("/v1/events", token=api.tokens["other_project"])).json()["data"] == []


# Failover check


async def test_a_set_that_could_fail_over_says_to_whom(api: Api) -> None:
    """Ready, with the freshest replica as the candidate and each replica's lag in bytes."""
    set_id = await running(api, recoveryEnabled=True)
    it = await stored(api, set_id)
    api.control.seen[it.id] = seen(it, {1: 100, 2: 70, 3: 95})

    body = (await api.get(f"{SETS}/{set_id}/failover-check")).json()

    assert body == {
        "ready": True,
        "candidate": it.nodes[2].id,
        "reasons": [],
        "replicas": [
            {"id": it.nodes[1].id, "lagBytes": 30, "reason": None},
            {"id": it.nodes[2].id, "lagBytes": 5, "reason": None},
        ],
    }


async def test_without_high_availability_nobody_takes_over(api: Api) -> None:
    """With high availability off the answer is `ha_off`."""
    set_id = await running(api)
    it = await stored(api, set_id)
    api.control.seen[it.id] = seen(it, {1: 100, 2: 70, 3: 95})

    body = (await api.get(f"{SETS}/{set_id}/failover-check")).json()

    assert (body["ready"], body["candidate"], body["reasons"]) == (False, None, ["ha_off"])


async def test_replicas_that_can_not_take_over_say_why(api: Api) -> None:
    """A dead replica and one that nobody sees are told with their reasons."""
    set_id = await running(api, recoveryEnabled=True)
    await kill(api, set_id, 2)

    body = (await api.get(f"{SETS}/{set_id}/failover-check")).json()

    assert (body["ready"], body["reasons"]) == (False, ["no_replica_fit"])
    assert [(r["lagBytes"], r["reason"]) for r in body["replicas"]] == [(None, "gone"), (None, "unreachable")]


async def test_a_list_shows_each_set_as_it_is_now(api: Api) -> None:
    """A list says of every set what asking for the set says, also right after a change."""
    ids = sorted([await running(api, instanceSetName=f"orders-{number}") for number in range(3)])
    first = (await api.get(SETS)).json()
    await patch(api, ids[1], {"description": "changed"})
    await put_state(api, ids[2], SetState.WARNING)

    second = await api.get(SETS)

    shown = [(await api.get(f"{SETS}/{set_id}")).json() for set_id in ids]
    assert first["data"][0] == shown[0]
    assert (second.json()["size"], second.json()["data"], second.json()["next"]) == (3, shown, None)
    assert [row["description"] for row in shown] == ["", "changed", ""]
    assert second.text == json.dumps(second.json(), ensure_ascii=False, separators=(",", ":")) + "\n"
