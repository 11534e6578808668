"""API.md 2.1, forms 2 and 3: ordering a set that begins with a backup, or with a file."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backup_calls import GIB, put_file, rdb, saved, stored_backup, take_storage_away
from harness import OTHER_PROJECT, PROJECT, Api
from httpx import Response
from set_calls import (
    HASH,
    PARAMETERS,
    SETS,
    SUBNET,
    Pairs,
    assignment,
    created,
    faults,
    label,
    order,
    post,
    put,
    sized,
    stored,
)

from memstored.domain.model import InstanceSet
from memstored.domain.words import BackupState, BackupType, OperationKind, SetState, UseKind

Changes = dict[str, Any]

NAME, FILE = "restoreSource.backupName", "restoreSource.files[0]"
BY_NAME: Changes = {"restoreSource": {"backupName": "nightly"}}
BY_FILE: Changes = {"restoreSource": {"files": ["archive/saved.rdb"]}}
OLD: Changes = {"version": "6.2.5", "parameterGroupId": PARAMETERS["6.2"]}
MOST = 4 * GIB * 60 // 100
"""Bytes that the flavor of the order takes; its 60 % is no whole number, so this is just below."""


async def _refused(api: Api, **changes: Any) -> Response:  # noqa: ANN401 - any JSON
    """The refusal of an order, which leaves nothing."""
    answer = await post(api, order(api, **changes))
    assert answer.status_code >= 400, answer.text
    assert (await api.get(SETS)).json()["size"] == 0
    assert (await api.get("/v1/events")).json()["size"] == 0
    assert [backup.uses for backup in await api.backups.all()] in ([], [()])
    assert api.control.woken == []
    assert all(d["message"].endswith(".") for d in answer.json()["error"]["details"])
    return answer


# Form 2


async def test_a_set_begins_with_a_backup(api: Api) -> None:
    """The source is recorded with all that is known of it, and the backup is `Restoring` from now on."""
    backup = await saved(api)

    set_id = await created(api, **BY_NAME)

    it = await stored(api, set_id)
    assert it.status is SetState.INIT
    assert it.source is not None
    assert (it.source.key, it.source.name, it.source.size) == (backup.key, "nightly", 4096)
    assert (it.source.backup_id, it.source.checksum, it.source.keys) == (backup.id, "c" * 64, 3)
    assert (it.source.used_memory, it.source.version) == (8192, "7.0.15")
    used = await stored_backup(api, backup.id)
    assert used.shown is BackupState.RESTORING
    assert [(use.kind, use.holder) for use in used.uses] == [(UseKind.RESTORE, set_id)]
    assert set_id in api.control.woken
    assert api.keeper.woken == 1


async def test_a_restore_has_a_step_for_loading(api: Api) -> None:
    """Otherwise it is made like any other set."""
    await saved(api)

    set_id = await created(api, **BY_NAME)

    [operation] = (await api.get(f"{SETS}/{set_id}/operations")).json()["data"]
    assert operation["kind"] == OperationKind.CREATE.value
    assert [step["name"] for step in operation["steps"]] == ["provision", "load", "replicate", "open"]


async def test_a_load_tells_its_bytes_and_percent(api: Api) -> None:
    """The operation says how much of the saved data is there; percent follows it within the step."""
    await saved(api)
    set_id = await created(api, **BY_NAME)
    await put(api, set_id, _half_loaded)

    operation = (await api.get(f"{SETS}/{set_id}")).json()["operation"]

    shown = ("step", "percent", "transferredBytes", "totalBytes")
    assert [operation[name] for name in shown] == ["load", 25 + 12, 2048, 4096]


def _half_loaded(it: InstanceSet) -> InstanceSet:
    assert it.operation is not None
    loading = it.operation.at("load", it.created_at + 1).moving("load", done=2048, total=4096)
    return replace(it, operation=loading)


async def test_a_scheduled_backup_is_restored_by_its_name(api: Api) -> None:
    """Its name has dots and capitals, which no backup made by hand may have."""
    name = "scheduled.example.2025-06-16-01-17.KST"
    await saved(api, type=BackupType.AUTOMATIC, name=name)

    assert await created(api, restoreSource={"backupName": name})


async def test_a_backup_may_begin_several_sets(api: Api) -> None:
    """Also while it is used for something else."""
    backup = await saved(api)

    first = await created(api, instanceSetName="first", **BY_NAME)
    second = await created(api, instanceSetName="second", **BY_NAME)

    assert {use.holder for use in (await stored_backup(api, backup.id)).uses} == {first, second}


async def test_a_set_of_any_shape_begins_with_a_backup(api: Api) -> None:
    """One node, a user, a schedule, high availability: all fields of plain create."""
    await saved(api)
    single = await created(api, instanceSetName="single", **sized(1), **BY_NAME)
    whole = await created(
        api,
        instanceSetName="whole",
        recoveryEnabled=True,
        description="restored",
        user={"name": "app", "password": HASH},
        backupSchedule={"cron": "* 1 * * *", "retentionLimit": 3},
        **BY_NAME,
    )

    assert len((await stored(api, single)).nodes) == 1
    assert (await stored(api, whole)).schedule_since == api.clock.wall()


@pytest.mark.parametrize(
    "status", [BackupState.PENDING, BackupState.CREATING, BackupState.ERROR, BackupState.DELETING]
)
async def test_backups_that_can_not_be_restored(api: Api, status: BackupState) -> None:
    """Only what is whole; 400, and the state is named."""
    await saved(api, status=status)

    answer = await _refused(api, **BY_NAME)

    assert (answer.status_code, faults(answer)) == (400, {(NAME, "backup_wrong_state")})
    assert status.value in answer.json()["error"]["message"]


async def test_a_name_of_no_backup(api: Api) -> None:
    """400, as for every unknown id in a body; another project's backup is not there."""
    await saved(api, project_id=OTHER_PROJECT)

    answer = await _refused(api, **BY_NAME)

    assert (answer.status_code, faults(answer)) == (400, {(NAME, "unknown_backup")})


