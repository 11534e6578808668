"""API.md 4: making, listing, showing and deleting backups."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from backup_calls import BACKUPS, lines, post_backup, put_use, saved, stored_backup
from harness import OTHER_PROJECT, Api
from set_calls import (
    SETS,
    Pairs,
    created,
    delete,
    faults,
    kill,
    label,
    order,
    put,
    put_state,
    running,
    running_elsewhere,
    sized,
    stored,
)

from memstored.domain.backup import Backup, Progress
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    NodeState,
    Role,
    SetState,
    UseKind,
)

NAME = "before-sale"
DONE = [BackupState.AVAILABLE, BackupState.ERROR, BackupState.DELETING]


async def _save(api: Api, set_id: str, name: str = NAME) -> str:
    answer = await post_backup(api, {"clusterId": set_id, "name": name})
    assert answer.status_code == 201, answer.text
    backup_id: str = answer.json()["objectId"]
    return backup_id


# Making


async def test_a_backup_answers_with_the_id_alone(api: Api) -> None:
    """201 with exactly the id and a newline: 52 bytes; the keeper was told."""
    set_id = await running(api)
    woken = api.keeper.woken

    answer = await post_backup(api, {"clusterId": set_id, "name": NAME})

    object_id = answer.json()["objectId"]
    assert answer.status_code == 201
    assert answer.content == f'{{"objectId":"{object_id}"}}\n'.encode()
    assert str(UUID(object_id)) == object_id
    assert api.keeper.woken == woken + 1


async def test_a_backup_is_recorded_before_it_is_answered(api: Api) -> None:
    """It is `Pending`, of the set as it is, and its event tells who asked; the set is not touched."""
    set_id = await running(api)
    before = await stored(api, set_id)

    backup = await stored_backup(api, await _save(api, set_id))

    assert (backup.status, backup.type, backup.name) == (BackupState.PENDING, BackupType.MANUAL, NAME)
    assert (backup.set_id, backup.set_name, backup.project_id) == (set_id, "orders", api.project)
    assert (backup.version, backup.flavor_id) == (before.version, before.flavor_id)
    assert (backup.actor, backup.expires_at) == ("mia", None)
    assert await lines(api, backup.id) == [("Backup Create", "mia", "success")]
    assert await stored(api, set_id) == before


async def test_a_backup_needs_no_content_type(api: Api) -> None:
    """The documented calls send their body without a content type."""
    set_id = await running(api)
    body = f'{{ "clusterId": "{set_id}", "name": "{NAME}" }}'.encode()

    assert (await api.request("POST", BACKUPS, content=body)).status_code == 201


@pytest.mark.parametrize("name", ["ab", "a" * 63, "a-1-b", "a--b", "a0"])
async def test_good_names(api: Api, name: str) -> None:
    """2 to 63 of a-z, 0-9 and -, a letter first, no - last."""
    assert await _save(api, await running(api), name)


MALFORMED: list[tuple[dict[str, Any], Pairs]] = [
    *(
        ({"name": name}, {("name", code)})
        for name, code in {
            "": "out_of_range",
            "a": "out_of_range",
            "a" * 64: "out_of_range",
            "1a": "malformed",
            "-a": "malformed",
            "a-": "malformed",
            "aB": "malformed",
            "a.b": "malformed",
            "a_b": "malformed",
            "ab\n": "malformed",
            "ab ": "malformed",
        }.items()
    ),
    ({"name": None}, {("name", "missing")}),
    ({"name": 5}, {("name", "wrong_type")}),
    ({"clusterId": None}, {("clusterId", "missing")}),
    ({"clusterId": 5}, {("clusterId", "wrong_type")}),
    ({"clusterId": ""}, {("clusterId", "out_of_range")}),
    ({"retention": 7}, {("retention", "unknown_field")}),
    ({"name": "A", "clusterId": 5}, {("name", "out_of_range"), ("clusterId", "wrong_type")}),
]


@pytest.mark.parametrize(("changes", "expected"), MALFORMED, ids=label)
async def test_malformed_backups(api: Api, changes: dict[str, Any], expected: Pairs) -> None:
    """Every malformed field is 400, all of them at once; nothing is kept."""
    answer = await post_backup(api, {"clusterId": await running(api), "name": NAME} | changes)

    assert answer.status_code == 400
    assert faults(answer) == expected
    assert await api.backups.all() == []


async def test_an_empty_body_names_every_required_field(api: Api) -> None:
    """`{}` is answered with all that is missing."""
    assert faults(await post_backup(api, {})) == {("clusterId", "missing"), ("name", "missing")}


@pytest.mark.parametrize("set_id", ["none", "3f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11"])
async def test_an_unknown_set_is_not_found(api: Api, set_id: str) -> None:
    """404, although the id is in the body."""
    answer = await post_backup(api, {"clusterId": set_id, "name": NAME})

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "instance_set_unknown"


async def test_a_set_of_another_project_is_not_found(api: Api) -> None:
    """It looks like one that is not there, and so does one that is gone."""
    gone = await running(api)
    foreign = await api.request(
        "POST", SETS, token=api.tokens["other_project"], json=order(api, projectId=OTHER_PROJECT)
    )
    await put_state(api, gone, SetState.TERMINATED)

    for set_id in (foreign.json()["objectId"], gone):
        assert (await post_backup(api, {"clusterId": set_id, "name": NAME})).status_code == 404


@pytest.mark.parametrize("status", [s for s in SetState if s is not SetState.TERMINATED])
async def test_only_a_running_set_is_saved(api: Api, status: SetState) -> None:
    """In every other state it is 400 with a reason."""
    set_id = await running(api)
    await put_state(api, set_id, status)

    answer = await post_backup(api, {"clusterId": set_id, "name": NAME})

    if status is SetState.RUNNING:
        assert answer.status_code == 201
    else:
        healing = status in (SetState.RECOVERING, SetState.SCALING_OUT)
        assert answer.status_code == 400
        assert faults(answer) == {("clusterId", "set_healing" if healing else "wrong_state")}


async def test_a_set_that_is_being_made_is_not_saved(api: Api) -> None:
    """The operation that is under way is named."""
    answer = await post_backup(api, {"clusterId": await created(api), "name": NAME})

    assert answer.status_code == 400
    assert faults(answer) == {("clusterId", "set_busy"), ("clusterId", "no_replica")}


async def test_a_backup_needs_a_running_replica(api: Api) -> None:
    """One of two nodes is enough; the primary alone is not, nor is a replica that is not `Running`."""
    alone = await running(api, instanceSetName="alone", **sized(1))
    pair = await running(api, instanceSetName="pair", **sized(2))
    starting = await running(api, instanceSetName="starting", **sized(2))
    await put(
        api,
        starting,
        lambda it: it.with_nodes(
            replace(n, status=NodeState.STARTING) if n.role is Role.REPLICA else n for n in it.nodes
        ),
    )

    refused = [
        await post_backup(api, {"clusterId": set_id, "name": "refused"}) for set_id in (alone, starting)
    ]

    assert [faults(answer) for answer in refused] == [{("clusterId", "no_replica")}] * 2
    assert await _save(api, pair)


@pytest.mark.parametrize("status", [BackupState.PENDING, BackupState.CREATING])
async def test_one_backup_of_a_set_at_a_time(api: Api, status: BackupState) -> None:
    """Another one that waits or is made, by hand or by schedule, is named."""
    set_id = await running(api)
    other = await saved(api, set_id=set_id, status=status, type=BackupType.AUTOMATIC, name="first")

    answer = await post_backup(api, {"clusterId": set_id, "name": NAME})

    assert answer.status_code == 400
    assert faults(answer) == {("clusterId", "backup_under_way")}
    assert other.id in answer.json()["error"]["message"]


@pytest.mark.parametrize("status", DONE)
async def test_a_backup_that_is_done_is_no_hindrance(api: Api, status: BackupState) -> None:
    """A set may have many backups, also from before the last one was deleted."""
    set_id = await running(api)
    await saved(api, set_id=set_id, status=status)

    assert await _save(api, set_id)


async def test_of_two_that_are_asked_at_once_one_is_made(api: Api) -> None:
    """The others are told that one is under way."""
    set_id = await running(api)

    answers = await asyncio.gather(
        *(post_backup(api, {"clusterId": set_id, "name": f"backup-{n}"}) for n in range(4))
    )

    assert sorted(a.status_code for a in answers) == [201, 400, 400, 400]
    assert {pair for a in answers if a.status_code == 400 for pair in faults(a)} == {
        ("clusterId", "backup_under_way")
    }
    assert len(await api.backups.all()) == 1


@pytest.mark.parametrize("status", [*DONE, BackupState.PENDING, BackupState.CREATING])
async def test_a_name_is_used_once_in_a_project(api: Api, status: BackupState) -> None:
    """409 whatever became of the other one, until it is gone."""
    set_id = await running(api)
    other = await saved(api, name=NAME, status=status)

    taken = await post_backup(api, {"clusterId": set_id, "name": NAME})
    await api.backups.remove(other)
    free = await post_backup(api, {"clusterId": set_id, "name": NAME})

    assert [taken.status_code, free.status_code] == [409, 201]
    assert faults(taken) == {("name", "name_in_use")}


async def test_a_project_has_so_many_backups(api: Api) -> None:
    """One more is refused before its name is looked at, a copy too; what is deleted is room again."""
    set_id = await running_elsewhere(api)
    token = api.tokens["other_project"]
    one, two = [await saved(api, name=name, project_id=OTHER_PROJECT) for name in ("one", "two")]

    more = await post_backup(api, {"clusterId": set_id, "name": "one"}, token=token)
    copy = await post_backup(api, {"name": "copy"}, f"{one.id}/copy", token=token)
    quotas = (await api.get("/v1/redis/quotas", token=token)).json()["quotas"]
    await api.backups.remove(two)
    room = await post_backup(api, {"clusterId": set_id, "name": "three"}, token=token)

    assert [(it.status_code, it.json()["error"]["code"]) for it in (more, copy)] == 2 * [
        (400, "quota_exceeded")
    ]
    assert more.json()["error"]["message"] == "This project may have 2 backups and has 2; delete some."
    assert {"name": "backups_per_project", "limit": 2, "used": 2} in quotas
    assert room.status_code == 201


async def test_another_project_may_use_the_same_name(api: Api) -> None:
    """Names are unique in a project, not beyond it."""
    await saved(api, name=NAME, project_id=OTHER_PROJECT)

    assert await _save(api, await running(api))


async def test_what_is_wrong_with_the_set_comes_before_the_name(api: Api) -> None:
    """400 before 409."""
    await saved(api, name=NAME)
    set_id = await running(api)
    await kill(api, set_id, 2)

    assert (await post_backup(api, {"clusterId": set_id, "name": NAME})).status_code == 400


# Listing and showing


async def test_a_backup_is_shown_in_full(api: Api) -> None:
    """Every field, times in whole seconds."""
    backup = await saved(
        api,
        type=BackupType.AUTOMATIC,
        name="scheduled.orders.2025-06-16-01-17.KST",
        expires_at=1_750_604_860.5,
        reason=None,
        copy_of="3f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11",
        verified_at=1_750_000_100.9,
        damage="The checksum differs.",
    )

    answer = await api.get(f"{BACKUPS}/{backup.id}", token=api.tokens["reader"])

    assert answer.status_code == 200
    assert answer.json() == {
        "id": backup.id,
        "name": "scheduled.orders.2025-06-16-01-17.KST",
        "projectId": api.project,
        "clusterName": "orders",
        "clusterId": backup.set_id,
        "clusterMode": False,
        "type": "automatic",
        "status": "Available",
        "version": "7.0.15",
        "flavorId": backup.flavor_id,
        "size": 4096,
        "usedMemory": 8192,
        "keys": 3,
        "checksum": "c" * 64,
        "createdAt": "2025-06-15T15:06:40Z",
        "completedAt": "2025-06-15T15:07:40Z",
        "expiresAt": "2025-06-22T15:07:40Z",
        "reason": None,
        "copyOf": "3f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11",
        "verifying": False,
        "verifiedAt": "2025-06-15T15:08:20Z",
        "damage": "The checksum differs.",
        "progress": None,
    }


async def test_what_is_not_known_yet_is_null(api: Api) -> None:
    """A backup that waits has neither content nor end."""
    backup_id = await _save(api, await running(api))

    shown = (await api.get(f"{BACKUPS}/{backup_id}")).json()

    assert (shown["status"], shown["size"], shown["usedMemory"]) == ("Pending", 0, 0)
    assert {shown[name] for name in ("keys", "checksum", "completedAt", "expiresAt", "reason")} == {None}


async def test_a_reason_is_shown(api: Api) -> None:
    """Why a backup came to nothing."""
    backup = await saved(api, status=BackupState.ERROR, reason="The replica was lost.")

    shown = (await api.get(f"{BACKUPS}/{backup.id}")).json()

    assert (shown["status"], shown["reason"]) == ("Error", "The replica was lost.")


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([UseKind.RESTORE], "Restoring"),
        ([UseKind.COPY], "Copying"),
        ([UseKind.EXPORT], "Exporting"),
        ([UseKind.VERIFY], "Available"),
        ([UseKind.COPY, UseKind.EXPORT, UseKind.VERIFY], "Exporting"),
        ([UseKind.EXPORT, UseKind.RESTORE], "Restoring"),
    ],
)
async def test_the_latest_use_is_the_state(api: Api, kinds: list[UseKind], status: str) -> None:
    """Verifying shows beside it."""
    backup = await saved(api)
    for later, kind in enumerate(kinds):
        await put_use(api, backup, kind, since=1_750_000_000.0 + later)

    shown = (await api.get(f"{BACKUPS}/{backup.id}")).json()

    assert (shown["status"], shown["verifying"]) == (status, UseKind.VERIFY in kinds)


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(done=512, total=None), {"bytes": 512, "totalBytes": None, "percent": None}),
        (Progress(done=512, total=2048), {"bytes": 512, "totalBytes": 2048, "percent": 25}),
        (Progress(done=0, total=0), {"bytes": 0, "totalBytes": 0, "percent": 100}),
    ],
)
async def test_progress_is_shown_while_data_moves(
    api: Api, progress: Progress, shown: dict[str, int | None]
) -> None:
    """Of a backup that is being made or used; not of one that nothing is done with."""
    making = await saved(api, status=BackupState.CREATING, name="making")
    used = await saved(api, name="used")
    await put_use(api, used, UseKind.VERIFY)
    others = [
        await saved(api, name=status.value.lower(), status=status)
        for status in (BackupState.AVAILABLE, BackupState.PENDING, BackupState.DELETING)
    ]
    api.keeper.far.update(dict.fromkeys([making.id, used.id, *(other.id for other in others)], progress))

    rows = (await api.get(BACKUPS)).json()["backups"]

    assert {row["name"]: row["progress"] for row in rows} == {
        "making": shown,
        "used": shown,
        "available": None,
        "pending": None,
        "deleting": None,
    }


async def test_backups_are_listed(api: Api) -> None:
    """The oldest first: all of the project, of one set, of sets of a name; none of another project."""
    late = await saved(api, name="late", created_at=1_750_000_009.0, set_name="shop")
    early = await saved(api, name="early")
    await saved(api, name="foreign", project_id=OTHER_PROJECT)

    async def found(**params: str) -> list[str]:
        answer = await api.get(BACKUPS, params=params, token=api.tokens["reader"])
        assert answer.status_code == 200
        assert list(answer.json()) == ["backups"]
        return [row["name"] for row in answer.json()["backups"]]

    assert await found() == ["early", "late"]
    assert await found(clusterName="shop") == ["late"]
    assert await found(clusterId=early.set_id) == ["early"]
    assert await found(clusterId=early.set_id, clusterName="orders") == ["early"]
    assert await found(clusterId=late.set_id, clusterName="orders") == []
    assert await found(clusterName="none") == []
    assert await found(clusterId="none") == []
    assert late.set_id != early.set_id


@pytest.mark.parametrize("query", ["clustername=orders", "limit=5", "clusterName=a&clusterName=b"])
async def test_a_query_that_is_wrong(api: Api, query: str) -> None:
    """A typo must not list more than was meant."""
    assert (await api.get(f"{BACKUPS}?{query}")).status_code == 400


async def test_backups_outlive_their_set(api: Api) -> None:
    """They are listed by the name that the set had."""
    backup = await saved(api, set_id=await running(api))
    await delete(api, backup.set_id)
    await put_state(api, backup.set_id, SetState.TERMINATED)

    rows = (await api.get(BACKUPS, params={"clusterName": "orders"})).json()["backups"]

    assert [row["id"] for row in rows] == [backup.id]


CALLS = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("POST", "/copy", {"name": NAME}),
    ("POST", "/export", {"path": "archive/x"}),
    ("POST", "/verify", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_what_is_not_there_is_not_found(
    api: Api, method: str, path: str, body: dict[str, str] | None
) -> None:
    """An unknown id, in any form, and another project's are 404, before the body is looked at."""
    foreign = await saved(api, project_id=OTHER_PROJECT)

    for backup_id in ("none", "%00", foreign.id):
        for sent in (body, {"wrong": 1}):
            answer = await api.request(method, f"{BACKUPS}/{backup_id}{path}", json=sent)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "backup_unknown"
    assert (await stored_backup(api, foreign.id)) == foreign


