"""What must come of each method of the client's about the catalogue, quotas, keys and health."""

from client_ground import order
from harness import Api
from set_calls import (
    SECURITY_GROUP,
    SUBNET,
    running,
    stored,
)

from memstored.client import (
    AsyncClient,
    User,
)


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
