"""The embedded issuer: what Keystone's clients see, and what is never seen."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from shelf import NOW, PUBLIC_URL, Shelf

from clocks import StillClock
from memstored.domain.errors import Conflict, InvalidRequest, NotFound
from memstored.identity.embedded import TOKEN_LIFETIME, EmbeddedIssuer, NewCredential
from memstored.identity.errors import NotPermitted, TokenNotFound, Unauthenticated
from memstored.identity.protocol import Caller, Gatekeeper

PROJECT = "3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d"


def _by_id(credential_id: str, secret: str) -> dict[str, Any]:
    return _auth({"id": credential_id, "secret": secret})


def _auth(credential: dict[str, Any]) -> dict[str, Any]:
    identity = {"methods": ["application_credential"], "application_credential": credential}
    return {"auth": {"identity": identity}}


async def _member(issuer: EmbeddedIssuer, **changes: object) -> NewCredential:
    options: dict[str, Any] = {"name": "deploy", "project_id": PROJECT, "roles": ["member"], **changes}
    return await issuer.create_credential(**options)


async def _token(issuer: EmbeddedIssuer, made: NewCredential) -> str:
    return (await issuer.issue(_by_id(made.credential.id, made.secret))).token


async def test_a_token_is_described_as_keystone_does(issuer: EmbeddedIssuer) -> None:
    """Every part of the body that clients read is there, in Keystone's form (API.md 8)."""
    made = await _member(issuer, project_name="shop", user_name="Somebody", roles=["reader", "member"])

    issued = await issuer.issue(_by_id(made.credential.id, made.secret))

    token = issued.body["token"]
    catalog = token.pop("catalog")
    roles = token.pop("roles")
    domain = {"id": "default", "name": "Default"}
    assert token == {
        "methods": ["application_credential"],
        "issued_at": "2026-11-23T18:22:37.000000Z",
        "expires_at": "2026-11-24T06:22:37.000000Z",
        "audit_ids": token["audit_ids"],
        "project": {"id": PROJECT, "name": "shop", "domain": domain},
        "is_domain": False,
        "user": {
            "id": made.credential.user_id,
            "name": "Somebody",
            "domain": domain,
            "password_expires_at": None,
        },
        "application_credential": {"id": made.credential.id, "name": "deploy", "restricted": True},
    }
    assert [len(audit_id) for audit_id in token["audit_ids"]] == [22]
    assert [role["name"] for role in roles] == ["member", "reader"]
    assert [(s["type"], s["endpoints"][0]["url"]) for s in catalog] == [
        ("identity", f"{PUBLIC_URL}/identity/v3"),
        ("memstore", f"{PUBLIC_URL}/v1"),
    ]


async def test_ids_are_32_hex_digits(issuer: EmbeddedIssuer) -> None:
    """As at Keystone, wherever an id is ours."""
    made = await _member(issuer)
    issued = await issuer.issue(_by_id(made.credential.id, made.secret))

    token = issued.body["token"]
    ids = [made.credential.id, made.credential.user_id]
    ids += [role["id"] for role in token["roles"]]
    ids += [service["id"] for service in token["catalog"]]
    ids += [service["endpoints"][0]["id"] for service in token["catalog"]]
    assert {len(bytes.fromhex(identifier)) for identifier in ids} == {16}


async def test_a_token_by_name_and_user(issuer: EmbeddedIssuer) -> None:
    """The other form of the request gives a token of the same credential."""
    made = await _member(issuer)
    body = _auth({"name": "deploy", "secret": made.secret, "user": {"id": made.credential.user_id}})

    issued = await issuer.issue(body)

    assert issued.body["token"]["application_credential"]["id"] == made.credential.id


async def test_what_is_wrong_is_not_told(issuer: EmbeddedIssuer, still: StillClock) -> None:
    """Unknown id, wrong secret, unknown name, unknown user and expiry are refused in the same words."""
    made = await _member(issuer)
    short = await _member(issuer, name="short", expires_at=NOW)
    user = {"id": made.credential.user_id}
    attempts = [
        _by_id("f" * 32, made.secret),
        _by_id(made.credential.id, "wrong"),
        _by_id(made.credential.id, ""),
        _by_id(made.credential.id, made.credential.secret_hash),
        _by_id(short.credential.id, short.secret),
        _auth({"name": "none", "secret": made.secret, "user": user}),
        _auth({"name": "deploy", "secret": made.secret, "user": {"id": "f" * 32}}),
        _auth({"name": "deploy", "secret": "wrong", "user": user}),
    ]

    answers = []
    for attempt in attempts:
        with pytest.raises(Unauthenticated) as refused:
            await issuer.issue(attempt)
        answers.append(refused.value.body())

    message = "The request you have made requires authentication."
    assert answers == [{"error": {"code": 401, "message": message, "title": "Unauthorized"}}] * len(attempts)


