"""What available backups are used for: copies and exports are carried out, restores are seen to end.

A use keeps its backup from being deleted. It is stored before the work begins and ends with it, so a restart
takes the work up again: what is done twice comes to the same. What an export came to is told with its end, so
it is told once.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from memstored.control.content import read_content
from memstored.control.means import Means, Meter, NotYet
from memstored.domain.backup import Backup, BackupUse
from memstored.domain.course import copied, export_failed, exported, failed, not_checked
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.words import BackupState, SetState, UseKind
from memstored.objects.buckets import BucketFault, Buckets
from memstored.objects.storage import NoSuchObject, ObjectAltered, ObjectExists, Stored
from memstored.store.errors import Stale

__all__ = ["Uses"]

MISSING = "Its object is not in object storage any more."
ALTERED = "Its object is not what was stored. Verify it, and use another backup."
_UNFINISHED = (BackupState.PENDING, BackupState.CREATING)

Duty = Callable[[Backup, BackupUse, Meter], Awaitable[None]]


class Uses:
    """Carries out the uses of backups, one call each."""

    def __init__(self, means: Means, *, buckets: Buckets, verify: Duty) -> None:
        self._means = means
        self._buckets = buckets
        self._duties: dict[UseKind, Duty] = {
            UseKind.COPY: self._copy,
            UseKind.EXPORT: self._export,
            UseKind.RESTORE: self._restore,
            UseKind.VERIFY: verify,
        }

    async def carry_out(self, backup: Backup, use: BackupUse, meter: Meter) -> None:
        """Do the work and end the use; nothing when it has ended since that `backup` was read.

        Raises `NotYet`, and what may be over the next time: `ObjectTrouble`, `LinkTrouble`, `LaunchFailed`,
        `StoreTrouble`, `OSError`.
        """
        present = await self._means.backups.load(backup.id)
        if present is not None and use in present.uses:
            await self._duties[use.kind](present, use, meter)

    async def give_up(self, backup: Backup, use: BackupUse, reason: str) -> None:
        """End a use whose work failed too often, and say so. A restore goes on: its set may still load."""
        told: tuple[EventDraft, ...] = ()
        match use.kind:
            case UseKind.COPY:
                await self._fail_copy(use, reason)
            case UseKind.EXPORT:
                told = export_failed(use.path or "", reason)
            case UseKind.VERIFY:
                with suppress(Stale):
                    await self._means.backups.update(backup, not_checked(backup, reason))
            case UseKind.RESTORE:
                # Only what its set became ends it, as soon as that can be read.
                return
        await self._means.backups.end_use(use, told)

    # Copies

    async def _copy(self, backup: Backup, use: BackupUse, meter: Meter) -> None:
        copy = await self._unfinished_copy(use)
        if copy is not None:
            meter.begin(backup.size)
            try:
                # A copy has a key of its own: an object there is of a run that ended before it was recorded.
                with suppress(ObjectExists):
                    await self._means.objects.copy(backup.key, copy.key, content=_content(backup))
            except NoSuchObject:
                await self._fail_copy(use, MISSING)
            except ObjectAltered:
                await self._fail_copy(use, ALTERED)
            else:
                turn = copied(copy, backup, self._means.clock.wall())
                with suppress(Stale):
                    await self._means.backups.update(copy, turn.after, turn.events)
        await self._means.backups.end_use(use)

    async def _unfinished_copy(self, use: BackupUse) -> Backup | None:
        copy = await self._means.backups.load(use.holder) if use.holder else None
        return copy if copy is not None and copy.status in _UNFINISHED else None

    async def _fail_copy(self, use: BackupUse, reason: str) -> None:
        copy = await self._unfinished_copy(use)
        if copy is not None:
            turn = failed(copy, reason, self._means.clock.wall())
            with suppress(Stale):
                await self._means.backups.update(copy, turn.after, turn.events)

    # Exports

    async def _export(self, backup: Backup, use: BackupUse, meter: Meter) -> None:
        """Copy the object to where its owner wants it, unless something is there."""
        meter.begin(backup.size)
        reason = None
        try:
            target = await self._buckets.locate(backup.project_id, use.path or "", edit=True)
            reason = await self._copied_out(backup, target, meter)
        except BucketFault as fault:
            reason = str(fault)
        except NoSuchObject:
            reason = MISSING
        except ObjectAltered:
            reason = ALTERED
        path = use.path or ""
        told = exported(path) if reason is None else export_failed(path, reason)
        await self._means.backups.end_use(use, told)

    async def _copied_out(self, backup: Backup, target: str, meter: Meter) -> str | None:
        """Why it was not exported; None when it was, by us or by the run before this one."""
        try:
            await self._means.objects.copy(backup.key, target, content=_content(backup))
        except ObjectExists as trouble:
            if not await self._holds(target, backup, meter):
                return str(trouble)
        return None

    async def _holds(self, target: str, backup: Backup, meter: Meter) -> bool:
        """Whether the object there is the backup's. One of another size is somebody's own: it is not read."""
        found = await self._means.objects.head(target)
        if found is None or found.size != backup.size:
            return False
        return (await read_content(self._means.objects, target, meter)).checksum == backup.checksum

    # Restores

    async def _restore(self, _backup: Backup, use: BackupUse, _meter: Meter) -> None:
        """End the use once the set serves the data or never will; the set's own loop does the work."""
        instance_set = await self._means.sets.load(use.holder) if use.holder else None
        if instance_set is not None and _waits(instance_set):
            raise NotYet
        await self._means.backups.end_use(use)


def _content(backup: Backup) -> Stored:
    assert backup.checksum is not None, "what is available has one"
    return Stored(size=backup.size, checksum=backup.checksum)


def _waits(instance_set: InstanceSet) -> bool:
    """Whether a set that is being restored still needs the saved data: until tenants were let in, a primary
    that dies is made from it again.
    """
    ended = instance_set.deleting or instance_set.status is SetState.FAILED
    return not instance_set.opened and not ended
