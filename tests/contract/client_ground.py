"""Clients of the house, for the tests of both."""

import asyncio
from typing import Any

from harness import Api
from set_calls import (
    FLAVOR,
    OTHER_SUBNET,
    PARAMETERS,
    SECURITY_GROUP,
    SUBNET,
)

from memstored.client import (
    AsyncClient,
)

PUBLIC_URL = "http://memstored.test"
"""Where the house says that it is."""


async def nobody_sleeps(_seconds: float) -> None:
    """Let others run, and that is all."""
    await asyncio.sleep(0)


def client_of(api: Api, token: str) -> AsyncClient:
    """A client with that token."""
    return AsyncClient(url=PUBLIC_URL, token=token, http=api.http, sleep=nobody_sleeps)


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
