"""The console's page of a project's webhook."""

import re
from dataclasses import replace

import pytest
from harness import Api

from browser import Browser, signed_in, text_of, token_in
from memstored.console.protection import FIELD
from memstored.domain.webhook import Attempt, Disabled, DisabledCode, Failing, Verdict

URL = "https://receiver.example/events?room=7"
SCRIPT = "<script>alert(1)</script>"
FORMS = ("webhook", "webhook/secret", "webhook/test", "webhook/delete")


async def _put(api: Api, **fields: object) -> None:
    answer = await api.request("PUT", "/v1/webhook", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text


async def _seen(member: Browser) -> str:
    """What the page's forms tell of when the webhook is that they are about."""
    found = set(re.findall('name="updatedAt" value="([^"]*)"', (await member.get("webhook")).text))
    assert len(found) == 1, found
    return str(found.pop())


async def test_a_webhook_is_made_and_its_secret_shown_once(api: Api, member: Browser) -> None:
    """On the answer that made it; afterwards it is as it was filled in."""
    made = await member.send(
        "webhook", "webhook", {"url": URL, "eventNames": "Cluster Failover", "enabled": "on"}
    )
    page = await member.get("webhook")

    [secret] = re.findall('id="webhook-secret" class="copied">([^<]+)<', made.text)
    shown = (await api.get("/v1/webhook")).json()
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert secret.startswith("whsec_")
    assert secret not in page.text
    assert (shown["url"], shown["eventNames"], shown["enabled"]) == (URL, ["Cluster Failover"], True)
    assert f"{URL} Events Cluster Failover Waiting 0" in text_of(page)


async def test_a_webhook_is_changed(api: Api, member: Browser) -> None:
    """No event ticked: all of them; not enabled: they wait. There is no new secret."""
    await _put(api, eventNames=["Cluster Failover"])

    answer = await member.send("webhook", "webhook", {"url": URL, "updatedAt": await _seen(member)})

    shown = (await api.get("/v1/webhook")).json()
    assert answer.headers["location"] == "./webhook?notice=webhook_changed"
    assert (shown["eventNames"], shown["enabled"]) == ([], False)
    assert "disabled Its owner disabled it" in text_of(await member.get("webhook"))


async def test_a_webhook_that_somebody_changed_in_between_is_not_overwritten(
    api: Api, member: Browser
) -> None:
    """It is shown as it is, with what was filled in; who sends that again has seen it. Nor is one overwritten
    that was made or deleted meanwhile, also not by who corrects a field first.
    """
    none = {"url": URL, "updatedAt": await _seen(member)}
    await _put(api, eventNames=["Cluster Failover"])
    made_twice = await member.send("webhook", "webhook", none)
    old = {"url": URL, "updatedAt": await _seen(member), "enabled": "on"}
    api.clock.advance(1)
    other = "https://other.example/"
    await api.request("PUT", "/v1/webhook", json={"url": other})
    mistyped = await member.send("webhook", "webhook", {**old, "url": "receiver"})
    late = await member.send("webhook", "webhook", old)
    kept = (await api.get("/v1/webhook")).json()
    again = await member.send("webhook", "webhook", {**old, "updatedAt": await _seen(member)})
    twice = await member.send("webhook", "webhook", {**old, "updatedAt": "1.0"})
    await api.request("DELETE", "/v1/webhook")
    gone = await member.send("webhook", "webhook", old)

    assert f'name="updatedAt" value="{old["updatedAt"]}"' in mistyped.text
    assert [answer.status_code for answer in (made_twice, mistyped, late, gone)] == [409, 400, 409, 409]
    assert kept["url"] == other
    assert f"Address {other}" in text_of(late)
    assert f'value="{URL}"' in late.text
    assert [answer.status_code for answer in (again, twice)] == [303, 303]
    assert (await api.get("/v1/webhook")).status_code == 404


@pytest.mark.parametrize("url", ["", "receiver.example", "https://127.0.0.1/", "http://receiver.example/"])
async def test_a_wrong_address_is_refused_at_its_field(api: Api, member: Browser, url: str) -> None:
    """What was filled in beside it is still there."""
    answer = await member.send("webhook", "webhook", {"url": url, "eventNames": "Cluster Failover"})

    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert 'value="Cluster Failover" checked' in answer.text
    assert (await api.get("/v1/webhook")).status_code == 404


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (Attempt(verdict=Verdict.DELIVERED, message="", status=204, seconds=0.25), "204 after 250 ms"),
        (Attempt(verdict=Verdict.UNREACHABLE, message=f"No: {SCRIPT}"), "No: <script>"),
    ],
)
async def test_a_test_tells_what_came_of_it(
    api: Api, member: Browser, monkeypatch: pytest.MonkeyPatch, attempt: Attempt, said: str
) -> None:
    """On the page, at once."""
    await _put(api)

    async def send(*_args: object) -> Attempt:
        return attempt

    monkeypatch.setattr(type(api.app.state.services.webhooks._sender), "send", send)  # noqa: SLF001 - nothing is sent
    answer = await member.send("webhook", "webhook/test", {})

    assert said in text_of(answer)
    assert SCRIPT not in answer.text


