"""Automatic backups: asks the calendar of every set, orders what is due, gives up days that are over.

What is ordered waits like any other, and fails like any other; then another one is ordered, after pauses
that grow, as long as the day lasts.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from uuid import uuid4

from memstored.control.means import Means
from memstored.control.patience import doubled
from memstored.domain.backup import Backup
from memstored.domain.course import failed, given_up, reopened, scheduled
from memstored.domain.donor import unready
from memstored.domain.model import EventDraft, InstanceSet
from memstored.domain.schedule import agenda, day_of
from memstored.domain.settings import QuotaSettings
from memstored.domain.words import BackupId, BackupType, SetId
from memstored.store.errors import BackupUnderWay, NameTaken, QuotaExceeded, Stale

__all__ = ["Rota"]

NOBODY = "the service was not running when it was due."


class Rota:
    """The schedules of all sets; `quotas` bound the backups of each project."""

    def __init__(self, means: Means, quotas: QuotaSettings) -> None:
        self._means = means
        self._quotas = quotas

    async def turn(self, under_way: Collection[SetId], past: float) -> None:
        """Look at every set once, but for those of which a backup is under way: that one comes first.

        `past` is the time that is over for certain. Raises `StoreTrouble`.
        """
        now = self._means.clock.wall()
        for instance_set in await self._means.sets.load_all():
            if instance_set.deleting or instance_set.id in under_way:
                continue
            if past and (after := reopened(instance_set, past)) != instance_set:
                await self._record(instance_set, after)
                continue
            asked = agenda(instance_set, now)
            if asked.missed:
                await self._give_up(instance_set, asked.missed)
            elif asked.due is not None and unready(instance_set) is None:
                await self._order(instance_set, now)

    async def _order(self, instance_set: InstanceSet, now: float) -> None:
        """Order today's backup of the set, unless the last one failed just now.

        One for which the project has no room is kept as failed: its owner sees why, and may make room today.
        """
        tried = await self._tried(instance_set, day_of(now))
        if tried and now < tried[-1].created_at + self._pause(len(tried)):
            return
        turn = scheduled(instance_set, BackupId(str(uuid4())), now)
        most = self._quotas.of(instance_set.project_id).backups_per_project
        # Somebody else was faster; or a name of this minute is in use, and that of the next one is not.
        with suppress(BackupUnderWay, NameTaken):
            try:
                await self._means.backups.add(turn.after, turn.events, quota=most)
            except QuotaExceeded as full:
                reason = f"This project may have {full.limit} backups and has {full.used}; delete some."
                end = failed(turn.after, reason, now)
                await self._means.backups.add(end.after, (*turn.events, *end.events))

    def _pause(self, failures: int) -> float:
        """Seconds from the beginning of the last try to the next one."""
        return doubled(self._means.rhythm.retry, failures - 1, self._means.rhythm.longest_retry)

    async def _tried(self, instance_set: InstanceSet, day: str) -> list[Backup]:
        """The automatic backups of that day, the oldest first."""
        known = await self._means.backups.of_project(instance_set.project_id, set_id=instance_set.id)
        return [b for b in known if b.type is BackupType.AUTOMATIC and day_of(b.created_at) == day]

    async def _give_up(self, instance_set: InstanceSet, missed: tuple[str, ...]) -> None:
        """Record that these days are over."""
        tried = await self._tried(instance_set, missed[-1])
        after, draft = given_up(instance_set, missed, _reason(instance_set, tried))
        await self._record(instance_set, after, draft)

    async def _record(self, before: InstanceSet, after: InstanceSet, *drafts: EventDraft) -> None:
        with suppress(Stale):
            await self._means.sets.commit(before, after, drafts)
            self._means.seen.wake(before.id)


def _reason(instance_set: InstanceSet, tried: Sequence[Backup]) -> str:
    """Why there was none: the last try's words, else what still keeps it from being made."""
    if tried and tried[-1].reason is not None:
        return tried[-1].reason
    return unready(instance_set) or NOBODY
