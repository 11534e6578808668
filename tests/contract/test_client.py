"""The client against the whole HTTP house: every method, and every operation of the OpenAPI document.

A function `use_<method>` uses that method of an administrator's client, and says what must come of it.
"""

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from backup_calls import saved
from group_calls import SEVEN, made
from harness import NOW, PROJECT, Api
from set_calls import (
    FLAVOR,
    HASH,
    OTHER_SUBNET,
    PARAMETERS,
    SECURITY_GROUP,
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
    Busy,
    CannotBeMet,
    Client,
    ComesToNothing,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    RestoreSource,
    TimedOut,
    Unauthorized,
    Unavailable,
    Unreachable,
    User,
)
from memstored.client.calls import (
    backups,
    catalogue,
    credentials,
    identity,
    parameter_groups,
    sets,
    webhooks,
)
from memstored.client.session import Patience
from memstored.client.wire import Call
from memstored.domain.backup import Progress
from memstored.domain.model import Certificate, InstanceSet
from memstored.domain.words import ApplyStatus, AuthorityId, BackupState, SetState

PUBLIC_URL = "http://memstored.test"
"""Where the house says that it is."""
CERTIFICATE = Certificate(
    fingerprint="f" * 64, authority=AuthorityId("a" * 36), not_before=0.0, not_after=1.0
)
Use = Callable[[AsyncClient, Api], Awaitable[None]]

OF_THE_CLIENT = {"close", "do", "from_file"}
"""What a client has beside its methods."""


async def nobody_sleeps(_seconds: float) -> None:
    """Let others run, and that is all."""
    await asyncio.sleep(0)


def client_of(api: Api, token: str) -> AsyncClient:
    """A client with that token."""
    return AsyncClient(url=PUBLIC_URL, token=token, http=api.http, sleep=nobody_sleeps)


@pytest.fixture
def client(api: Api) -> AsyncClient:
    """An administrator's."""
    return client_of(api, api.tokens["admin"])


async def order(client: AsyncClient, name: str = "orders", **more: Any) -> str:  # noqa: ANN401 - any of the method's
    """The id of a set of one primary and one replica."""
    return await client.create_set(
        instance_set_name=name,
        replicas=2,
        flavor_id=FLAVOR,
        recovery_enabled=True,
        subnets=[SUBNET, OTHER_SUBNET],
        primary_subnet=SUBNET,
        replica_subnets=[OTHER_SUBNET],
        security_groups=[SECURITY_GROUP],
        parameter_group_id=PARAMETERS["7.0"],
        version="7.0.15",
        **more,
    )


# Sets


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


async def use_follow(client: AsyncClient, api: Api) -> None:
    """The operation as it is now, and its end when that has come."""
    set_id = await created(api)
    followed = client.follow(set_id)

    first = await anext(followed)
    await put(api, set_id, lambda it: replace(it, operation=it.operation and it.operation.ended(NOW + 1)))
    rest = [it async for it in followed]
    assert (first.state, [it.state for it in rest]) == ("running", ["succeeded"])


# Catalogue, quotas, health


async def use_list_versions(client: AsyncClient, api: Api) -> None:
    """Newest first."""
    assert await client.list_versions() == ("7.0.15", "6.2.5", "5.0.6")


async def use_list_flavors(client: AsyncClient, api: Api) -> None:
    """With GiB."""
    assert [it.memory for it in await client.list_flavors() if it.name == "a1-2-co"] == [4]


async def use_list_engines(client: AsyncClient, api: Api) -> None:
    """Those of the house."""
    (newest, *_) = await client.list_engines()
    assert (newest.version, newest.tls) == ("7.0.15", True)


async def use_list_subnets(client: AsyncClient, api: Api) -> None:
    """Those of the catalogue."""
    assert (await client.list_subnets())[0].id == SUBNET


