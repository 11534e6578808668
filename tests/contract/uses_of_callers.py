"""What must come of each method of the client's about credentials and tokens, and of those for all else."""

import pytest
from client_ground import PUBLIC_URL, nobody_sleeps, order
from group_calls import SEVEN, made
from harness import PROJECT, Api
from set_calls import (
    running,
)

from memstored.client import (
    AsyncClient,
    Forbidden,
    NotFound,
    Unauthorized,
)


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
