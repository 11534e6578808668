"""The console's door: who gets in, what is refused, and what every answer has."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from harness import Api
from starlette.routing import Route

from browser import Browser, text_of, token_in
from memstored.console.cookies import LANGUAGE, SESSION, VISITOR
from memstored.console.house import Console
from memstored.console.protection import FIELD, form_token


@pytest.fixture
def browser(api: Api) -> Browser:
    """A browser that was never here."""
    return Browser(api.http)


@pytest.fixture
def member(api: Api, browser: Browser) -> Browser:
    """The browser of a member who is signed in."""
    browser.take(api.tokens["member"])
    return browser


async def credential(api: Api, *roles: str) -> dict[str, str]:
    """The id and the secret of a fresh credential."""
    made = await api.app.state.services.issuer.create_credential("new", api.project, roles)
    return {"id": made.credential.id, "secret": made.secret}


# Getting in


async def test_people_are_led_to_the_console(api: Api) -> None:
    """Who comes with a browser ends at the sign-in; a program finds nothing there."""
    led = await api.http.get("/", headers={"accept": "text/html,*/*;q=0.8"}, follow_redirects=True)
    program = await api.http.get("/", headers={"accept": "*/*"})

    assert (led.status_code, led.url.path) == (200, "/console/sign-in")
    assert program.status_code == 404
    assert program.json()["error"]["code"] == "path_unknown"


async def test_the_console_has_one_address(api: Api) -> None:
    """Without its last slash it leads to the one with it."""
    answer = await api.http.get("/console")

    assert answer.headers["location"] == "./console/"


async def test_a_credential_signs_in(api: Api, browser: Browser) -> None:
    """The secret buys a token, which the browser keeps, and nothing else does."""
    page = await browser.get("sign-in?next=sets%3Fname%3Dorders")
    answer = await browser.post(
        "sign-in", {**await credential(api, "reader"), "next": "sets?name=orders", FIELD: token_in(page)}
    )

    cookie = answer.headers["set-cookie"].partition(";")
    assert (answer.status_code, answer.headers["location"]) == (303, "./sets?name=orders")
    assert cookie[0].startswith(f"{SESSION}=")
    assert "HttpOnly" in cookie[2]
    assert "SameSite=strict" in cookie[2]
    assert "Path" not in cookie[2]
    assert "Secure" not in cookie[2]
    assert (await browser.get("sets")).status_code == 200


async def test_the_cookie_ends_with_the_token(api: Api, browser: Browser) -> None:
    """A browser does not keep what is not valid any more."""
    answer = await browser.send("sign-in", "sign-in", await credential(api, "reader"))

    # Twelve hours after the clock of these tests.
    assert "expires=Mon, 16 Jun 2025 03:06:40 GMT" in answer.headers["set-cookie"]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_cookie_stays_with_tls(api: Api, browser: Browser, scheme: str) -> None:
    """Who came by https, be it only to a proxy, gets a cookie that goes no other way."""
    origin = {"origin": f"{scheme}://memstored.test"}
    fields = {**await credential(api, "reader"), FIELD: token_in(await browser.get("sign-in"))}

    answer = await browser.post("sign-in", fields, headers=origin)

    assert ("Secure" in answer.headers["set-cookie"]) is (scheme == "https")


async def test_cookies_stay_with_tls_where_the_service_is_known_by_it(
    api: Api, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is only read says nothing of how it was reached; the service's own URL does."""
    [console] = [it.app for it in api.app.routes if isinstance(getattr(it, "app", None), Console)]
    monkeypatch.setattr(console, "public_origin", "https://memstored.test")

    answer = await browser.get("sign-in")

    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("change", [{"secret": "wrong"}, {"id": "nobody"}, {"secret": ""}, {"id": ""}])
async def test_another_secret_signs_nobody_in(api: Api, browser: Browser, change: dict[str, str]) -> None:
    """Whatever was wrong, the words are the same, and no secret is shown again."""
    known = await credential(api, "reader")

    answer = await browser.send("sign-in", "sign-in", known | change)

    assert answer.status_code == 401
    assert "This credential is not known, or it has expired." in text_of(answer)
    assert SESSION not in answer.headers.get("set-cookie", "")
    assert known["secret"] not in answer.text


