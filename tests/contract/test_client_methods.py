"""The client against the whole HTTP house: every method, and every operation of the OpenAPI document.

A function `use_<method>` of the files `uses_of_*.py` uses that method, and says what must come of it.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uses_of_backups
import uses_of_callers
import uses_of_catalogue
import uses_of_groups
import uses_of_sets
import uses_of_webhooks
from client_ground import client_of
from harness import Api

from memstored.client import (
    AsyncClient,
    Client,
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
from memstored.client.wire import Call

Use = Callable[[AsyncClient, Api], Awaitable[None]]

OF_THE_CLIENT = {"close", "do", "from_file", "read"}
"""What a client has beside its methods."""


@pytest.fixture
def client(api: Api) -> AsyncClient:
    """An administrator's."""
    return client_of(api, api.tokens["admin"])


ROOMS = (
    uses_of_sets,
    uses_of_catalogue,
    uses_of_callers,
    uses_of_backups,
    uses_of_groups,
    uses_of_webhooks,
)
USES: dict[str, Use] = {
    name.removeprefix("use_"): use
    for room in (
        uses_of_sets,
        uses_of_catalogue,
        uses_of_callers,
        uses_of_backups,
        uses_of_groups,
        uses_of_webhooks,
    )
    for name, use in vars(room).items()
    if name.startswith("use_")
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
