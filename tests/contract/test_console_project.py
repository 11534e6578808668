"""The console's pages of a project: quotas, catalogue, authorities, credentials, events."""

import json
import re
from dataclasses import replace

import pytest
from group_calls import made, values
from harness import Api
from httpx import Response

from browser import Browser, signed_in, text_of, token_in
from memstored.console.protection import FIELD

SCRIPT = "<script>alert(1)</script>"
TABS = ("quotas", "catalogue", "authorities", "events")


async def _credentials(api: Api) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = (await api.get("/v1/credentials", token=api.tokens["admin"])).json()[
        "credentials"
    ]
    return rows


# What there is


@pytest.mark.parametrize("path", TABS)
async def test_who_only_reads_sees_no_forms(reader: Browser, path: str) -> None:
    """Each page can be read, and has no form but that of the sign-out."""
    page = await reader.get(path)

    assert page.status_code == 200
    assert page.text.count('method="post"') == 1


async def test_quotas_are_shown(api: Api, reader: Browser) -> None:
    """Each with its bound and what is taken of it."""
    await api.create_set(instanceSetName="orders", replicas=3)

    page = text_of(await reader.get("quotas"))

    assert "Nodes of a set 3 of 6 by the set that takes most" in page
    assert "Nodes of all sets 3 of 60 by the whole project" in page


async def test_a_full_quota_says_so(api: Api, reader: Browser) -> None:
    """In words, not by its colour alone."""
    await api.create_set(instanceSetName="orders", replicas=6)

    assert "Nodes of a set 6 of 6 by the set that takes most · nothing is left" in text_of(
        await reader.get("quotas")
    )


async def test_the_catalogue_is_shown(reader: Browser) -> None:
    """Also what was found and is not offered, with the reason."""
    page = text_of(await reader.get("catalogue"))

    assert "Redis 7.0.15 yes yes with a name floating" in page
    assert "Valkey 8.1.3 no only Redis is offered" in page
    assert "a1-2-co 2 4 GiB" in page


# Authorities


async def test_authorities_are_shown_and_taken_along(api: Api, reader: Browser) -> None:
    """The file is what the API gives."""
    page = await reader.get("authorities")
    file = await reader.get("authorities/memstored-ca.pem")
    bundle = (await api.get("/v1/redis/ca-certificate")).text

    assert file.text == bundle
    assert file.headers["content-disposition"] == 'attachment; filename="memstored-ca.pem"'
    assert bundle.splitlines()[1] in page.text
    assert re.search("[0-9a-f]{64}", text_of(page))


async def test_another_authority_is_made(admin: Browser) -> None:
    """By an administrator; while it takes over there is no third one."""
    first = await admin.send("authorities", "authorities/renew", {})
    second = await admin.send("authorities", "authorities/renew", {})

    assert first.headers["location"] == "../authorities?notice=authority_renewed"
    assert second.status_code == 400
    assert (await admin.get("authorities")).text.count("SHA-256") == 2


# Credentials


