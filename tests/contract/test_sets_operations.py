"""API.md 2.6 to 2.9: promoting, adding a replica, high availability, and what may run when."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from harness import Api
from httpx import Response
from set_calls import (
    OTHER_SUBNET,
    SETS,
    SUBNET,
    THIRD_SUBNET,
    Pairs,
    delete,
    faults,
    kill,
    label,
    node_ids,
    order,
    patch,
    post,
    put_state,
    running,
    seen,
    sized,
    stored,
)

from memstored.domain.words import OperationKind, SetState
from memstored.store.errors import Stale

Changes = dict[str, Any]
HA: Changes = {"recoveryEnabled": True}


async def _promote(api: Api, set_id: str, number: int = 2) -> Response:
    ids = await node_ids(api, set_id)
    return await patch(api, f"{set_id}/primary", {"primaryId": ids[number - 1]})


async def _add(api: Api, set_id: str, subnet: str = THIRD_SUBNET) -> Response:
    return await patch(api, f"{set_id}/replicas", {"subnet": {"id": subnet}})


async def _switch(api: Api, set_id: str, *, enabled: bool = True) -> Response:
    return await patch(api, f"{set_id}/recovery", {"enabled": enabled})


# 2.6


async def test_a_replica_is_promoted(api: Api) -> None:
    """The set is `SwitchingOver` when the answer, its id, comes."""
    set_id = await running(api)
    api.control.woken.clear()

    answer = await _promote(api, set_id)

    it = await stored(api, set_id)
    assert (answer.status_code, answer.json()) == (200, {"objectId": set_id})
    assert it.status is SetState.SWITCHING_OVER
    assert it.operation is not None
    assert (it.operation.kind, it.operation.node) == (OperationKind.PROMOTE, it.nodes[1].id)
    assert api.control.woken == [set_id]


async def test_promoting_the_primary_changes_nothing(api: Api) -> None:
    """The present primary is a harmless 200."""
    set_id = await running(api)
    before = await stored(api, set_id)

    answer = await _promote(api, set_id, 1)

    assert answer.status_code == 200
    assert await stored(api, set_id) == before


@pytest.mark.parametrize(
    ("changes", "dead", "number", "code"),
    [
        (HA, [], 2, "ha_on"),
        (HA, [], 1, "ha_on"),
        ({}, [2], 2, "not_a_running_replica"),
        ({}, [1], 1, "not_a_running_replica"),
        ({}, [1], 2, "copy_unproven"),
    ],
    ids=label,
)
async def test_what_can_not_be_promoted(
    api: Api, changes: Changes, dead: list[int], number: int, code: str
) -> None:
    """Only a `Running` replica, only with high availability off, and never one of unknown content."""
    set_id = await running(api, **changes)
    if dead:
        await kill(api, set_id, *dead)

    answer = await _promote(api, set_id, number)

    assert answer.status_code == 400
    assert faults(answer) == {("primaryId", code)}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("primaryId", "missing")}),
        ({"primaryId": None}, {("primaryId", "null")}),
        ({"primaryId": 5}, {("primaryId", "wrong_type")}),
        ({"primaryId": ""}, {("primaryId", "out_of_range")}),
        ({"primaryId": "none"}, {("primaryId", "unknown_instance")}),
        ({"primaryId": "none", "force": True}, {("force", "unknown_field")}),
    ],
)
async def test_promotions_that_are_malformed(api: Api, body: object, expected: Pairs) -> None:
    """An unknown id in a body is 400, and so is every malformed field."""
    set_id = await running(api)

    answer = await patch(api, f"{set_id}/primary", body)

    assert answer.status_code == 400
    assert faults(answer) == expected


async def test_a_node_of_another_set_is_not_promoted(api: Api) -> None:
    """The target must be one of this set's nodes."""
    set_id = await running(api)
    [_, foreign, _] = await node_ids(api, await running(api, instanceSetName="others"))

    answer = await patch(api, f"{set_id}/primary", {"primaryId": foreign})

    assert faults(answer) == {("primaryId", "unknown_instance")}


async def test_with_the_primary_dead_the_freshest_takes_over(api: Api) -> None:
    """A target that another live replica is ahead of is refused, and that one is named and accepted."""
    set_id = await running(api)
    await kill(api, set_id, 1)
    it = await stored(api, set_id)
    api.control.seen[it.id] = seen(it, {2: 90, 3: 100})

    behind = await _promote(api, set_id, 2)
    ahead = await _promote(api, set_id, 3)

    assert (behind.status_code, ahead.status_code) == (400, 200)
    assert faults(behind) == {("primaryId", "fresher_replica")}
    assert it.nodes[2].id in behind.text