@pytest.mark.parametrize(
    ("changes", "wanted", "passes"),
    [
        ({"version": "7.0.15"}, {}, True),
        ({"version": "6.2.5"}, {}, True),
        ({"version": "5.0.6"}, OLD, True),
        ({"version": "6.2.5"}, OLD, True),
        ({"version": "6.2.6"}, OLD, False),
        ({"version": "7.0.15"}, OLD, False),
        ({"version": "7.0.16"}, {}, False),
        ({"version": "7.2.6"}, {}, False),
    ],
    ids=label,
)
async def test_a_backup_of_a_newer_engine(
    api: Api,
    changes: Changes,
    wanted: Changes,
    passes: bool,  # noqa: FBT001 - a case
) -> None:
    """The version of the backup must not be newer than that of the set; both are named."""
    backup = await saved(api, **changes)
    if passes:
        assert await created(api, **BY_NAME, **wanted)
        return

    answer = await _refused(api, **BY_NAME, **wanted)
    assert (answer.status_code, faults(answer)) == (400, {(NAME, "data_too_new")})
    assert backup.version in answer.json()["error"]["message"]
    assert wanted.get("version", "7.0.15") in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"used_memory": MOST}, True),
        ({"used_memory": MOST + 1}, False),
        ({"used_memory": MOST, "size": 9 * GIB}, True),
        ({"used_memory": 0, "size": MOST}, True),
        ({"used_memory": 0, "size": MOST + 1}, False),
    ],
    ids=label,
)
async def test_a_backup_that_is_too_large(api: Api, changes: Changes, passes: bool) -> None:  # noqa: FBT001 - a case
    """At most 60 % of the flavor's memory; both numbers are named."""
    await saved(api, **changes)
    if passes:
        assert await created(api, **BY_NAME)
        return

    answer = await _refused(api, **BY_NAME)
    assert (answer.status_code, faults(answer)) == (400, {(NAME, "data_too_large")})
    assert str(MOST + 1) in answer.json()["error"]["message"]
    assert str(4 * GIB) in answer.json()["error"]["message"]


