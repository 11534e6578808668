"""API.md 7: the list of parameter groups, and the default ones, which nobody changes."""

import pytest
from harness import GROUP_ID, Api

from memstored.domain.catalogue import fixed_id

PATH = "/v1/parameter-groups"
SEVEN = fixed_id("parameter-group", "Redis.7.0.Default")
ALL = ["Redis.7.2.Default", "Redis.7.0.Default", "Redis.6.2.Default", "Redis.5.0.Default"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ALL),
        ("?engineVersion=7.0", ["Redis.7.0.Default"]),
        ("?engineVersion=7.0.15", ["Redis.7.0.Default"]),
        ("?engineVersion=7", []),
        ("?engineVersion=7.05", []),
        ("?parameterGroupType=default", ALL),
        ("?parameterGroupType=custom", []),
        ("?clusterMode=false", ALL),
        ("?clusterMode=true", []),
        ("?engineVersion=6.2&parameterGroupType=default&clusterMode=false", ["Redis.6.2.Default"]),
    ],
)
async def test_groups_are_listed_and_filtered(api: Api, query: str, names: list[str]) -> None:
    """The list holds the default group of each engine family that fits the query."""
    answer = await api.get(f"{PATH}{query}")

    assert answer.status_code == 200
    assert [group["name"] for group in answer.json()["parameterGroups"]] == names


async def test_an_unknown_type_is_refused(api: Api) -> None:
    """A type that does not exist is refused by name."""
    answer = await api.get(f"{PATH}?parameterGroupType=Default")

    assert answer.status_code == 400
    assert [(d["field"], d["code"]) for d in answer.json()["error"]["details"]] == [
        ("parameterGroupType", "malformed")
    ]


async def test_a_group_in_the_list_has_the_documented_fields(api: Api) -> None:
    """A row of the list says all but the parameters."""
    rows = (await api.get(f"{PATH}?engineVersion=7.0")).json()["parameterGroups"]

    assert rows == [
        {
            "id": SEVEN,
            "name": "Redis.7.0.Default",
            "description": "The defaults of Redis 7.0; they can not be changed.",
            "type": "default",
            "engineFamily": "7.0",
            "clusterMode": False,
            "baseId": None,
            "instanceSetCount": 0,
            "createdAt": None,
            "updatedAt": None,
        }
    ]


@pytest.mark.parametrize("group_id", [SEVEN, GROUP_ID])
async def test_a_group_is_found_by_each_of_its_ids(api: Api, group_id: str) -> None:
    """A default group answers to its fixed id and to the further ids of the catalogue."""
    answer = await api.get(f"{PATH}/{group_id}")

    assert answer.status_code == 200
    assert answer.json()["id"] == SEVEN


async def test_a_group_shows_its_parameters(api: Api) -> None:
    """One group is shown with every parameter: value, default, unit, what is allowed, how it applies."""
    group = (await api.get(f"{PATH}/{SEVEN}")).json()

    rows = {row["name"]: row for row in group["parameters"]}
    assert list(rows) == sorted(rows)
    assert rows["timeout"] == {
        "name": "timeout",
        "value": "0",
        "defaultValue": "0",
        "type": "integer",
        "unit": "seconds",
        "allowed": "0 (off), or 10 to 2147483647",
        "editable": True,
        "apply": "immediate",
    }
    assert rows["databases"]["editable"] is False


async def test_a_group_counts_the_sets_that_use_it(api: Api) -> None:
    """The number of sets is that of the caller's own project, under whichever id a set names the group."""
    await api.create_set(instanceSetName="cache-one", parameterGroupId=SEVEN)
    await api.create_set(instanceSetName="cache-two", parameterGroupId=GROUP_ID)

    own = (await api.get(f"{PATH}/{SEVEN}")).json()
    foreign = (await api.get(f"{PATH}/{SEVEN}", token=api.tokens["other_project"])).json()

    assert own["instanceSetCount"] == 2
    assert foreign["instanceSetCount"] == 0


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("group_id", ["none", "Redis.7.0.Default", "%00", SEVEN.upper()])
async def test_an_unknown_group_is_404(api: Api, method: str, group_id: str) -> None:
    """Any string that is no id of a group is not found, whatever its form and whatever the body."""
    answer = await api.request(method, f"{PATH}/{group_id}", content=b"{" if method == "PATCH" else None)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "parameter_group_unknown"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", b'{"parameters":{"timeout":"300"}}'),
        ("PATCH", "", b'{"description":"mine"}'),
        ("POST", "/reset", b"{}"),
        ("POST", "/rollback", None),
        ("DELETE", "", None),
    ],
)
@pytest.mark.parametrize("group_id", [SEVEN, GROUP_ID])
async def test_default_groups_can_not_be_changed(
    api: Api, group_id: str, method: str, path: str, body: bytes | None
) -> None:
    """Nobody edits or deletes a default group."""
    answer = await api.request(method, f"{PATH}/{group_id}{path}", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "default_parameter_group"


async def test_a_default_group_has_no_events(api: Api) -> None:
    """It always was, and nothing happens to it."""
    answer = await api.get(f"{PATH}/{SEVEN}/events")

    assert answer.status_code == 200
    assert answer.json() == {"size": 0, "data": [], "next": None}