# 2.7


async def test_a_replica_is_added(api: Api) -> None:
    """The set scales, with a node of the next number; its subnet joins those of the set."""
    set_id = await running(api)
    api.control.woken.clear()

    answer = await _add(api, set_id)

    it = await stored(api, set_id)
    assert (answer.status_code, answer.json()) == (200, {"objectId": set_id})
    assert (it.status, it.replicas) == (SetState.SCALING_HORIZONTAL, 4)
    assert (it.nodes[3].name, it.nodes[3].subnet_id) == ("orders-4", THIRD_SUBNET)
    assert it.subnets == (SUBNET, OTHER_SUBNET, THIRD_SUBNET)
    assert it.operation is not None
    assert (it.operation.kind, it.operation.node) == (OperationKind.ADD_REPLICA, it.nodes[3].id)
    assert api.control.woken == [set_id]


async def test_five_replicas_are_the_most(api: Api) -> None:
    """A sixth replica is refused."""
    set_id = await running(api, **sized(6))

    answer = await _add(api, set_id)

    assert answer.status_code == 400
    assert faults(answer) == {("instanceSetId", "too_many_replicas")}


async def test_a_replica_needs_a_living_primary(api: Api) -> None:
    """In `Warning` a replica is added only while the primary lives."""
    with_primary = await running(api)
    without = await running(api, instanceSetName="others")
    await kill(api, with_primary, 2)
    await kill(api, without, 1)

    answers = [await _add(api, with_primary), await _add(api, without)]

    assert [a.status_code for a in answers] == [200, 400]
    assert faults(answers[1]) == {("instanceSetId", "no_living_primary")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("subnet", "missing")}),
        ({"subnet": None}, {("subnet", "null")}),
        ({"subnet": SUBNET}, {("subnet", "wrong_type")}),
        ({"subnet": {}}, {("subnet.id", "missing")}),
        ({"subnet": {"id": 1}}, {("subnet.id", "wrong_type")}),
        ({"subnet": {"id": "none"}}, {("subnet.id", "unknown_subnet")}),
        ({"subnet": {"id": SUBNET}, "count": 2}, {("count", "unknown_field")}),
    ],
)
async def test_additions_that_are_refused(api: Api, body: object, expected: Pairs) -> None:
    """An unknown subnet and every malformed field is 400."""
    set_id = await running(api)

    answer = await patch(api, f"{set_id}/replicas", body)

    assert answer.status_code == 400
    assert faults(answer) == expected


async def test_the_quota_of_the_project_bounds_growth(api: Api) -> None:
    """With 60 nodes in the project a further replica is 400."""
    for number in range(9):
        await running(api, instanceSetName=f"set-{number}", **sized(6))
    set_id = await running(api, **sized(5))
    await running(api, instanceSetName="last", **sized(1))

    answer = await _add(api, set_id)

    assert answer.status_code == 400
    assert faults(answer) == {("replicas", "quota_exceeded")}
    assert (await stored(api, set_id)).status is SetState.RUNNING


# 2.8


@pytest.mark.parametrize("enabled", [True, False])
async def test_high_availability_is_switched(api: Api, *, enabled: bool) -> None:
    """The new value is there with the answer, and the set stays `Running`."""
    set_id = await running(api, recoveryEnabled=not enabled)

    answer = await _switch(api, set_id, enabled=enabled)

    it = await stored(api, set_id)
    assert (answer.status_code, answer.json()) == (200, {"objectId": set_id})
    assert (it.recovery_enabled, it.status) == (enabled, SetState.RUNNING)


async def test_the_same_value_again_changes_nothing(api: Api) -> None:
    """What is already so is a harmless 200."""
    set_id = await running(api)
    before = await stored(api, set_id)

    answer = await _switch(api, set_id, enabled=False)

    assert answer.status_code == 200
    assert await stored(api, set_id) == before


async def test_one_node_can_not_be_highly_available(api: Api) -> None:
    """High availability needs two nodes."""
    set_id = await running(api, **sized(1))

    answer = await _switch(api, set_id)

    assert answer.status_code == 400
    assert faults(answer) == {("enabled", "too_few_nodes")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {("enabled", "missing")}),
        ({"enabled": None}, {("enabled", "null")}),
        ({"enabled": "true"}, {("enabled", "wrong_type")}),
        ({"enabled": 1}, {("enabled", "wrong_type")}),
        ({"enabled": True, "x": 1}, {("x", "unknown_field")}),
    ],
)
async def test_switches_that_are_malformed(api: Api, body: object, expected: Pairs) -> None:
    """Only a boolean switches."""
    set_id = await running(api)

    answer = await patch(api, f"{set_id}/recovery", body)

    assert answer.status_code == 400
    assert faults(answer) == expected


