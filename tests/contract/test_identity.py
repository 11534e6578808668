"""API.md 8: tokens by Keystone's rules, and API.md 3: the credentials they are made from."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest
from harness import JSON_TYPE, NOW, Api

TOKENS = "/identity/v3/auth/tokens"
CREDENTIALS = "/v1/credentials"


def _by_id(credential_id: str, secret: str) -> dict[str, Any]:
    return _auth({"id": credential_id, "secret": secret})


def _auth(credential: object) -> dict[str, Any]:
    return {
        "auth": {"identity": {"methods": ["application_credential"], "application_credential": credential}}
    }


async def _credential(api: Api, **fields: object) -> dict[str, Any]:
    """A new credential as its maker sees it, with its secret."""
    answer = await api.request(
        "POST", CREDENTIALS, token=api.tokens["admin"], json={"name": "ci", "roles": ["member"], **fields}
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _shown(api: Api, credential_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = (
        await api.get(f"{CREDENTIALS}/{credential_id}", token=api.tokens["admin"])
    ).json()
    return shown


async def _token(api: Api, made: dict[str, Any]) -> httpx.Response:
    return await api.http.post(TOKENS, json=_by_id(made["objectId"], made["secret"]))


async def test_a_credential_is_exchanged_for_a_token(api: Api) -> None:
    """The token comes in a header, its description in the body, as Keystone does it."""
    made = await _credential(api)

    answer = await _token(api, made)

    token = answer.json()["token"]
    assert answer.status_code == 201
    assert answer.headers["x-subject-token"]
    assert answer.headers["vary"] == "X-Auth-Token"
    assert answer.headers["x-request-id"]
    assert token["methods"] == ["application_credential"]
    assert token["project"]["id"] == api.project
    assert token["application_credential"]["id"] == made["objectId"]
    assert [role["name"] for role in token["roles"]] == ["member"]
    assert {"issued_at", "expires_at", "audit_ids", "project", "user", "roles", "catalog"} <= set(token)
    assert {"id", "name", "domain"} <= set(token["user"]) & set(token["project"])
    assert made["secret"] not in answer.text


async def test_a_token_lives_for_twelve_hours(api: Api) -> None:
    """Times are written as Keystone writes them: UTC with microseconds."""
    answer = await _token(api, await _credential(api))

    token = answer.json()["token"]
    issued = datetime.strptime(token["issued_at"], "%Y-%m-%dT%H:%M:%S.%f%z")
    expires = datetime.strptime(token["expires_at"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert issued.timestamp() == NOW
    assert (expires - issued).total_seconds() == 12 * 3600


async def test_a_token_opens_the_api(api: Api) -> None:
    """The token of a credential has the credential's role in the credential's project."""
    answer = await _token(api, await _credential(api, roles=["reader"]))

    own = answer.headers["x-subject-token"]
    assert (await api.get("/v1/redis/flavors", token=own)).status_code == 200
    assert (await api.request("POST", "/v1/parameter-groups", token=own, content=b"{}")).status_code == 403


async def test_a_credential_may_be_named_by_user_and_name(api: Api) -> None:
    """Instead of by its id a credential may be given by the id of its user and its name."""
    made = await _credential(api)
    shown = await _shown(api, made["objectId"])

    named = {"name": "ci", "secret": made["secret"], "user": {"id": shown["userId"]}}
    answer = await api.http.post(TOKENS, json=_auth(named))

    assert answer.status_code == 201


@pytest.mark.parametrize("part", ["objectId", "secret"])
async def test_a_wrong_credential_is_401_in_keystones_form(api: Api, part: str) -> None:
    """A wrong id or secret is refused without telling which, in Keystone's error body."""
    made = await _credential(api)

    answer = await _token(api, {**made, part: "wrong"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == JSON_TYPE
    assert answer.headers["vary"] == "X-Auth-Token"
    assert answer.headers["www-authenticate"].startswith("Keystone")
    assert answer.json() == {
        "error": {
            "code": 401,
            "message": "The request you have made requires authentication.",
            "title": "Unauthorized",
        }
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"auth":{}}',
        b'{"auth":{"identity":{}}}',
        b'{"auth":{"identity":{"methods":["application_credential"]}}}',
        b'{"auth":{"identity":{"methods":["application_credential"],"application_credential":{}}}}',
        b'{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":1,"secret":2}}}}',
        b'{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"name":"a"}}}}',
    ],
)
async def test_a_malformed_request_is_400_in_keystones_form(api: Api, body: bytes) -> None:
    """What is no request for a token is refused in Keystone's error body."""
    answer = await api.http.post(TOKENS, content=body)

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["code"], error["title"]) == (400, "Bad Request")


