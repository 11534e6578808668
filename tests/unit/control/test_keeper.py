"""When a job begins: what waits for what, and when one that can not be done yet is asked again.

No look is taken for the time that went by: only because somebody woke the keeper, or because a job ended.
"""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from keeper_ground import PROJECT, QUICK, Ground, SetClock, running_set
from looking import eventually

from memstored.control.keeper import BackupKeeper
from memstored.domain.model import InstanceSet
from memstored.domain.object_keys import bucket_key
from memstored.domain.words import BackupState, SetId, SetState, UseKind
from memstored.objects.storage import Stored

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


@dataclass
class StandingStorage:
    """Object storage that answers nothing to what is set to it; `begun` are the targets of copies."""

    begun: list[str] = field(default_factory=list)

    async def copy(self, _source: str, target: str, **_content: Stored) -> None:
        """Stand still."""
        self.begun.append(target)
        await asyncio.Event().wait()

    async def wait(self, *_keys: str) -> None:
        """Stand still."""
        await asyncio.Event().wait()


async def exporting(kept: Ground, monkeypatch: pytest.MonkeyPatch) -> StandingStorage:
    """Storage in which many exports of the oldest backup stand still."""
    storage = StandingStorage()
    monkeypatch.setattr(kept.objects, "copy", storage.copy)
    await kept.objects.put(f"{bucket_key(PROJECT, 'mine')}/there", iter((b"x",)))
    source = await kept.saved("source")
    for number in range(8):
        await kept.use(source, UseKind.EXPORT, path=f"mine/{number}")
    kept.clock.now += 1
    return storage


async def test_one_projects_exports_hold_up_no_other_project(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many stand still, and however old what they are exports of is."""
    storage = await exporting(kept, monkeypatch)
    other = await kept.saved("other", project_id="q" * 32)
    await kept.objects.put(f"{bucket_key('q' * 32, 'theirs')}/there", iter((b"x",)))
    await kept.use(other, UseKind.EXPORT, path="theirs/out.rdb")

    async with kept.keeper():
        await eventually(lambda: len(storage.begun) == 3)
        await kept.rest()

    assert sorted(target.split("/")[1] for target in storage.begun) == [PROJECT, PROJECT, "q" * 32]


async def test_a_deletion_waits_for_no_use(kept: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has hands of its own."""
    await exporting(kept, monkeypatch)
    unwanted = await kept.saved("unwanted")
    await kept.backups.update(unwanted, replace(unwanted, status=BackupState.DELETING))

    async with kept.keeper():
        await kept.gone(unwanted)


async def test_verifications_hold_up_nothing_else(kept: Ground) -> None:
    """There is one at a time; the others wait for it alone."""
    verified = [await kept.saved(f"backup-{number}") for number in range(4)]
    for backup in verified:
        await kept.use(backup, UseKind.VERIFY)
    kept.clock.now += 1
    await kept.objects.put(f"{bucket_key(PROJECT, 'mine')}/there", iter((b"x",)))
    exported = await kept.saved("exported")
    await kept.use(exported, UseKind.EXPORT, path="mine/out.rdb")

    async with kept.guests.turn, kept.keeper():
        await kept.until(exported, lambda stored: not stored.uses)


async def test_a_backup_that_a_restart_broke_off_is_ended_while_storage_stands_still(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its set is free for another one; what is to be removed is removed when storage answers."""
    made_of = await kept.add_set()
    broken_off = await kept.ask(made_of, status=BackupState.CREATING)
    await kept.change_set(made_of.id, backup=broken_off.id)
    storage = StandingStorage()
    for name in ("sweep", "delete"):
        monkeypatch.setattr(kept.objects, name, storage.wait)

    async with kept.keeper():
        await kept.settled(broken_off, BackupState.ERROR)

    stored = await kept.sets.load(made_of.id)
    assert stored is not None
    assert stored.backup is None
