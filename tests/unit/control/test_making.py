"""Backups that are made, over a real store and a real folder: each ends with a whole object or a reason."""

import hashlib
from dataclasses import replace

import pytest
from keeper_ground import BROKEN, DATA, QUICK, Ground, running_set
from looking import eventually
from structlog.testing import capture_logs

from memstored.control.making import Maker
from memstored.control.means import Meter
from memstored.domain.backup import Backup
from memstored.domain.model import InstanceSet, Promotion
from memstored.domain.words import BackupState, NodeState, SetState
from memstored.objects.storage import ObjectTrouble
from memstored.store.errors import BackupUnderWay, NameTaken, Stale, StoreBusy


async def test_a_backup_is_whole_and_known_when_it_is_available(kept: Ground) -> None:
    """Size, hash, keys and memory are recorded, and the set is free again."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await kept.settled(wanted, BackupState.AVAILABLE)

    content = b"".join(DATA)
    assert await kept.content(done.key) == content
    assert done.checksum == hashlib.sha256(content).hexdigest()
    assert (done.size, done.keys, done.used_memory, done.reason) == (len(content), 3, 1000, None)
    assert (done.completed_at, done.expires_at) == (kept.clock.wall(), None)
    stored = await kept.sets.load(made_of.id)
    assert stored is not None
    assert stored.backup is None
    told = [(event.name, event.outcome) for event in await kept.told(done.id)]
    assert told == [("Backup Create", "success"), ("Backup Create Complete", "success")]


async def test_it_is_taken_from_the_most_caught_up_replica_and_never_from_the_primary(kept: Ground) -> None:
    """The one that lacks least; the primary lacks nothing, and is left alone."""
    made_of = await kept.add_set(running_set(nodes=4))
    _, second, third, fourth = made_of.nodes
    kept.seen.behind = {second.id: 10, third.id: 2, fourth.id: 5}
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await kept.settled(wanted, BackupState.AVAILABLE)

    assert kept.tap.targets == [third.id]
    assert done.node == third.id


async def test_while_it_is_made_the_set_says_so_and_its_loop_is_told(kept: Ground) -> None:
    """Both are written at once, so that nobody deletes the node under it."""
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)

    async with kept.keeper() as keeper:
        await kept.settled(wanted, BackupState.CREATING)
        await eventually(lambda: (seen := keeper.progress(wanted.id)) is not None and seen.done > 0)
        marked = await kept.sets.load(made_of.id)
        progress = keeper.progress(wanted.id)
        kept.tap.opened.set()
        await eventually(lambda: kept.seen.woken == [made_of.id, made_of.id])

    assert marked is not None
    assert marked.backup == wanted.id
    assert progress is not None
    assert progress.total == len(b"".join(DATA))


async def test_what_the_sets_own_loop_writes_meanwhile_does_not_disturb(kept: Ground) -> None:
    """The end is recorded on the set as it is then, with all of it kept."""
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        await kept.settled(wanted, BackupState.CREATING)
        for number in range(5):
            await kept.change_set(made_of.id, description=f"change {number}")
        kept.tap.opened.set()
        await kept.settled(wanted, BackupState.AVAILABLE)

    stored = await kept.sets.load(made_of.id)
    assert stored is not None
    assert (stored.description, stored.backup) == ("change 4", None)


async def test_no_more_than_parallel_are_made_at_once_and_the_oldest_first(kept: Ground) -> None:
    """The others wait, `Pending`."""
    kept.tap.shut()
    sets = [await kept.add_set(running_set(f"set-{number}")) for number in range(4)]
    wanted = []
    for number, made_of in enumerate(sets):
        kept.clock.now += 1
        wanted.append(await kept.ask(made_of, f"backup-{number}"))

    async with kept.keeper(parallel=2):
        await kept.settled(wanted[1], BackupState.CREATING)
        await kept.rest()
        states = [stored.status for b in wanted if (stored := await kept.backups.load(b.id))]
        kept.tap.opened.set()
        for backup in wanted:
            await kept.settled(backup, BackupState.AVAILABLE)

    assert states == [BackupState.CREATING] * 2 + [BackupState.PENDING] * 2
    assert kept.tap.most == 2


async def test_two_asked_at_once_of_a_set_are_one(kept: Ground) -> None:
    """The store refuses the second, and the same name twice."""
    made_of, other = await kept.add_set(), await kept.add_set(running_set("other"))
    await kept.ask(made_of, "first")

    with pytest.raises(BackupUnderWay):
        await kept.ask(made_of, "second")
    with pytest.raises(NameTaken):
        await kept.ask(other, "first")


async def failed(kept: Ground, made_of: InstanceSet, wanted: Backup) -> Backup:
    """The backup, when it has failed with nothing of it left and the set free."""
    done = await kept.settled(wanted, BackupState.ERROR)
    assert await kept.objects.keys("backups") == []
    stored = await kept.sets.load(made_of.id)
    assert stored is None or stored.backup is None
    assert (await kept.told(done.id))[-1].outcome == "failure"
    return done


async def test_a_replica_that_dies_mid_stream_ends_it_with_its_name(kept: Ground) -> None:
    """No half object, and the set is free for the next one."""
    made_of = await kept.add_set()
    kept.tap.breaks = BROKEN
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)
        kept.tap.breaks = None
        again = await kept.settled(await kept.ask(made_of, "again"), BackupState.AVAILABLE)

    assert done.reason == "The replica orders-2 stopped giving its data: the connection ended"
    assert again.status is BackupState.AVAILABLE


async def test_a_replica_that_gives_nothing_at_first_is_asked_again(kept: Ground) -> None:
    """Its port is shut for a moment whenever an address is given to it."""
    made_of = await kept.add_set()
    kept.tap.refusals = [BROKEN] * 4
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        await kept.settled(wanted, BackupState.AVAILABLE)

    assert len(kept.tap.targets) == 5


async def test_a_replica_that_gives_nothing_again_and_again_ends_it(kept: Ground) -> None:
    """Not for ever, though."""
    made_of = await kept.add_set()
    kept.tap.refusals = [BROKEN] * 50
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason == "The replica orders-2 stopped giving its data: the connection ended"
    assert len(kept.tap.targets) == 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": SetState.TERMINATING}, "The set was deleted while its backup was being made."),
        ({"promotion": True}, "The set changed its primary while its backup was being made."),
        ({"epoch": 2}, "The set changed its primary while its backup was being made."),
        ({"lost": True}, "The replica orders-2 that the backup was taken from is gone."),
    ],
)
async def test_what_happens_to_the_set_cuts_its_backup_even_if_the_stream_goes_on(
    kept: Ground, change: dict[str, object], reason: str
) -> None:
    """A backup is of one history, and of a set that is still wanted."""
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        await kept.settled(wanted, BackupState.CREATING)
        await kept.change_set(made_of.id, **changes_of(made_of, change))
        done = await failed(kept, made_of, wanted)

    assert done.reason == reason
    assert kept.tap.flowing == 0


def changes_of(made_of: InstanceSet, change: dict[str, object]) -> dict[str, object]:
    """What the set's loop would write."""
    lineage, (_, donor, other) = made_of.lineage, made_of.nodes
    assert lineage is not None
    if "promotion" in change:
        promotion = Promotion(heir=other.id, source=lineage.primary, sent=False, started_at=1.0)
        return {"lineage": replace(lineage, promotion=promotion)}
    if "epoch" in change:
        return {"lineage": replace(lineage, epoch=2, primary=other.id)}
    if "lost" in change:
        return {"nodes": made_of.with_node(replace(donor, status=NodeState.FAILED)).nodes}
    return change