@pytest.mark.parametrize("kind", ["reader", "member"])
async def test_credentials_are_for_administrators(api: Api, kind: str) -> None:
    """Others see neither them nor the way to them."""
    browser = signed_in(api.http, api.tokens[kind])
    token = token_in(await browser.get("quotas"))
    [one, *_] = await _credentials(api)

    answers = [
        await browser.get("credentials"),
        await browser.get("credentials/new"),
        await browser.post("credentials", {FIELD: token, "name": "x", "roles": "admin"}),
        await browser.post(f"credentials/{one['id']}/delete", {FIELD: token}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert "credentials" not in (await browser.get("quotas")).text
    assert one in await _credentials(api)


async def test_a_secret_is_shown_once(api: Api, admin: Browser) -> None:
    """On the answer that made it, which nobody keeps; it signs in."""
    made = await _made(admin, name="ci", roles="member")

    [secret] = re.findall('id="credential-secret" class="copied">([^<]+)<', made.text)
    [key] = re.findall('id="credential-id" class="copied">([^<]+)<', made.text)
    entered = await Browser(api.http).send("sign-in", "sign-in", {"id": key, "secret": secret})
    pages = [await admin.get("credentials"), await admin.get("credentials/new")]

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert entered.status_code == 303
    assert [secret in page.text for page in pages] == [False, False]
    assert [(it["roles"], it["projectId"]) for it in await _credentials(api) if it["name"] == "ci"] == [
        (["member"], api.project)
    ]


async def _made(admin: Browser, path: str = "credentials/new", **fields: str) -> Response:
    page = await admin.get(path)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    return await admin.post("credentials", {**hidden, **fields})


async def test_a_form_that_is_sent_twice_makes_one(api: Api, admin: Browser) -> None:
    """The second time there is a credential of that name already."""
    page = await admin.get("credentials/new")
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    fields = {**hidden, "name": "ci", "roles": "member"}

    answers = [await admin.post("credentials", fields) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 409]
    assert [it["name"] for it in await _credentials(api)].count("ci") == 1


async def test_a_credential_is_replaced(api: Api, admin: Browser) -> None:
    """By another one of the same user, project and role, beside which the old one is still valid."""
    await _made(admin, name="ci", roles="reader", projectId="f" * 32, projectName="shop")
    [old] = [it for it in await _credentials(api) if it["name"] == "ci"]
    api.clock.advance(1)

    page = await admin.get(f"credentials/new?like={old['id']}")
    made = await _made(admin, f"credentials/new?like={old['id']}", name="ci-2", roles="reader")

    rows = [it for it in await _credentials(api) if it["projectId"] == "f" * 32]
    kept = ("userId", "userName", "projectId", "projectName", "roles")
    assert 'value="reader" selected' in page.text
    assert [it["name"] for it in rows] == ["ci", "ci-2"]
    assert [rows[0][name] for name in kept] == [rows[1][name] for name in kept]
    assert "ci is valid until you delete it" in text_of(made)


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "a\tb"}, {"name": "x", "roles": "nobody"}, {"name": "x", "userId": "?"}]
)
async def test_a_wrong_credential_is_refused(api: Api, admin: Browser, fields: dict[str, str]) -> None:
    """As the API would; none is made."""
    before = await _credentials(api)

    answer = await _made(admin, **{"roles": "member", **fields})

    assert answer.status_code == 400
    assert "refusal" in answer.text
    assert await _credentials(api) == before


async def test_a_credential_is_deleted(api: Api, admin: Browser) -> None:
    """After a question."""
    await _made(admin, name="ci", roles="reader")
    [it] = [row for row in await _credentials(api) if row["name"] == "ci"]

    page = await admin.get("credentials")
    answer = await admin.send("credentials", f"credentials/{it['id']}/delete", {})
    again = await admin.send("credentials", f"credentials/{it['id']}/delete", {})

    assert "Whoever works with ci is out at once" in text_of(page)
    assert answer.headers["location"] == "../../credentials?notice=credential_deleted"
    assert it not in await _credentials(api)
    assert again.status_code == 404


async def test_the_last_administrator_stays(api: Api, admin: Browser) -> None:
    """Else nobody could make another."""
    caller = await api.app.state.services.gatekeeper.caller(api.tokens["admin"])
    admins = [it for it in await _credentials(api) if "admin" in it["roles"]]
    [own] = [it["id"] for it in admins if it["userId"] == caller.user_id]
    others = [it["id"] for it in admins if it["id"] != own]
    answers = [await admin.send("credentials", f"credentials/{it}/delete", {}) for it in others]
    last = await admin.send("credentials", f"credentials/{own}/delete", {})

    assert {answer.status_code for answer in answers} <= {303}
    assert last.status_code == 400
    assert "this is the last one" in text_of(last)