async def use_list_security_groups(client: AsyncClient, api: Api) -> None:
    """With their rules."""
    (group, *_) = await client.list_security_groups()
    assert (group.id, group.rules[0].from_port <= group.rules[0].to_port) == (SECURITY_GROUP, True)


async def use_list_quotas(client: AsyncClient, api: Api) -> None:
    """What is taken counts."""
    await running(api)

    quotas = {it.name: (it.used, it.limit) for it in await client.list_quotas()}
    assert (3, 60) in quotas.values()


async def use_show_password_key(client: AsyncClient, api: Api) -> None:
    """In PEM."""
    key = await client.show_password_key()
    assert (key.algorithm, key.public_key[:26]) == ("RSA-OAEP-256", "-----BEGIN PUBLIC KEY-----")


async def use_encrypt_password(client: AsyncClient, api: Api) -> None:
    """The house takes what comes of it."""
    encrypted = await client.encrypt_password("open sesame")

    set_id = await order(client, user=User(name="app", password=encrypted))
    assert (await stored(api, set_id)).user is not None


async def use_show_authorities(client: AsyncClient, api: Api) -> None:
    """In PEM."""
    assert (await client.show_authorities()).startswith("-----BEGIN CERTIFICATE-----")


async def use_renew_authority(client: AsyncClient, api: Api) -> None:
    """It is trusted beside the old one."""
    old = await client.show_authorities()

    assert await client.renew_authority()
    both = await client.show_authorities()
    assert (old in both, both.count("BEGIN CERTIFICATE")) == (True, 2)


async def use_show_health(client: AsyncClient, api: Api) -> None:
    """It lives."""
    assert (await client.show_health()).status == "ok"


async def use_show_readiness(client: AsyncClient, api: Api) -> None:
    """A 503 is an answer here."""
    ready = await client.show_readiness()
    api.database.lost = True
    api.clock.advance(60)
    away = await client.show_readiness()

    assert (ready.status, away.status, away.reason) == ("ok", "unavailable", "store_unavailable")


# Credentials and tokens


async def use_create_credential(client: AsyncClient, api: Api) -> None:
    """It can be used at once."""
    made = await client.create_credential("ci", ["reader"], project_name="Shop", user_name="robot")

    reader = AsyncClient(
        url=PUBLIC_URL, credential_id=made.object_id, secret=made.secret, http=api.http, sleep=nobody_sleeps
    )
    assert [it async for it in reader.list_sets()] == []
    with pytest.raises(Forbidden):
        await order(reader)


async def use_list_credentials(client: AsyncClient, api: Api) -> None:
    """Those of the house."""
    assert {"mia", "ada"} <= {it.name for it in await client.list_credentials()}


async def use_show_credential(client: AsyncClient, api: Api) -> None:
    """Without the secret."""
    (first, *_) = await client.list_credentials()

    assert await client.show_credential(first.id) == first


async def use_delete_credential(client: AsyncClient, api: Api) -> None:
    """It is gone."""
    made = await client.create_credential("ci", ["reader"])

    assert await client.delete_credential(made.object_id) == made.object_id
    with pytest.raises(NotFound):
        await client.show_credential(made.object_id)


async def use_new_token(client: AsyncClient, api: Api) -> None:
    """For whoever has a credential; with only a token there is none."""
    made = await client.create_credential("ci", ["reader"])
    robot = AsyncClient(
        url=PUBLIC_URL, credential_id=made.object_id, secret=made.secret, http=api.http, sleep=nobody_sleeps
    )

    token = await robot.new_token()
    assert (token.project_id, token.roles, token.value in str(token)) == (PROJECT, ("reader",), False)
    with pytest.raises(Unauthorized):
        await client.new_token()


async def use_show_token(client: AsyncClient, api: Api) -> None:
    """The client's own, or another's."""
    own, others = await client.show_token(), await client.show_token(api.tokens["reader"])
    assert (own.roles, others.roles) == (("admin",), ("reader",))