async def test_a_set_that_is_gone_ends_its_backup(kept: Ground) -> None:
    """Its row is no more when the stream breaks."""
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        await kept.settled(wanted, BackupState.CREATING)
        await kept.change_set(made_of.id, status=SetState.TERMINATED)
        done = await failed(kept, made_of, wanted)

    assert done.reason == "The set was deleted while its backup was being made."


async def test_a_backup_that_is_deleted_with_its_set_is_cut_and_removed(kept: Ground) -> None:
    """Its row said so before: the end does not overwrite that."""
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        making = await kept.settled(wanted, BackupState.CREATING)
        await kept.backups.update(making, replace(making, status=BackupState.DELETING))
        await kept.gone(wanted)

    assert await kept.objects.keys("backups") == []
    stored = await kept.sets.load(made_of.id)
    assert stored is not None
    assert stored.backup is None


async def test_a_stream_that_stands_still_is_given_up(kept: Ground) -> None:
    """Whoever is to blame: nothing stays stuck."""
    kept.rhythm = replace(QUICK, stall=0.05)
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason is not None
    assert done.reason.startswith("Nothing of it moved for")


async def test_object_storage_that_refuses_ends_it_with_its_words(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its disk is full."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)

    async def full(_key: str, _chunks: object, *, expected: int) -> None:
        raise ObjectTrouble("The disk of object storage is full.")

    monkeypatch.setattr(kept.objects, "put", full)
    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason == "It could not be stored: The disk of object storage is full."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": SetState.WARNING}, "The set is Warning, not Running."),
        ({"status": SetState.TERMINATING}, "The set is deleted."),
        ({"nodes": 1}, "The set has no replica that a backup could be taken from."),
    ],
)
async def test_preconditions_are_checked_again_when_it_begins(
    kept: Ground, changes: dict[str, object], reason: str
) -> None:
    """It waited, and the set is not what it was."""
    made_of = await kept.add_set(running_set(nodes=int(str(changes.pop("nodes", 3))), **changes))
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason == reason
    assert kept.tap.targets == []


