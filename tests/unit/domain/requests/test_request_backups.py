from collections.abc import Callable
from dataclasses import replace

import pytest
from asked import CALL, NOW, SET, a_backup, a_use, failed, operation, running, with_node

from memstored.domain.backup import Backup
from memstored.domain.errors import InvalidRequest
from memstored.domain.model import InstanceSet
from memstored.domain.requests.backups import NewUse, Title, copy, export, remove, save, verify
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    EventName,
    NodeState,
    SetState,
    UseKind,
)

TITLE = Title(id=BackupId("backup-2"), name="before-sale")
PENDING, CREATING, AVAILABLE = BackupState.PENDING, BackupState.CREATING, BackupState.AVAILABLE


def _codes(ask: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refusal:
        ask()
    assert all(d.message.endswith(".") for d in refusal.value.details)
    return sorted((d.field, d.code) for d in refusal.value.details)


# Making one


def test_a_backup_waits_for_its_turn() -> None:
    """It is `Pending`, knows what it will be of and where it will lie, and is told of."""
    new = save(running(), TITLE, CALL, [])

    assert new.backup == Backup(
        id=BackupId("backup-2"),
        project_id="p",
        name="before-sale",
        set_id=SET,
        set_name="orders",
        type=BackupType.MANUAL,
        status=PENDING,
        version="7.0.15",
        flavor_id=running().flavor_id,
        key="backups/p/backup-2.rdb",
        created_at=NOW,
        actor="mia",
        request_id="request-1",
    )
    assert [(e.name, e.actor, e.request_id) for e in new.events] == [
        (EventName.BACKUP_CREATE, "mia", "request-1")
    ]


def test_one_replica_suffices() -> None:
    """A backup is taken from any replica that is `Running`."""
    assert save(running(2), TITLE, CALL, []).backup.status is PENDING
    assert save(with_node(running(3), 2, status=NodeState.FAILED), TITLE, CALL, []).backup.status is PENDING


@pytest.mark.parametrize(
    ("instance_set", "codes"),
    [
        (running(1), ["no_replica"]),
        (with_node(running(2), 2, status=NodeState.STARTING), ["no_replica"]),
        (failed(running(2), 2), ["no_replica", "wrong_state"]),
        (failed(running(3), 2), ["wrong_state"]),
        (running(status=SetState.RECOVERING), ["set_healing"]),
        (running(status=SetState.TERMINATING), ["wrong_state"]),
        (running(status=SetState.SCALING_HORIZONTAL, operation=operation()), ["set_busy"]),
        (running(backup=BackupId("backup-1")), ["backup_under_way"]),
    ],
)
def test_sets_that_can_not_be_saved_now(instance_set: InstanceSet, codes: list[str]) -> None:
    """Only a `Running` set with a `Running` replica, and one backup at a time; all reasons are told."""
    asked = _codes(lambda: save(instance_set, TITLE, CALL, []))

    assert asked == [("clusterId", code) for code in codes]


@pytest.mark.parametrize("status", list(BackupState))
def test_another_backup_of_the_set(status: BackupState) -> None:
    """One that waits or is made comes first; one that is done is no hindrance."""
    other = a_backup(status=status)

    if status in (PENDING, CREATING):
        assert _codes(lambda: save(running(), TITLE, CALL, [other])) == [("clusterId", "backup_under_way")]
    else:
        assert save(running(), TITLE, CALL, [other]).backup.status is PENDING


def test_a_copy_in_the_making_is_no_hindrance() -> None:
    """A copy takes nothing from the set."""
    other = a_backup(status=PENDING, copy_of="backup-0")

    assert save(running(), TITLE, CALL, [other]).backup.status is PENDING


# Deleting one


@pytest.mark.parametrize("status", [AVAILABLE, BackupState.ERROR])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (BackupType.MANUAL, EventName.BACKUP_DELETE),
        (BackupType.AUTOMATIC, EventName.SCHEDULED_BACKUP_DELETE),
    ],
)
def test_a_backup_goes(status: BackupState, kind: BackupType, name: EventName) -> None:
    """It is `Deleting`, which is told in the words of its type."""
    before = a_backup(status=status, type=kind, reason="Why.")

    change = remove(before, CALL)

    assert change.before == before
    assert change.after == replace(before, status=BackupState.DELETING, reason=None)
    assert [(e.name, e.actor) for e in change.events] == [(name, "mia")]


