"""Backups and objects that go: deleted ones, expired ones, and what earlier runs left.

The object of a backup is removed only when the store itself says that the backup is to go, or that it never
came to be. One that the store knows nothing of is left alone and said: the store may be an older copy, or the
wrong one, and the object somebody's last copy of their data (S6).
"""

from contextlib import suppress
from dataclasses import replace

import structlog

from memstored.control.means import Means
from memstored.domain.backup import Backup
from memstored.domain.course import deleted, removal
from memstored.domain.object_keys import BACKUPS
from memstored.domain.words import BackupState
from memstored.store.errors import Stale

__all__ = ["Clearing"]

log = structlog.get_logger()

_UNFINISHED = (BackupState.PENDING, BackupState.CREATING)


class Clearing:
    """Removes, one call each; all are safe to repeat and raise `StoreTrouble` and `ObjectTrouble`."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def expire(self, backup: Backup) -> None:
        """Mark a backup whose time is over; what is in use stays a little longer."""
        turn = deleted(backup, f"The backup {backup.name} has expired.")
        with suppress(Stale):
            await self._means.backups.update(backup, turn.after, turn.events)

    async def remove(self, backup: Backup) -> None:
        """Remove the object of a backup that is `DELETING`, then the backup."""
        await self._means.objects.delete(backup.key)
        with suppress(Stale):
            await self._means.backups.remove(backup, removal(backup))

    async def sweep(self) -> None:
        """Remove what is left of uploads and backups that never came to be; for once, at the start."""
        await self._means.objects.sweep()
        # Objects first: what comes to be meanwhile has a row.
        keys = await self._means.objects.keys(BACKUPS)
        known = await self._means.backups.keys()
        for key in keys:
            if known.get(key) is BackupState.ERROR:
                await self._means.objects.delete(key)
        if unknown := [key for key in keys if key not in known]:
            log.warning("unknown_objects_left_alone", count=len(unknown), first=unknown[0])
        await self._free_sets()

    async def _free_sets(self) -> None:
        """Take the mark from sets of which no backup is being made."""
        for instance_set in await self._means.sets.load_all():
            if instance_set.backup is None:
                continue
            backup = await self._means.backups.load(instance_set.backup)
            if backup is None or backup.status not in _UNFINISHED:
                with suppress(Stale):
                    await self._means.sets.commit(instance_set, replace(instance_set, backup=None))
                    self._means.seen.wake(instance_set.id)