async def test_a_replica_that_is_not_seen_yet_is_waited_for(kept: Ground) -> None:
    """Right after a start nothing is seen; it is no reason to fail."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)
    kept.rhythm = replace(QUICK, sought=30.0)
    kept.seen.blind = True

    async with kept.keeper():
        await kept.rest()
        waiting = await kept.backups.load(wanted.id)
        kept.seen.blind = False
        await kept.settled(wanted, BackupState.AVAILABLE)

    assert waiting is not None
    assert waiting.status is BackupState.PENDING


async def test_replicas_that_are_never_seen_end_it(kept: Ground) -> None:
    """Not for ever, though."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)
    kept.seen.blind = True

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason == "No replica of the set is seen to hold all of its data."


async def test_a_service_that_is_stopped_meanwhile_ends_it_at_its_next_start(kept: Ground) -> None:
    """The first keeper leaves it as it is; the second says what happened and leaves nothing."""
    made_of = await kept.add_set()
    kept.tap.shut()
    wanted = await kept.ask(made_of)
    async with kept.keeper():
        await kept.settled(wanted, BackupState.CREATING)

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason == "The service was restarted while it was being made."


async def test_a_fault_of_ours_ends_it_and_is_no_restart(kept: Ground) -> None:
    """Nobody is to look for a restart that never was."""
    made_of = await kept.add_set()
    kept.tap.refusals.append(ValueError("a fault of ours"))
    wanted = await kept.ask(made_of)

    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert done.reason == "A fault of the service broke it off; the service's log says which."


