"""When a job that can not be done yet is asked again.

No look is taken for the time that went by: only because somebody woke the keeper, or because a job ended.
"""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from keeper_ground import PROJECT, QUICK, Ground, SetClock, running_set
from looking import eventually

from memstored.control.keeper import BackupKeeper
from memstored.domain.model import InstanceSet
from memstored.domain.words import BackupState, SetId, SetState, UseKind

REST = 50.0


class StandingClock(SetClock):
    """All time stands still until it is moved."""

    moment = 100.0

    def monotonic(self) -> float:
        """The time it was moved to."""
        return self.moment


@dataclass
class Waiting:
    """A restore that is not over, about which the keeper asks by loading its set.

    `wakes` is woken in the middle of the next question; as many other jobs are under way as there are
    `others`, and each ends when it is let.
    """

    kept: Ground
    clock: StandingClock
    restored: InstanceSet
    asked: int = 0
    wakes: BackupKeeper | None = None
    others: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def load(self, set_id: SetId) -> InstanceSet | None:
        """The set as it was before somebody wakes the keeper."""
        stored = await type(self.kept.sets).load(self.kept.sets, set_id)
        self.asked += 1
        if self.wakes is not None:
            self.wakes.wake()
            self.wakes = None
        return stored

    async def delete(self, _key: str) -> None:
        """The work of the other jobs."""
        await self.others.acquire()

    async def unused(self) -> bool:
        """Whether the restore is over."""
        return all(not backup.uses for backup in await self.kept.backups.of_project(PROJECT))

    async def turn(self) -> None:
        """Let another job end: the keeper looks whether there is room for the next one now."""
        before = self.kept.backups.looks
        self.others.release()
        await eventually(lambda: self.kept.backups.looks > before)


@pytest.fixture
async def waiting(kept: Ground, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """One of a set that is not open yet."""
    kept.clock = clock = StandingClock()
    kept.rhythm = replace(QUICK, busy=REST, idle=REST)
    for name in ("a", "b", "c"):
        await kept.saved(name, status=BackupState.DELETING)
    restored = await kept.add_set(running_set("restored", opened=False))
    await kept.use(await kept.saved(), UseKind.RESTORE, holder=restored.id)
    made = Waiting(kept, clock, restored)
    monkeypatch.setattr(kept.sets, "load", made.load)
    monkeypatch.setattr(kept.objects, "delete", made.delete)
    return made


async def test_what_can_not_be_done_yet_is_not_asked_for_all_the_time(waiting: Waiting) -> None:
    """Neither because its own question ended nor because other jobs did; as soon as it has rested, it is."""
    async with waiting.kept.keeper():
        await eventually(lambda: waiting.asked == 1)
        await waiting.turn()
        waiting.clock.moment += REST - 1
        await waiting.turn()
        rested = waiting.asked
        waiting.clock.moment += 1
        await waiting.turn()
        await eventually(lambda: waiting.asked == 2)

    assert rested == 1


async def test_who_wakes_the_keeper_is_heard_by_what_rests(waiting: Waiting) -> None:
    """What was written may be what it waits for: no time goes by."""
    async with waiting.kept.keeper() as keeper:
        await eventually(lambda: waiting.asked == 1)
        await waiting.turn()

        keeper.wake()

        await eventually(lambda: waiting.asked == 2)


async def test_who_wakes_the_keeper_in_the_middle_of_a_question_is_heard(waiting: Waiting) -> None:
    """What was read for the answer may be older than what was written; once more is enough."""
    async with waiting.kept.keeper() as keeper:
        waiting.wakes = keeper
        await eventually(lambda: waiting.asked == 2)
        await waiting.turn()
        await waiting.turn()

    assert waiting.asked == 2


async def test_a_restore_is_over_as_soon_as_its_set_is_deleted(waiting: Waiting) -> None:
    """So that its backup can be deleted next, if whoever deletes the set wakes the keeper."""
    async with waiting.kept.keeper() as keeper:
        await eventually(lambda: waiting.asked == 1)
        await waiting.kept.change_set(waiting.restored.id, status=SetState.TERMINATING)
        keeper.wake()
        await waiting.kept.when(waiting.unused)