async def test_a_backup_that_goes_at_this_moment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted after it was looked at and before the order was kept: the order is judged anew."""
    backup = await saved(api)
    add = api.sets.add

    async def overtaken(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        monkeypatch.undo()
        assert (await api.request("DELETE", f"/v1/backups/{backup.id}")).status_code == 200
        return await add(*args, **kwargs)

    monkeypatch.setattr(api.sets, "add", overtaken)
    answer = await post(api, order(api, **BY_NAME))

    assert (answer.status_code, faults(answer)) == (400, {(NAME, "backup_wrong_state")})
    assert (await api.get(SETS)).json()["size"] == 0


async def test_a_backup_is_not_deleted_while_a_set_begins_with_it(api: Api) -> None:
    """Of both at once one wins, and the other says why."""
    for number in range(5):
        backup = await saved(api, name=f"nightly-{number}")
        body = order(api, instanceSetName=f"set-{number}", restoreSource={"backupName": backup.name})

        ordered, deleted = await asyncio.gather(
            post(api, body), api.request("DELETE", f"/v1/backups/{backup.id}")
        )

        assert sorted([ordered.status_code, deleted.status_code]) in ([200, 400], [201, 400])
        after = await stored_backup(api, backup.id)
        assert (after.status is BackupState.DELETING) == (deleted.status_code == 200)
        assert bool(after.uses) == (ordered.status_code == 201)


# Form 3


async def test_a_set_begins_with_a_file(api: Api) -> None:
    """The source is recorded with what its header says; no backup has to do with it."""
    content = rdb("6.2.5", used_memory=123_456, rdb_format=9)
    await put_file(api, "archive/saved.rdb", content)

    it = await stored(api, await created(api, **BY_FILE))

    assert it.source is not None
    assert (it.source.key, it.source.name) == ("archive/saved.rdb", "archive/saved.rdb")
    assert (it.source.size, it.source.used_memory, it.source.version) == (len(content), 123_456, "6.2.5")
    assert (it.source.backup_id, it.source.checksum, it.source.keys) == (None, None, None)


async def test_a_file_in_a_bucket_of_the_project_s_own(api: Api) -> None:
    """A folder of the project's is a bucket without being declared."""
    await put_file(api, f"buckets/{PROJECT}/mine/folder/saved.rdb", rdb())

    it = await stored(api, await created(api, restoreSource={"files": ["mine/folder/saved.rdb"]}))

    assert it.source is not None
    assert it.source.key == f"buckets/{PROJECT}/mine/folder/saved.rdb"


PLACES: list[tuple[str, int, str]] = [
    ("archive/none.rdb", 400, "no_such_object"),
    ("archive/folder", 400, "no_such_object"),
    ("archive", 400, "bad_path"),
    ("/archive/saved.rdb", 400, "bad_path"),
    ("archive/../archive/saved.rdb", 400, "bad_path"),
    ("../archive/saved.rdb", 400, "bad_path"),
    ("archive//saved.rdb", 400, "bad_path"),
    ("nowhere/saved.rdb", 400, "unknown_bucket"),
    ("foreign/saved.rdb", 400, "unknown_bucket"),
    (f"{OTHER_PROJECT}/saved.rdb", 400, "unknown_bucket"),
    ("read-only/saved.rdb", 403, "no_edit_right"),
]