async def use_check_token(client: AsyncClient, api: Api) -> None:
    """An unknown one is none."""
    assert (await client.check_token(), await client.check_token("no token")) == (True, False)


async def use_revoke_token(client: AsyncClient, api: Api) -> None:
    """It ends at once; whoever has a credential gets another with the next call."""
    made = await client.create_credential("ci", ["reader"])
    robot = AsyncClient(
        url=PUBLIC_URL, credential_id=made.object_id, secret=made.secret, http=api.http, sleep=nobody_sleeps
    )
    token = await robot.new_token()

    await robot.revoke_token()
    assert not await client.check_token(token.value)
    assert await robot.check_token()


async def use_show_identity(client: AsyncClient, api: Api) -> None:
    """Keystone's document."""
    assert (await client.show_identity())["version"]["id"] == "v3.14"


# Backups


async def use_create_backup(client: AsyncClient, api: Api) -> None:
    """It waits for its turn."""
    set_id = await running(api)

    backup = await client.show_backup(await client.create_backup(set_id, "nightly"))
    assert (backup.name, backup.status, backup.cluster_id) == ("nightly", "Pending", set_id)


async def use_list_backups(client: AsyncClient, api: Api) -> None:
    """All, or those of one set or name."""
    one = await saved(api)
    await saved(api, name="other", set_name="others")

    all_of_them = [it.name for it in await client.list_backups()]
    of_one = [it.id for it in await client.list_backups(cluster_name="orders", cluster_id=one.set_id)]
    assert (sorted(all_of_them), of_one) == (["nightly", "other"], [one.id])


async def use_show_backup(client: AsyncClient, api: Api) -> None:
    """With how far it is."""
    backup = await saved(api, status=BackupState.CREATING)
    api.keeper.far[backup.id] = Progress(done=5, total=10)

    progress = (await client.show_backup(backup.id)).progress
    assert progress is not None
    assert (progress.bytes, progress.total_bytes, progress.percent) == (5, 10, 50)


async def use_delete_backup(client: AsyncClient, api: Api) -> None:
    """It goes."""
    backup = await saved(api)

    assert await client.delete_backup(backup.id) == backup.id


async def use_copy_backup(client: AsyncClient, api: Api) -> None:
    """The answer is the copy's id."""
    backup = await saved(api)

    copy = await client.show_backup(await client.copy_backup(backup.id, "kept"))
    assert (copy.name, copy.copy_of) == ("kept", backup.id)


async def use_export_backup(client: AsyncClient, api: Api) -> None:
    """Into a bucket of the project."""
    backup = await saved(api)

    assert await client.export_backup(backup.id, "archive/orders.rdb") == backup.id
    assert (await client.show_backup(backup.id)).status == "Exporting"


async def use_verify_backup(client: AsyncClient, api: Api) -> None:
    """It begins."""
    backup = await saved(api)

    assert await client.verify_backup(backup.id) == backup.id
    assert (await client.show_backup(backup.id)).verifying


async def use_wait_until_available(client: AsyncClient, api: Api) -> None:
    """It returns the backup."""
    backup = await saved(api)

    assert (await client.wait_until_available(backup.id, timeout=0)).checksum == "c" * 64


async def use_follow_backup(client: AsyncClient, api: Api) -> None:
    """As it is now, if nothing is done with it."""
    backup = await saved(api)

    assert [it.id async for it in client.follow_backup(backup.id)] == [backup.id]


# Parameter groups


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


# The webhook

RECEIVER = "https://receiver.example/"


async def use_put_webhook(client: AsyncClient, api: Api) -> None:
    """The secret comes with the first one."""
    first = await client.put_webhook(RECEIVER)
    second = await client.put_webhook(RECEIVER, event_names=["Cluster Failover"], enabled=False)

    assert (await client.show_webhook()).event_names == ("Cluster Failover",)
    assert (second.object_id, second.secret) == (first.object_id, None)
    assert first.secret is not None
    assert first.secret not in repr(first)