async def test_other_methods_are_401(api: Api) -> None:
    """The embedded issuer knows application credentials and nothing else."""
    body = {
        "auth": {"identity": {"methods": ["password"], "password": {"user": {"id": "a", "password": "b"}}}}
    }

    answer = await api.http.post(TOKENS, json=body)

    assert answer.status_code == 401
    assert "unsupported method" in answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_token_can_be_looked_at_with_itself(api: Api, method: str) -> None:
    """GET and HEAD answer 200 for a valid token; only GET has a body."""
    issued = await _token(api, await _credential(api))
    own = issued.headers["x-subject-token"]

    answer = await api.http.request(method, TOKENS, headers={"X-Auth-Token": own, "X-Subject-Token": own})

    assert answer.status_code == 200
    assert answer.headers["x-subject-token"] == own
    assert answer.headers["vary"] == "X-Auth-Token"
    assert answer.content == (issued.content if method == "GET" else b"")


async def test_an_admin_may_look_at_any_token_others_at_their_own(api: Api) -> None:
    """Another's token is shown to an admin and forbidden to everyone else."""
    subject = (await _token(api, await _credential(api))).headers["x-subject-token"]

    def _headers(role: str) -> dict[str, str]:
        return {"X-Auth-Token": api.tokens[role], "X-Subject-Token": subject}

    assert (await api.http.get(TOKENS, headers=_headers("admin"))).status_code == 200
    assert (await api.http.get(TOKENS, headers=_headers("member"))).status_code == 403
    assert (await api.http.delete(TOKENS, headers=_headers("member"))).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_an_unknown_subject_is_404(api: Api, method: str) -> None:
    """A token that is not known, or none at all, is not found."""
    for subject in ({}, {"X-Subject-Token": "unknown"}):
        answer = await api.http.request(
            method, TOKENS, headers={"X-Auth-Token": api.tokens["admin"], **subject}
        )

        assert answer.status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_without_a_token_of_ones_own_nothing_is_told(api: Api, method: str) -> None:
    """Whoever asks about a token must have one."""
    answer = await api.http.request(method, TOKENS, headers={"X-Subject-Token": api.tokens["member"]})

    assert answer.status_code == 401


async def test_a_revoked_token_opens_nothing(api: Api) -> None:
    """DELETE ends a token at once: 204, no body, and 401 from then on."""
    own = (await _token(api, await _credential(api))).headers["x-subject-token"]

    answer = await api.http.delete(TOKENS, headers={"X-Auth-Token": own, "X-Subject-Token": own})

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get("/v1/redis/flavors", token=own)).status_code == 401


async def test_the_version_document_leads_to_itself(api: Api) -> None:
    """Clients of Keystone find version 3 where they were told to look."""
    answer = await api.http.get("/identity/v3")

    version = answer.json()["version"]
    assert answer.status_code == 200
    assert version["id"].startswith("v3.")
    assert version["status"] == "stable"
    assert version["links"] == [{"rel": "self", "href": "http://memstored.test/identity/v3/"}]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/identity/v3/users", 404), ("PUT", TOKENS, 405)]
)
async def test_unknown_paths_are_answered_in_keystones_form(
    api: Api, method: str, path: str, status: int
) -> None:
    """Everything under /identity speaks Keystone's error body."""
    answer = await api.http.request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status


async def test_the_secret_of_a_credential_is_shown_once(api: Api) -> None:
    """Creating shows id and secret; reading shows everything but the secret."""
    made = await _credential(api, userName="robot")

    listed = (await api.get(CREDENTIALS, token=api.tokens["admin"])).json()["credentials"]
    shown = await _shown(api, made["objectId"])

    assert set(made) == {"objectId", "secret"}
    assert shown in listed
    assert (shown["name"], shown["roles"], shown["userName"]) == ("ci", ["member"], "robot")
    assert (shown["projectId"], shown["createdAt"]) == (api.project, "2025-06-15T15:06:40Z")
    assert "secret" not in str(listed).lower()


