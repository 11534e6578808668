"""Parameter groups of a project, made and asked for."""

from dataclasses import replace
from typing import Any

from harness import NOW, Api
from httpx import Response
from set_calls import PARAMETERS, put

from memstored.domain.model import InstanceSet
from memstored.domain.words import ApplyStatus

GROUPS = "/v1/parameter-groups"
SEVEN = PARAMETERS["7.0"]


async def make(api: Api, name: str = "sessions", **changes: Any) -> Response:  # noqa: ANN401 - any JSON, often wrong on purpose
    """Ask for a group out of the defaults of Redis 7.0, with some fields changed."""
    return await api.request("POST", GROUPS, json={"parameterGroupId": SEVEN, "name": name, **changes})


async def made(api: Api, name: str = "sessions", **changes: Any) -> str:  # noqa: ANN401 - see make
    """The id of such a group."""
    answer = await make(api, name, **changes)
    assert answer.status_code == 201, answer.text
    group_id: str = answer.json()["objectId"]
    return group_id


async def change(api: Api, group_id: str, body: object) -> Response:
    """Ask for a change of a group."""
    return await api.request("PATCH", f"{GROUPS}/{group_id}", json=body)


async def values(api: Api, group_id: str, **parameters: str) -> None:
    """Give parameters these values; `_` in a name stands for `-`."""
    chosen = {name.replace("_", "-"): value for name, value in parameters.items()}
    answer = await change(api, group_id, {"parameters": chosen})
    assert answer.status_code == 200, answer.text


async def shown(api: Api, group_id: str) -> dict[str, Any]:
    """The group with its parameters."""
    answer = await api.get(f"{GROUPS}/{group_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def value(api: Api, group_id: str, name: str) -> str:
    """The value that a group gives a parameter."""
    rows = (await shown(api, group_id))["parameters"]
    return next(str(row["value"]) for row in rows if row["name"] == name)


async def events(api: Api, group_id: str) -> list[str]:
    """The names of a group's events, the oldest first."""
    page = (await api.get(f"{GROUPS}/{group_id}/events")).json()
    return [row["name"] for row in reversed(page["data"])]


async def linked(api: Api, group_id: str) -> list[dict[str, Any]]:
    """The sets that have a group."""
    rows: list[dict[str, Any]] = (await api.get(f"{GROUPS}/{group_id}/instance-sets")).json()["instanceSets"]
    return rows


async def refused_by_the_engine(api: Api, set_id: str, group_id: str) -> None:
    """Record that a node did not take the group's present values."""
    group = await api.groups.load(group_id)
    assert group is not None
    values = group.values()

    def refuse(it: InstanceSet) -> InstanceSet:
        assert it.configuration is not None
        refused = replace(
            it.configuration, wanted=values, status=ApplyStatus.ERROR_SYNC, since=NOW, error="ERR no"
        )
        return replace(it, configuration=refused)

    await put(api, set_id, refuse)