async def test_secrets_and_tokens_are_kept_as_hashes(issuer: EmbeddedIssuer, shelf: Shelf) -> None:
    """Whoever reads the database can not act as anybody."""
    made = await _member(issuer)
    token = await _token(issuer, made)

    assert shelf.kept[made.credential.id].secret_hash == sha256(made.secret.encode()).hexdigest()
    assert list(shelf.tokens) == [sha256(token.encode()).hexdigest()]
    assert made.secret not in repr(made)


async def test_secrets_and_tokens_are_256_random_bits(shelf: Shelf, still: StillClock) -> None:
    """Without a source of our own they are long and never the same."""
    issuer = EmbeddedIssuer(shelf, still, public_url=PUBLIC_URL)
    made = await _member(issuer)

    texts = {made.secret, *[await _token(issuer, made) for _ in range(3)]}

    assert [len(text) for text in texts] == [43] * 4


async def test_a_token_tells_its_caller(issuer: EmbeddedIssuer) -> None:
    """Requests are served as the user, in the project and with the roles of the credential."""
    gatekeeper: Gatekeeper = issuer
    made = await _member(issuer, user_name="Somebody")

    caller = await gatekeeper.caller(await _token(issuer, made))

    assert caller == Caller(
        user_id=made.credential.user_id,
        user_name="Somebody",
        project_id=PROJECT,
        roles=frozenset({"member"}),
        expires_at=int(NOW) + TOKEN_LIFETIME,
    )


@pytest.mark.parametrize("token", ["", "none", "\xff", "\udcff"])
async def test_an_unknown_token_has_no_caller(issuer: EmbeddedIssuer, token: str) -> None:
    """Whatever a header holds, it is known or it is not."""
    assert await issuer.caller(token) is None


async def test_a_token_ends_after_twelve_hours(issuer: EmbeddedIssuer, still: StillClock) -> None:
    """It is good until the moment that its body names, at hand or not."""
    token = await _token(issuer, await _member(issuer))
    assert TOKEN_LIFETIME == 12 * 3600

    still.now = int(NOW) + TOKEN_LIFETIME - 0.001
    assert await issuer.caller(token) is not None
    still.now = int(NOW) + TOKEN_LIFETIME
    assert await issuer.caller(token) is None


async def test_a_token_ends_with_its_credential(issuer: EmbeddedIssuer, still: StillClock) -> None:
    """No token outlives the time its credential was given for."""
    token = await _token(issuer, await _member(issuer, expires_at=NOW + 60))

    still.now = NOW + 60

    assert await issuer.caller(token) is None


async def test_a_known_caller_costs_no_look_up(issuer: EmbeddedIssuer, shelf: Shelf) -> None:
    """The store is asked once for a token, however many requests come with it."""
    token = await _token(issuer, await _member(issuer))

    callers = [await issuer.caller(token) for _ in range(5)]

    assert len(set(callers)) == 1
    assert shelf.looked_up == 1


async def test_showing_a_token(issuer: EmbeddedIssuer) -> None:
    """A token shows the same as when it was issued."""
    made = await _member(issuer)
    issued = await issuer.issue(_by_id(made.credential.id, made.secret))

    assert await issuer.show(issued.token, asked_by=issued.token) == issued.body


@pytest.mark.parametrize("asked_by", [None, "", "none"])
async def test_asking_without_a_valid_token(issuer: EmbeddedIssuer, asked_by: str | None) -> None:
    """Whoever is not known is told nothing, not even whether the other token exists."""
    token = await _token(issuer, await _member(issuer))

    with pytest.raises(Unauthenticated):
        await issuer.show(token, asked_by=asked_by)
    with pytest.raises(Unauthenticated):
        await issuer.revoke(token, asked_by=asked_by)

    assert await issuer.caller(token) is not None


@pytest.mark.parametrize("subject", [None, "", "none"])
async def test_asking_about_an_unknown_token(issuer: EmbeddedIssuer, subject: str | None) -> None:
    """A token that is not there is 404, in Keystone's shape."""
    token = await _token(issuer, await _member(issuer))

    with pytest.raises(TokenNotFound) as refused:
        await issuer.show(subject, asked_by=token)
    with pytest.raises(TokenNotFound):
        await issuer.revoke(subject, asked_by=token)

    assert refused.value.body()["error"]["code"] == 404


async def test_another_users_token_is_not_ones_business(issuer: EmbeddedIssuer) -> None:
    """Members see and end their own tokens only; administrators everybody's."""
    mine = await _token(issuer, await _member(issuer))
    other = await _token(issuer, await _member(issuer))
    admin = await _token(issuer, await _member(issuer, roles=["admin"]))

    with pytest.raises(NotPermitted, match="identity:validate_token"):
        await issuer.show(other, asked_by=mine)
    with pytest.raises(NotPermitted, match="identity:revoke_token"):
        await issuer.revoke(other, asked_by=mine)

    assert await issuer.show(other, asked_by=admin)
    await issuer.revoke(other, asked_by=admin)
    assert await issuer.caller(other) is None