async def test_a_token_signs_in_where_others_issue_them(api: Api, browser: Browser) -> None:
    """With another identity service there is nothing to exchange: a token of it is pasted."""
    services = api.app.state.services
    api.app.state.services = replace(services, issuer=None, credentials=None)

    page = await browser.get("sign-in")
    wrong = await browser.post("sign-in", {"token": "unknown", FIELD: token_in(page)})
    right = await browser.post("sign-in", {"token": api.tokens["member"], FIELD: token_in(page)})

    assert "Another service issues the tokens" in text_of(page)
    assert wrong.status_code == 401
    assert right.status_code == 303
    assert (await browser.get("sets")).status_code == 200


async def test_signing_out_ends_the_token(api: Api, browser: Browser) -> None:
    """The token is revoked, so who copied it has nothing either."""
    await browser.send("sign-in", "sign-in", await credential(api, "reader"))
    token = browser.cookies[SESSION]

    answer = await browser.send("sets", "sign-out", {})

    assert answer.headers["location"] == "./sign-in?notice=signed_out"
    assert (await api.get("/v1/instance-sets", token=token)).status_code == 401
    assert "You are signed out." in text_of(await browser.get("sign-in?notice=signed_out"))


@pytest.mark.parametrize("path", ["", "sets", "sets?name=orders"])
async def test_who_is_not_signed_in_sees_nothing(browser: Browser, path: str) -> None:
    """Every page leads to the sign-in, which leads back."""
    answer = await browser.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("./sign-in?next=")


async def test_an_expired_session_is_none(api: Api, member: Browser) -> None:
    """After twelve hours one signs in again."""
    assert (await member.get("sets")).status_code == 200

    api.clock.advance(12 * 3600 + 1)

    assert (await member.get("sets")).status_code == 303


@pytest.mark.parametrize(
    ("kind", "code"), [("no_project", "Use a token of a project"), ("no_role", "Ask for the role reader")]
)
async def test_roles_are_those_of_the_api(api: Api, browser: Browser, kind: str, code: str) -> None:
    """A token without a project, or a role, shows why, and lets one sign out."""
    browser.take(api.tokens[kind])

    answer = await browser.get("sets")

    assert answer.status_code == 403
    assert code in text_of(answer)
    assert "Sign out" in text_of(answer)


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "..//evil.example",
        "../evil",
        "sets/../../..//evil",
        "sets/..\\..\\evil",
        "%2e%2e/evil",
    ],
)
@pytest.mark.parametrize("way", ["sign-in", "language"])
async def test_nobody_is_led_elsewhere(api: Api, browser: Browser, place: str, way: str) -> None:
    """Wherever an address says to go on to, it is within this service."""
    if way == "language":
        answer = await browser.get(f"language?to=ko&back={place}")
    else:
        answer = await browser.send("sign-in", "sign-in", {**await credential(api, "reader"), "next": place})

    assert answer.headers["location"].startswith("./")
    assert ".." not in unquote(answer.headers["location"])


# Forms of others


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"origin": "https://evil.example"}, None),
        ({"origin": "null"}, None),
        ({"sec-fetch-site": "cross-site"}, None),
        ({"sec-fetch-site": "same-site"}, None),
        ({}, ""),
        ({}, form_token("another session")),
    ],
)
async def test_forms_of_others_do_nothing(
    api: Api, member: Browser, headers: Mapping[str, str], token: str | None
) -> None:
    """Another site's form, and one with another token, are refused, and the page says what happened."""
    given = token_in(await member.get("sets")) if token is None else token

    answer = await member.post("sign-out", {FIELD: given}, headers=headers)

    assert answer.status_code == 403
    assert "so nothing was done" in text_of(answer)
    assert (await api.get("/v1/instance-sets")).status_code == 200


FORMS = sorted(
    route.path
    for route in Console("http://memstored.test").router.routes
    if isinstance(route, Route) and "POST" in (route.methods or ())
)


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_has_unknown_fields(api: Api, browser: Browser, path: str) -> None:
    """A field that would be dropped is refused by its name, as the API does, before anything is done."""
    if path == "/sign-in":
        token = token_in(await browser.get("sign-in"))
    else:
        browser.take(api.tokens["admin"])
        token = token_in(await browser.get("sets"))

    answer = await browser.post(re.sub("{.*?}", "any", path[1:]), {FIELD: token, "colour": "red"})

    assert answer.status_code == 400
    assert "colour : This name is not known here; correct or remove it." in text_of(answer)
    assert (await api.get("/v1/events")).json()["size"] == 0