async def test_a_secret_is_replaced(api: Api, member: Browser) -> None:
    """The page says that the one before still signs, and a second click does not end that."""
    await _put(api)
    seen = await _seen(member)
    api.clock.advance(1)

    made = await member.send("webhook", "webhook/secret", {"updatedAt": seen})
    again = await member.send("webhook", "webhook/secret", {"updatedAt": seen})

    assert "whsec_" in made.text
    assert again.status_code == 409
    assert "whsec_" not in again.text
    page = text_of(await member.get("webhook"))
    assert "the present secret" in page
    assert "the secret before, until 2025-06-16 15:06:41 UTC" in page


async def test_a_webhook_is_deleted(api: Api, member: Browser) -> None:
    """After a question."""
    await _put(api)

    answer = await member.send("webhook", "webhook/delete", {})
    again = await member.send("webhook", "webhook/delete", {})

    assert answer.headers["location"] == "../webhook?notice=webhook_deleted"
    assert again.status_code == 404
    assert (await api.get("/v1/webhook")).status_code == 404


async def test_what_is_wrong_is_told(api: Api, member: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since when the receiver takes nothing, and when it is tried again; or what ended it."""
    await _put(api)
    service = api.app.state.services.webhooks
    view = await service.show(await api.app.state.services.gatekeeper.caller(api.tokens["member"]))
    failing = Failing(since=0.0, attempts=3, message=SCRIPT, next_try=60.0)
    ended = Disabled(code=DisabledCode.GONE, message="It said 410.", since=0.0)
    pages = []
    for webhook in (replace(view.webhook, failing=failing), replace(view.webhook, disabled=ended)):

        async def show(*_args: object, told: object = webhook) -> object:
            return replace(view, webhook=told)

        monkeypatch.setattr(type(service), "show", show)
        pages.append(await member.get("webhook"))

    assert "failing <script>" in text_of(pages[0])
    assert "1970-01-01 00:00:00 UTC · 3 attempts Next try 1970-01-01 00:01:00 UTC" in text_of(pages[0])
    assert SCRIPT not in pages[0].text
    assert "disabled It said 410." in text_of(pages[1])


async def test_who_only_reads_sees_no_forms(api: Api) -> None:
    """Whether there is one or not; what is sent all the same is refused."""
    reader = signed_in(api.http, api.tokens["reader"])
    none = await reader.get("webhook")
    await _put(api)
    one = await reader.get("webhook")

    sent = [await reader.post(path, {FIELD: token_in(one), "url": URL}) for path in FORMS]

    assert [page.text.count('method="post"') for page in (none, one)] == [1, 1]
    assert {answer.status_code for answer in sent} == {403}


async def test_another_project_s_webhook_is_not_there(api: Api) -> None:
    """Each project sees its own, and can do nothing to another's."""
    await _put(api)
    other = signed_in(api.http, api.tokens["other_project"])

    page = await other.get("webhook")
    sent = [await other.post(path, {FIELD: token_in(page)}) for path in FORMS[1:]]

    assert URL not in page.text
    assert {answer.status_code for answer in sent} == {404}
    assert (await api.get("/v1/webhook")).status_code == 200


@pytest.mark.parametrize("path", FORMS)
async def test_forms_of_others_do_nothing(api: Api, member: Browser, path: str) -> None:
    """Another site's, and one with another token."""
    await _put(api)
    token = token_in(await member.get("webhook"))

    foreign = await member.post(path, {FIELD: token, "url": URL}, headers={"origin": "https://evil.example"})
    stale = await member.post(path, {FIELD: "0" * 64, "url": URL})

    assert (foreign.status_code, stale.status_code) == (403, 403)
    assert (await api.get("/v1/webhook")).status_code == 200
