"""API.md 1: an error lists every fault, but a request can not make an answer without bounds."""

import json
from typing import Any

import pytest
from harness import Api, order
from httpx import Response

SETS = "/v1/instance-sets"
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
    names = [f"u{number:05}" for number in range(50_000)]

    answer = await api.request("PATCH", f"{SETS}/{await api.create_set()}", json=dict.fromkeys(names, value))

    details = answer.json()["error"]["details"]
    assert answer.status_code == 400
    assert len(answer.content) < SMALL
    assert [d["field"] for d in details] == [*names[: MOST - 1], ""]
    assert details[-1]["code"] == "more_faults"
    assert "49901 more" in details[-1]["message"]


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
