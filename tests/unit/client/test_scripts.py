"""Waiting, following and paging, without a server: the clock moves with the pauses."""

from typing import Any

import pytest
from played import issued, refused, reply, scene

from memstored.client import scripts
from memstored.client.errors import ComesToNothing, NotFound, TimedOut
from memstored.client.wire import Reply

AT = "2026-01-31T23:59:59Z"


def shown_set(status: str, **changes: object) -> Reply:
    """A set in that state."""
    reason = {"code": "x", "message": "It is not well.", "since": AT, "trying": "", "next": ""}
    row: dict[str, Any] = {
        "objectId": "s1",
        "instanceSetName": "orders",
        "description": "",
        "projectId": "p1",
        "status": status,
        "reason": None if status == "Running" else reason,
        "version": "7.0.15",
        "flavorId": "f1",
        "replicas": 3,
        "recoveryEnabled": True,
        "tlsEnabled": False,
        "port": 6379,
        "endpoints": None,
        "subnets": [{"id": "n1"}],
        "securityGroups": [{"id": "g1"}],
        "backupSchedule": None,
        "user": None,
        "parameterGroup": {"id": "p1", "name": "Redis.7.0.Default", "applyStatus": "In-Sync"},
        "creator": "mia",
        "license": "BSD-3-Clause",
        "createdAt": AT,
        "updatedAt": AT,
        "operation": None,
    }
    return reply(row | changes)


def operation(percent: int, state: str = "running", **changes: object) -> dict[str, Any]:
    """An operation that is so far."""
    row: dict[str, Any] = {
        "id": "o1",
        "kind": "create",
        "state": state,
        "step": "load",
        "steps": [{"name": "load", "state": "running", "startedAt": AT, "finishedAt": None}],
        "percent": percent,
        "transferredBytes": percent * 10,
        "totalBytes": 1000,
        "startedAt": AT,
        "finishedAt": None,
        "error": None,
    }
    return row | changes


def operations(*rows: dict[str, Any]) -> Reply:
    """A page of operations, newest first."""
    return reply({"size": len(rows), "data": list(rows), "next": None})


def backup(status: str, **changes: object) -> Reply:
    """A backup in that state."""
    row: dict[str, Any] = {
        "id": "b1",
        "name": "nightly",
        "projectId": "p1",
        "clusterName": "orders",
        "clusterId": "s1",
        "clusterMode": False,
        "type": "manual",
        "status": status,
        "version": "7.0.15",
        "flavorId": "f1",
        "size": 0,
        "usedMemory": 0,
        "keys": None,
        "checksum": None,
        "createdAt": AT,
        "completedAt": None,
        "expiresAt": None,
        "reason": None,
        "copyOf": None,
        "verifying": False,
        "verifiedAt": None,
        "damage": None,
        "progress": None,
    }
    return reply(row | changes)


def test_a_set_is_waited_for_until_it_runs() -> None:
    """With a look every so often, over states that pass by themselves."""
    player, session = scene(shown_set("Init"), shown_set("Warning"), shown_set("Running"))

    seen = player.play(scripts.wait_until_running(session, "s1", look=0.5))

    assert (seen.status, player.pauses) == ("Running", [0.5, 0.5])


@pytest.mark.parametrize("status", ["Failed", "Terminating"])
def test_a_set_that_will_never_run_is_not_waited_for(status: str) -> None:
    """The reason is the service's."""
    player, session = scene(shown_set(status))

    with pytest.raises(ComesToNothing, match=f"orders is {status}: It is not well"):
        player.play(scripts.wait_until_running(session, "s1"))


def test_waiting_ends_in_time() -> None:
    """And says how far it was; it is also Python's own TimeoutError."""
    player, session = scene(*[shown_set("Provisioning")] * 5)

    with pytest.raises(TimedOut, match="orders is Provisioning: It is not well") as late:
        player.play(scripts.wait_until_running(session, "s1", timeout=2.0, look=1.0))

    assert isinstance(late.value, TimeoutError)
    assert player.pauses == [1.0, 1.0]


def test_a_set_is_gone_when_nobody_knows_it() -> None:
    """Until then it is being deleted."""
    player, session = scene(shown_set("Terminating"), refused(404, "instance_set_unknown"))

    player.play(scripts.wait_until_gone(session, "s1"))

    assert player.pauses == [scripts.LOOK]