async def test_a_revoked_token_ends_at_once(issuer: EmbeddedIssuer) -> None:
    """Being at hand does not keep a token alive; the user's other tokens stay."""
    made = await _member(issuer)
    token, other = await _token(issuer, made), await _token(issuer, made)
    assert await issuer.caller(token) is not None

    await issuer.revoke(token, asked_by=token)

    assert await issuer.caller(token) is None
    assert await issuer.caller(other) is not None


async def test_a_look_up_under_way_does_not_revive_a_revoked_token(
    issuer: EmbeddedIssuer, shelf: Shelf, still: StillClock
) -> None:
    """An answer that was read before the revocation is not kept after it."""
    made = await _member(issuer)
    token, other = await _token(issuer, made), await _token(issuer, made)
    assert await issuer.caller(other)
    shelf.open.clear()
    shelf.looking.clear()
    looking = asyncio.create_task(issuer.caller(token))
    await shelf.looking.wait()

    await issuer.delete_credential(made.credential.id)
    shelf.open.set()
    await looking

    assert await issuer.caller(token) is None


async def test_deleting_a_credential_ends_its_tokens(issuer: EmbeddedIssuer) -> None:
    """Neither its tokens nor its secret are good for anything afterwards."""
    made = await _member(issuer)
    token = await _token(issuer, made)
    assert await issuer.caller(token) is not None

    await issuer.delete_credential(made.credential.id)

    assert await issuer.caller(token) is None
    assert await issuer.credentials() == []
    with pytest.raises(Unauthenticated):
        await _token(issuer, made)


async def test_an_administrator_whose_credential_expired_is_none(
    issuer: EmbeddedIssuer, shelf: Shelf, still: StillClock
) -> None:
    """The last one stays though there is another that can not be used any more, and that one may go."""
    await issuer.bootstrap()
    [last] = shelf.kept.values()
    expired = replace(last, id="0" * 32, expires_at=still.wall())
    shelf.kept[expired.id] = expired

    with pytest.raises(InvalidRequest) as refused:
        await issuer.delete_credential(last.id)
    await issuer.delete_credential(expired.id)

    assert refused.value.code == "last_admin"
    assert await issuer.credentials() == [last]


async def test_deleting_what_is_not_there(issuer: EmbeddedIssuer) -> None:
    """An unknown credential is 404."""
    with pytest.raises(NotFound):
        await issuer.delete_credential("none")


async def test_a_credential_deleted_while_a_token_is_issued(
    issuer: EmbeddedIssuer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token is handed out for a credential that is gone by then."""
    made = await _member(issuer)

    async def gone(_token: object) -> bool:
        return False

    monkeypatch.setattr(shelf, "add_token", gone)

    with pytest.raises(Unauthenticated):
        await _token(issuer, made)


async def test_a_name_is_used_once_by_a_user(issuer: EmbeddedIssuer) -> None:
    """A user's second credential of a name is refused; another user's is not."""
    made = await _member(issuer)

    with pytest.raises(Conflict, match="deploy"):
        await _member(issuer, user_id=made.credential.user_id)

    assert (await _member(issuer)).credential.user_id != made.credential.user_id


async def test_a_credential_for_a_user_that_has_one(issuer: EmbeddedIssuer) -> None:
    """A user may have several, each with its own project and roles."""
    made = await _member(issuer, user_name="Somebody")
    user = made.credential.user_id

    second = await _member(issuer, name="other", user_id=user, user_name="Somebody", roles=["reader"])

    assert replace(second.credential, id="", secret_hash="") == replace(
        made.credential, id="", secret_hash="", name="other", roles=("reader",)
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"project_id": ""}, "projectId"),
        ({"roles": []}, "roles"),
        ({"roles": ["member", "owner"]}, "roles"),
    ],
)
async def test_a_credential_that_makes_no_sense(
    issuer: EmbeddedIssuer, changes: dict[str, Any], field: str
) -> None:
    """What is missing or unknown is refused, naming the field."""
    with pytest.raises(InvalidRequest) as refused:
        await _member(issuer, **changes)

    assert [detail.field for detail in refused.value.details] == [field]


async def test_the_first_administrator(issuer: EmbeddedIssuer) -> None:
    """A fresh service has one credential, named admin, in a project of its own."""
    made = await issuer.bootstrap()

    assert made is not None
    assert (made.credential.name, made.credential.user_name, made.credential.roles) == (
        "admin",
        "admin",
        ("admin",),
    )
    assert len(bytes.fromhex(made.credential.project_id)) == 16
    assert await issuer.caller(await _token(issuer, made)) is not None


async def test_there_is_one_first_administrator(issuer: EmbeddedIssuer) -> None:
    """A later start makes no second one."""
    await issuer.bootstrap()

    assert await issuer.bootstrap() is None
    assert len(await issuer.credentials()) == 1


async def test_the_version_document(issuer: EmbeddedIssuer) -> None:
    """Clients find version 3 and where it is."""
    version = issuer.version()["version"]

    assert (version["id"].split(".")[0], version["status"]) == ("v3", "stable")
    assert version["links"] == [{"rel": "self", "href": f"{PUBLIC_URL}/identity/v3/"}]
