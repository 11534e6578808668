"""API.md 2.1, 2.3 and 7: sets that have a custom parameter group, and how far its values have come to one."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from backup_calls import GIB, saved
from group_calls import GROUPS, SEVEN, change, linked, made, shown, values
from harness import GROUP_ID, NOW, Api
from set_calls import (
    PARAMETERS,
    SETS,
    Pairs,
    created,
    faults,
    order,
    patch,
    post,
    put,
    put_state,
    running,
    stored,
)

from memstored.domain.model import Configuration, GroupValues, InstanceSet, Setting
from memstored.domain.words import ApplyStatus, SetId, SetState

MEMORY = 4 * GIB
"""Of the flavor that the orders of these tests have, in bytes."""
MAXMEMORY = "parameters.maxmemory"


async def status(api: Api, set_id: str) -> str:
    """How far its group has come to a set, as the set shows it."""
    found = (await api.get(f"{SETS}/{set_id}")).json()
    listed = {row["objectId"]: row for row in (await api.get(SETS)).json()["data"]}
    assert listed[set_id]["parameterGroup"] == found["parameterGroup"]
    word: str = found["parameterGroup"]["applyStatus"]
    return word


async def applied(api: Api, set_id: str, group_id: str) -> None:
    """Record that the group's present values have come to every node of the set."""
    group = await api.groups.load(group_id)
    assert group is not None
    await put(
        api, set_id, lambda it: replace(it, configuration=Configuration(values=group.values(), since=NOW))
    )


async def recorded(api: Api, set_id: str, **changes: Any) -> None:  # noqa: ANN401 - the fields of the record
    """Record something else of how far the values have come."""

    def changed(it: InstanceSet) -> InstanceSet:
        assert it.configuration is not None
        return replace(it, configuration=replace(it.configuration, **changes))

    await put(api, set_id, changed)


# Creation


async def test_a_set_begins_with_the_values_of_its_group(api: Api) -> None:
    """They are recorded with the order, so that its nodes start with them; nothing is left to apply."""
    group = await made(api)
    await values(api, group, timeout="300")

    set_id = await created(api, parameterGroupId=group)

    expected = GroupValues(group_id=group, version=2, settings=(Setting(name="timeout", value="300"),))
    configuration = (await stored(api, set_id)).configuration
    assert configuration is not None
    assert configuration.values == expected
    found = (await api.get(f"{SETS}/{set_id}")).json()
    assert found["parameterGroup"] == {"id": group, "name": "sessions", "applyStatus": "In-Sync"}
    assert (await shown(api, group))["instanceSetCount"] == 1


