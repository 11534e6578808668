"""The calls of the page as they go over the wire: byte for byte what a caller sends and gets (API.md 1, 2).

The bodies are written as the page has them, with blanks and line breaks and `port` as a bare integer. As the
documented calls do, some say `application/json` and some say nothing of what they send, or what curl says.
"""

import json
import re

import pytest
from backup_calls import BACKUPS, saved
from harness import JSON_TYPE, PROJECT, Api
from over_the_wire import Served, exchange
from set_calls import FLAVOR, OTHER_SUBNET, PARAMETERS, SECURITY_GROUP, SETS, SUBNET, node_ids, running

ORDER = f"""{{
    "instanceSetName": "example-set",
    "description": "",
    "replicas": 2,
    "flavorId": "{FLAVOR}",
    "recoveryEnabled": false,
    "subnets": [ {{ "id": "{SUBNET}" }}, {{ "id": "{OTHER_SUBNET}" }} ],
    "subnetAssignments": [
        {{ "primary": {{ "id": "{SUBNET}" }}, "replicas": [ {{ "id": "{OTHER_SUBNET}" }} ] }}
    ],
    "securityGroups": [ {{ "id": "{SECURITY_GROUP}" }} ],
    "backupSchedule": {{ "cron": "* 1 * * *", "retentionLimit": 7 }},
    "parameterGroupId": "{PARAMETERS["7.0"]}",
    "port": 6379,
    "projectId": "{PROJECT}",
    "version": "7.0.15"
}}
"""
TYPES = [None, "application/json", "application/x-www-form-urlencoded"]
CHANGES = [
    ("PATCH", "", '{ "description": "new words" }'),
    ("PATCH", "", '{ "backupSchedule": { "cron": "* 23 * * *" } }'),
    ("PATCH", "", f'{{ "securityGroups": [ {{ "id": "{SECURITY_GROUP}" }} ] }}'),
    ("PATCH", "", f'{{ "parameterGroupId": "{PARAMETERS["7.0"]}" }}'),
    ("PATCH", "/primary", '{ "primaryId": "%s" }'),
    ("PATCH", "/replicas", f'{{ "subnet": {{ "id": "{SUBNET}" }} }}'),
    ("PATCH", "/recovery", '{ "enabled": true }'),
    ("DELETE", "/instances/%s", ""),
    ("DELETE", "", ""),
]


async def sent(api: Api, port: int, method: str, path: str, body: str, content_type: str | None) -> Served:
    """The answer to a call that is written out here, header by header."""
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: */*",
        f"X-Auth-Token: {api.tokens['member']}",
        *([f"Content-Type: {content_type}"] if content_type else []),
        *([f"Content-Length: {len(body)}"] if body else []),
        "Connection: close",
    ]
    [answer] = await exchange(port, ("\r\n".join(head) + "\r\n\r\n" + body).encode())
    return answer


@pytest.mark.parametrize("content_type", TYPES)
async def test_the_documented_order(api: Api, port: int, content_type: str | None) -> None:
    """201, the id alone, 52 bytes, and the one content type."""
    answer = await sent(api, port, "POST", SETS, ORDER, content_type)

    assert answer.status == 201
    assert re.fullmatch(rb'\{"objectId":"[0-9a-f-]{36}"\}\n', answer.body)
    assert (answer.headers["content-type"], answer.headers["content-length"]) == (JSON_TYPE, "52")


@pytest.mark.parametrize("quoted", ['"6379"', "6379.0", "true", "null"])
async def test_a_port_that_is_no_bare_integer(api: Api, port: int, quoted: str) -> None:
    """The quotes around the page's placeholder are not part of the value."""
    body = ORDER.replace("6379", quoted)

    answer = await sent(api, port, "POST", SETS, body, None)

    assert answer.status == 400
    assert [d["field"] for d in answer.error["details"]] == ["port"]
    assert answer.headers["content-type"] == JSON_TYPE


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
async def test_each_documented_change(
    api: Api, port: int, method: str, path: str, body: str, content_type: str | None
) -> None:
    """200 and the id of the set: 52 bytes, and the one content type."""
    set_id = await running(api)
    replica = (await node_ids(api, set_id))[1]

    answer = await sent(
        api,
        port,
        method,
        f"{SETS}/{set_id}{path.replace('%s', replica)}",
        body.replace("%s", replica),
        content_type,
    )

    assert (answer.status, json.loads(answer.body)) == (200, {"objectId": set_id})
    assert answer.body.endswith(b"}\n")
    assert (answer.headers["content-type"], answer.headers["content-length"]) == (JSON_TYPE, "52")


BACKUP_CALLS = [
    ("POST", "", '{ "clusterId": "%s", "name": "before-sale" }', 201),
    ("POST", "/%s/copy", '{ "name": "twin" }', 201),
    ("POST", "/%s/export", '{ "path": "archive/folder/nightly.rdb" }', 200),
    ("POST", "/%s/verify", "", 200),
    ("DELETE", "/%s", "", 200),
]


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize(("method", "path", "body", "status"), BACKUP_CALLS)
async def test_each_call_about_a_backup(
    api: Api, port: int, method: str, path: str, body: str, status: int, content_type: str | None
) -> None:
    """The id alone: 52 bytes, and the one content type."""
    set_id, backup = await running(api), await saved(api)

    answer = await sent(
        api,
        port,
        method,
        BACKUPS + path.replace("%s", backup.id),
        body.replace("%s", set_id),
        content_type,
    )

    assert answer.status == status
    assert re.fullmatch(rb'\{"objectId":"[0-9a-f-]{36}"\}\n', answer.body)
    assert (answer.headers["content-type"], answer.headers["content-length"]) == (JSON_TYPE, "52")


@pytest.mark.parametrize("query", ["", "?clusterName=orders", "/%s"])
async def test_each_reading_of_backups(api: Api, port: int, query: str) -> None:
    """200 in the one content type, compact, ending in one newline."""
    backup = await saved(api)

    answer = await sent(api, port, "GET", BACKUPS + query.replace("%s", backup.id), "", None)

    compact = json.dumps(json.loads(answer.body), ensure_ascii=False, separators=(",", ":"))
    assert (answer.status, answer.body.decode()) == (200, compact + "\n")
    assert answer.headers["content-type"] == JSON_TYPE


@pytest.mark.parametrize("path", ["", "/instances", "/operations", "/events", "/failover-check"])
async def test_each_documented_reading(api: Api, port: int, path: str) -> None:
    """200 in the one content type, compact, ending in one newline."""
    set_id = await running(api)

    answer = await sent(api, port, "GET", f"{SETS}/{set_id}{path}", "", None)

    compact = json.dumps(json.loads(answer.body), ensure_ascii=False, separators=(",", ":"))
    assert (answer.status, answer.body.decode()) == (200, compact + "\n")
    assert answer.headers["content-type"] == JSON_TYPE