async def test_credentials_of_another_service_are_handled_there(api: Api, admin: Browser) -> None:
    """With another issuer of tokens there are none here."""
    api.app.state.services = replace(api.app.state.services, credentials=None)

    assert (await admin.get("credentials")).status_code == 404
    assert "credentials" not in (await admin.get("quotas")).text


async def test_names_of_credentials_are_inert(admin: Browser) -> None:
    """Text, whatever they look like."""
    made = await _made(admin, name=SCRIPT, roles="reader")

    assert SCRIPT not in made.text + (await admin.get("credentials")).text


# Events


async def test_events_are_listed(api: Api, reader: Browser) -> None:
    """Newest first, with who did it to what, and what led to it where that is told."""
    await made(api, "sessions")
    api.clock.advance(1)
    await api.create_set(instanceSetName="orders")

    page = text_of(await reader.get("events"))

    assert re.search("Cluster Create orders instance-set mia .* Parameter Group Create sessions", page)


async def test_another_project_s_events_are_not_there(api: Api) -> None:
    """Neither on the page nor in the file."""
    group_id, browser = await made(api, "sessions"), signed_in(api.http, api.tokens["other_project"])

    assert "sessions" not in text_of(await browser.get(f"events?resourceId={group_id}"))
    assert (await browser.get(f"events.jsonl?resourceId={group_id}")).text == ""


async def test_events_are_found(api: Api, reader: Browser) -> None:
    """By what they are about, their name, and their day."""
    group_id = await made(api, "sessions")
    await api.create_set(instanceSetName="orders")

    about = text_of(await reader.get(f"events?resourceId={group_id}"))
    named = text_of(await reader.get("events?name=Cluster+Create"))
    today = text_of(await reader.get("events?since=2025-06-15&until=2025-06-15"))
    later = text_of(await reader.get("events?since=2025-06-16"))

    assert "Only what is about sessions Show everything" in about
    assert ("made sessions" in about, "orders" in about) == (True, False)
    assert ("orders" in named, "made sessions" in named) == (True, False)
    assert ("orders" in today, "sessions" in today) == (True, True)
    assert "No event is like that" in later


@pytest.mark.parametrize("query", ["since=yesterday", "colour=red", "marker=unknown"])
async def test_a_wrong_query_is_refused(reader: Browser, query: str) -> None:
    """The page says what is wrong."""
    assert (await reader.get(f"events?{query}")).status_code == 400


async def test_long_lists_have_pages(api: Api, reader: Browser) -> None:
    """A page leads to the next, with the same filter, which leads back to the beginning."""
    group_id = await made(api, "sessions")
    for seconds in range(10, 61):
        await values(api, group_id, timeout=str(seconds))

    first = await reader.get(f"events?resourceId={group_id}")
    [address] = re.findall(r'href="\./(events\?[^"]*marker=[^"]*)"', first.text)
    second = await reader.get(address.replace("&amp;", "&"))

    assert first.text.count("<tr id=") == 50
    assert second.text.count("<tr id=") == 2
    assert "From the beginning" in text_of(second)


async def test_events_are_taken_along(api: Api, reader: Browser) -> None:
    """As the API writes them, with the same filter."""
    group_id = await made(api, "sessions")
    await api.create_set(instanceSetName="orders")

    file = await reader.get(f"events.jsonl?resourceId={group_id}")

    rows = [json.loads(line) for line in file.text.splitlines()]
    assert file.headers["content-type"] == "application/x-ndjson"
    assert file.headers["content-disposition"] == 'attachment; filename="events.jsonl"'
    assert rows == (await api.get(f"/v1/parameter-groups/{group_id}/events")).json()["data"]


async def test_what_tenants_write_is_inert(api: Api, reader: Browser) -> None:
    """What is looked for is text."""
    page = await reader.get(f"events?name={SCRIPT}&resourceId={SCRIPT}")

    assert page.status_code == 200
    assert SCRIPT not in page.text
