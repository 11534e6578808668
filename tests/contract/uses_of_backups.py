"""What must come of each method of the client's about backups."""

from backup_calls import saved
from harness import Api
from set_calls import (
    running,
)

from memstored.client import (
    AsyncClient,
)
from memstored.domain.backup import Progress
from memstored.domain.words import BackupState


async def use_create_backup(client: AsyncClient, api: Api) -> None:
    """It waits for its turn."""
    set_id = await running(api)

    backup = await client.show_backup(await client.create_backup(set_id, "nightly"))
    assert (backup.name, backup.status, backup.cluster_id) == ("nightly", "Pending", set_id)


async def use_list_backups(client: AsyncClient, api: Api) -> None:
    """All, or those of one set or name."""
    one = await saved(api)
    await saved(api, name="other", set_name="others")

    all_of_them = [it.name for it in await client.list_backups()]
    of_one = [it.id for it in await client.list_backups(cluster_name="orders", cluster_id=one.set_id)]
    assert (sorted(all_of_them), of_one) == (["nightly", "other"], [one.id])


async def use_show_backup(client: AsyncClient, api: Api) -> None:
    """With how far it is."""
    backup = await saved(api, status=BackupState.CREATING)
    api.keeper.far[backup.id] = Progress(done=5, total=10)

    progress = (await client.show_backup(backup.id)).progress
    assert progress is not None
    assert (progress.bytes, progress.total_bytes, progress.percent) == (5, 10, 50)


async def use_delete_backup(client: AsyncClient, api: Api) -> None:
    """It goes."""
    backup = await saved(api)

    assert await client.delete_backup(backup.id) == backup.id


async def use_copy_backup(client: AsyncClient, api: Api) -> None:
    """The answer is the copy's id."""
    backup = await saved(api)

    copy = await client.show_backup(await client.copy_backup(backup.id, "kept"))
    assert (copy.name, copy.copy_of) == ("kept", backup.id)


async def use_export_backup(client: AsyncClient, api: Api) -> None:
    """Into a bucket of the project."""
    backup = await saved(api)

    assert await client.export_backup(backup.id, "archive/orders.rdb") == backup.id
    assert (await client.show_backup(backup.id)).status == "Exporting"


async def use_verify_backup(client: AsyncClient, api: Api) -> None:
    """It begins."""
    backup = await saved(api)

    assert await client.verify_backup(backup.id) == backup.id
    assert (await client.show_backup(backup.id)).verifying


async def use_wait_until_available(client: AsyncClient, api: Api) -> None:
    """It returns the backup."""
    backup = await saved(api)

    assert (await client.wait_until_available(backup.id, timeout=0)).checksum == "c" * 64


async def use_follow_backup(client: AsyncClient, api: Api) -> None:
    """As it is now, if nothing is done with it."""
    backup = await saved(api)

    assert [it.id async for it in client.follow_backup(backup.id)] == [backup.id]