def test_an_operation_is_followed_to_its_end() -> None:
    """Each change comes once, with steps, bytes and percent; what is the same is not shown again."""
    player, session = scene(
        operations(operation(0)),
        operations(operation(50)),
        operations(operation(50)),
        operations(operation(100, "succeeded")),
    )

    seen = list(player.items(scripts.follow(session, "s1")))

    assert [(it.percent, it.transferred_bytes, it.state) for it in seen] == [
        (0, 0, "running"),
        (50, 500, "running"),
        (100, 1000, "succeeded"),
    ]
    assert seen[0].steps[0].name == "load"


def test_following_ends_in_time() -> None:
    """Also when nothing changes any more, which is when it matters."""
    player, session = scene(*[operations(operation(50))] * 5)
    other, elsewhere = scene(*[backup("Creating")] * 5)

    with pytest.raises(TimedOut, match="create goes on, at 50 % and load"):
        list(player.items(scripts.follow(session, "s1", timeout=2.0, look=1.0)))
    with pytest.raises(TimedOut, match="nightly is Creating"):
        list(other.items(scripts.follow_backup(elsewhere, "b1", timeout=2.0, look=1.0)))

    assert player.pauses == other.pauses == [1.0, 1.0]


def test_the_operation_that_was_begun_with_is_followed() -> None:
    """Not one that comes after it."""
    healing = operation(10) | {"id": "o2", "kind": "heal"}
    player, session = scene(
        operations(operation(50)), operations(healing, operation(50, "failed", error="It can not."))
    )

    seen = list(player.items(scripts.follow(session, "s1")))

    assert [(it.id, it.error) for it in seen] == [("o1", None), ("o1", "It can not.")]


def test_a_deletion_is_followed_until_the_set_is_gone() -> None:
    """That is its end; a set that was never there is refused."""
    gone = refused(404, "instance_set_unknown")
    player, session = scene(operations(operation(50) | {"kind": "delete"}), gone)
    nobody, other = scene(gone)

    assert [it.kind for it in player.items(scripts.follow(session, "s1"))] == ["delete"]
    with pytest.raises(NotFound):
        list(nobody.items(scripts.follow(other, "s1")))


def test_a_backup_is_followed_until_nothing_is_done_with_it() -> None:
    """Its making with the bytes, and its verification after that."""
    moved = {"bytes": 10, "totalBytes": 20, "percent": 50}
    player, session = scene(
        backup("Creating"),
        backup("Creating", progress=moved),
        backup("Available", verifying=True),
        backup("Available"),
    )

    seen = list(player.items(scripts.follow_backup(session, "b1")))

    assert [it.progress.bytes if it.progress else None for it in seen] == [None, 10, None, None]
    assert not seen[-1].verifying


def test_a_backup_that_came_to_nothing_says_why() -> None:
    """Waiting for it ends."""
    player, session = scene(backup("Pending"), backup("Error", reason="No replica gives it."))

    with pytest.raises(ComesToNothing, match="nightly is Error"):
        player.play(scripts.wait_until_available(session, "b1"))


def test_a_list_is_read_page_by_page_as_it_is_needed() -> None:
    """Whoever stops after the first row causes one request."""
    first = reply({"size": 1, "data": [shown_set("Running").json()], "next": "m2"})
    second = reply({"size": 1, "data": [shown_set("Failed").json()], "next": None})
    player, session = scene(first, second)

    rows = player.items(scripts.list_sets(session, limit=1, status="Running"))
    one = next(rows)
    asked = len(player.asked)
    rest = list(rows)

    assert (one.status, asked, [row.status for row in rest]) == ("Running", 1, ["Failed"])
    assert [dict(request.query) for request in player.asked] == [
        {"limit": "1", "status": "Running"},
        {"marker": "m2", "limit": "1", "status": "Running"},
    ]


def test_a_set_is_ordered_in_the_project_of_the_caller() -> None:
    """Unless another one is named; what is not given is not sent."""
    player, session = scene(issued("t1"), reply({"objectId": "s1"}, 201), credential=True)

    made = player.play(
        scripts.create_set(
            session,
            instance_set_name="orders",
            replicas=1,
            flavor_id="f1",
            recovery_enabled=False,
            subnets=["n1"],
            primary_subnet="n1",
            replica_subnets=[],
            security_groups=["g1"],
            parameter_group_id="p1",
            version="7.0.15",
        )
    )

    assert made == "s1"
    assert player.asked[1].body == {
        "instanceSetName": "orders",
        "replicas": 1,
        "flavorId": "f1",
        "recoveryEnabled": False,
        "subnets": [{"id": "n1"}],
        "subnetAssignments": [{"primary": {"id": "n1"}, "replicas": []}],
        "securityGroups": [{"id": "g1"}],
        "tlsEnabled": False,
        "parameterGroupId": "p1",
        "port": 6379,
        "projectId": "p1",
        "version": "7.0.15",
    }
