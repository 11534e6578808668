"""Copies, exports and restores of backups: done once or not at all, and taken up again after a restart."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest
from keeper_ground import DATA, PROJECT, Ground, running_set
from looking import eventually

from memstored.control.content import read_content
from memstored.control.keeper import TRIES
from memstored.control.means import Meter
from memstored.domain.backup import Backup, BackupUse
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.object_keys import backup_key, bucket_key
from memstored.domain.words import BackupId, BackupState, BackupType, SetId, SetState, UseKind
from memstored.objects.storage import Objects, ObjectTrouble, Stored
from memstored.store.database import StoreTrouble
from memstored.store.errors import Stale

CONTENT = b"".join(DATA)


def twin(backup: Backup, name: str = "copy") -> Backup:
    """A copy as the request for one writes it."""
    copy_id = BackupId(str(uuid4()))
    return replace(
        backup,
        id=copy_id,
        name=name,
        key=backup_key(PROJECT, copy_id),
        status=BackupState.PENDING,
        type=BackupType.MANUAL,
        copy_of=backup.id,
        completed_at=None,
        checksum=None,
        uses=(),
    )


async def idle(kept: Ground, backup: Backup) -> Backup:
    """The backup as soon as nobody uses it."""
    return await kept.until(backup, lambda stored: not stored.uses)


async def test_a_copy_is_a_backup_of_its_own(kept: Ground) -> None:
    """It has an object of its own and stays when the first one goes."""
    source = await kept.saved()
    copy = twin(source)
    await kept.use(source, UseKind.COPY, copy=copy, holder=copy.id)

    async with kept.keeper():
        done = await kept.settled(copy, BackupState.AVAILABLE)
        unused = await idle(kept, source)
        await kept.backups.update(unused, replace(unused, status=BackupState.DELETING))
        await kept.gone(source)

    assert await kept.content(done.key) == CONTENT
    assert (done.size, done.checksum, done.keys) == (source.size, source.checksum, source.keys)
    assert done.completed_at == kept.clock.wall()
    assert (await kept.told(done.id))[-1].name == "Backup Copy Complete"


async def test_a_copy_that_was_made_but_not_recorded_is_taken_as_it_is(kept: Ground) -> None:
    """The service was killed in between."""
    source = await kept.saved()
    copy = twin(source)
    await kept.use(source, UseKind.COPY, copy=copy, holder=copy.id)
    await kept.objects.copy(source.key, copy.key)

    async with kept.keeper():
        done = await kept.settled(copy, BackupState.AVAILABLE)
        await idle(kept, source)

    assert await kept.content(done.key) == CONTENT


async def test_a_copy_of_an_object_that_is_gone_ends_in_error(kept: Ground) -> None:
    """Somebody else took it away; the copy says so."""
    source = await kept.saved()
    await kept.objects.delete(source.key)
    copy = twin(source)
    await kept.use(source, UseKind.COPY, copy=copy, holder=copy.id)

    async with kept.keeper():
        done = await kept.settled(copy, BackupState.ERROR)
        await idle(kept, source)

    assert done.reason == "Its object is not in object storage any more."


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"\x00", CONTENT[:-1]])
async def test_what_is_not_what_was_stored_is_neither_copied_nor_exported(
    kept: Ground, content: bytes
) -> None:
    """One byte is enough: nothing of it appears, and both say so."""
    source = await kept.saved()
    await kept.objects.delete(source.key)
    await kept.objects.put(source.key, iter((content,)))
    await kept.objects.put(f"{bucket_key(PROJECT, 'mine')}/there", iter((b"x",)))
    copy = twin(source)
    await kept.use(source, UseKind.COPY, copy=copy, holder=copy.id)
    await kept.use(source, UseKind.EXPORT, path="mine/out.rdb")

    async with kept.keeper():
        done = await kept.settled(copy, BackupState.ERROR)
        await idle(kept, source)

    assert done.reason == "Its object is not what was stored. Verify it, and use another backup."
    assert "is not what was stored" in (await kept.told(source.id))[-1].message
    assert [await kept.content(key) for key in (copy.key, f"{bucket_key(PROJECT, 'mine')}/out.rdb")] == [
        None
    ] * 2


FULL = "The disk of object storage is full."


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (ObjectTrouble(FULL), FULL),
        (
            RuntimeError("can't start new thread"),
            "A fault of the service kept it from being done; the service's log says which.",
        ),
    ],
)
async def test_a_copy_that_can_not_be_made_is_given_up_after_some_tries(
    kept: Ground, monkeypatch: pytest.MonkeyPatch, trouble: Exception, reason: str
) -> None:
    """The backup is free again, and the copy says why, whether the trouble was foreseen or not."""
    source = await kept.saved()
    copy = twin(source)
    await kept.use(source, UseKind.COPY, copy=copy, holder=copy.id)
    tries = []

    async def refuse(_source: str, target: str, **_content: Stored) -> None:
        tries.append(target)
        raise trouble

    monkeypatch.setattr(kept.objects, "copy", refuse)
    async with kept.keeper():
        done = await kept.settled(copy, BackupState.ERROR)
        await idle(kept, source)

    assert done.reason == reason
    assert len(tries) == 5


async def test_an_export_is_a_plain_file_where_it_was_asked_for(kept: Ground) -> None:
    """In the project's bucket, and the backup is free again."""
    source = await kept.saved()
    await kept.objects.put(f"{bucket_key(PROJECT, 'mine')}/there", iter((b"x",)))
    await kept.use(source, UseKind.EXPORT, path="mine/folder/out.rdb")

    async with kept.keeper():
        await idle(kept, source)

    assert await kept.content(f"{bucket_key(PROJECT, 'mine')}/folder/out.rdb") == CONTENT
    assert (await kept.told(source.id))[-1].name == "Backup Export Complete"


