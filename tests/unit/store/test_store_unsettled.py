"""What the keeper of backups asks: what is to be done now, and which objects belong to what."""

import pytest
from samples import NOW, PROJECT, a_backup, a_use

from memstored.domain.words import BackupState, UseKind
from memstored.store.backups import BackupRepository


@pytest.mark.parametrize("status", [BackupState.PENDING, BackupState.CREATING, BackupState.DELETING])
async def test_what_is_under_way_is_unsettled(backups: BackupRepository, status: BackupState) -> None:
    """It has another state to reach."""
    kept = a_backup(status=status)
    await backups.add(kept)

    assert [backup.id for backup in await backups.unsettled(NOW)] == [kept.id]


@pytest.mark.parametrize("status", [BackupState.AVAILABLE, BackupState.ERROR])
async def test_what_has_ended_is_settled_until_it_expires(
    backups: BackupRepository, status: BackupState
) -> None:
    """Nothing is to be done about it before; most backups of a service are so."""
    await backups.add(a_backup(status=status))
    kept = a_backup(name="daily", status=status, expires_at=NOW + 1)
    await backups.add(kept)

    assert await backups.unsettled(NOW) == []
    assert [backup.id for backup in await backups.unsettled(NOW + 1)] == [kept.id]


async def test_what_is_in_use_is_unsettled_and_comes_with_its_uses(backups: BackupRepository) -> None:
    """The oldest backup first."""
    older = a_backup(status=BackupState.AVAILABLE, created_at=NOW - 2)
    newer = a_backup(name="other", status=BackupState.PENDING, created_at=NOW - 1)
    for backup in (newer, older):
        await backups.add(backup)
    use = a_use(older, kind=UseKind.VERIFY)
    await backups.begin_use(use, project_id=PROJECT)

    found = await backups.unsettled(NOW)

    assert [backup.id for backup in found] == [older.id, newer.id]
    assert found[0].uses == (use,)


async def test_every_key_is_known_with_the_state_of_its_backup(backups: BackupRepository) -> None:
    """So that an object that belongs to none can be told from one that may go."""
    failed = a_backup(status=BackupState.ERROR)
    available = a_backup(name="other", key="backups/elsewhere.rdb")
    for backup in (failed, available):
        await backups.add(backup)

    assert await backups.keys() == {failed.key: failed.status, available.key: available.status}