@pytest.mark.parametrize("status", [PENDING, CREATING, BackupState.DELETING])
def test_backups_that_can_not_be_deleted_now(status: BackupState) -> None:
    """What waits or is made ends by itself, what goes goes."""
    assert _codes(lambda: remove(a_backup(status=status), CALL)) == [("backupId", "backup_wrong_state")]


@pytest.mark.parametrize("kind", list(UseKind))
def test_a_backup_in_use_stays(kind: UseKind) -> None:
    """Whatever it is used for, and the reason says what."""
    with pytest.raises(InvalidRequest, match=kind.value) as refusal:
        remove(a_backup(uses=(a_use(kind),)), CALL)

    assert [(d.field, d.code) for d in refusal.value.details] == [("backupId", "backup_in_use")]


# Using one


def test_a_copy_is_made_by_hand_and_never_expires() -> None:
    """It is a backup of its own with the same data, wherever its source came from."""
    source = a_backup(
        type=BackupType.AUTOMATIC,
        expires_at=NOW + 9,
        node="node-2",
        verified_at=NOW - 9,
        damage="Some.",
        uses=(a_use(UseKind.EXPORT),),
    )

    new = copy(source, TITLE, CALL, "use-2")

    assert new.copy == replace(
        a_backup(),
        id=TITLE.id,
        name=TITLE.name,
        key="backups/p/backup-2.rdb",
        status=PENDING,
        created_at=NOW,
        actor="mia",
        request_id="request-1",
        completed_at=None,
        copy_of=source.id,
    )
    assert (new.use.id, new.use.backup_id, new.use.kind) == ("use-2", source.id, UseKind.COPY)
    assert (new.use.since, new.use.holder, new.use.path) == (NOW, TITLE.id, None)
    assert [(e.name, e.actor) for e in new.events] == [(EventName.BACKUP_COPY, "mia")]


def test_an_export_holds_the_path() -> None:
    """What is written where is recorded before it is begun, and told."""
    new = export(a_backup(), "bucket/folder/name", CALL, "use-2")

    assert new is not None
    assert (new.use.kind, new.use.path, new.use.holder) == (UseKind.EXPORT, "bucket/folder/name", None)
    assert new.copy is None
    assert [e.name for e in new.events] == [EventName.BACKUP_EXPORT]
    assert "bucket/folder/name" in new.events[0].message


def test_a_backup_is_exported_to_one_path_once_at_a_time() -> None:
    """A repeat while it is under way changes nothing; another path is another export."""
    exporting = a_backup(uses=(replace(a_use(UseKind.EXPORT), path="bucket/name"),))

    assert export(exporting, "bucket/name", CALL, "use-2") is None
    assert export(exporting, "bucket/other", CALL, "use-2") is not None


def test_a_backup_is_verified_once_at_a_time() -> None:
    """A repeat while it is under way changes nothing."""
    new = verify(a_backup(), CALL, "use-2")

    assert new is not None
    assert (new.use.kind, new.use.since, new.events) == (UseKind.VERIFY, NOW, ())
    assert verify(a_backup(uses=(a_use(UseKind.VERIFY),)), CALL, "use-2") is None


USES: list[Callable[[Backup], NewUse | None]] = [
    lambda it: copy(it, TITLE, CALL, "use-2"),
    lambda it: export(it, "bucket/name", CALL, "use-2"),
    lambda it: verify(it, CALL, "use-2"),
]


@pytest.mark.parametrize("ask", USES)
@pytest.mark.parametrize("kind", [UseKind.RESTORE, UseKind.COPY, UseKind.EXPORT])
def test_a_backup_has_several_uses_at_once(ask: Callable[[Backup], NewUse | None], kind: UseKind) -> None:
    """While it is restored, copied or exported it can be used again."""
    assert ask(a_backup(uses=(a_use(kind),))) is not None


@pytest.mark.parametrize("ask", USES)
@pytest.mark.parametrize("status", [PENDING, CREATING, BackupState.ERROR, BackupState.DELETING])
def test_backups_that_can_not_be_used(ask: Callable[[Backup], NewUse | None], status: BackupState) -> None:
    """There is no whole object before it is `Available`, or none to count on after."""
    assert _codes(lambda: ask(a_backup(status=status))) == [("backupId", "backup_wrong_state")]