@pytest.mark.parametrize(("path", "status", "code"), PLACES)
async def test_files_that_can_not_be_had(api: Api, path: str, status: int, code: str) -> None:
    """No object, no bucket of the project's, no right to edit it, no way out of it."""
    for key in ("archive/saved.rdb", "archive/folder/x", "foreign/saved.rdb", "read-only/saved.rdb"):
        await put_file(api, key, rdb())

    answer = await _refused(api, restoreSource={"files": [path]})

    assert (answer.status_code, faults(answer)) == (status, {(FILE, code)})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"REDIS", "cut off"),
        (rdb()[:20], "cut off"),
        (rdb()[:-9] + bytes(range(1, 50)), "cut off"),
        (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "AOF"),
        (b"\x1f\x8b\x08" + bytes(50), "gzip"),
        (b"Dear all,\nplease find enclosed\n", "text"),
        (bytes(range(256)), "not an RDB"),
    ],
    ids=["empty", "magic only", "half a header", "half the data", "aof", "gzip", "text", "noise"],
)
async def test_files_that_are_no_rdb(api: Api, content: bytes, words: str) -> None:
    """400, and what it is instead."""
    await put_file(api, "archive/saved.rdb", content)

    answer = await _refused(api, **BY_FILE)

    assert (answer.status_code, faults(answer)) == (400, {(FILE, "not_rdb")})
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "wanted", "passes"),
    [
        (rdb("7.0.15", rdb_format=10), {}, True),
        (rdb("7.0.9", rdb_format=10), {}, True),
        (rdb("7.0.16", rdb_format=10), {}, False),
        (rdb("7.2.6", rdb_format=11), {}, False),
        (rdb("5.0.6", rdb_format=9), OLD, True),
        (rdb("7.0.15", rdb_format=10), OLD, False),
        (rdb("6.2.5", rdb_format=10), OLD, False),
        (rdb(None, rdb_format=10), {}, True),
        (rdb(None, rdb_format=11), {}, False),
        (rdb(None, rdb_format=9), OLD, True),
        (rdb(None, rdb_format=10), OLD, False),
        (rdb(None, rdb_format=9999), {}, False),
    ],
    ids=[
        "same",
        "older patch",
        "newer patch",
        "newer family",
        "5.0 in 6.2",
        "7.0 in 6.2",
        "6.2 of format 10",
        "format 10 in 7.0",
        "format 11 in 7.0",
        "format 9 in 6.2",
        "format 10 in 6.2",
        "format 9999",
    ],
)
async def test_a_file_of_a_newer_engine(
    api: Api,
    content: bytes,
    wanted: Changes,
    passes: bool,  # noqa: FBT001 - a case
) -> None:
    """By the version in the file; without one its format decides. Both sides are named."""
    await put_file(api, "archive/saved.rdb", content)
    if passes:
        assert await created(api, **BY_FILE, **wanted)
        return

    answer = await _refused(api, **BY_FILE, **wanted)
    assert (answer.status_code, faults(answer)) == (400, {(FILE, "data_too_new")})
    assert wanted.get("version", "7.0.15") in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("used_memory", "passes"), [(MOST, True), (MOST + 1, False), (None, True), (0, True)]
)
async def test_a_file_that_is_too_large(api: Api, used_memory: int | None, passes: bool) -> None:  # noqa: FBT001 - a case
    """What its header says that the data takes; without that, the size of the file."""
    await put_file(api, "archive/saved.rdb", rdb(used_memory=used_memory))
    if passes:
        assert await created(api, **BY_FILE)
        return

    answer = await _refused(api, **BY_FILE)
    assert (answer.status_code, faults(answer)) == (400, {(FILE, "data_too_large")})
    assert str(MOST + 1) in answer.json()["error"]["message"]


async def test_the_size_counts_where_the_header_says_nothing(api: Api, storage: Path) -> None:
    """A file of more than 60 % without `used-mem`; it is sparse, and only its ends are read."""
    await put_file(api, "archive/saved.rdb", rdb(used_memory=None))
    with (storage / "archive/saved.rdb").open("r+b") as file:
        file.seek(MOST + 1 - 9)
        file.write(b"\xff" + bytes(8))

    answer = await _refused(api, **BY_FILE)

    assert faults(answer) == {(FILE, "data_too_large")}


# Both


