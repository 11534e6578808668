"""Making one backup: from the wish that is stored to an object that is whole, or to a reason.

The set is written twice, at the beginning and at the end, in one transaction with the backup. Between them
its loop goes on as ever: it is never asked to wait, and what it does to the set may end the backup.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace

import structlog

from memstored.control.means import Means, Meter, NotYet
from memstored.domain.backup import Backup
from memstored.domain.course import Taken, Turn, begun, completed, failed, settled
from memstored.domain.donor import choose_donor, cut_off, unready
from memstored.domain.model import InstanceSet, Node
from memstored.domain.ports import LinkTrouble, Target, TlsClient
from memstored.domain.words import BackupId, BackupState, BackupType
from memstored.objects.storage import ObjectTrouble
from memstored.redis.outflow import Outflow
from memstored.store.database import StoreTrouble
from memstored.store.errors import NoSuchSet, Stale

__all__ = ["Maker", "OpenOutflow"]

log = structlog.get_logger()

OpenOutflow = Callable[[Target], AbstractAsyncContextManager[Outflow]]
"""Opens the stream of a replica's data; raises `LinkTrouble`."""

ATTEMPTS = 5
"""How often a replica is asked that gives nothing."""
RESTARTED = "The service was restarted while it was being made."
BROKEN_OFF = "A fault of the service broke it off; the service's log says which."
DELETED = "The set is deleted."


_UNFINISHED = (BackupState.PENDING, BackupState.CREATING)


class _Cut(Exception):
    """The backup is given up while its stream runs; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A backup that is being made: of this set as it was then, from this replica."""

    backup: Backup
    set: InstanceSet
    donor: Node
    target: Target


