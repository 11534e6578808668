"""API.md 1: an error lists every fault, but a request can not make an answer without bounds."""

import json
from typing import Any

import pytest
from backup_calls import saved
from group_calls import GROUPS, made
from harness import Api, order
from httpx import Response

SETS = "/v1/instance-sets"
WORDS = "at most 1000 values"
MOST = 100
SMALL = 64 * 1024
"""Bytes that an error never exceeds by far, however large the request was."""


async def refused(api: Api, body: object) -> Response:
    """The refusal of an order."""
    answer = await api.request("POST", SETS, content=json.dumps(body).encode())
    assert answer.status_code == 400, answer.text
    return answer


@pytest.mark.parametrize("count", [1, MOST])
async def test_up_to_a_hundred_faults_are_all_listed(api: Api, count: int) -> None:
    """As many faults as an answer holds are listed, each by its name."""
    names = [f"unheard{number:03}" for number in range(count)]

    answer = await refused(api, order() | dict.fromkeys(names, 1))

    assert [d["field"] for d in answer.json()["error"]["details"]] == names


@pytest.mark.parametrize("value", [1, None, "\0"])
async def test_beyond_a_hundred_faults_the_last_entry_counts_the_rest(api: Api, value: object) -> None:
    """Ninety-nine faults are listed and the hundredth entry says how many are not, whatever is wrong."""
    names = [f"u{number:05}" for number in range(450)]

    answer = await api.request("PATCH", f"{SETS}/{await api.create_set()}", json=dict.fromkeys(names, value))

    details = answer.json()["error"]["details"]
    assert answer.status_code == 400
    assert len(answer.content) < SMALL
    assert [d["field"] for d in details] == [*names[: MOST - 1], ""]
    assert details[-1]["code"] == "more_faults"
    assert "351 more" in details[-1]["message"]


async def test_every_write_refuses_a_body_with_too_much_in_it(api: Api) -> None:
    """No route judges, or words the faults of, as many values as a mebibyte holds."""
    paths = (await api.get("/openapi.json")).json()["paths"]
    writes = [
        (method.upper(), path)
        for path, operations in paths.items()
        for method in operations
        if "requestBody" in operations[method]
    ]
    body = b'{"subnets":[' + b"{}," * 300_000 + b"{}]}"

    ids = {"set_id": await api.create_set(), "backup_id": (await saved(api)).id, "group_id": await made(api)}

    answers = {
        (method, path): await api.request(
            method, path.format_map(ids), token=api.tokens["admin"], content=body
        )
        for method, path in writes
    }

    assert {write: answer.status_code for write, answer in answers.items()} == dict.fromkeys(writes, 400)
    assert [
        write for write, answer in answers.items() if WORDS not in answer.json()["error"]["message"]
    ] == []


@pytest.mark.parametrize(("more", "code"), [(0, "unknown_field"), (1, "too_many_values")])
async def test_names_and_values_are_counted_together(api: Api, more: int, code: str) -> None:
    """A thousand are read, whatever stands in strings; one more is refused."""
    counted = {"n": [{'[{,:"': ["x", 1, -1.5e3, True, None, {}]}], "m": [0] * (986 + more)}

    answer = await api.request("POST", SETS, content=json.dumps(counted, separators=(", ", " : ")).encode())

    assert answer.status_code == 400
    assert code in {detail["code"] for detail in answer.json()["error"]["details"]}


async def test_a_group_may_be_given_all_of_its_values(api: Api) -> None:
    """The longest sound change of a group is far from the limit."""
    path = f"{GROUPS}/{await made(api)}"
    shown = (await api.get(path)).json()["parameters"]
    everything = {it["name"]: it["value"] for it in shown if it["editable"]}

    answer = await api.request("PATCH", path, json={"parameters": everything})

    assert len(everything) > 20
    assert answer.status_code == 200


async def test_a_long_name_is_cut_in_its_middle(api: Api) -> None:
    """A field of half a megabyte is named by its first and last characters."""
    answer = await refused(api, order() | {"first" + "x" * 500_000 + "last": 1})

    [detail] = answer.json()["error"]["details"]
    assert len(answer.content) < SMALL
    assert (detail["field"][:5], detail["field"][-4:], len(detail["field"])) == ("first", "last", 200)


@pytest.mark.parametrize("path", ["/v1/", "/identity/v3/"])
async def test_a_long_path_is_not_echoed_whole(api: Api, path: str) -> None:
    """What is said of an unknown path is short, under `/v1` and in Keystone's form."""
    answer = await api.get(path + "x" * 50_000)

    assert answer.status_code == 404
    assert len(answer.json()["error"]["message"]) <= 1000


async def test_a_long_path_does_not_fill_the_log(api: Api, logs: list[dict[str, Any]]) -> None:
    """The log line of a request holds the ends of its path."""
    await api.get("/v1/" + "x" * 50_000)

    [line] = [entry for entry in logs if entry["event"] == "request"]
    assert len(line["path"]) == 500
