"""API.md 12 (ours): the webhook of a project."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from group_calls import made
from harness import OTHER_PROJECT, PROJECT, Api

from memstored.domain.webhook import Attempt, Verdict

WEBHOOK = "/v1/webhook"
URL = "https://receiver.example/events?room=7"


async def put(api: Api, token: str | None = None, **fields: object) -> httpx.Response:
    """Wish for a webhook, with these fields changed."""
    return await api.request("PUT", WEBHOOK, token=token, json={"url": URL, **fields})


async def shown(api: Api, token: str | None = None) -> dict[str, Any]:
    """The webhook."""
    answer = await api.get(WEBHOOK, token=token)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def events(api: Api) -> list[tuple[str, str, str]]:
    """Name, resource and message of the project's events about webhooks, the oldest first."""
    rows = (await api.get("/v1/events")).json()["data"]
    return [
        (row["name"], row["resourceName"], row["message"])
        for row in reversed(rows)
        if row["resourceType"] == "webhook"
    ]


def refused(answer: httpx.Response) -> list[tuple[str, str]]:
    """Fields and codes of a refusal."""
    assert answer.status_code == 400, answer.text
    return [(detail["field"], detail["code"]) for detail in answer.json()["error"]["details"]]


async def test_the_first_put_makes_it_and_shows_the_secret_once(api: Api) -> None:
    """201, then 200 with the id alone; the secret is nowhere else."""
    first = await put(api)
    second = await put(api, enabled=True)

    secret = first.json()["secret"]
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == {"objectId": first.json()["objectId"]}
    assert second.headers["content-length"] == "52"
    assert secret.startswith("whsec_")
    assert secret not in json.dumps([await shown(api), (await api.get("/v1/events")).json()])
    assert api.notifier.woken == [PROJECT, PROJECT]


async def test_it_is_shown_as_it_is(api: Api) -> None:
    """Every field, before anything was sent."""
    made_id = (await put(api, eventNames=["Cluster Failover"])).json()["objectId"]

    assert await shown(api, api.tokens["reader"]) == {
        "id": made_id,
        "projectId": PROJECT,
        "url": URL,
        "eventNames": ["Cluster Failover"],
        "enabled": True,
        "waiting": 0,
        "lastDeliveredAt": None,
        "failing": None,
        "disabled": None,
        "secrets": [{"expiresAt": None}],
        "createdAt": "2025-06-15T15:06:40Z",
        "updatedAt": "2025-06-15T15:06:40Z",
    }


async def test_what_happened_before_does_not_wait(api: Api) -> None:
    """Events from then on do, as far as they are wanted."""
    await made(api, "before")
    await put(api)
    none = (await shown(api))["waiting"]
    await made(api, "after")
    one = (await shown(api))["waiting"]
    await put(api, eventNames=["Parameter Group Delete"])

    assert (none, one, (await shown(api))["waiting"]) == (0, 1, 0)


async def test_it_is_replaced_as_a_whole(api: Api) -> None:
    """What is not said is as by default; null counts as absent."""
    await put(api, eventNames=["Cluster Failover"], enabled=False)
    paused = await shown(api)
    answer = await put(api, url="https://other.example/", eventNames=None)

    changed = await shown(api)
    assert answer.status_code == 200
    assert (paused["enabled"], paused["disabled"]["code"]) == (False, "by_request")
    assert (changed["url"], changed["eventNames"], changed["enabled"], changed["disabled"]) == (
        "https://other.example/",
        [],
        True,
        None,
    )


