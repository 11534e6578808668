"""Verification: what is found is recorded, and nothing of the trial is left."""

import asyncio
from collections.abc import Sequence

import pytest
from keeper_ground import DATA, Ground
from looking import eventually

from memstored.control.guests import Guests
from memstored.control.verifying import Damaged, blames_data, choose_engine, watched
from memstored.domain.backup import Backup
from memstored.domain.figures import Info
from memstored.domain.ports import DoorTrouble
from memstored.domain.words import NodeId, SetId, UseKind
from memstored.objects.storage import ObjectTrouble
from memstored.runtime.protocol import Engine, Placement

CONTENT = b"".join(DATA)


async def verified(kept: Ground, backup: Backup) -> Backup:
    """The backup when its verification is over, with nothing of the trial left."""
    await kept.use(backup, UseKind.VERIFY)
    async with kept.keeper():
        done = await kept.until(backup, lambda stored: not stored.uses)
    assert kept.runtime.placements() == []
    return done


async def test_a_backup_that_loads_is_verified(kept: Ground) -> None:
    """Its hash, its load and the count of its keys were right; when that was is recorded."""
    kept.doors.writes = ("a", "b", "c")
    done = await verified(kept, await kept.saved(damage="as it was before"))

    assert (done.verified_at, done.damage, done.reason) == (kept.clock.wall(), None, None)
    assert {order.set_id.startswith("verification-") for order in kept.runtime.orders.values()} == {True}


async def test_an_object_that_is_not_what_was_stored_is_never_loaded(kept: Ground) -> None:
    """One byte is enough."""
    saved = await kept.saved()
    await kept.objects.delete(saved.key)
    await kept.objects.put(saved.key, iter((CONTENT[:-1] + b"\x00",)))

    done = await verified(kept, saved)

    assert done.damage == "Its object is not what was stored: the SHA-256 is another one."
    assert (done.verified_at, len(kept.runtime.orders)) == (None, 0)


async def test_an_object_that_is_cut_short_is_damaged(kept: Ground) -> None:
    """Both sizes are told."""
    saved = await kept.saved()
    await kept.objects.delete(saved.key)
    await kept.objects.put(saved.key, iter((CONTENT[:5],)))

    done = await verified(kept, saved)

    assert done.damage == f"Its object has 5 bytes; {len(CONTENT)} were stored."


async def test_an_object_that_is_gone_is_damaged(kept: Ground) -> None:
    """Somebody removed it behind our back."""
    saved = await kept.saved()
    await kept.objects.delete(saved.key)

    done = await verified(kept, saved)

    assert done.damage == "Its object is not in object storage any more."


async def test_a_body_that_redis_refuses_is_damaged_in_its_words(kept: Ground) -> None:
    """The hash is right, so it was stored like that."""
    kept.doors.complaint = "Internal error in RDB reading offset 9"

    done = await verified(kept, await kept.saved())

    assert done.damage is not None
    assert "Internal error in RDB reading offset 9" in done.damage


async def test_a_trial_that_comes_to_nothing_without_a_word_about_the_data_is_no_verdict(
    kept: Ground,
) -> None:
    """As when the machine has no memory left for it: nobody may take a good backup for a damaged one."""
    kept.doors.complaint = "Killed"

    done = await verified(kept, await kept.saved())

    assert (done.damage, done.verified_at) == (None, None)
    assert done.reason is not None
    assert done.reason.startswith("It could not be verified: it could not be loaded for a trial")


@pytest.mark.parametrize(
    ("words", "blamed"),
    [
        ("Wrong RDB checksum. Internal error in RDB reading offset 0 -> RDB CRC error. Terminating", True),
        ("=== REDIS BUG REPORT END. ===", True),
        ("Wrong signature trying to load DB from file", True),
        ("Can't handle RDB format version 12", True),
        ("Internal error in RDB reading offset 0 -> Unexpected EOF, assuming connection error", False),
        ("MASTER <-> REPLICA sync: Loading DB in memory", False),
        ("", False),
    ],
)
def test_redis_words_tell_the_datas_fault_from_the_connections(words: str, blamed: bool) -> None:  # noqa: FBT001 - what is expected
    """As real engines say it."""
    assert blames_data(words) is blamed


async def test_data_that_takes_more_than_its_flavor_has_is_damaged(kept: Ground) -> None:
    """However small the file is: the machine has other nodes."""
    kept.doors.writes = tuple(map(str, range(17)))

    done = await verified(kept, await kept.saved())

    assert done.damage == "Loaded for a trial it takes more than 1 GiB, all the memory of its flavor."


class Swelling:
    """A link to a node that takes 100 MiB more whenever it is asked."""

    def __init__(self) -> None:
        self.used = 0
        self.info: Info | None = None

    def ask_info(self) -> None:
        """Answered at once."""
        self.used += 100 << 20
        self.info = Info(text=f"used_memory:{self.used}\r\n".encode(), maxclients=None, read_at=0.0)


