"""How both clients behave at the whole HTTP house: refusals, repeats, real connections."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from client_ground import PUBLIC_URL, client_of, nobody_sleeps, order
from harness import Api
from set_calls import (
    SUBNET,
    running,
)

from memstored.client import (
    AsyncClient,
    Busy,
    CannotBeMet,
    Client,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    RestoreSource,
    Unauthorized,
    Unavailable,
    Unreachable,
    User,
)
from memstored.client.session import Patience


@pytest.fixture
def client(api: Api) -> AsyncClient:
    """An administrator's."""
    return client_of(api, api.tokens["admin"])


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


async def test_lines_come_over_a_real_connection(blocking: Client, api: Api) -> None:
    """Also to whoever takes but one: the connection is not used up."""
    await running(api)

    first = await asyncio.to_thread(lambda: next(blocking.export_events()))
    every = await asyncio.to_thread(lambda: list(blocking.export_events()))

    assert (every[0], json.loads(first)["name"]) == (first, "Cluster Create")


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
