"""How the methods about the project's webhook are used, and what must come of it."""

import pytest
from harness import Api

from memstored.client import AsyncClient, NotFound

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
