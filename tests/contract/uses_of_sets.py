"""What must come of each method of the client's about sets: `use_<method>` uses it as an administrator."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from client_ground import client_of, order
from harness import NOW, PROJECT, Api
from set_calls import (
    HASH,
    SUBNET,
    created,
    node_ids,
    put,
    put_state,
    running,
    stored,
)

from memstored.client import (
    AsyncClient,
    Unauthorized,
    User,
)
from memstored.domain.model import Certificate
from memstored.domain.words import AuthorityId, SetState

CERTIFICATE = Certificate(
    fingerprint="f" * 64, authority=AuthorityId("a" * 36), not_before=0.0, not_after=1.0
)


async def use_create_set(client: AsyncClient, api: Api) -> None:
    """What is ordered is what is there."""
    set_id = await order(
        client,
        description="the shop's",
        backup_cron="* 3 * * *",
        backup_retention_limit=9,
        user=User(name="app", password=HASH),
        port=7000,
    )

    it = await client.show_set(set_id)
    assert (it.instance_set_name, it.replicas, it.description, it.port) == ("orders", 2, "the shop's", 7000)
    assert it.backup_schedule is not None
    assert (it.backup_schedule.cron, it.backup_schedule.retention_limit) == ("* 3 * * *", 9)
    assert it.user is not None
    assert (it.user.name, it.project_id, it.status) == ("app", PROJECT, "Init")


async def use_delete_set(client: AsyncClient, api: Api) -> None:
    """What becomes of its automatic backups can be said."""
    set_id = await running(api)

    assert await client.delete_set(set_id, keep_automatic_backups=True) == set_id
    assert (await stored(api, set_id)).status is SetState.TERMINATING


async def use_update_set(client: AsyncClient, api: Api) -> None:
    """What is not given stays."""
    set_id = await running(api)

    assert await client.update_set(set_id, description="new", backup_cron="* 5 * * *") == set_id
    it = await client.show_set(set_id)
    assert (it.description, it.backup_schedule and it.backup_schedule.cron) == ("new", "* 5 * * *")


async def use_list_instances(client: AsyncClient, api: Api) -> None:
    """The primary first."""
    nodes = await client.list_instances(await running(api))

    assert [(node.instance_name, node.role) for node in nodes] == [
        ("orders-1", "primary"),
        ("orders-2", "replica"),
        ("orders-3", "replica"),
    ]


async def use_delete_instance(client: AsyncClient, api: Api) -> None:
    """The answer is the set's id."""
    set_id = await running(api)

    assert await client.delete_instance(set_id, (await node_ids(api, set_id))[2]) == set_id


async def use_promote_replica(client: AsyncClient, api: Api) -> None:
    """The set is `SwitchingOver`."""
    set_id = await running(api)

    assert await client.promote_replica(set_id, (await node_ids(api, set_id))[1]) == set_id
    assert (await client.show_set(set_id)).status == "SwitchingOver"


async def use_add_replica(client: AsyncClient, api: Api) -> None:
    """The set grows by one."""
    set_id = await running(api)

    assert await client.add_replica(set_id, SUBNET) == set_id
    assert (await client.show_set(set_id)).replicas == 4


async def use_switch_recovery(client: AsyncClient, api: Api) -> None:
    """High availability is on."""
    set_id = await running(api)

    assert await client.switch_recovery(set_id, enabled=True) == set_id
    assert (await client.show_set(set_id)).recovery_enabled


async def use_list_sets(client: AsyncClient, api: Api) -> None:
    """All pages, oldest first, or those that fit."""
    ids = [await created(api, instanceSetName=f"orders-{n}") for n in range(3)]

    assert sorted([it.object_id async for it in client.list_sets(limit=2)]) == sorted(ids)
    assert [it.object_id async for it in client.list_sets(name="orders-1", status="Init")] == [ids[1]]


async def use_show_set(client: AsyncClient, api: Api) -> None:
    """With its addresses once it has some."""
    it = await client.show_set(await running(api))

    assert (it.status, it.reason) == ("Running", None)
    assert it.endpoints is not None
    assert it.endpoints.primary.host == "127.20.255.1"