async def use_show_webhook(client: AsyncClient, api: Api) -> None:
    """With why nothing is sent."""
    await client.put_webhook(RECEIVER, enabled=False)
    seen = await client.show_webhook()

    assert (seen.url, seen.enabled, seen.waiting, seen.failing) == (RECEIVER, False, 0, None)
    assert seen.disabled is not None
    assert (seen.disabled.code, seen.secrets[0].expires_at) == ("by_request", None)


async def use_test_webhook(client: AsyncClient, api: Api) -> None:
    """What came of it."""
    await client.put_webhook(RECEIVER)
    trial = await client.test_webhook()

    assert (trial.delivered, trial.status, trial.milliseconds) == (True, 204, 250)


async def use_rotate_webhook_secret(client: AsyncClient, api: Api) -> None:
    """Another one, and the one before has an end."""
    first = await client.put_webhook(RECEIVER)
    second = await client.rotate_webhook_secret()

    assert second.secret not in (None, first.secret)
    assert [it.expires_at is None for it in (await client.show_webhook()).secrets] == [True, False]


async def use_delete_webhook(client: AsyncClient, api: Api) -> None:
    """There is none any more."""
    made_webhook = await client.put_webhook(RECEIVER)

    assert await client.delete_webhook() == made_webhook.object_id
    with pytest.raises(NotFound):
        await client.show_webhook()


# What has no method of its own


async def use_get(client: AsyncClient, api: Api) -> None:
    """JSON as it comes."""
    assert (await client.get("/v1/instance-sets", limit="1"))["size"] == 0


async def use_post(client: AsyncClient, api: Api) -> None:
    """The same."""
    body = {"parameterGroupId": SEVEN, "name": "sessions"}
    assert "objectId" in await client.post("/v1/parameter-groups", body)


async def use_patch(client: AsyncClient, api: Api) -> None:
    """The same."""
    group_id = await made(api)
    assert await client.patch(f"/v1/parameter-groups/{group_id}", {"description": "x"}) == {
        "objectId": group_id
    }


async def use_delete(client: AsyncClient, api: Api) -> None:
    """The same."""
    set_id = await running(api)
    assert await client.delete(f"/v1/instance-sets/{set_id}") == {"objectId": set_id}


USES: dict[str, Use] = {
    name.removeprefix("use_"): use for name, use in globals().items() if name.startswith("use_")
}


def methods(kind: type) -> set[str]:
    """The names of a client's methods."""
    return {name for name in vars(kind) if not name.startswith("_")} - OF_THE_CLIENT


@pytest.mark.parametrize("name", sorted(USES))
async def test_method(name: str, client: AsyncClient, api: Api) -> None:
    """Each does what it says, and reads the whole answer."""
    await USES[name](client, api)


def test_every_method_is_used_here() -> None:
    """And both clients have the same ones."""
    assert methods(AsyncClient) == methods(Client) == set(USES)


def every_call() -> Iterator[Call[Any]]:
    """One call of each kind, with something in the place of each argument."""
    for room in (sets, backups, parameter_groups, catalogue, credentials, identity, webhooks):
        for name in room.__all__:
            make = getattr(room, name)
            needed = [p for p in inspect.signature(make).parameters.values() if p.default is p.empty]
            yield make(
                *(
                    "/identity/v3" if p.name == "auth_url" else "x"
                    for p in needed
                    if p.kind is p.POSITIONAL_OR_KEYWORD
                ),
                **{p.name: "x" for p in needed if p.kind is p.KEYWORD_ONLY},
            )


def test_every_operation_of_the_api_has_a_call(api: Api) -> None:
    """As the OpenAPI document lists them."""
    made = {(call.request.method, call.request.url) for call in every_call()}
    documented = [
        (method.upper(), path)
        for path, operations in api.app.openapi()["paths"].items()
        for method in operations
    ]

    assert documented
    assert [it for it in documented if (it[0], re.sub(r"\{\w+\}", "x", it[1])) not in made] == []