async def test_a_load_that_swells_is_broken_off() -> None:
    """In the middle of it, long before the machine is full; what was fed is fed no more."""
    link, broken_off = Swelling(), asyncio.Event()

    async def feed_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    with pytest.raises(Damaged, match="more than 1 GiB"):
        await watched(feed_for_ever(), link, 1)  # type: ignore[arg-type]  # of a link only what is asked here

    assert broken_off.is_set()
    assert link.used < 2 << 30


async def test_what_ends_a_feed_is_told() -> None:
    """The door's own trouble, not that somebody watched."""

    async def fail() -> None:
        raise DoorTrouble("the node went away")

    with pytest.raises(DoorTrouble, match="went away"):
        await watched(fail(), Swelling(), 1)  # type: ignore[arg-type]  # of a link only what is asked here


async def test_another_count_of_keys_is_damage(kept: Ground) -> None:
    """Both counts are told."""
    kept.doors.writes = ("a", "b")

    done = await verified(kept, await kept.saved())

    assert done.damage == "Loaded it has 2 keys; 3 were saved."


async def test_without_an_engine_for_it_nothing_is_concluded(kept: Ground) -> None:
    """What was known of it stays true, and the reason is shown."""
    done = await verified(kept, await kept.saved(version="9.9.9", damage="known before"))

    assert (done.verified_at, done.damage) == (None, "known before")
    assert done.reason == (
        "It could not be verified: no Redis of version 9.9.9 or later is here to load it, and to check it."
    )


async def test_a_node_that_can_not_be_started_at_first_is_tried_again(kept: Ground) -> None:
    """A full machine says nothing about the backup."""
    kept.doors.writes = ("a", "b", "c")
    kept.runtime.refuse_launches("no memory", times=2)

    done = await verified(kept, await kept.saved())

    assert done.verified_at == kept.clock.wall()


async def test_a_node_that_can_never_be_started_ends_it_without_a_verdict(kept: Ground) -> None:
    """With the reason, and the backup free again."""
    kept.runtime.refuse_launches("no memory", times=50)

    done = await verified(kept, await kept.saved())

    assert (done.verified_at, done.damage) == (None, None)
    assert done.reason == "It could not be verified: no memory"


async def test_object_storage_that_fails_while_it_is_loaded_is_no_damage(
    kept: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second reading breaks once; the next try tells."""
    kept.doors.writes = ("a", "b", "c")
    get, readings = kept.objects.get, [False, True, False, False]

    async def breaking(key: str):  # noqa: ANN202 - a generator of bytes
        fails = readings.pop(0)
        async for chunk in get(key):
            if fails:
                raise ObjectTrouble("It does not answer.")
            yield chunk

    monkeypatch.setattr(kept.objects, "get", breaking)
    done = await verified(kept, await kept.saved())

    assert (done.damage, done.verified_at) == (None, kept.clock.wall())


async def test_a_trial_that_is_cut_off_leaves_no_node(kept: Ground) -> None:
    """The service is stopped while it loads; the next run takes the verification up again."""
    kept.doors.writes = ("a", "b", "c")
    saved = await kept.saved()
    await kept.use(saved, UseKind.VERIFY)
    get, stuck = kept.objects.get, asyncio.Event()

    async def slow(key: str):  # noqa: ANN202 - a generator of bytes
        if kept.runtime.placements():
            stuck.set()
            await asyncio.Event().wait()
        async for chunk in get(key):
            yield chunk

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept.objects, "get", slow)
        async with kept.keeper():
            await eventually(stuck.is_set)
            hosted = [kept.guests.present(p.node) for p in kept.runtime.placements()]
    assert hosted == [True]
    assert kept.runtime.placements() == []

    async with kept.keeper():
        done = await kept.until(saved, lambda stored: not stored.uses)

    assert done.verified_at == kept.clock.wall()


def engines(*versions: str) -> Sequence[Engine]:
    """These are here."""
    return [Engine(version=version, program="p", tls=False, license="l") for version in versions]


@pytest.mark.parametrize(
    ("version", "chosen"),
    [("7.0.15", "7.0.15"), ("7.0.2", "7.0.15"), ("6.2.17", "7.0.15"), ("5.0.6", "6.2.5"), ("7.2.7", None)],
)
def test_the_engine_is_that_of_the_backup_or_the_oldest_newer_one(version: str, chosen: str | None) -> None:
    """An older one could not load it."""
    found = choose_engine(engines("7.0.15", "6.2.5"), version)

    assert (found.version if found else None) == chosen


def test_a_guest_is_left_over_when_nobody_wants_it_any_more() -> None:
    """Any other node without a set is none of its business."""
    guests, node = Guests(), NodeId("n")

    with guests.hosted(node, "use") as set_id:
        placement = Placement(node=node, set_id=set_id, address=None, gone=False)
        wanted = (guests.present(node), guests.left_over(placement))
    stranger = Placement(node=NodeId("s"), set_id=SetId("of another service"), address=None, gone=False)

    assert wanted == (True, False)
    assert (guests.present(node), guests.left_over(placement)) == (False, True)
    assert not guests.left_over(stranger)