MALFORMED: list[tuple[object, Pairs]] = [
    ({}, {("restoreSource", "restore_source")}),
    (
        {"backupName": "nightly", "files": ["archive/saved.rdb"]},
        {("restoreSource", "restore_source")},
    ),
    ({"backupName": None}, {("restoreSource", "restore_source")}),
    ("nightly", {("restoreSource", "wrong_type")}),
    (["nightly"], {("restoreSource", "wrong_type")}),
    ({"backupName": 5}, {(NAME, "wrong_type")}),
    ({"backupName": ""}, {(NAME, "out_of_range")}),
    ({"backupName": "x" * 256}, {(NAME, "out_of_range")}),
    ({"files": "archive/saved.rdb"}, {("restoreSource.files", "wrong_type")}),
    ({"files": []}, {("restoreSource.files", "out_of_range")}),
    ({"files": ["archive/a.rdb", "archive/b.rdb"]}, {("restoreSource.files", "out_of_range")}),
    ({"files": [5]}, {(FILE, "wrong_type")}),
    ({"files": [None]}, {(FILE, "wrong_type")}),
    ({"files": [""]}, {(FILE, "out_of_range")}),
    ({"files": ["x" * 1025]}, {(FILE, "out_of_range")}),
    ({"backupName": "nightly", "bucket": "x"}, {("restoreSource.bucket", "unknown_field")}),
    ({"backupname": "nightly"}, {("restoreSource.backupname", "unknown_field")}),
]


@pytest.mark.parametrize(("source", "expected"), MALFORMED, ids=label)
async def test_sources_that_are_malformed(api: Api, source: object, expected: Pairs) -> None:
    """Exactly one of the two, and of files exactly one."""
    await saved(api)

    answer = await _refused(api, restoreSource=source)

    assert answer.status_code == 400
    assert faults(answer) == expected


UNMET: list[tuple[Changes, Pairs]] = [
    ({"flavorId": "none"}, {("flavorId", "unknown_flavor")}),
    ({"version": "9.9.9"}, {("version", "version_unavailable")}),
    ({"securityGroups": [{"id": "none"}]}, {("securityGroups[0].id", "unknown_security_group")}),
    ({"parameterGroupId": "none"}, {("parameterGroupId", "unknown_parameter_group")}),
    ({"parameterGroupId": PARAMETERS["6.2"]}, {("parameterGroupId", "parameter_group_family")}),
    ({"user": {"name": "app", "password": "clear"}}, {("user.password", "password_not_encrypted")}),
    ({"replicas": 2}, {("subnetAssignments[0].replicas", "replica_count")}),
    ({"subnets": [{"id": SUBNET}]}, {("subnetAssignments[0].replicas[0].id", "subnet_not_of_set")}),
    (sized(1) | {"recoveryEnabled": True}, {("recoveryEnabled", "too_few_nodes")}),
    (sized(1) | {"backupSchedule": {"cron": "* 1 * * *"}}, {("backupSchedule", "too_few_nodes")}),
]


@pytest.mark.parametrize("form", [BY_NAME, BY_FILE], ids=["backup", "file"])
@pytest.mark.parametrize(("changes", "expected"), UNMET, ids=label)
async def test_what_plain_create_says_422_to_is_400(
    api: Api, form: Changes, changes: Changes, expected: Pairs
) -> None:
    """All that can not be had here."""
    await saved(api)
    await put_file(api, "archive/saved.rdb", rdb())

    answer = await _refused(api, **(changes | form))

    assert (answer.status_code, faults(answer)) == (400, expected)


@pytest.mark.parametrize("form", [BY_NAME, BY_FILE], ids=["backup", "file"])
async def test_the_quota_is_400_on_a_restore(api: Api, form: Changes) -> None:
    """A project may have 60 nodes; the 61st is refused, and the backup is not in use."""
    backup = await saved(api)
    await put_file(api, "archive/saved.rdb", rdb())
    for number in range(10):
        await created(api, instanceSetName=f"set-{number}", **sized(6))

    answer = await post(api, order(api, instanceSetName="too-many", **sized(1), **form))

    assert (answer.status_code, faults(answer)) == (400, {("replicas", "quota_exceeded")})
    assert (await stored_backup(api, backup.id)).uses == ()


