"""What must come of each method of the client's about parameter groups."""

import pytest
from group_calls import SEVEN, made, refused_by_the_engine
from harness import Api
from set_calls import (
    running,
)

from memstored.client import (
    AsyncClient,
    ComesToNothing,
    TimedOut,
)


async def use_create_parameter_group(client: AsyncClient, api: Api) -> None:
    """Out of a default one."""
    group_id = await client.create_parameter_group(SEVEN, "sessions", description="for the shop")

    group = await client.show_parameter_group(group_id)
    assert (group.name, group.description, group.base_id, group.type) == (
        "sessions",
        "for the shop",
        SEVEN,
        "custom",
    )


async def use_list_parameter_groups(client: AsyncClient, api: Api) -> None:
    """All, or those that fit."""
    group_id = await made(api)

    fitting = await client.list_parameter_groups(
        engine_version="7.0.15", parameter_group_type="custom", cluster_mode=False
    )
    assert [it.id for it in fitting] == [group_id]
    assert len(await client.list_parameter_groups()) > len(fitting)


async def use_show_parameter_group(client: AsyncClient, api: Api) -> None:
    """With every parameter."""
    group = await client.show_parameter_group(SEVEN)

    (policy,) = [it for it in group.parameters if it.name == "maxmemory-policy"]
    assert (policy.value, policy.type, policy.apply) == ("allkeys-lru", "enum", "immediate")


async def use_change_parameter_group(client: AsyncClient, api: Api) -> None:
    """Values and description."""
    group_id = await made(api)

    assert await client.change_parameter_group(group_id, parameters={"timeout": "300"}) == group_id
    assert await client.change_parameter_group(group_id, description="new") == group_id
    assert await value(client, group_id) == "300"


async def use_reset_parameter_group(client: AsyncClient, api: Api) -> None:
    """One parameter, or all."""
    group_id = await made(api)
    await client.change_parameter_group(group_id, parameters={"timeout": "300"})

    assert await client.reset_parameter_group(group_id, ["timeout"]) == group_id
    assert await value(client, group_id) == "0"


async def use_roll_parameter_group_back(client: AsyncClient, api: Api) -> None:
    """To the values before."""
    group_id = await made(api)
    await client.change_parameter_group(group_id, parameters={"timeout": "300"})

    assert await client.roll_parameter_group_back(group_id) == group_id
    assert await value(client, group_id) == "0"


async def use_delete_parameter_group(client: AsyncClient, api: Api) -> None:
    """One that nobody uses."""
    group_id = await made(api)

    assert await client.delete_parameter_group(group_id) == group_id
    assert await client.list_parameter_groups(parameter_group_type="custom") == ()


async def use_list_linked_sets(client: AsyncClient, api: Api) -> None:
    """With how far the values have come."""
    group_id = await made(api)
    set_id = await running(api, parameterGroupId=group_id)

    (linked,) = await client.list_linked_sets(group_id)
    assert (linked.id, linked.name, linked.error) == (set_id, "orders", None)


async def use_retry_linked_set(client: AsyncClient, api: Api) -> None:
    """After a refusal of the engine's."""
    group_id = await made(api)
    set_id = await running(api, parameterGroupId=group_id)
    await client.change_parameter_group(group_id, parameters={"timeout": "300"})
    await refused_by_the_engine(api, set_id, group_id)

    assert await client.retry_linked_set(group_id, set_id) == group_id


async def use_list_parameter_group_events(client: AsyncClient, api: Api) -> None:
    """What was done with it."""
    group_id = await made(api)

    events = [it.name async for it in client.list_parameter_group_events(group_id)]
    assert events == ["Parameter Group Create"]


async def value(client: AsyncClient, group_id: str) -> str:
    """The value of `timeout`."""
    parameters = (await client.show_parameter_group(group_id)).parameters
    return next(it.value for it in parameters if it.name == "timeout")


async def use_wait_until_applied(client: AsyncClient, api: Api) -> None:
    """It returns the set; a refusal of the engine's ends the waiting."""
    group_id = await made(api)
    set_id = await running(api, parameterGroupId=group_id)

    assert (await client.wait_until_applied(set_id, timeout=0)).parameter_group.apply_status == "In-Sync"
    await client.change_parameter_group(group_id, parameters={"timeout": "300"})
    with pytest.raises(TimedOut, match="sessions are Pending at orders"):
        await client.wait_until_applied(set_id, timeout=0)
    await refused_by_the_engine(api, set_id, group_id)
    with pytest.raises(ComesToNothing, match="Error-Sync"):
        await client.wait_until_applied(set_id)


async def use_follow_apply(client: AsyncClient, api: Api) -> None:
    """Each set that has the group; it ends when one has refused the values."""
    group_id = await made(api)
    set_id = await running(api, parameterGroupId=group_id)

    ((settled,),) = [it async for it in client.follow_apply(group_id)]
    await client.change_parameter_group(group_id, parameters={"timeout": "300"})
    followed = client.follow_apply(group_id)
    (waiting,) = await anext(followed)
    await refused_by_the_engine(api, set_id, group_id)
    ((refused,),) = [it async for it in followed]

    assert (settled.linked.id, settled.linked.apply_status) == (set_id, "In-Sync")
    assert (waiting.linked.apply_status, waiting.operation) == ("Pending", None)
    assert (refused.linked.apply_status, refused.linked.error) == ("Error-Sync", "ERR no")
