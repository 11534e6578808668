"""API.md 1: what holds for every call under /v1."""

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from harness import JSON_TYPE, Api
from starlette.types import Message

from memstored.service.readiness import of_neglected

FLAVORS = "/v1/redis/flavors"
GROUPS = "/v1/parameter-groups"
LIMIT = 1024 * 1024


async def test_json_answers_are_compact_typed_and_end_in_a_newline(api: Api) -> None:
    """Every JSON answer is compact, ends in one newline and names its character set."""
    answer = await api.get(FLAVORS)

    assert answer.headers["content-type"] == JSON_TYPE
    assert (
        answer.content
        == json.dumps(answer.json(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nowhere", 404), ("DELETE", FLAVORS, 405), ("GET", f"{FLAVORS}?a=1", 400)],
)
async def test_errors_are_json_of_the_same_form(api: Api, method: str, path: str, status: int) -> None:
    """Errors, unknown paths and wrong methods included, are answered in the one error body."""
    answer = await api.request(method, path)

    error = answer.json()["error"]
    assert answer.status_code == status
    assert answer.headers["content-type"] == JSON_TYPE
    assert answer.content.endswith(b"}\n")
    assert set(error) == {"code", "message", "details"}
    assert error["message"].endswith(".")


@pytest.mark.parametrize("path", [FLAVORS, "/v1", "/v1/nowhere", "/v1/instance-sets/none"])
@pytest.mark.parametrize("token", [None, "", "unknown", "é"])
async def test_without_a_valid_token_everything_is_401(api: Api, path: str, token: str | None) -> None:
    """A missing or unknown token is refused before anything else is looked at."""
    headers = {} if token is None else {"X-Auth-Token": token.encode()}

    answer = await api.http.get(path, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert answer.json()["error"]["details"] == []


async def test_an_expired_token_is_401(api: Api) -> None:
    """A token that ended no longer opens anything."""
    api.clock.advance(12 * 3600 + 1)

    answer = await api.get(FLAVORS)

    assert answer.status_code == 401


@pytest.mark.parametrize("path", [FLAVORS, "/v1/nowhere", "/healthz", "/openapi.json", "/identity/v3"])
async def test_every_answer_has_a_request_id_of_its_own(api: Api, path: str) -> None:
    """Each answer names its request by a fresh UUID, whatever the caller sent as one."""
    first = await api.get(path, headers={"X-Request-Id": "mine"})
    second = await api.get(path, headers={"X-Request-Id": "mine"})

    ids = {first.headers["x-request-id"], second.headers["x-request-id"]}
    assert len(ids) == 2
    assert all(str(UUID(i)) == i for i in ids)


@pytest.mark.parametrize("path", [f"{FLAVORS}/", "/v1/parameter-groups/", "//v1/redis/flavors"])
async def test_nothing_is_redirected(api: Api, path: str) -> None:
    """A path that is almost right is not found; nothing redirects."""
    answer = await api.get(path)

    assert answer.status_code == 404


async def test_a_wrong_method_names_the_right_ones(api: Api) -> None:
    """405 lists in `Allow` what the path can do."""
    answer = await api.request("PUT", GROUPS)

    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("role", "method", "status"),
    [
        ("reader", "GET", 200),
        ("reader", "POST", 403),
        ("member", "GET", 200),
        ("member", "POST", 400),
        ("admin", "GET", 200),
        ("admin", "POST", 400),
        ("reader_and_member", "POST", 400),
        ("no_role", "GET", 403),
        ("no_project", "GET", 403),
    ],
)
async def test_roles_decide_who_reads_and_who_writes(api: Api, role: str, method: str, status: int) -> None:
    """A reader only reads, members and admins do everything, the strongest role counts, others nothing."""
    answer = await api.request(method, GROUPS, token=api.tokens[role], content=b"{}")

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("role", "code"), [("reader", "read_only"), ("no_role", "no_role"), ("no_project", "no_project")]
)
async def test_a_403_says_what_is_missing(api: Api, role: str, code: str) -> None:
    """Who may not do something learns which right is missing."""
    answer = await api.request("POST", GROUPS, token=api.tokens[role], content=b"{}")

    assert answer.json()["error"]["code"] == code


async def test_checks_come_in_the_documented_order(api: Api) -> None:
    """Token, then size, then role, then path, then body."""
    large = b" " * (LIMIT + 1)
    reader = api.tokens["reader"]

    answers = [
        await api.http.post("/v1/nowhere", content=large),
        await api.request("POST", "/v1/nowhere", token=reader, content=large),
        await api.request("POST", "/v1/nowhere", token=reader, content=b"{"),
        await api.request("POST", "/v1/nowhere", content=b"{"),
        await api.request("PATCH", f"{GROUPS}/none", content=b"{"),
        await api.request("POST", GROUPS, content=b"{"),
    ]

    assert [a.status_code for a in answers] == [401, 413, 403, 404, 404, 400]


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 4096):
        yield b" " * 4096
    yield b" " * (size % 4096)


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 400), (LIMIT + 1, 413)])
async def test_a_body_may_have_a_mebibyte(api: Api, size: int, status: int) -> None:
    """A body of exactly 1 MiB is read, one byte more is refused, chunked or not."""
    whole = await api.request("POST", GROUPS, content=b" " * size)
    chunked = await api.request("POST", GROUPS, content=_pieces(size))

    assert (whole.status_code, chunked.status_code) == (status, status)