async def export_over(kept: Ground, content: bytes) -> tuple[bytes | None, list[str]]:
    """Export to where an object with that content is; returns what is there then, and what was told."""
    source = await kept.saved()
    target = f"{bucket_key(PROJECT, 'mine')}/out.rdb"
    await kept.objects.put(target, iter((content,)))
    await kept.use(source, UseKind.EXPORT, path="mine/out.rdb")
    async with kept.keeper():
        await idle(kept, source)
    told = [f"{event.name}: {event.outcome}" for event in await kept.told(source.id)]
    return await kept.content(target), told[1:]


async def test_an_export_never_overwrites(kept: Ground) -> None:
    """What came there meanwhile stays, and the event says so."""
    there, told = await export_over(kept, b"somebody's own")

    assert there == b"somebody's own"
    assert told == ["Backup Export Failed: failure"]


@pytest.mark.parametrize(("content", "reads"), [(b"x" * len(CONTENT), 1), (b"x" + CONTENT, 0)])
async def test_what_is_where_an_export_is_to_go_is_read_only_if_it_can_be_our_own(
    kept: Ground, monkeypatch: pytest.MonkeyPatch, content: bytes, reads: int
) -> None:
    """A file of another size is not, and may be large."""
    read: list[str] = []

    async def noted(objects: Objects, key: str, meter: Meter) -> Stored:
        read.append(key)
        return await read_content(objects, key, meter)

    monkeypatch.setattr("memstored.control.uses.read_content", noted)
    there, told = await export_over(kept, content)

    assert (there, told) == (content, ["Backup Export Failed: failure"])
    assert len(read) == reads


async def test_an_export_that_was_made_before_a_restart_is_done(kept: Ground) -> None:
    """The same bytes are there: it is our own of before."""
    there, told = await export_over(kept, CONTENT)

    assert (there, told) == (CONTENT, ["Backup Export Complete: success"])


