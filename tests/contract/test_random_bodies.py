"""Two hundred random bodies for each write: never a 500, and a refusal names every wrong field."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from harness import Api
from set_calls import HASH, SETS, SUBNET, node_ids, order, put_state, running

from memstored.domain.words import SetState

BODIES = 200

WRONG: Mapping[str, Sequence[Any]] = {
    "instanceSetName": ("abc", "a" * 21, "Orders", "1orders", "or--ders", "orders-", 7, [], ""),
    "description": ("x" * 101, "two\nlines", "\N{GRINNING FACE}", 5, {}),
    "replicas": (0, 7, -1, True, 3.0, "3", [3]),
    "flavorId": (5, {}, False),
    "recoveryEnabled": ("true", 1, []),
    "subnets": ([], [{"id": SUBNET}, {"id": SUBNET}], "x", [{}], [{"id": 5}]),
    "securityGroups": ([], 5, [{"id": None}], ["x"]),
    "backupSchedule": ({"cron": "1 * * * *"}, {"cron": "* 24 * * *"}, {"cron": "*  1 * * *"}, 5, "x"),
    "user": ({"name": "x"}, {"password": HASH}, {"name": "1x", "password": HASH}, []),
    "tlsEnabled": ("yes", 0),
    "parameterGroupId": (5, []),
    "port": (1999, 50001, "6379", 6379.0, True),
    "projectId": (5, []),
    "version": (7, ["7.0.15"]),
    "restoreSource": (5, [], {}, {"files": []}, {"files": [5]}, {"backupName": "x", "files": ["x/y"]}),
    "unheardOf": (1, [], "x"),
}
PATCHED = ("description", "backupSchedule", "parameterGroupId", "securityGroups", "unheardOf")
SMALL: Mapping[str, tuple[str, Sequence[Any]]] = {
    "primary": ("primaryId", (5, None, [], {}, True)),
    "replicas": ("subnet", (5, None, [], {}, {"id": 5}, {"id": None}, {"id": ""})),
    "recovery": ("enabled", ("true", 1, None, [], {})),
}


def spoiled(chance: random.Random, names: Sequence[str]) -> dict[str, Any]:
    """Some of these fields, each with a value that it may not have."""
    return {name: chance.choice(WRONG[name]) for name in chance.sample(names, chance.randint(0, len(names)))}


def named(details: Sequence[Mapping[str, str]]) -> set[str]:
    """The top-level fields that a refusal names."""
    return {detail["field"].split(".", 1)[0].split("[", 1)[0] for detail in details}


@pytest.mark.parametrize("seed", range(4))
async def test_an_order_is_taken_or_refused_with_all_its_faults(api: Api, seed: int) -> None:
    """Whatever is wrong with it: the refusal names all of that, and leaves nothing behind."""
    chance = random.Random(seed)
    for number in range(BODIES // 4):
        wrong = spoiled(chance, tuple(WRONG))
        body = order(api, instanceSetName=f"set-{seed}-{number}") | wrong

        answer = await api.request("POST", SETS, json=body)

        if wrong:
            assert answer.status_code == 400, (wrong, answer.text)
            assert set(wrong) <= named(answer.json()["error"]["details"]), (wrong, answer.text)
        else:
            assert answer.status_code in (201, 422), answer.text


@pytest.mark.parametrize("seed", range(2))
async def test_a_change_is_made_or_refused_with_all_its_faults(api: Api, seed: int) -> None:
    """All or nothing: a change with one wrong field changes nothing."""
    chance = random.Random(seed)
    set_id = await running(api)
    before = await api.sets.load(set_id)
    for _ in range(BODIES // 2):
        wrong = spoiled(chance, PATCHED) or {"unheardOf": 1}

        answer = await api.request("PATCH", f"{SETS}/{set_id}", json={"description": "fine"} | wrong)

        assert answer.status_code == 400, (wrong, answer.text)
        assert set(wrong) <= named(answer.json()["error"]["details"]), (wrong, answer.text)
    assert await api.sets.load(set_id) == before


@pytest.mark.parametrize("path", SMALL)
async def test_a_small_change_is_refused_with_all_its_faults(api: Api, path: str) -> None:
    """Promotion, one more replica and high availability: a wrong or unknown field, or both."""
    chance = random.Random(path)
    field, values = SMALL[path]
    set_id = await running(api)
    for _ in range(BODIES):
        wrong = {field: chance.choice(values)} | ({"extra": 1} if chance.random() < 0.5 else {})

        answer = await api.request("PATCH", f"{SETS}/{set_id}/{path}", json=wrong)

        assert answer.status_code == 400, (wrong, answer.text)
        assert set(wrong) <= named(answer.json()["error"]["details"]), (wrong, answer.text)


async def test_random_paths_and_states_never_break_the_service(api: Api) -> None:
    """Deletions of anything in any state: taken, refused, or not found."""
    chance = random.Random(7)
    set_id = await running(api)
    nodes = await node_ids(api, set_id)
    states = [state for state in SetState if state is not SetState.TERMINATED]
    for _ in range(BODIES):
        await put_state(api, set_id, chance.choice(states[:-2]))
        path = f"{SETS}/{set_id}/instances/{chance.choice([*nodes, 'nobody', '%00', '..'])}"

        answer = await api.request("DELETE", path)

        assert answer.status_code in (200, 400, 404, 405), (path, answer.text)