def _nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{} {}", "not_json"),
        (b'{"a":"\xff"}', "not_json"),
        ('{"a":1}'.encode("utf-16"), "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"a":01}', "not_json"),
        (b'{"a":"\x01"}', "not_json"),
        (b'{"a":' + b"9" * 5000 + b"}", "not_json"),
        (b"[]", "not_an_object"),
        (b"3", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"{}"', "not_an_object"),
        (_nested(33), "too_deep"),
        (b"[" * LIMIT, "too_deep"),
        (b'{"a":' * 200_000, "too_deep"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"b":[{"a":1,"\\u0061":2}]}', "duplicate_key"),
        (b'{"a":NaN}', "not_a_number"),
        (b'{"a":-Infinity}', "not_a_number"),
        (b'{"a":1e999}', "not_a_number"),
        (b'{"a":"\\u0000"}', "forbidden_character"),
        (b'{"\\u0000":1}', "forbidden_character"),
        (b'{"a":["\\ud800"]}', "forbidden_character"),
        (b'{"\\udc00":1}', "forbidden_character"),
    ],
)
async def test_a_body_that_is_no_proper_object_is_400(api: Api, body: bytes, code: str) -> None:
    """Whatever is not one sound JSON object in UTF-8 is refused with the reason."""
    answer = await api.request("POST", GROUPS, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


@pytest.mark.parametrize(
    "body",
    [
        _nested(32),
        b'{"a":"' + b"[{" * 400 + b'\\""}',
        b'{"a":"\\ud83d\\ude00"}',
        ' { "a" : "é", "b" : 1.5e3 } '.encode(),
    ],
)
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/json; charset=latin-1", "nonsense"]
)
async def test_a_sound_body_is_read_whatever_its_content_type_says(
    api: Api, body: bytes, content_type: str | None
) -> None:
    """Bodies are parsed as JSON in UTF-8 whether or not the caller says so."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    answer = await api.request("POST", GROUPS, content=body, headers=headers)

    faults = {(d["field"], d["code"]) for d in answer.json()["error"]["details"]}
    assert ("parameterGroupId", "missing") in faults


async def test_every_forbidden_character_is_named_with_its_place(api: Api) -> None:
    """`details` lists every fault at once, sorted, with the path of each field."""
    body = b'{"b":"\\u0000","a":[{"c":"x"},{"c":"\\ud800"}]}'

    answer = await api.request("POST", GROUPS, content=body)

    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert [d["field"] for d in error["details"]] == ["a[1].c", "b"]


async def test_unknown_query_parameters_are_named(api: Api) -> None:
    """A typo in a query parameter is refused by name instead of being dropped."""
    answer = await api.get(f"{GROUPS}?engineversion=7.0&x=")

    details = answer.json()["error"]["details"]
    assert answer.status_code == 400
    assert [(d["field"], d["code"]) for d in details] == [
        ("engineversion", "unknown_field"),
        ("x", "unknown_field"),
    ]


async def test_every_route_refuses_unknown_query_parameters(api: Api) -> None:
    """No documented route under /v1 lets an unknown query parameter pass."""
    document = (await api.get("/openapi.json")).json()
    calls = [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if path.startswith("/v1")
    ]

    admin = api.tokens["admin"]
    answers = {
        call: await api.request(call[0], f"{call[1]}?unknownParameter=1", token=admin, content=b"{}")
        for call in calls
    }

    accepted = {c for c, a in answers.items() if "unknownParameter" not in str(a.json())}
    assert not accepted


@pytest.mark.parametrize("word", ["True", "1", "yes", "", "false "])
async def test_query_booleans_are_exactly_true_or_false(api: Api, word: str) -> None:
    """A boolean in a query is spelled `true` or `false` and nothing else."""
    answer = await api.get(GROUPS, params={"clusterMode": word})

    assert answer.status_code == 400
    assert [d["field"] for d in answer.json()["error"]["details"]] == ["clusterMode"]


async def test_a_query_parameter_is_given_once(api: Api) -> None:
    """A parameter that is given twice is refused: either of its values might be meant."""
    answer = await api.get(f"{GROUPS}?clusterMode=true&clusterMode=false")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "repeated_parameter"


async def test_a_broken_store_is_a_500_that_names_the_part(api: Api) -> None:
    """When the store is away the answer says so, with when to retry and the request id, and no more."""
    api.database.lost = True

    answer = await api.get("/v1/redis/quotas")

    error = answer.json()["error"]
    assert answer.status_code == 500
    assert error["code"] == "store_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-request-id"] in error["message"]


@pytest.mark.usefixtures("logs")
async def test_a_fault_of_ours_names_the_request_id_and_nothing_else(api: Api) -> None:
    """An unexpected exception becomes a 500 in the error body, without any of its words."""
    api.app.state.services = dataclasses.replace(api.app.state.services, catalogue=None)

    answer = await api.get(FLAVORS)

    error = answer.json()["error"]
    assert answer.status_code == 500
    assert error["code"] == "internal_error"
    assert answer.headers["x-request-id"] in error["message"]
    assert "NoneType" not in answer.text


async def test_the_log_line_of_a_request_holds_no_secret(api: Api, logs: list[dict[str, Any]]) -> None:
    """Each request is logged with id, caller, project and outcome, but not with its token or query."""
    answer = await api.get(f"{FLAVORS}?secret=hunter2")

    [line] = [entry for entry in logs if entry["event"] == "request"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["path"], line["status"]) == ("GET", FLAVORS, 400)
    assert (line["caller"], line["project"]) == ("mia", api.project)
    assert "hunter2" not in str(line)
    assert api.tokens["member"] not in str(line)


async def test_a_path_can_not_forge_log_lines(api: Api, logs: list[dict[str, Any]]) -> None:
    """Line breaks in a path are written as escapes."""
    await api.get("/v1/a%0Aforged%1b[31m")

    [line] = [entry for entry in logs if entry["event"] == "request"]
    assert line["path"].isprintable()
    assert "forged" in line["path"]


async def test_a_failed_request_is_logged_with_its_traceback(api: Api, logs: list[dict[str, Any]]) -> None:
    """The operator finds the traceback of an unexpected exception under the request id."""
    api.app.state.services = dataclasses.replace(api.app.state.services, catalogue=None)

    answer = await api.get(FLAVORS)

    [line] = [entry for entry in logs if entry["event"] == "request failed"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["exc_info"]


async def test_health_needs_no_token(api: Api) -> None:
    """Supervisors ask without a token."""
    alive = await api.http.get("/healthz")
    ready = await api.http.get("/readyz")

    assert (alive.status_code, alive.json()["status"]) == (200, "ok")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")


async def test_readyz_tells_why_the_service_can_not_work(api: Api) -> None:
    """While the store is away the service is alive but not ready, and says why."""
    api.database.lost = True

    alive = await api.http.get("/healthz")
    ready = await api.http.get("/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["reason"]) == (503, "store_unavailable")
    assert ready.json()["message"].endswith(".")


async def test_readyz_says_that_sets_are_neglected_and_serves_on(api: Api) -> None:
    """One broken set takes nothing out of rotation: the others, and its own reason, are still served."""
    services = api.app.state.services
    api.app.state.services = dataclasses.replace(services, remark=lambda: of_neglected(2))
    ready = await api.http.get("/readyz")
    api.app.state.services = dataclasses.replace(services, remark=lambda: of_neglected(0))
    well = await api.http.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert ready.json()["reason"] == "sets_neglected"
    assert "2" in ready.json()["message"]
    assert well.json() == {"status": "ok", "reason": None, "message": None}


async def test_readyz_recovers_by_itself(api: Api) -> None:
    """A second after the store came back the service is ready again, and nobody had to do anything."""
    api.database.lost = True
    away = await api.http.get("/readyz")
    api.database.lost = False
    api.clock.advance(1.0)
    back = await api.http.get("/readyz")

    assert (away.status_code, back.status_code) == (503, 200)
    assert back.json() == {"status": "ok", "reason": None, "message": None}


async def test_another_writer_that_holds_the_store_makes_it_unready(api: Api) -> None:
    """A store that is locked counts as away after a second, not only when the wait for it ends."""
    place = api.database._writing.url.database  # noqa: SLF001 - where it lies
    with contextlib.closing(sqlite3.connect(str(place), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        held = await api.http.get("/readyz")
        other.execute("ROLLBACK")
    api.clock.advance(1.0)
    while (freed := await api.http.get("/readyz")).status_code != 200:
        api.clock.advance(1.0)

    assert (held.status_code, held.json()["reason"]) == (503, "store_unavailable")
    assert freed.status_code == 200


async def test_readyz_does_not_wear_the_store_out(api: Api) -> None:
    """However often it is asked, the store is written once a second."""
    answers = [await api.http.get("/readyz") for _ in range(5)]
    api.database.lost = True
    within_the_second = await api.http.get("/readyz")

    assert {a.status_code for a in answers} == {200}
    assert within_the_second.status_code == 200


async def test_the_reference_page_is_self_contained(api: Api) -> None:
    """The page for people runs no scripts and loads nothing from anywhere else."""
    page = await api.http.get("/docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in page.text.lower().replace("description", "")
    assert not any(way in page.text for way in ("src=", "@import", "url(", "<link", 'href="http', "<base"))
    assert "/v1/redis/flavors" in page.text


async def test_the_document_names_every_status_and_the_token(api: Api) -> None:
    """Each operation under /v1 documents its refusals and asks for the token."""
    document = (await api.http.get("/openapi.json")).json()
    operations = [o for p, item in document["paths"].items() if p.startswith("/v1") for o in item.values()]

    assert all({"400", "401", "403", "413", "500"} <= set(o["responses"]) for o in operations)
    assert all(o["security"] == [{"token": []}] for o in operations)
    assert document["components"]["securitySchemes"]["token"]["name"] == "X-Auth-Token"


async def test_a_caller_who_hangs_up_is_not_answered(api: Api) -> None:
    """When the caller leaves in the middle of a body, nothing is sent and nothing breaks."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": GROUPS,
        "query_string": b"",
        "headers": [(b"x-auth-token", api.tokens["member"].encode()), (b"content-length", b"10")],
    }
    await api.app(scope, receive, send)

    assert sent == []