async def test_refusals_come_as_their_classes(client: AsyncClient, api: Api) -> None:
    """By status, and by code where that tells more; with every detail."""
    set_id = await running(api)

    with pytest.raises(NotFound):
        await client.show_set("no/such set")
    with pytest.raises(Conflict):
        await order(client)
    with pytest.raises(CannotBeMet) as unmet:
        await order(client, "others", user=User(name="a", password="x"))
    with pytest.raises(InvalidRequest) as restored:
        await order(client, "others", restore_source=RestoreSource(file="archive/none.rdb"))
    with pytest.raises(InvalidRequest):
        await order(client, "others", restore_source=RestoreSource(backup_name="none"))
    await client.add_replica(set_id, SUBNET)
    with pytest.raises(Busy):
        await client.add_replica(set_id, SUBNET)
    with pytest.raises(Forbidden):
        await client_of(api, api.tokens["reader"]).delete_set(set_id)
    with pytest.raises(Unauthorized):
        await client_of(api, "no token").show_set(set_id)

    assert [detail.code for detail in unmet.value.details] == ["password_not_encrypted"]
    assert [detail.field for detail in restored.value.details] == ["restoreSource.files[0]"]
    assert restored.value.request_id


async def test_a_store_that_comes_back_is_waited_for(api: Api) -> None:
    """Reading is harmless: the caller notices nothing but the time."""
    pauses: list[float] = []

    async def store_comes_back(seconds: float) -> None:
        pauses.append(seconds)
        api.database.lost = len(pauses) < 2

    client = AsyncClient(
        url=PUBLIC_URL, token=api.tokens["admin"], http=api.http, sleep=store_comes_back, chance=lambda: 1.0
    )
    set_id = await running(api)
    api.database.lost = True

    with pytest.raises(Unavailable):
        await client.create_backup(set_id, "nightly")
    seen = await client.show_set(set_id)

    assert (seen.object_id, len(pauses)) == (set_id, 2)
    assert pauses[0] > 0


@pytest.fixture
async def blocking(api: Api, port: int) -> AsyncIterator[Client]:
    """A client that waits, over a real connection; to be used in another thread."""
    with Client(
        url=f"http://127.0.0.1:{port}",
        auth_url=f"http://127.0.0.1:{port}/identity/v3",
        token=api.tokens["admin"],
        patience=Patience(first=0.01),
    ) as made:
        yield made


async def test_the_client_that_waits_plays_the_same_scripts(blocking: Client, api: Api) -> None:
    """A call, a list in pages, an iteration and a refusal, over a real connection."""
    ids = sorted([await running(api, instanceSetName=f"orders-{n}") for n in range(3)])

    listed = await asyncio.to_thread(lambda: sorted(it.object_id for it in blocking.list_sets(limit=2)))
    shown = await asyncio.to_thread(blocking.wait_until_running, ids[0])
    with pytest.raises(NotFound):
        await asyncio.to_thread(blocking.show_set, "none")

    assert (listed, shown.object_id) == (ids, ids[0])


@pytest.mark.parametrize(
    ("error", "sent"),
    [(httpx.ConnectError("refused"), 3), (httpx.ReadError("reset"), 1)],
    ids=["away", "lost"],
)
async def test_an_order_is_sent_again_only_when_nobody_took_it(error: Exception, sent: int) -> None:
    """A connection that was refused took nothing; one that broke may have."""
    seen: list[httpx.Request] = []

    def fail(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise error

    http = httpx.AsyncClient(transport=httpx.MockTransport(fail), base_url=PUBLIC_URL)
    client = AsyncClient(
        url=PUBLIC_URL, token="t", http=http, sleep=nobody_sleeps, patience=Patience(tries=3)
    )

    async with client:
        with pytest.raises(Unreachable, match=PUBLIC_URL):
            await client.create_backup("s1", "nightly")

    assert len(seen) == sent
