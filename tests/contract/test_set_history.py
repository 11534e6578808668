"""API.md 11: the last hours of a set."""

import pytest
from harness import NOW, Api

from memstored.domain.history import POINTS, Column, NodeHistory, Ring
from memstored.domain.words import NodeId, SetId

MINUTE = int(NOW) // 60


async def _charted(api: Api, *values: float) -> str:
    """A set whose first node had these many clients in the last minutes."""
    set_id = await api.create_set()
    ring = Ring()
    for index, value in enumerate(values):
        ring.put(MINUTE - len(values) + 1 + index, {Column.CLIENTS: value, Column.USED_MEMORY: 1_234_567.0})
    [row] = (await api.get(f"/v1/instance-sets/{set_id}/instances")).json()["data"]
    history = NodeHistory(name=row["instanceName"], ring=ring)
    api.past.kept[SetId(set_id)] = {NodeId(row["objectId"]): history}
    return set_id


async def test_the_series_of_each_node_are_shown(api: Api) -> None:
    """All there is, a point a minute, null where nothing was seen."""
    set_id = await _charted(api, 1, 2, 3)

    answer = await api.get(f"/v1/instance-sets/{set_id}/metrics")

    chart = answer.json()
    [node] = chart["data"]
    assert answer.status_code == 200
    assert (chart["step"], chart["points"], chart["since"]) == (60, POINTS, "2025-06-15T09:07:00Z")
    assert (node["instanceName"], node["present"]) == ("cache-one-1", True)
    assert set(node["series"]) == set(Column)
    assert {len(series) for series in node["series"].values()} == {POINTS}
    assert node["series"]["clients"][-4:] == [None, 1, 2, 3]
    assert node["series"]["usedMemory"][-1] == 1_234_567


async def test_a_part_of_it_in_wider_steps_can_be_asked_for(api: Api) -> None:
    """Points are means and begin at multiples of the step; the one that is not over yet is among them."""
    set_id = await _charted(api, 1, 2, 3, 5)

    answer = await api.get(
        f"/v1/instance-sets/{set_id}/metrics", params={"since": "2025-06-15T15:03:00Z", "step": "120"}
    )

    chart = answer.json()
    assert (chart["since"], chart["step"], chart["points"]) == ("2025-06-15T15:02:00Z", 120, 3)
    assert chart["data"][0]["series"]["clients"] == [1, 2.5, 5]


async def test_nothing_is_known_of_what_is_to_come(api: Api) -> None:
    """A time that has not come gives an empty chart."""
    set_id = await _charted(api, 1)

    answer = await api.get(f"/v1/instance-sets/{set_id}/metrics", params={"since": "2030-01-01T00:00:00Z"})

    assert (answer.json()["points"], answer.json()["data"][0]["series"]["clients"]) == (0, [])


async def test_a_node_that_is_gone_is_shown_while_it_can_be_seen(api: Api) -> None:
    """As not present any more; not at all where it has no point."""
    set_id = await _charted(api, 1)
    ring = Ring()
    ring.put(MINUTE - 30, {Column.CLIENTS: 7.0})
    api.past.kept[SetId(set_id)][NodeId("gone")] = NodeHistory(name="cache-one-9", ring=ring)

    whole = await api.get(f"/v1/instance-sets/{set_id}/metrics")
    late = await api.get(f"/v1/instance-sets/{set_id}/metrics", params={"since": "2025-06-15T15:03:00Z"})

    assert [(n["instanceName"], n["present"]) for n in whole.json()["data"]] == [
        ("cache-one-1", True),
        ("cache-one-9", False),
    ]
    assert [n["instanceName"] for n in late.json()["data"]] == ["cache-one-1"]


async def test_a_set_of_which_nothing_was_seen_has_no_series(api: Api) -> None:
    """As one that was just ordered."""
    set_id = await api.create_set()

    answer = await api.get(f"/v1/instance-sets/{set_id}/metrics")

    assert (answer.status_code, answer.json()["data"]) == (200, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"step": "61"}, "step"),
        ({"step": "0"}, "step"),
        ({"step": "21660"}, "step"),
        ({"step": "1e2"}, "step"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2025-06-15T15:03:00Z"}, "until"),
    ],
)
async def test_a_wrong_query_is_refused(api: Api, query: dict[str, str], field: str) -> None:
    """Naming what is wrong."""
    set_id = await api.create_set()

    answer = await api.get(f"/v1/instance-sets/{set_id}/metrics", params=query)

    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


async def test_another_project_s_set_is_none(api: Api) -> None:
    """As anywhere."""
    set_id = await _charted(api, 1)

    answer = await api.get(f"/v1/instance-sets/{set_id}/metrics", token=api.tokens["other_project"])

    assert answer.status_code == 404