async def test_what_is_so_already_makes_no_event(api: Api) -> None:
    """Every change makes one, with the host and nothing else of the URL."""
    await put(api)
    await put(api)
    await put(api, enabled=False)
    await api.request("POST", f"{WEBHOOK}/secret")
    await api.request("DELETE", WEBHOOK)

    told = await events(api)
    assert [name for name, _, _ in told] == [
        "Webhook Create",
        "Webhook Update",
        "Webhook Secret Rotate",
        "Webhook Delete",
    ]
    assert {of for _, of, _ in told} == {"receiver.example"}
    assert "room" not in json.dumps(told)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example:8443/a?b=c&d",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]:8443/",
        "https://xn--bcher-kva.example/",
        "HTTPS://RECEIVER.EXAMPLE/",
        "https://a-name_of.some.sort./",
    ],
)
async def test_urls_that_are_taken(api: Api, url: str) -> None:
    """Names, which are looked up when something is sent, and public addresses."""
    assert (await put(api, url=url)).status_code == 201


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "out_of_range"),
        ("https://" + "a" * 2041, "out_of_range"),
        ("receiver.example", "malformed"),
        ("ftp://receiver.example/", "malformed"),
        ("file:///etc/passwd", "malformed"),
        ("https://", "malformed"),
        ("https:///events", "malformed"),
        ("https://user:password@receiver.example/", "malformed"),
        ("https://user@receiver.example/", "malformed"),
        ("https://receiver.example/#part", "malformed"),
        ("https://receiver.example:0/", "malformed"),
        ("https://receiver.example:65536/", "malformed"),
        ("https://receiver.example:http/", "malformed"),
        ("https://bücher.example/", "malformed"),
        ("https://receiver.example/a b", "malformed"),
        ("https://receiver.example/\r\nX-Auth-Token: x", "malformed"),
        ("https://receiver.example\\@127.0.0.1/", "malformed"),
        ("https://a..b/", "malformed"),
        (f"https://{'a' * 64}.example/", "malformed"),
        ("https://[fe80::1%25eth0]/", "malformed"),
        ("https://[::1", "malformed"),
        ("http://receiver.example/", "url_without_tls"),
        ("https://127.0.0.1/", "address_not_allowed"),
        ("https://127.20.0.5:6379/", "address_not_allowed"),
        ("https://0.0.0.0/", "address_not_allowed"),
        ("https://10.0.0.1/", "address_not_allowed"),
        ("https://169.254.169.254/latest/meta-data", "address_not_allowed"),
        ("https://[::1]/", "address_not_allowed"),
        ("https://[::ffff:127.0.0.1]/", "address_not_allowed"),
        ("https://[fd00::1]/", "address_not_allowed"),
    ],
)
async def test_urls_that_are_refused(api: Api, url: str, code: str) -> None:
    """Each with what is wrong; nothing is kept."""
    assert refused(await put(api, url=url)) == [("url", code)]
    assert (await api.get(WEBHOOK)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"url": ...}, [("url", "missing")]),
        ({"url": 1}, [("url", "wrong_type")]),
        ({"enabled": "yes"}, [("enabled", "wrong_type")]),
        ({"eventNames": "Cluster Failover"}, [("eventNames", "wrong_type")]),
        ({"eventNames": ["Cluster Fail"]}, [("eventNames[0]", "unknown_event_name")]),
        ({"eventNames": ["Cluster Failover"] * 2}, [("eventNames[1]", "duplicate")]),
        ({"secret": "whsec_bXkgb3du"}, [("secret", "unknown_field")]),
        (
            {"url": "http://x.example", "eventNames": ["x"]},
            [("eventNames[0]", "unknown_event_name"), ("url", "url_without_tls")],
        ),
    ],
)
async def test_bodies_that_are_refused(
    api: Api, fields: dict[str, object], faults: list[tuple[str, str]]
) -> None:
    """Everything that is wrong is told at once."""
    body = {name: value for name, value in {"url": URL, **fields}.items() if value is not ...}

    assert refused(await api.request("PUT", WEBHOOK, json=body)) == faults


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/secret")],
)
async def test_without_one_there_is_nothing(api: Api, method: str, path: str) -> None:
    """404, also while another project has one: nobody sees it."""
    await put(api, api.tokens["other_project"])

    answer = await api.request(method, WEBHOOK + path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "webhook_unknown")
    assert (await shown(api, api.tokens["other_project"]))["projectId"] == OTHER_PROJECT


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/secret")]
)
async def test_a_reader_only_reads(api: Api, method: str, path: str) -> None:
    """403."""
    await put(api)

    answer = await api.request(method, WEBHOOK + path, token=api.tokens["reader"], json={"url": URL})

    assert answer.status_code == 403