async def test_everything_is_told_at_once(api: Api) -> None:
    """What is malformed, what can not be had, and what is wrong with the data."""
    await saved(api, version="7.2.6", used_memory=MOST + 1)

    answer = await _refused(api, port=1, securityGroups=[{"id": "none"}], **BY_NAME)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert faults(answer) == {
        ("port", "out_of_range"),
        ("securityGroups[0].id", "unknown_security_group"),
        (NAME, "data_too_new"),
        (NAME, "data_too_large"),
    }


async def test_a_source_is_named_beside_what_is_malformed(api: Api) -> None:
    """A malformed field hides neither an unknown backup nor a bucket that may not be edited."""
    unknown = await _refused(api, port=1, **BY_NAME)
    lacking = await _refused(api, port=1, restoreSource={"files": ["read-only/x"]})

    assert [unknown.status_code, lacking.status_code] == [400, 400]
    assert faults(unknown) == {("port", "out_of_range"), (NAME, "unknown_backup")}
    assert faults(lacking) == {("port", "out_of_range"), (FILE, "no_edit_right")}


async def test_the_order_of_refusals(api: Api) -> None:
    """Malformed 400, a foreign project 403, a lacking right 403, what can not be had 400, a name 409."""
    await saved(api)
    await post(api, order(api))
    lacking = {"restoreSource": {"files": ["read-only/x"]}}

    async def asked(**changes: Any) -> tuple[int, str]:  # noqa: ANN401 - any JSON
        answer = await post(api, order(api, **changes))
        return answer.status_code, answer.json()["error"]["code"]

    assert await asked(projectId=OTHER_PROJECT, port=1, **lacking) == (400, "invalid_request")
    assert await asked(projectId=OTHER_PROJECT, **lacking) == (403, "foreign_project")
    assert await asked(flavorId="none", **lacking) == (403, "no_edit_right")
    assert await asked(flavorId="none", **BY_NAME) == (400, "unknown_flavor")
    assert await asked(**BY_NAME) == (409, "name_in_use")


async def test_object_storage_that_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 with a time to come back; a backup's record is in the store, so that form does not need it now."""
    await saved(api)
    take_storage_away(api, monkeypatch)

    by_file = await post(api, order(api, **BY_FILE))
    by_name = await post(api, order(api, **BY_NAME))

    assert [by_file.status_code, by_name.status_code] == [500, 201]
    assert by_file.json()["error"]["code"] == "object_storage_unavailable"
    assert by_file.headers["retry-after"] == "5"


async def test_the_documented_bodies(api: Api) -> None:
    """Both forms as the page has them, with ids that are here, sent without a content type."""
    await saved(api, type=BackupType.AUTOMATIC, name="scheduled.example.2025-06-16-01-17.KST")
    await put_file(api, f"buckets/{PROJECT}/example-bucket/folder/example.rdb", rdb())
    sources = [
        {"backupName": "scheduled.example.2025-06-16-01-17.KST"},
        {"files": ["example-bucket/folder/example.rdb"]},
    ]

    answers = [
        await api.request(
            "POST",
            SETS,
            content=json.dumps(
                order(
                    api,
                    instanceSetName=f"example-{number}",
                    description="",
                    replicas=2,
                    subnets=[{"id": SUBNET}],
                    subnetAssignments=[assignment(SUBNET, SUBNET)],
                    backupSchedule={"cron": "* 1 * * *", "retentionLimit": 7},
                    restoreSource=source,
                ),
                indent=4,
            ).encode(),
        )
        for number, source in enumerate(sources)
    ]

    assert [(a.status_code, a.headers["content-length"]) for a in answers] == [(201, "52")] * 2


async def test_a_readers_order_looks_at_nothing(api: Api) -> None:
    """The role is checked before the body."""
    backup = await saved(api)

    answer = await api.request("POST", SETS, json=order(api, **BY_NAME), token=api.tokens["reader"])

    assert answer.status_code == 403
    assert (await stored_backup(api, backup.id)).uses == ()