async def test_a_set_with_a_default_group_has_its_family_defaults(api: Api) -> None:
    """There is nothing to record."""
    assert (await stored(api, await created(api))).configuration is None


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize(
    ("chosen", "changes", "code"),
    [
        ({}, {"version": "6.2.5"}, "parameter_group_family"),
        ({"maxmemory": str(MEMORY * 80 // 100 + 1)}, {}, "maxmemory_unfit"),
        ({"maxmemory": str(MEMORY * 5 // 100 - 1)}, {}, "maxmemory_unfit"),
    ],
)
async def test_groups_that_a_set_can_not_have(
    api: Api, chosen: dict[str, str], changes: dict[str, Any], code: str, *, restored: bool
) -> None:
    """422 for a plain order, 400 for one that begins with saved data (API.md 1)."""
    group = await made(api)
    if chosen:
        await change(api, group, {"parameters": chosen})
    if restored:
        await saved(api, version="6.2.5")
        changes = {**changes, "restoreSource": {"backupName": "nightly"}}

    answer = await post(api, order(api, parameterGroupId=group, **changes))

    assert answer.status_code == (400 if restored else 422)
    assert faults(answer) == {("parameterGroupId", code)}


async def test_another_projects_group_can_not_be_had(api: Api) -> None:
    """It counts as unknown, in an order and in a link."""
    body = {"parameterGroupId": SEVEN, "name": "theirs"}
    answer = await api.request("POST", GROUPS, json=body, token=api.tokens["other_project"])
    theirs = answer.json()["objectId"]

    ordered = await post(api, order(api, parameterGroupId=theirs))
    link = await patch(api, await running(api), {"parameterGroupId": theirs})

    assert (ordered.status_code, faults(ordered)) == (422, {("parameterGroupId", "unknown_parameter_group")})
    assert (link.status_code, faults(link)) == (400, {("parameterGroupId", "unknown_parameter_group")})


@pytest.mark.parametrize(
    ("value", "used", "status_code"),
    [
        ("80%", MEMORY * 60 // 100, 201),
        ("65%", MEMORY * 60 // 100, 201),
        ("13%", MEMORY * 12 // 100 - 100, 201),
        ("13%", MEMORY * 12 // 100 + 100, 400),
    ],
)
async def test_saved_data_must_fit_the_group(api: Api, value: str, used: int, status_code: int) -> None:
    """Nothing of it may be evicted by a smaller `maxmemory`; a larger one takes no more than 60 %."""
    group = await made(api)
    await values(api, group, maxmemory=value)
    await saved(api, used_memory=used)

    answer = await post(api, order(api, parameterGroupId=group, restoreSource={"backupName": "nightly"}))

    assert answer.status_code == status_code
    if status_code != 201:
        assert faults(answer) == {("restoreSource.backupName", "data_too_large")}


async def test_a_group_that_goes_meanwhile_is_not_had(api: Api) -> None:
    """Of an order and a deletion at the same time one is refused: no set has a group that is gone."""
    group = await made(api)

    ordered, deleted = await asyncio.gather(
        post(api, order(api, parameterGroupId=group)), api.request("DELETE", f"{GROUPS}/{group}")
    )

    assert sorted([ordered.status_code < 300, deleted.status_code < 300]) == [False, True]
    left = await api.groups.load(group)
    assert (left is not None) == (ordered.status_code == 201)


# Linking


async def test_another_group_is_linked(api: Api) -> None:
    """The set stays `Running`, waits for the values, and their sequence is woken."""
    group = await made(api)
    await values(api, group, timeout="300")
    set_id = await running(api)
    api.sequence.woken = 0

    answer = await patch(api, set_id, {"parameterGroupId": group})

    assert (answer.status_code, answer.json()) == (200, {"objectId": set_id})
    found = await stored(api, set_id)
    assert (found.status, found.parameter_group_id) == (SetState.RUNNING, group)
    assert found.configuration is not None
    assert found.configuration.values.settings == ()
    assert await status(api, set_id) == "Pending"
    assert api.sequence.woken == 1
    assert await linked(api, group) == [
        {
            "id": set_id,
            "name": "orders",
            "applyStatus": "Pending",
            "since": "2025-06-15T15:06:40Z",
            "error": None,
        }
    ]


@pytest.mark.parametrize("back", [SEVEN, GROUP_ID])
async def test_the_default_group_is_linked_again(api: Api, back: str) -> None:
    """Its values wait to be applied like those of any other."""
    group = await made(api)
    await values(api, group, timeout="300")
    set_id = await running(api, parameterGroupId=group)

    await patch(api, set_id, {"parameterGroupId": back})

    assert await status(api, set_id) == "Pending"
    assert [row["id"] for row in await linked(api, SEVEN)] == [set_id]
    assert (await shown(api, group))["instanceSetCount"] == 0


async def test_a_group_that_makes_no_difference_is_in_sync_at_once(api: Api) -> None:
    """Its values are what the nodes run with: there is nothing to wait for."""
    set_id = await running(api)

    await patch(api, set_id, {"parameterGroupId": await made(api)})

    assert await status(api, set_id) == "In-Sync"


async def test_a_link_is_taken_back_before_it_was_applied(api: Api) -> None:
    """No node was touched, so the set is as it was."""
    group = await made(api)
    await values(api, group, timeout="300")
    set_id = await running(api)

    await patch(api, set_id, {"parameterGroupId": group})
    await patch(api, set_id, {"parameterGroupId": SEVEN})

    assert await status(api, set_id) == "In-Sync"


@pytest.mark.parametrize(
    ("group_id", "code"),
    [
        ("", "out_of_range"),
        ("none", "unknown_parameter_group"),
        (PARAMETERS["6.2"], "parameter_group_family"),
    ],
)
async def test_links_that_are_refused(api: Api, group_id: str, code: str) -> None:
    """The group must be there and of the set's engine family."""
    answer = await patch(api, await running(api), {"parameterGroupId": group_id})

    assert (answer.status_code, faults(answer)) == (400, {("parameterGroupId", code)})


async def test_a_custom_group_of_another_family_is_refused(api: Api) -> None:
    """Its parameters have other names and defaults."""
    group = await made(api, parameterGroupId=PARAMETERS["6.2"])

    answer = await patch(api, await running(api), {"parameterGroupId": group})

    assert faults(answer) == {("parameterGroupId", "parameter_group_family")}


@pytest.mark.parametrize(
    ("value", "used", "expected"),
    [
        ("50%", MEMORY // 2, set()),
        ("50%", MEMORY // 2 + 1, {("parameterGroupId", "maxmemory_below_used")}),
        ("50%", None, {("parameterGroupId", "used_memory_unknown")}),
        ("65%", None, set()),
        ("80%", None, set()),
        (str(MEMORY), None, {("parameterGroupId", "maxmemory_unfit")}),
    ],
)
async def test_a_link_evicts_nothing(api: Api, value: str, used: int | None, expected: Pairs) -> None:
    """Less `maxmemory` than is used, or than may be used, is refused (H30); the flavor has a limit, too."""
    group = await made(api)
    await values(api, group, maxmemory=value)
    set_id = await running(api)
    if used is not None:
        api.control.used[SetId(set_id)] = used

    answer = await patch(api, set_id, {"parameterGroupId": group})

    assert answer.status_code == (400 if expected else 200)
    assert (faults(answer) if expected else set()) == expected
    assert (await stored(api, set_id)).parameter_group_id == (SEVEN if expected else group)


async def test_a_link_to_a_group_that_goes_meanwhile(api: Api) -> None:
    """Of a link and a deletion at the same time one is refused."""
    group, set_id = await made(api), await running(api)

    link, deleted = await asyncio.gather(
        patch(api, set_id, {"parameterGroupId": group}), api.request("DELETE", f"{GROUPS}/{group}")
    )

    assert sorted([link.status_code, deleted.status_code]) == [200, 400]
    has = (await stored(api, set_id)).parameter_group_id
    assert (has == group) == (await api.groups.load(group) is not None)


# How far the values have come


async def test_a_change_of_the_group_makes_its_sets_wait(api: Api) -> None:
    """Those that it makes a difference to; since when, too."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)
    api.clock.advance(60)

    await values(api, group, timeout="300")

    assert await status(api, set_id) == "Pending"
    [row] = await linked(api, group)
    assert (row["applyStatus"], row["since"]) == ("Pending", "2025-06-15T15:07:40Z")
    await applied(api, set_id, group)
    assert await status(api, set_id) == "In-Sync"


@pytest.mark.parametrize("value", [str(MEMORY // 2), "50%"])
async def test_a_change_that_makes_no_difference_is_in_sync(api: Api, value: str) -> None:
    """Half of the flavor's memory is as many bytes; a description is no value."""
    group = await made(api)
    await values(api, group, maxmemory="50%")
    set_id = await running(api, parameterGroupId=group)

    await change(api, group, {"parameters": {"maxmemory": value}, "description": "new"})

    assert await status(api, set_id) == "In-Sync"


async def test_a_rollback_before_it_was_applied_is_in_sync(api: Api) -> None:
    """No node has the values that were taken back."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)

    await values(api, group, timeout="300")
    await api.request("POST", f"{GROUPS}/{group}/rollback")

    assert await status(api, set_id) == "In-Sync"


@pytest.mark.parametrize("word", [ApplyStatus.APPLYING, ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED])
async def test_what_is_recorded_is_shown(api: Api, word: ApplyStatus) -> None:
    """How far the present values have come, with the engine's own words where they did not."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)
    await values(api, group, timeout="300")
    stuck = word is not ApplyStatus.APPLYING
    wanted = await api.groups.load(group)
    assert wanted is not None

    await recorded(
        api, set_id, wanted=wanted.values(), status=word, since=NOW + 5, error="ERR no" if stuck else None
    )

    assert await status(api, set_id) == word
    assert await linked(api, group) == [
        {
            "id": set_id,
            "name": "orders",
            "applyStatus": word,
            "since": "2025-06-15T15:06:45Z",
            "error": "ERR no" if stuck else None,
        }
    ]


async def test_a_failure_says_nothing_of_the_next_version(api: Api) -> None:
    """After a further change the set waits anew; an apply that is under way is still that."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)
    await values(api, group, timeout="300")
    failed = await api.groups.load(group)
    assert failed is not None
    await recorded(api, set_id, wanted=failed.values(), status=ApplyStatus.ERROR_SYNC, error="ERR no")

    await values(api, group, timeout="60")
    after_failure = await status(api, set_id)
    await recorded(api, set_id, status=ApplyStatus.APPLYING)

    assert after_failure == "Pending"
    assert (await linked(api, group))[0]["error"] is None
    assert await status(api, set_id) == "Applying"


async def test_sets_are_listed_in_the_order_of_the_sequence(api: Api) -> None:
    """The oldest first, and only those that have the group."""
    group = await made(api)
    ids = []
    for name in ("cache-one", "cache-two", "cache-three"):
        ids.append(await running(api, instanceSetName=name, parameterGroupId=group))
        api.clock.advance(1)
    await running(api, instanceSetName="other")

    assert [row["id"] for row in await linked(api, group)] == ids


# What a change may do to the sets that have the group


@pytest.mark.parametrize(
    ("value", "used", "expected"),
    [
        ("50%", MEMORY // 2, set()),
        ("50%", MEMORY // 2 + 1, {(MAXMEMORY, "maxmemory_below_used")}),
        ("50%", None, {(MAXMEMORY, "used_memory_unknown")}),
        ("70%", None, set()),
        (str(MEMORY * 80 // 100), None, set()),
        (str(MEMORY * 80 // 100 + 1), None, {(MAXMEMORY, "maxmemory_unfit")}),
        (str(MEMORY * 5 // 100), 0, set()),
        (str(MEMORY * 5 // 100 - 1), 0, {(MAXMEMORY, "maxmemory_unfit")}),
    ],
)
async def test_a_change_evicts_nothing(api: Api, value: str, used: int | None, expected: Pairs) -> None:
    """Each set that has the group is asked; nothing is changed when it goes with one of them not (H30)."""
    group = await made(api)
    await running(api, instanceSetName="cache-one", parameterGroupId=group)
    set_id = await running(api, parameterGroupId=group)
    api.control.used = {it.id: 0 for it in await api.sets.load_all() if it.id != set_id}
    if used is not None:
        api.control.used[SetId(set_id)] = used

    answer = await change(api, group, {"parameters": {"maxmemory": value}})

    assert answer.status_code == (400 if expected else 200)
    assert (faults(answer) if expected else set()) == expected
    assert (await shown(api, group))["version"] == (1 if expected else 2)


async def test_sets_are_asked_side_by_side_but_not_all_at_once(api: Api) -> None:
    """Each may take a second to answer, and an answer is not to cost the other sets anything."""
    group = await made(api)
    ids = [await running(api, instanceSetName=f"cache-{n}", parameterGroupId=group) for n in range(12)]
    api.control.used = {SetId(set_id): 0 for set_id in ids}

    answer = await change(api, group, {"parameters": {"maxmemory": "50%"}})

    assert answer.status_code == 200
    assert api.control.most_asked == 8


async def test_all_faults_are_named_at_once(api: Api) -> None:
    """Those of the values, and those that the sets have with them."""
    group = await made(api)
    await running(api, parameterGroupId=group)

    answer = await change(api, group, {"parameters": {"maxmemory": "50%", "timeout": "9", "hz": 5}})

    assert faults(answer) == {
        (MAXMEMORY, "used_memory_unknown"),
        ("parameters.timeout", "value_not_allowed"),
        ("parameters.hz", "wrong_type"),
    }


@pytest.mark.parametrize(("path", "body"), [("reset", {"names": ["maxmemory"]}), ("rollback", None)])
async def test_going_back_evicts_nothing(api: Api, path: str, body: object) -> None:
    """The values before may be too few by now."""
    group = await made(api)
    await values(api, group, maxmemory="80%")
    set_id = await running(api, parameterGroupId=group)
    api.control.used[SetId(set_id)] = MEMORY * 70 // 100

    answer = await api.request("POST", f"{GROUPS}/{group}/{path}", json=body)

    assert (answer.status_code, faults(answer)) == (400, {(MAXMEMORY, "maxmemory_below_used")})


async def test_other_values_do_not_depend_on_what_is_used(api: Api) -> None:
    """Nobody is asked when `maxmemory` stays."""
    group = await made(api)
    await running(api, parameterGroupId=group)

    assert (await change(api, group, {"parameters": {"timeout": "300"}})).status_code == 200


@pytest.mark.parametrize("state", [SetState.FAILED, SetState.TERMINATING])
async def test_sets_that_are_over_do_not_count(api: Api, state: SetState) -> None:
    """They hold no data that could be evicted."""
    group = await made(api)
    await put_state(api, await running(api, parameterGroupId=group), state)

    assert (await change(api, group, {"parameters": {"maxmemory": "50%"}})).status_code == 200


async def test_a_set_that_was_never_opened_holds_nothing(api: Api) -> None:
    """Nobody could write to it yet."""
    group = await made(api)
    await created(api, parameterGroupId=group)

    assert (await change(api, group, {"parameters": {"maxmemory": "50%"}})).status_code == 200


# Trying again


@pytest.mark.parametrize("word", [ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED])
async def test_a_set_is_tried_again(api: Api, word: ApplyStatus) -> None:
    """It is `Applying` with the group's present values, and the sequence goes on."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)
    await values(api, group, timeout="300")
    present = await api.groups.load(group)
    assert present is not None
    await recorded(api, set_id, wanted=present.values(), status=word, error="ERR no")
    api.sequence.woken = 0
    api.control.woken.clear()

    answer = await api.request("POST", f"{GROUPS}/{group}/instance-sets/{set_id}/retry")

    assert (answer.status_code, answer.json()) == (200, {"objectId": group})
    assert await status(api, set_id) == "Applying"
    configuration = (await stored(api, set_id)).configuration
    assert configuration == Configuration(
        values=GroupValues(group_id=group, version=1),
        wanted=present.values(),
        status=ApplyStatus.APPLYING,
        since=NOW,
    )
    assert (api.sequence.woken, api.control.woken) == (1, [set_id])
    [event, *_] = (await api.get(f"{SETS}/{set_id}/events")).json()["data"]
    assert (event["name"], event["actor"]) == ("Cluster Update", "mia")


async def test_a_set_of_a_default_group_is_tried_again(api: Api) -> None:
    """Going back to the defaults may fail as well."""
    group = await made(api)
    await values(api, group, timeout="300")
    set_id = await running(api, parameterGroupId=group)
    await patch(api, set_id, {"parameterGroupId": SEVEN})
    await recorded(
        api, set_id, wanted=GroupValues(group_id=SEVEN), status=ApplyStatus.ERROR_SYNC, error="ERR"
    )

    answer = await api.request("POST", f"{GROUPS}/{SEVEN}/instance-sets/{set_id}/retry")

    assert answer.status_code == 200
    assert await status(api, set_id) == "Applying"


async def test_only_what_is_stuck_is_tried_again(api: Api) -> None:
    """Not what is in sync, waits, or is under way."""
    group = await made(api)
    set_id = await running(api, parameterGroupId=group)

    in_sync = await api.request("POST", f"{GROUPS}/{group}/instance-sets/{set_id}/retry")
    await values(api, group, timeout="300")
    waiting = await api.request("POST", f"{GROUPS}/{group}/instance-sets/{set_id}/retry")

    assert [a.status_code for a in (in_sync, waiting)] == [400, 400]
    assert [faults(a) for a in (in_sync, waiting)] == [{("setId", "nothing_to_retry")}] * 2


async def test_a_set_without_the_group_is_not_there(api: Api) -> None:
    """The path names the sets of the group."""
    group, set_id = await made(api), await running(api)

    for unknown in (set_id, "none"):
        answer = await api.request("POST", f"{GROUPS}/{group}/instance-sets/{unknown}/retry")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "instance_set_unknown")