async def test_a_use_that_ended_since_it_was_read_is_not_carried_out_again(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that takes its time has read what ends before it is begun; the file may be gone by then."""
    source = await kept.saved()
    bucket = bucket_key(PROJECT, "mine")
    await kept.objects.put(f"{bucket}/there", iter((b"x",)))
    await kept.use(source, UseKind.EXPORT, path="mine/out.rdb")
    read_before = await kept.backups.unsettled(kept.clock.wall())
    async with kept.keeper():
        await idle(kept, source)
    await kept.objects.delete(f"{bucket}/out.rdb")

    async def unsettled(_now: float) -> list[Backup]:
        kept.backups.looks += 1
        return read_before

    monkeypatch.setattr(kept.backups, "unsettled", unsettled)
    async with kept.keeper():
        await kept.rest()

    assert await kept.content(f"{bucket}/out.rdb") is None
    assert [event.name for event in await kept.told(source.id)][1:] == ["Backup Export Complete"]


@pytest.mark.parametrize("recorded", [True, False])
async def test_an_export_whose_end_met_trouble_is_told_once(
    kept: Ground,
    monkeypatch: pytest.MonkeyPatch,
    recorded: bool,  # noqa: FBT001 - one of two cases
) -> None:
    """Whether the store took its end, and only the answer was lost, or did not."""
    source = await kept.saved()
    await kept.objects.put(f"{bucket_key(PROJECT, 'mine')}/there", iter((b"x",)))
    await kept.use(source, UseKind.EXPORT, path="mine/out.rdb")
    end_use, troubles = kept.backups.end_use, [StoreTrouble("The disk is away.")]

    async def end(use: BackupUse, events: Sequence[EventDraft] = ()) -> None:
        trouble = troubles.pop() if troubles else None
        if recorded or trouble is None:
            await end_use(use, events)
        if trouble is not None:
            raise trouble

    monkeypatch.setattr(kept.backups, "end_use", end)
    async with kept.keeper():
        await idle(kept, source)
        await kept.rest()

    assert [event.name for event in await kept.told(source.id)][1:] == ["Backup Export Complete"]


async def test_an_export_to_a_bucket_that_is_gone_ends_and_is_told(kept: Ground) -> None:
    """It was there when it was asked for."""
    source = await kept.saved()
    await kept.use(source, UseKind.EXPORT, path="gone/out.rdb")

    async with kept.keeper():
        await idle(kept, source)

    last = (await kept.told(source.id))[-1]
    assert (last.name, last.outcome) == ("Backup Export Failed", "failure")
    assert "no bucket gone" in last.message


async def test_several_uses_at_once_do_not_wait_for_each_other(kept: Ground) -> None:
    """A restore that takes its time keeps nobody from copying."""
    source = await kept.saved()
    restored = await kept.add_set(running_set("restored", opened=False, status=SetState.PROVISIONING))
    await kept.use(source, UseKind.RESTORE, holder=restored.id)
    copy = twin(source)
    await kept.use(source, UseKind.COPY, copy=copy, holder=copy.id)

    async with kept.keeper():
        await kept.settled(copy, BackupState.AVAILABLE)
        stored = await kept.until(source, lambda b: len(b.uses) == 1)

    assert stored.shown is BackupState.RESTORING


@pytest.mark.parametrize(
    "changes",
    [
        {"opened": True},
        {"status": SetState.FAILED},
        {"status": SetState.TERMINATING},
        {"status": SetState.TERMINATED},
    ],
)
async def test_a_restore_is_over_when_the_set_serves_the_data_or_never_will(
    kept: Ground, changes: dict[str, object]
) -> None:
    """Not before: until then the backup can not be deleted."""
    source = await kept.saved()
    restored = await kept.add_set(running_set("restored", opened=False, status=SetState.PROVISIONING))
    await kept.use(source, UseKind.RESTORE, holder=restored.id)

    async with kept.keeper():
        await kept.rest()
        used = await kept.backups.load(source.id)
        assert used is not None
        with pytest.raises(Stale):
            await kept.backups.update(used, replace(used, status=BackupState.DELETING))
        await kept.change_set(restored.id, **changes)
        unused = await idle(kept, source)

    assert used.shown is BackupState.RESTORING
    assert unused.shown is BackupState.AVAILABLE


@pytest.mark.parametrize("trouble", [OSError("no memory"), RuntimeError("a fault of ours")])
async def test_a_restore_is_never_given_up_while_the_set_may_load_from_the_backup(
    kept: Ground, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """However often its set can not be looked at: it might be the last copy that is deleted under it."""
    source = await kept.saved()
    restored = await kept.add_set(running_set("restored", opened=False, status=SetState.PROVISIONING))
    await kept.use(source, UseKind.RESTORE, holder=restored.id)
    load, tries = kept.sets.load, 0

    async def refused(_set_id: SetId) -> InstanceSet | None:
        nonlocal tries
        tries += 1
        raise trouble

    monkeypatch.setattr(kept.sets, "load", refused)
    async with kept.keeper():
        await eventually(lambda: tries > TRIES)
        used = await kept.backups.load(source.id)
        monkeypatch.setattr(kept.sets, "load", load)
        await kept.change_set(restored.id, opened=True)
        unused = await idle(kept, source)

    assert used is not None
    assert used.shown is BackupState.RESTORING
    assert (used.reason, unused.reason) == (None, None)
