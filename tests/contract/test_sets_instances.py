"""API.md 2.4 and 2.5: the nodes of a set, and deleting one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from harness import Api
from set_calls import (
    FLAVOR,
    OTHER_SUBNET,
    SETS,
    SUBNET,
    created,
    delete,
    faults,
    kill,
    label,
    node_ids,
    put,
    running,
    sized,
    stored,
)

from memstored.domain.words import NodeState, OperationKind, Role, SetState

Changes = dict[str, Any]
SCHEDULE: Changes = {"backupSchedule": {"cron": "* 1 * * *"}}
HA: Changes = {"recoveryEnabled": True}


async def test_a_row_has_the_documented_fields(api: Api) -> None:
    """Each node is told with exactly the documented fields."""
    set_id = await running(api, description="for orders")

    answer = await api.get(f"{SETS}/{set_id}/instances")

    body = answer.json()
    assert answer.status_code == 200
    assert (body["size"], len(body["data"])) == (3, 3)
    assert body["data"][1] == {
        "instanceName": "orders-2",
        "description": "for orders",
        "projectId": api.project,
        "role": "replica",
        "flavorId": FLAVOR,
        "version": "7.0.15",
        "port": 6379,
        "subnet": {"id": OTHER_SUBNET},
        "creator": "mia",
        "objectId": (await node_ids(api, set_id))[1],
        "endpoint": "127.20.0.2",
        "license": "BSD-3-Clause",
        "createdAt": "2025-06-15T15:06:40Z",
        "status": "Running",
    }


async def test_what_is_not_known_yet_is_empty(api: Api) -> None:
    """Before a node has an address its endpoint is empty, and so is an absent description."""
    set_id = await created(api)

    [first, *_] = (await api.get(f"{SETS}/{set_id}/instances")).json()["data"]

    assert (first["endpoint"], first["description"], first["status"]) == ("", "", "Init")


async def test_the_primary_comes_first(api: Api) -> None:
    """Rows are in the order of their numbers, but the primary leads."""
    set_id = await running(api)
    nodes = (await stored(api, set_id)).nodes
    roles = [Role.REPLICA, Role.REPLICA, Role.PRIMARY]
    await put(
        api,
        set_id,
        lambda it: it.with_nodes(replace(n, role=r) for n, r in zip(nodes, roles, strict=True)),
    )

    rows = (await api.get(f"{SETS}/{set_id}/instances")).json()["data"]

    assert [(r["instanceName"], r["role"]) for r in rows] == [
        ("orders-3", "primary"),
        ("orders-1", "replica"),
        ("orders-2", "replica"),
    ]


@pytest.mark.parametrize("rest", ["", "/instances", "/operations", "/events", "/failover-check"])
async def test_an_unknown_set_has_nothing_to_read(api: Api, rest: str) -> None:
    """Whatever the form of the id, a set that is not there is 404."""
    statuses = [(await api.get(f"{SETS}/{one}{rest}")).status_code for one in ("none", "0", "%F0%9F%9A%80")]

    assert statuses == [404, 404, 404]


async def test_a_replica_is_deleted(api: Api) -> None:
    """The answer is the id of the set, which scales, with the node on its way out."""
    set_id = await running(api)
    ids = await node_ids(api, set_id)
    api.control.woken.clear()

    answer = await delete(api, f"{set_id}/instances/{ids[2]}")

    it = await stored(api, set_id)
    node = it.nodes[2]
    assert answer.status_code == 200
    assert answer.json() == {"objectId": set_id}
    assert (it.status, it.replicas) == (SetState.SCALING_HORIZONTAL, 2)
    assert (node.removing, node.status) == (True, NodeState.TERMINATING)
    assert it.operation is not None
    assert (it.operation.kind, it.operation.node) == (OperationKind.DELETE_NODE, ids[2])
    assert api.control.woken == [set_id]


REFUSED: list[tuple[Changes, Sequence[int], int, set[str]]] = [
    (HA, [], 1, {"primary_with_ha"}),
    (HA | sized(2), [], 2, {"last_replica_with_ha"}),
    ({}, [], 1, {"primary_not_failed"}),
    (SCHEDULE | sized(2), [], 2, {"backup_needs_replica"}),
    (SCHEDULE | HA | sized(2), [], 2, {"backup_needs_replica", "last_replica_with_ha"}),
    (sized(1), [], 1, {"only_node"}),
    (sized(2), [1], 2, {"last_copy"}),
    ({}, [1, 2], 3, {"last_copy"}),
]


@pytest.mark.parametrize(("changes", "dead", "number", "codes"), REFUSED, ids=label)
async def test_nodes_that_must_stay(
    api: Api, changes: Changes, dead: Sequence[int], number: int, codes: set[str]
) -> None:
    """Each documented precondition is 400 with its code, and nothing is changed."""
    set_id = await running(api, **changes)
    if dead:
        await kill(api, set_id, *dead)
    before = await stored(api, set_id)

    answer = await delete(api, f"{set_id}/instances/{before.nodes[number - 1].id}")

    assert answer.status_code == 400
    assert faults(answer) == {("instanceId", code) for code in codes}
    assert await stored(api, set_id) == before


async def test_with_high_availability_only_a_running_node_goes(api: Api) -> None:
    """A node that is not `Running` is replaced by the service, not deleted by hand."""
    set_id = await running(api, **HA)
    node = (await stored(api, set_id)).nodes[1]
    await put(api, set_id, lambda it: it.with_node(replace(node, status=NodeState.STARTING)))

    answer = await delete(api, f"{set_id}/instances/{node.id}")

    assert answer.status_code == 400
    assert faults(answer) == {("instanceId", "node_not_running")}


ALLOWED: list[tuple[Changes, Sequence[int], int]] = [
    (HA, [], 3),
    (SCHEDULE, [], 3),
    (sized(2), [], 2),
    (sized(2), [1], 1),
    (sized(2), [2], 2),
    ({}, [1], 2),
]


@pytest.mark.parametrize(("changes", "dead", "number"), ALLOWED, ids=label)
async def test_nodes_that_may_go(api: Api, changes: Changes, dead: Sequence[int], number: int) -> None:
    """Whatever the data does not need may be deleted, a `Failed` primary too."""
    set_id = await running(api, **changes)
    if dead:
        await kill(api, set_id, *dead)

    answer = await delete(api, f"{set_id}/instances/{(await node_ids(api, set_id))[number - 1]}")

    assert answer.status_code == 200


async def test_a_set_can_be_without_a_primary(api: Api) -> None:
    """Once the row of a deleted `Failed` primary is gone, no node has the role primary."""
    set_id = await running(api, **sized(2))
    await kill(api, set_id, 1)
    await put(api, set_id, lambda it: it.with_nodes(it.nodes[1:]))

    rows = (await api.get(f"{SETS}/{set_id}/instances")).json()["data"]

    assert [r["role"] for r in rows] == ["replica"]


async def test_an_unknown_node_is_not_found(api: Api) -> None:
    """A node of another set, or of none, is 404 whatever the set is doing."""
    set_id = await running(api)
    other = await running(api, instanceSetName="others")
    [foreign, *_] = await node_ids(api, other)

    answers = [await delete(api, f"{set_id}/instances/{one}") for one in ("none", foreign)]
    answers.append(await delete(api, f"none/instances/{foreign}"))

    assert [a.status_code for a in answers] == [404, 404, 404]
    assert answers[0].json()["error"]["code"] == "instance_unknown"


async def test_subnets_stay_when_a_node_goes(api: Api) -> None:
    """The set keeps the subnets it may use."""
    set_id = await running(api)

    await delete(api, f"{set_id}/instances/{(await node_ids(api, set_id))[1]}")

    assert (await stored(api, set_id)).subnets == (SUBNET, OTHER_SUBNET)