@pytest.mark.parametrize(("method", "path", "body"), [*CALLS, ("POST", None, {"clusterId": "x"})])
async def test_a_reader_only_reads(
    api: Api, method: str, path: str | None, body: dict[str, str] | None
) -> None:
    """The role `reader` may GET and nothing else."""
    backup = await saved(api)
    place = BACKUPS if path is None else f"{BACKUPS}/{backup.id}{path}"

    answer = await api.request(method, place, json=body, token=api.tokens["reader"])

    assert answer.status_code == (200 if method == "GET" else 403)


# Deleting


@pytest.mark.parametrize("status", [BackupState.AVAILABLE, BackupState.ERROR])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(BackupType.MANUAL, "Backup Delete"), (BackupType.AUTOMATIC, "Scheduled Backup Delete")],
)
async def test_a_deletion_is_recorded_before_it_is_answered(
    api: Api, status: BackupState, kind: BackupType, name: str
) -> None:
    """It is `Deleting` when the answer, its id, comes; the keeper was told, and the event names its type."""
    backup = await saved(api, status=status, type=kind, reason="Why.")
    woken = api.keeper.woken

    answer = await api.request("DELETE", f"{BACKUPS}/{backup.id}")

    assert (answer.status_code, answer.content) == (200, f'{{"objectId":"{backup.id}"}}\n'.encode())
    assert (await stored_backup(api, backup.id)).status is BackupState.DELETING
    assert api.keeper.woken == woken + 1
    assert await lines(api, backup.id) == [(name, "mia", "success")]