# 2.9

Ask = Callable[[Api, str], Awaitable[Response]]


async def _delete_node(api: Api, set_id: str) -> Response:
    return await delete(api, f"{set_id}/instances/{(await node_ids(api, set_id))[2]}")


async def _stay_off(api: Api, set_id: str) -> Response:
    return await _switch(api, set_id, enabled=False)


ASKED: list[tuple[Ask, tuple[SetState, ...]]] = [
    (_delete_node, (SetState.RUNNING, SetState.WARNING)),
    (_promote, (SetState.RUNNING, SetState.WARNING)),
    (_add, (SetState.RUNNING, SetState.WARNING)),
    (_switch, (SetState.RUNNING,)),
    (_stay_off, (SetState.RUNNING,)),
]


@pytest.mark.parametrize("status", [s for s in SetState if s is not SetState.TERMINATED])
@pytest.mark.parametrize(("ask", "allowed"), ASKED)
async def test_the_states_in_which_a_set_may_be_changed(
    api: Api, ask: Ask, allowed: tuple[SetState, ...], status: SetState
) -> None:
    """Each request has its states; in the others it is 400, and while healing the answer says so."""
    set_id = await running(api)
    await put_state(api, set_id, status)

    answer = await ask(api, set_id)

    healing = status in (SetState.RECOVERING, SetState.SCALING_OUT)
    refused = {("instanceSetId", "set_healing" if healing else "wrong_state")}
    assert answer.status_code == (200 if status in allowed else 400)
    assert faults(answer) == refused if status not in allowed else answer.json() == {"objectId": set_id}


@pytest.mark.parametrize(("ask", "_allowed"), ASKED)
async def test_one_operation_at_a_time(api: Api, ask: Ask, _allowed: tuple[SetState, ...]) -> None:
    """While an operation runs every other is refused, and the answer names the one that runs."""
    set_id = await running(api)
    await _add(api, set_id)

    answer = await ask(api, set_id)

    assert answer.status_code == 400
    assert faults(answer) == {("instanceSetId", "set_busy")}
    assert "add_replica" in answer.json()["error"]["message"]


@pytest.mark.parametrize("rest", ["primary", "replicas", "recovery"])
async def test_a_set_that_is_not_there_comes_before_its_body(api: Api, rest: str) -> None:
    """404 is said before a body is looked at."""
    answer = await api.request("PATCH", f"{SETS}/none/{rest}", content=b"{")

    assert answer.status_code == 404


async def test_bodies_need_no_content_type(api: Api) -> None:
    """The documented examples send none."""
    set_id = await running(api)

    answer = await api.request("PATCH", f"{SETS}/{set_id}/recovery", content=b'{"enabled":true}')

    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


# Several callers at once


async def test_of_two_requests_at_once_one_waits_its_turn(api: Api) -> None:
    """A request that lost the race is judged anew, and then meets the operation of the other."""
    set_id = await running(api)

    answers = await asyncio.gather(_add(api, set_id), _promote(api, set_id))

    assert sorted(a.status_code for a in answers) == [200, 400]
    [refused] = [a for a in answers if a.status_code == 400]
    assert faults(refused) == {("instanceSetId", "set_busy")}


async def test_changes_that_do_not_exclude_each_other_are_all_made(api: Api) -> None:
    """Requests that meet while writing are made one after the other; none is lost."""
    set_id = await running(api)

    answers = await asyncio.gather(
        patch(api, set_id, {"description": "new"}),
        _switch(api, set_id),
        patch(api, set_id, {"backupSchedule": {"cron": "* 1 * * *"}}),
    )

    it = await stored(api, set_id)
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert (it.description, it.recovery_enabled) == ("new", True)
    assert it.backup_schedule is not None


async def test_of_two_orders_of_one_name_one_is_made(api: Api) -> None:
    """A name goes to one of two orders that come at once."""
    answers = await asyncio.gather(post(api, order(api)), post(api, order(api)))

    assert sorted(a.status_code for a in answers) == [201, 409]


async def test_a_set_that_never_stands_still_is_not_waited_for(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the set changes under every attempt the caller is asked to come back."""
    set_id = await running(api)

    async def stale(*_args: object, **_rest: object) -> None:
        raise Stale("changed again")

    monkeypatch.setattr(api.sets, "commit", stale)
    answer = await _add(api, set_id)

    assert answer.status_code == 500
    assert "retry-after" in answer.headers