async def test_a_deleted_credential_and_its_tokens_open_nothing(api: Api) -> None:
    """Deleting a credential ends it and every token that was made from it."""
    made = await _credential(api)
    own = (await _token(api, made)).headers["x-subject-token"]

    deleted = await api.request("DELETE", f"{CREDENTIALS}/{made['objectId']}", token=api.tokens["admin"])

    assert deleted.json() == {"objectId": made["objectId"]}
    assert (await _token(api, made)).status_code == 401
    assert (await api.get("/v1/redis/flavors", token=own)).status_code == 401


@pytest.mark.parametrize("role", ["reader", "member"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", CREDENTIALS), ("POST", CREDENTIALS), ("DELETE", f"{CREDENTIALS}/a")]
)
async def test_only_admins_handle_credentials(api: Api, role: str, method: str, path: str) -> None:
    """Credentials are for admins alone, before anything else about the request is looked at."""
    answer = await api.request(method, path, token=api.tokens[role], content=b"{")

    assert answer.status_code == 403


async def test_an_admin_handles_the_credentials_of_every_project(api: Api) -> None:
    """The role admin is the operator's: it makes the first credential of a new project."""
    made = await _credential(api, projectId="new", projectName="New")

    shown = await _shown(api, made["objectId"])
    issued = await _token(api, made)

    assert (shown["projectId"], shown["projectName"]) == ("new", "New")
    assert issued.json()["token"]["project"]["id"] == "new"


async def test_a_second_credential_of_the_same_name_is_a_conflict(api: Api) -> None:
    """A user's credentials have names of their own."""
    first = await _shown(api, (await _credential(api))["objectId"])

    answer = await api.request(
        "POST",
        CREDENTIALS,
        token=api.tokens["admin"],
        json={"name": "ci", "roles": ["reader"], "userId": first["userId"]},
    )

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "name_in_use"


async def test_the_last_administrator_stays(api: Api) -> None:
    """The last credential of an administrator is not deleted: nobody could make another."""
    listed = (await api.get(CREDENTIALS, token=api.tokens["admin"])).json()["credentials"]
    admins = {row["name"]: row["id"] for row in listed if "admin" in row["roles"]}

    others = await api.request("DELETE", f"{CREDENTIALS}/{admins['olga']}", token=api.tokens["admin"])
    own = await api.request("DELETE", f"{CREDENTIALS}/{admins['ada']}", token=api.tokens["admin"])

    assert others.status_code == 200
    assert own.status_code == 400
    assert own.json()["error"]["code"] == "last_admin"


async def test_administrators_that_delete_each_other_leave_one(api: Api) -> None:
    """Requests at the same moment are judged one after the other."""
    listed = (await api.get(CREDENTIALS, token=api.tokens["admin"])).json()["credentials"]
    admins = [row["id"] for row in listed if "admin" in row["roles"]]

    answers = await asyncio.gather(
        *(api.request("DELETE", f"{CREDENTIALS}/{it}", token=api.tokens["admin"]) for it in admins)
    )

    assert sorted(answer.status_code for answer in answers) == [*[200] * (len(admins) - 1), 400]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_unknown_credential_is_404(api: Api, method: str) -> None:
    """An id that no credential has is not found."""
    answer = await api.request(method, f"{CREDENTIALS}/none", token=api.tokens["admin"])

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "credential_unknown"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, [("name", "missing"), ("roles", "missing")]),
        ({"name": "", "roles": ["member"]}, [("name", "out_of_range")]),
        ({"name": None, "roles": ["member"]}, [("name", "missing")]),
        ({"name": "ci", "roles": []}, [("roles", "out_of_range")]),
        ({"name": "ci", "roles": ["member", "owner"]}, [("roles[1]", "malformed")]),
        (
            {"name": 3, "roles": "member", "a": 1},
            [("a", "unknown_field"), ("name", "wrong_type"), ("roles", "wrong_type")],
        ),
        ({"name": "ci", "roles": ["member"], "userName": "a\nb"}, [("userName", "malformed")]),
        ({"name": "ci", "roles": ["member"], "userId": "ABC"}, [("userId", "malformed")]),
    ],
)
async def test_a_malformed_credential_names_every_fault(
    api: Api, fields: dict[str, object], faults: list[tuple[str, str]]
) -> None:
    """Each field that is wrong is named, all at once."""
    answer = await api.request("POST", CREDENTIALS, token=api.tokens["admin"], json=fields)

    assert answer.status_code == 400
    assert [(d["field"], d["code"]) for d in answer.json()["error"]["details"]] == faults