@pytest.mark.parametrize("trouble", [Stale("somebody was faster"), StoreBusy("somebody has it")])
async def test_nothing_is_remembered_of_one_that_was_turned_down_when_it_was_to_begin(
    kept: Ground, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Its set changed at that moment; a service may run for years."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)

    async def refused(*_written: object) -> InstanceSet:
        await kept.change_set(made_of.id, status=SetState.WARNING)
        raise trouble

    monkeypatch.setattr(kept.backups, "begin", refused)
    async with kept.keeper() as keeper:
        done = await failed(kept, made_of, wanted)

    assert done.reason == "The set is Warning, not Running."
    assert keeper._maker._ours == set()  # noqa: SLF001 - nothing else tells


async def test_a_fault_of_ours_is_told_also_by_who_read_the_backup_before_it_began(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that takes its time begins it once more, finds that it is begun already, and forgets nothing."""
    made_of = await kept.add_set()
    kept.tap.refusals.append(ValueError("a fault of ours"))
    wanted = await kept.ask(made_of)
    read_before = await kept.backups.unsettled(kept.clock.wall())
    make, unsettled, begun = Maker.make, kept.backups.unsettled, 0

    async def counted(self: Maker, backup: Backup, meter: Meter) -> None:
        nonlocal begun
        begun += 1
        await make(self, backup, meter)

    async def late(now: float) -> list[Backup]:
        return await unsettled(now) if begun > 1 else read_before

    monkeypatch.setattr(Maker, "make", counted)
    monkeypatch.setattr(kept.backups, "unsettled", late)
    async with kept.keeper():
        done = await failed(kept, made_of, wanted)

    assert begun > 1
    assert done.reason == "A fault of the service broke it off; the service's log says which."


async def test_a_service_that_is_killed_after_the_upload_leaves_no_object(kept: Ground) -> None:
    """The object is whole, but nobody recorded it: it is not the backup's."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)
    making = replace(wanted, status=BackupState.CREATING)
    await kept.backups.begin(wanted, making, made_of, replace(made_of, backup=wanted.id))
    await kept.objects.put(wanted.key, iter(DATA))

    async with kept.keeper():
        await kept.settled(wanted, BackupState.ERROR)
        await kept.emptied(wanted)

    assert await kept.objects.keys("backups") == []


async def test_a_store_that_is_away_at_the_end_is_waited_for(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored is not lost because its record could not be written at once; it is said once."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)
    end, refusals = kept.backups.end, [StoreBusy("busy")] * 4

    async def busy(*args: object) -> object:
        if refusals:
            raise refusals.pop()
        return await end(*args)

    monkeypatch.setattr(kept.backups, "end", busy)
    with capture_logs() as logs:
        async with kept.keeper():
            done = await kept.settled(wanted, BackupState.AVAILABLE)

    assert await kept.content(done.key) == b"".join(DATA)
    assert [line["event"] for line in logs].count("backup_end_not_recorded") == 1


async def test_a_store_that_is_away_stops_nothing_for_good(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper says so once, pauses, and goes on by itself."""
    made_of = await kept.add_set()
    wanted = await kept.ask(made_of)
    look, refusals = kept.backups.unsettled, [StoreBusy("busy")] * 5

    async def busy(now: float) -> list[Backup]:
        if refusals:
            raise refusals.pop()
        return await look(now)

    monkeypatch.setattr(kept.backups, "unsettled", busy)
    with capture_logs() as logs:
        async with kept.keeper():
            await kept.settled(wanted, BackupState.AVAILABLE)

    names = [line["event"] for line in logs]
    assert (names.count("backups_held_up"), names.count("backups_go_on")) == (1, 1)


async def test_a_fault_of_ours_ends_one_backup_and_not_the_keeper(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, the backup ends in Error, and others are made."""
    made_of, other = await kept.add_set(), await kept.add_set(running_set("other"))
    kept.tap.breaks = RuntimeError("a bug")
    wanted = await kept.ask(made_of)

    with capture_logs() as logs:
        async with kept.keeper():
            await failed(kept, made_of, wanted)
            kept.tap.breaks = None
            await kept.settled(await kept.ask(other, "other"), BackupState.AVAILABLE)

    assert "backup_job_failed" in [line["event"] for line in logs]