class Maker:
    """Makes backups, one call each."""

    def __init__(self, means: Means, outflow: OpenOutflow, *, tls: TlsClient) -> None:
        self._means = means
        self._tls = tls
        self._outflow = outflow
        self._sought: dict[BackupId, float] = {}
        self._ours: set[BackupId] = set()

    async def make(self, backup: Backup, meter: Meter) -> None:
        """Make a backup that is `PENDING`; afterwards it is `AVAILABLE`, or says why it is not.

        Raises `NotYet` when no replica can give it at the moment, and `StoreTrouble` before it began. When it
        is cancelled the backup stays `CREATING`, for `abandon`.
        """
        work = await self._begin(backup)
        self._sought.pop(backup.id, None)
        if work is None:
            # Perhaps it was begun since `backup` was read, and a fault left it: that is for `abandon` to say.
            return
        await self._carry_out(work, meter)
        self._ours.discard(backup.id)

    async def _carry_out(self, work: _Begun, meter: Meter) -> None:
        began = self._means.clock.monotonic()
        try:
            taken = await self._guarded(work, meter)
        except (_Cut, LinkTrouble, ObjectTrouble) as trouble:
            await self._fail(work.backup, await self._what_happened(work, trouble))
        else:
            self._means.measures.backed_up(taken.size, self._means.clock.monotonic() - began)
            await self._complete(work, taken)

    async def abandon(self, backup: Backup) -> None:
        """End a backup that an earlier run of the service was making, or that a fault of ours left."""
        await self._fail(backup, BROKEN_OFF if backup.id in self._ours else RESTARTED)
        self._ours.discard(backup.id)

    # The beginning

    async def _begin(self, backup: Backup) -> _Begun | None:
        """Judge anew and record that it is being made; None when it is settled without."""
        while True:
            present = await self._means.backups.load(backup.id)
            if present is None or present.status is not BackupState.PENDING:
                return None
            try:
                instance_set, donor = await self._ready(present)
                target = await self._target(instance_set, donor)
            except _Cut as refusal:
                await self._turn_down(present, str(refusal))
                return None
            try:
                return await self._record_begun(present, instance_set, donor, target)
            except Stale:
                self._ours.discard(present.id)

    async def _ready(self, backup: Backup) -> tuple[InstanceSet, Node]:
        """The set and the replica that gives the backup; raises `_Cut` with the reason if there is none."""
        instance_set = await self._means.sets.load(backup.set_id)
        reason = unready(instance_set)
        if instance_set is None or reason is not None:
            raise _Cut(reason or DELETED)
        if backup.type is BackupType.AUTOMATIC and instance_set.backup_schedule is None:
            raise _Cut("The schedule was switched off.")
        donor = choose_donor(instance_set, self._means.seen.facts(instance_set.id))
        if donor is None:
            raise _Cut(self._sought_long_enough(backup))
        return instance_set, donor

    async def _target(self, instance_set: InstanceSet, donor: Node) -> Target:
        if donor.address is None:
            raise NotYet
        try:
            identities = await self._means.sets.identities(instance_set.id)
        except NoSuchSet:
            raise _Cut(DELETED) from None
        return Target(
            node=donor.id,
            host=donor.address,
            port=instance_set.port,
            version=instance_set.version,
            control=identities.control,
            password=identities.password,
            tls=self._tls if instance_set.tls_enabled else None,
        )

    async def _record_begun(
        self, present: Backup, instance_set: InstanceSet, donor: Node, target: Target
    ) -> _Begun:
        making = begun(present, donor.id)
        claimed = replace(instance_set, backup=present.id)
        # Before it is recorded: the store may do that, and its answer be lost.
        self._ours.add(present.id)
        written = await self._means.backups.begin(present, making, instance_set, claimed)
        self._means.seen.wake(written.id)
        return _Begun(backup=making, set=written, donor=donor, target=target)

    async def _turn_down(self, backup: Backup, reason: str) -> None:
        """End it before it began; somebody who ended it before us was right too."""
        self._ours.discard(backup.id)
        turn = failed(backup, reason, self._means.clock.wall())
        with suppress(Stale):
            await self._means.backups.update(backup, turn.after, turn.events)

    def _sought_long_enough(self, backup: Backup) -> str:
        """Why there is no donor; raises `NotYet` for a while, for right after a start none is seen."""
        now = self._means.clock.monotonic()
        if now - self._sought.setdefault(backup.id, now) < self._means.rhythm.sought:
            raise NotYet
        return "No replica of the set is seen to hold all of its data."

    # The stream

    async def _guarded(self, work: _Begun, meter: Meter) -> Taken:
        """Stream, and look all the while whether it still makes sense; raises `_Cut` when it does not."""
        stream = asyncio.create_task(self._stream(work, meter), name=f"backup {work.backup.id}")
        try:
            while not stream.done():
                await asyncio.wait({stream}, timeout=self._means.rhythm.guard)
                if not stream.done():
                    await self._require_sense(work, meter)
            return stream.result()
        finally:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)

    async def _stream(self, work: _Begun, meter: Meter) -> Taken:
        """Stream it; anew after a while as long as nothing came.

        A replica refuses connections for a moment when an address is given to it, and gives nothing while its
        link to the primary is down.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._stream_once(work, meter)
            except LinkTrouble:
                if meter.progress.done:
                    raise
                await asyncio.sleep(self._means.rhythm.first_pause)
        return await self._stream_once(work, meter)

    async def _stream_once(self, work: _Begun, meter: Meter) -> Taken:
        async with self._outflow(work.target) as flow:
            meter.begin(flow.size)
            parts, expected = meter.counted(flow.parts), flow.size or flow.used_memory
            stored = await self._means.objects.put(work.backup.key, parts, expected=expected)
            return Taken(
                size=stored.size, checksum=stored.checksum, keys=flow.keys, used_memory=flow.used_memory
            )

    async def _require_sense(self, work: _Begun, meter: Meter) -> None:
        if meter.still_for > self._means.rhythm.stall:
            raise _Cut(f"Nothing of it moved for {self._means.rhythm.stall:.0f} s.")
        # A store that is away is no reason to give up; whether there was one is seen when it is back.
        with suppress(StoreTrouble):
            if (reason := await self._cut_off(work)) is not None:
                raise _Cut(reason)

    async def _cut_off(self, work: _Begun) -> str | None:
        present = await self._means.backups.load(work.backup.id)
        if present is None or present.status is not BackupState.CREATING:
            return "It was deleted while it was being made."
        return cut_off(work.set, await self._means.sets.load(work.set.id), work.donor)

    async def _what_happened(self, work: _Begun, trouble: Exception) -> str:
        """The reason its owner understands: what befell the set, else what befell the stream."""
        if isinstance(trouble, _Cut):
            return str(trouble)
        with suppress(StoreTrouble):
            if (reason := await self._cut_off(work)) is not None:
                return reason
        if isinstance(trouble, ObjectTrouble):
            return f"It could not be stored: {trouble}"
        return f"The replica {work.donor.name} stopped giving its data: {trouble}"

    # The end

    async def _complete(self, work: _Begun, taken: Taken) -> None:
        def turn(backup: Backup, instance_set: InstanceSet | None) -> Turn:
            present = instance_set.backup_schedule if instance_set else None
            schedule = present or work.set.backup_schedule
            return completed(backup, taken, schedule, self._means.clock.wall())

        await self._record(work.backup, turn)

    async def _fail(self, backup: Backup, reason: str) -> None:
        await self._record(backup, lambda present, _: failed(present, reason, self._means.clock.wall()))
        await self._remove_object(backup)

    async def _remove_object(self, backup: Backup) -> None:
        """Leave nothing of a backup that failed, even if it was stored and only the answer was lost.

        What can not be removed now is found by the next start.
        """
        with suppress(StoreTrouble, ObjectTrouble):
            present = await self._means.backups.load(backup.id)
            if present is not None and present.status is BackupState.ERROR:
                await self._means.objects.delete(backup.key)

    async def _record(self, backup: Backup, turn: Callable[[Backup, InstanceSet | None], Turn]) -> None:
        """Record the end with the set, however often that must be tried: nothing else would end it."""
        pause = self._means.rhythm.first_pause
        while True:
            try:
                return await self._record_end(backup, turn)
            except Stale:
                continue
            except StoreTrouble as trouble:
                if pause == self._means.rhythm.first_pause:
                    log.warning("backup_end_not_recorded", backup_id=backup.id, trouble=str(trouble))
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._means.rhythm.longest_pause)

    async def _record_end(self, backup: Backup, turn: Callable[[Backup, InstanceSet | None], Turn]) -> None:
        present = await self._means.backups.load(backup.id)
        instance_set = await self._means.sets.load(backup.set_id)
        if present is None or present.status not in _UNFINISHED:
            await self._free(backup, instance_set)
            return
        end = turn(present, instance_set)
        freed = settled(instance_set, end.after) if instance_set else None
        if instance_set is None or freed is None or freed == instance_set:
            await self._means.backups.update(present, end.after, end.events)
        else:
            await self._means.backups.end(present, end.after, instance_set, freed, end.events)
            self._means.seen.wake(instance_set.id)

    async def _free(self, backup: Backup, instance_set: InstanceSet | None) -> None:
        """Somebody settled the backup already, as by deleting the set: only the set's mark is left."""
        if instance_set is not None and instance_set.backup == backup.id:
            await self._means.sets.commit(instance_set, replace(instance_set, backup=None))
            self._means.seen.wake(instance_set.id)