async def test_nobody_is_signed_in_by_others(api: Api, browser: Browser) -> None:
    """A site can not sign its visitors in as somebody else: the form is bound to a cookie of ours."""
    known = await credential(api, "reader")
    bare = await browser.post("sign-in", {**known, FIELD: form_token("guess")})
    await browser.get("sign-in")
    guessed = await browser.post("sign-in", {**known, FIELD: form_token("guess")})

    assert browser.cookies[VISITOR]
    assert (bare.status_code, guessed.status_code) == (403, 403)


async def test_who_only_reads_sends_no_forms(api: Api, browser: Browser) -> None:
    """The role reader may sign out; everything else that is sent is for others."""
    browser.take(api.tokens["reader"])

    assert (await browser.send("sets", "sign-out", {})).status_code == 303


# What every answer has


@pytest.mark.parametrize(
    "path", ["sign-in", "sets", "nowhere", "sets?status=Nonsense", "assets/0/console.css"]
)
async def test_every_answer_is_guarded(member: Browser, path: str) -> None:
    """Only our own scripts, styles and pages; nothing is kept by a browser or shown inside another page."""
    answer = await member.get(path)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["sign-in", "sets", "nowhere"])
async def test_pages_hold_no_scripts_and_styles(member: Browser, path: str) -> None:
    """What the policy would not let run is not there in the first place."""
    page = (await member.get(path)).text

    assert "<style" not in page
    assert " style=" not in page
    assert re.search(r"<[^>]* on\w+=", page) is None
    assert page.count("<script") == page.count("<script src=")
    assert "://" not in page


async def test_assets_are_kept_for_ever(member: Browser) -> None:
    """Every file that a page names is there, with its type, and never asked for twice."""
    page = (await member.get("sets")).text
    named = sorted({part.split('"')[0] for part in page.split('"./assets/')[1:]})

    answers = [await member.get(f"assets/{name}") for name in named]

    assert len(named) == 5
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}


async def test_an_asset_of_another_version_is_not_there(member: Browser) -> None:
    """What has another hash is another file."""
    assert (await member.get("assets/0000000000000000/console.css")).status_code == 404


# Faults


async def test_an_unknown_page_is_a_page(member: Browser) -> None:
    """With the navigation, and a way back."""
    answer = await member.get("nowhere")

    assert answer.status_code == 404
    assert "There is no such page" in text_of(answer)
    assert 'aria-label="Pages"' in answer.text


async def test_a_page_can_be_unknown_to_anybody(browser: Browser) -> None:
    """Who is not signed in learns as much."""
    assert (await browser.get("nowhere")).status_code == 404
    assert (await browser.post("sets", {})).status_code == 405


@pytest.mark.parametrize(
    ("path", "methods"),
    [("webhook/test", "POST"), ("webhook", "GET, HEAD, POST"), ("assets/0/console.css", "GET, HEAD")],
)
async def test_a_wrong_method_names_the_right_ones(member: Browser, path: str, methods: str) -> None:
    """405 lists in `Allow` what the path can do, as the API does."""
    answer = await member.delete(path)

    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


async def test_a_wrong_query_says_what_is_wrong(member: Browser) -> None:
    """As the API would: by name, with the status of it."""
    answer = await member.get("sets?status=Nonsense&colour=red")

    assert answer.status_code == 400
    assert "Give a state of a set, like Running." in text_of(answer)
    assert "colour" in text_of(answer)


async def test_a_lost_store_is_a_page(api: Api, member: Browser) -> None:
    """503, and the page says when to try again; nothing of the reason is told."""
    await member.get("sets")
    api.database.lost = True

    answer = await member.get("sets")

    assert answer.status_code == 503
    assert "Try again in some seconds." in text_of(answer)
    assert "disk" not in answer.text