async def use_list_operations(client: AsyncClient, api: Api) -> None:
    """With their steps."""
    set_id = await created(api)

    (operation,) = [it async for it in client.list_operations(set_id)]
    assert (operation.kind, operation.state) == ("create", "running")
    assert [step.name for step in operation.steps] == ["provision", "replicate", "open"]


async def use_list_set_events(client: AsyncClient, api: Api) -> None:
    """What happened to one set."""
    set_id = await created(api)

    (event,) = [it async for it in client.list_set_events(set_id)]
    assert (event.name, event.resource_id, event.time.tzinfo) == ("Cluster Create", set_id, UTC)


async def use_list_events(client: AsyncClient, api: Api) -> None:
    """Of the project, page by page, between two times."""
    ids = {await created(api, instanceSetName=f"orders-{n}") for n in range(3)}
    now = datetime.fromtimestamp(NOW, UTC)

    seen = [it async for it in client.list_events(name="Cluster Create", since=now, until=now, limit=2)]
    none = [it async for it in client.list_events(resource_id="another")]
    assert ({it.resource_id for it in seen}, none) == (ids, [])


async def use_export_events(client: AsyncClient, api: Api) -> None:
    """All of the project's, one a line, as the API has them; refusals come as ever."""
    ids = [await created(api, instanceSetName=f"orders-{n}") for n in range(3)]
    now = datetime.fromtimestamp(NOW, UTC)

    lines = [line async for line in client.export_events(name="Cluster Create", since=now)]
    none = [line async for line in client.export_events(resource_id="another")]
    assert {json.loads(line)["resourceId"] for line in lines} == set(ids)
    assert (len(lines), none) == (3, [])
    with pytest.raises(Unauthorized):
        await anext(client_of(api, "no token").export_events())


async def use_check_failover(client: AsyncClient, api: Api) -> None:
    """With what stands against it."""
    check = await client.check_failover(await running(api))

    assert (check.ready, check.candidate, len(check.replicas)) == (False, None, 2)
    assert "ha_off" in check.reasons


async def use_show_history(client: AsyncClient, api: Api) -> None:
    """As many points as were asked for, with nothing in them for a set of which nothing was seen."""
    set_id = await running(api)
    now = datetime.fromtimestamp(NOW, UTC)

    history = await client.show_history(set_id, since=now - timedelta(minutes=10), step=120)
    assert (history.step, history.since <= now) == (120, True)
    assert {len(values) for node in history.data for values in node.series.values()} <= {history.points}


async def use_renew_certificates(client: AsyncClient, api: Api) -> None:
    """An operation of the set's."""
    set_id = await running(api, tlsEnabled=True)
    await put(api, set_id, lambda it: it.with_nodes(replace(n, certificate=CERTIFICATE) for n in it.nodes))

    assert await client.renew_certificates(set_id) == set_id
    operation = (await client.show_set(set_id)).operation
    assert operation is not None
    assert operation.kind == "renew_certificates"


async def use_wait_until_running(client: AsyncClient, api: Api) -> None:
    """It returns the set."""
    set_id = await running(api)

    assert (await client.wait_until_running(set_id, timeout=0)).object_id == set_id


async def use_wait_until_gone(client: AsyncClient, api: Api) -> None:
    """It returns when the set is."""
    set_id = await running(api)
    await put_state(api, set_id, SetState.TERMINATED)

    await client.wait_until_gone(set_id, timeout=0)


async def use_follow(client: AsyncClient, api: Api) -> None:
    """The operation as it is now, and its end when that has come."""
    set_id = await created(api)
    followed = client.follow(set_id)

    first = await anext(followed)
    await put(api, set_id, lambda it: replace(it, operation=it.operation and it.operation.ended(NOW + 1)))
    rest = [it async for it in followed]
    assert (first.state, [it.state for it in rest]) == ("running", ["succeeded"])