@pytest.mark.parametrize("status", [BackupState.PENDING, BackupState.CREATING, BackupState.DELETING])
async def test_backups_that_can_not_be_deleted_now(api: Api, status: BackupState) -> None:
    """400, and the state is named."""
    backup = await saved(api, status=status)

    answer = await api.request("DELETE", f"{BACKUPS}/{backup.id}")

    assert answer.status_code == 400
    assert faults(answer) == {("backupId", "backup_wrong_state")}
    assert status.value in answer.json()["error"]["message"]
    assert await stored_backup(api, backup.id) == backup


@pytest.mark.parametrize("kind", list(UseKind))
async def test_a_backup_in_use_is_not_deleted(api: Api, kind: UseKind) -> None:
    """400 while it is restored, copied, exported or verified; afterwards it can be."""
    backup = await saved(api)
    use = await put_use(api, backup, kind)

    used = await api.request("DELETE", f"{BACKUPS}/{backup.id}")
    await api.backups.end_use(use)
    free = await api.request("DELETE", f"{BACKUPS}/{backup.id}")

    assert [used.status_code, free.status_code] == [400, 200]
    assert faults(used) == {("backupId", "backup_in_use")}


async def test_a_deletion_that_came_too_late_is_judged_anew(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody began to use it after it was read: it stays, with the reason."""
    backup = await saved(api)
    update = api.backups.update

    async def overtaken(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        monkeypatch.undo()
        await put_use(api, backup, UseKind.EXPORT)
        await update(*args, **kwargs)

    monkeypatch.setattr(api.backups, "update", overtaken)
    answer = await api.request("DELETE", f"{BACKUPS}/{backup.id}")

    assert answer.status_code == 400
    assert faults(answer) == {("backupId", "backup_in_use")}


# While one is made (2.5 to 2.7)


async def test_members_stay_while_a_backup_is_made(api: Api) -> None:
    """No node is added, deleted or promoted while it is `Creating`; all else goes on."""
    set_id = await running(api)
    await put(api, set_id, lambda it: replace(it, backup=BackupId("made-now")))
    node = (await stored(api, set_id)).nodes[2].id

    refused = [
        await api.request("DELETE", f"{SETS}/{set_id}/instances/{node}"),
        await api.request("PATCH", f"{SETS}/{set_id}/primary", json={"primaryId": node}),
        await api.request(
            "PATCH", f"{SETS}/{set_id}/replicas", json={"subnet": {"id": order(api)["subnets"][0]["id"]}}
        ),
    ]
    allowed = [
        await api.request("PATCH", f"{SETS}/{set_id}/recovery", json={"enabled": True}),
        await api.request("PATCH", f"{SETS}/{set_id}", json={"description": "new"}),
        await delete(api, set_id),
    ]

    assert [a.status_code for a in refused] == [400] * 3
    assert [faults(a) for a in refused] == [{("instanceSetId", "backup_under_way")}] * 3
    assert [a.status_code for a in allowed] == [200] * 3


async def test_a_backup_that_waits_blocks_nothing(api: Api) -> None:
    """`Pending` is not `Creating`: what is needed is checked again when it begins."""
    set_id = await running(api)
    await _save(api, set_id)
    node = (await stored(api, set_id)).nodes[2].id

    assert (await api.request("DELETE", f"{SETS}/{set_id}/instances/{node}")).status_code == 200


async def test_a_lost_store_is_no_backup(api: Api) -> None:
    """500 with a time to come back, like everywhere."""
    backup: Backup = await saved(api)
    api.database.lost = True

    answer = await api.get(f"{BACKUPS}/{backup.id}")

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "store_unavailable"
    assert answer.headers["retry-after"] == "5"