async def test_a_broken_page_tells_nothing(
    api: Api, member: Browser, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, Any]]
) -> None:
    """500 with the request id; the log has the rest."""

    async def break_down(*_args: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(type(api.app.state.services.sets), "page", break_down)

    answer = await member.get("sets")

    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "secret reason" not in answer.text
    assert any(record["event"] == "page failed" and record["exc_info"] for record in logs)


async def test_a_large_form_is_refused(member: Browser) -> None:
    """The limit is that of the API."""
    assert (await member.post("sign-out", {"a": "x" * 1024 * 1024})).status_code == 413


async def test_requests_are_logged_and_counted_by_page(
    api: Api, member: Browser, logs: list[dict[str, Any]]
) -> None:
    """A line with caller and project, as for the API, and a series for each page, never for each path."""
    await member.get("sets?name=private")

    (line,) = [record for record in logs if record["event"] == "request"]
    assert (line["path"], line["caller"], line["project"]) == ("/console/sets", "mia", api.project)
    assert b'route="/console/sets"' in api.app.state.services.measures.text()


@pytest.mark.parametrize(("page", "status"), [("sets?status=Odd", "400"), ("sets/unknown/", "404")])
async def test_a_refusal_is_logged_with_its_number(
    member: Browser, logs: list[dict[str, Any]], page: str, status: str
) -> None:
    """A line of the log has the status as a number, whoever reads it."""
    await member.get(page)

    (line,) = [record for record in logs if record["event"] == "request"]
    assert repr(line["status"]) == status


# Languages


async def test_the_browser_s_language_is_spoken(browser: Browser) -> None:
    """Korean for who asks for it; the page says in which language it is."""
    page = await browser.get("sign-in", headers={"accept-language": "ko-KR,ko;q=0.9"})

    assert '<html lang="ko">' in page.text
    assert "로그인" in text_of(page)


async def test_a_language_is_chosen(api: Api, browser: Browser) -> None:
    """The switch keeps it, and leads back to the page."""
    answer = await browser.get("language?to=ko&back=sign-in")

    assert answer.headers["location"] == "./sign-in"
    assert browser.cookies[LANGUAGE] == "ko"
    assert "로그인" in text_of(await browser.get("sign-in"))


async def test_an_unknown_language_changes_nothing(api: Api, browser: Browser) -> None:
    """Only what there is can be kept."""
    await browser.get("language?to=xx&back=sign-in")

    assert LANGUAGE not in browser.cookies


# The list of sets


async def test_sets_are_listed(api: Api, member: Browser) -> None:
    """Name, state with its reason, nodes and version of each."""
    await api.create_set(instanceSetName="orders", description="of the shop")

    page = text_of(await member.get("sets"))

    assert "orders of the shop Init The set was ordered just now. 1 7.0.15" in page


async def test_another_project_s_sets_are_not_listed(api: Api, browser: Browser) -> None:
    """A project sees its own."""
    await api.create_set(instanceSetName="orders")
    browser.take(api.tokens["other_project"])

    assert "There is no set yet" in text_of(await browser.get("sets"))


async def test_sets_are_found_by_name_and_state(api: Api, member: Browser) -> None:
    """Both as the API has them; an empty choice is none."""
    await api.create_set(instanceSetName="orders")
    await api.create_set(instanceSetName="sessions")

    assert "sessions" not in await _listed(member, "sets?name=orders&status=")
    assert "No set is like that" in await _listed(member, "sets?status=Running")
    assert "sessions" in await _listed(member, "sets?status=Init")


async def _listed(browser: Browser, path: str) -> str:
    page = await browser.get(path)
    return page.text.partition('id="part-rows"')[2]


async def test_long_lists_have_pages(api: Api, member: Browser) -> None:
    """A page leads to the next, which leads back to the beginning."""
    await api.create_set(instanceSetName="orders")
    api.clock.advance(1)
    await api.create_set(instanceSetName="sessions")

    first = await _listed(member, "sets?limit=1")
    [marker] = [part.split('"')[0] for part in first.split("marker=")[1:]]
    second = await _listed(member, f"sets?marker={marker}")

    assert ("orders" in first, "sessions" in first) == (True, False)
    assert ("orders" in second, "sessions" in second) == (False, True)
    assert "From the beginning" in second


async def test_what_tenants_write_is_inert(api: Api, member: Browser) -> None:
    """A description is text, whatever it looks like."""
    await api.create_set(description="<script>alert(1)</script>")

    page = (await member.get("sets")).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