async def test_another_secret_has_the_one_before_beside_it_for_a_day(api: Api) -> None:
    """Messages are signed with both; a third one at once ends the first."""
    first = (await put(api)).json()["secret"]
    rotated = await api.request("POST", f"{WEBHOOK}/secret")
    both = await shown(api)
    await api.request("POST", f"{WEBHOOK}/test")
    third = (await api.request("POST", f"{WEBHOOK}/secret")).json()["secret"]
    await api.request("POST", f"{WEBHOOK}/test")

    second = rotated.json()["secret"]
    assert rotated.status_code == 200
    assert both["secrets"] == [{"expiresAt": None}, {"expiresAt": "2025-06-16T15:06:40Z"}]
    assert [[it.value for it in keys] for _, _, keys in api.sender.sent] == [
        [second, first],
        [third, second],
    ]


async def test_the_secret_lies_sealed(api: Api, tmp_path: Path) -> None:
    """Nothing in the files of the store shows it."""
    secret = (await put(api)).json()["secret"]

    kept = b"".join(file.read_bytes() for file in tmp_path.glob("memstored.db*"))  # noqa: ASYNC240 - small
    assert URL.encode() in kept
    assert secret.removeprefix("whsec_").encode() not in kept


async def test_a_test_tells_what_came_of_it(api: Api) -> None:
    """A message of type ping without events, sent even while the webhook is disabled."""
    await put(api, enabled=False)

    good = await api.request("POST", f"{WEBHOOK}/test")
    api.sender.attempt = Attempt(verdict=Verdict.UNREACHABLE, message="It gave no answer.", seconds=10.0)
    bad = await api.request("POST", f"{WEBHOOK}/test")

    url, message, _ = api.sender.sent[0]
    assert (good.status_code, bad.status_code) == (200, 200)
    assert good.json() == {
        "delivered": True,
        "status": 204,
        "milliseconds": 250,
        "message": "It answered 204.",
    }
    assert (bad.json()["delivered"], bad.json()["status"]) == (False, None)
    assert (url, json.loads(message.body)["type"], json.loads(message.body)["data"]) == (URL, "ping", [])


async def test_one_test_at_a_time(api: Api) -> None:
    """Of a project; another is not in its way."""
    for token in ("member", "other_project"):
        await put(api, api.tokens[token])
    api.sender.held = asyncio.Event()
    first = asyncio.create_task(api.request("POST", f"{WEBHOOK}/test"))
    await api.sender.came.wait()
    api.sender.came.clear()

    second = await api.request("POST", f"{WEBHOOK}/test")
    others = asyncio.create_task(api.request("POST", f"{WEBHOOK}/test", token=api.tokens["other_project"]))
    await api.sender.came.wait()
    api.sender.held.set()

    assert (second.status_code, second.json()["error"]["code"]) == (400, "test_under_way")
    assert [(await it).status_code for it in (first, others)] == [200, 200]
    assert (await api.request("POST", f"{WEBHOOK}/test")).status_code == 200


async def test_deleted_it_is_gone_with_what_waits(api: Api) -> None:
    """One that is made afterwards has another secret, and begins anew."""
    before = (await put(api)).json()
    await made(api)
    gone = await api.request("DELETE", WEBHOOK)
    after = (await put(api)).json()

    assert (gone.status_code, gone.json()) == (200, {"objectId": before["objectId"]})
    assert before["objectId"] != after["objectId"]
    assert before["secret"] != after["secret"]
    assert (await shown(api))["waiting"] == 0
