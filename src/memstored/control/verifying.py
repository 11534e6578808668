"""Proving that saved data can be restored: it is loaded into a node of its own, a backup's after a check.

The node belongs to no set, no tenant can reach it, and it is destroyed whatever happens. It takes as much
memory as the data, so there is one at a time; data that takes more than the flavor has, as a file that was
crafted may, is broken off: `maxmemory` binds no node that loads. Its engine checks every value that comes in
(H25).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from memstored.control.content import read_content
from memstored.control.guests import Guests
from memstored.control.means import Means, Meter
from memstored.control.watch import Place
from memstored.domain.backup import Backup, BackupUse
from memstored.domain.course import checked, not_checked
from memstored.domain.engine import capabilities_of
from memstored.domain.ports import Door, DoorTrouble, Holdings, Identity, Link, LinkTrouble, Target
from memstored.domain.words import NodeId, SetId
from memstored.objects.storage import NoSuchObject
from memstored.redis.config import directives
from memstored.runtime.protocol import Engine, LaunchOrder
from memstored.store.errors import Stale

__all__ = ["Damaged", "NoEngine", "Trial", "Verifier", "blames_data", "choose_engine", "watched"]

log = structlog.get_logger()

PORT = 6379
PATIENCE = 10.0
"""Seconds until the node must have let us in."""
LOOK = 0.05
"""Seconds between two looks whether it has, and at how much memory it uses."""
STILL = 60.0
"""Seconds without progress after which a load is given up."""


_GIB = 1024**3
_JUDGEMENTS = ("REDIS BUG REPORT", "Wrong signature trying to load DB", "Can't handle RDB format version")
"""Words of Redis that nothing but the data brings about."""


class Damaged(Exception):
    """The data can not be restored; the message says what is wrong with it."""


class NoEngine(Exception):
    """No Redis is here that could load it, and check it."""


class Verifier:
    """Verifies backups. `subnet_id` is where the nodes for it get their addresses.

    `memory_of` tells the memory (GiB) of the flavor that a backup's set had.
    """

    def __init__(
        self, means: Means, *, place: Place, guests: Guests, subnet_id: str, memory_of: Callable[[str], int]
    ) -> None:
        self._means = means
        self._memory_of = memory_of
        self._trial = Trial(place=place, guests=guests, subnet_id=subnet_id)

    async def verify(self, backup: Backup, use: BackupUse, meter: Meter) -> None:
        """Find out whether the backup loads, record it, and end the use.

        Raises `ObjectTrouble`, `LinkTrouble`, `LaunchFailed`, `OSError` and `StoreTrouble`: then nothing is
        known, and it is tried again.
        """
        after = await self._judged(backup, use, meter)
        with suppress(Stale):
            await self._means.backups.update(backup, after)
        await self._means.backups.end_use(use)

    async def _judged(self, backup: Backup, use: BackupUse, meter: Meter) -> Backup:
        """The backup with what was found."""
        # Read twice: once to compare, once to load, so that the engine never sees what is not ours.
        meter.begin(2 * backup.size)
        try:
            await self._require_content(backup, meter)
            await self._require_load(backup, use, meter)
        except NoEngine as lack:
            return not_checked(backup, str(lack))
        except Damaged as damage:
            log.warning("backup_damaged", backup_id=backup.id, damage=str(damage))
            return checked(backup, str(damage), self._means.clock.wall())
        return checked(backup, None, self._means.clock.wall())

    async def _require_content(self, backup: Backup, meter: Meter) -> None:
        try:
            content = await read_content(self._means.objects, backup.key, meter)
        except NoSuchObject:
            raise Damaged("Its object is not in object storage any more.") from None
        if content.size != backup.size:
            raise Damaged(f"Its object has {content.size} bytes; {backup.size} were stored.")
        if content.checksum != backup.checksum:
            raise Damaged("Its object is not what was stored: the SHA-256 is another one.")

    async def _require_load(self, backup: Backup, use: BackupUse, meter: Meter) -> None:
        try:
            held = await self._tried(backup, use, meter)
        except DoorTrouble as trouble:
            raise LinkTrouble(f"it could not be loaded for a trial: {trouble}") from trouble
        if held.evicted:
            raise Damaged(f"Of its keys {held.evicted} did not fit when it was loaded.")
        if backup.keys is not None and held.keys != backup.keys:
            raise Damaged(f"Loaded it has {held.keys} keys; {backup.keys} were saved.")

    async def _tried(self, backup: Backup, use: BackupUse, meter: Meter) -> Holdings:
        async with aclosing(self._means.objects.get(backup.key)) as chunks:
            return await self._trial.load(
                chunks,
                size=backup.size,
                version=backup.version,
                memory_gib=self._memory_of(backup.flavor_id),
                purpose=use.id,
                got_on=lambda fed: meter.reach(backup.size + fed),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Loads saved data for a trial. `subnet_id` is where the node for it gets its address."""

    place: Place
    guests: Guests
    subnet_id: str

    async def load(
        self,
        chunks: AsyncIterator[bytes],
        *,
        size: int,
        version: str,
        memory_gib: int,
        purpose: str,
        got_on: Callable[[int], None],
    ) -> Holdings:
        """Load an RDB of `size` bytes that Redis `version` or later reads, and return what was in it.

        More than `memory_gib` of memory is not given to it.
        `purpose` tells whose trial it is; `got_on` is told the bytes loaded so far. Raises `Damaged`,
        `NoEngine`, what `chunks` raises, and `DoorTrouble`, `LinkTrouble`, `LaunchFailed`, `OSError`,
        `StoreTrouble`: then nothing is known.
        """
        engine = choose_engine(self.place.runtime.engines(), version)
        if engine is None:
            raise NoEngine(f"no Redis of version {version} or later is here to load it, and to check it.")
        node = NodeId(str(uuid4()))
        async with self.guests.turn:
            with self.guests.hosted(node, purpose) as set_id:
                async with self._launched(node, set_id, engine) as link:
                    door = self._door(size, tls=engine.tls)
                    held = await self._load(door, chunks, node, link, memory_gib, got_on)
        if held.used_memory > memory_gib * _GIB:
            raise _too_large(memory_gib)
        return held

    def _door(self, size: int, *, tls: bool) -> AbstractAsyncContextManager[Door]:
        host = self.place.door_host
        papers = self.place.authorities.door_papers(host) if tls else None
        return self.place.doors(host, size=size, deadline=STILL, papers=papers)

    async def _load(
        self,
        opening: AbstractAsyncContextManager[Door],
        chunks: AsyncIterator[bytes],
        node: NodeId,
        link: Link,
        memory_gib: int,
        got_on: Callable[[int], None],
    ) -> Holdings:
        """Hand the data over and count it while the node is still a replica (H29).

        Only Redis's own word makes it damaged: that the trial came to nothing may be this machine's fault.
        """
        try:
            async with opening as door:
                await link.take_in(self.place.door_host, door.port, door.identity)
                await watched(door.feed(chunks, got_on), link, memory_gib)
                return await link.holdings()
        except DoorTrouble as trouble:
            words = self.place.runtime.last_words(node)
            if blames_data(words):
                raise Damaged(f"Redis does not load it: {words}") from trouble
            raise

    @asynccontextmanager
    async def _launched(self, node: NodeId, set_id: SetId, engine: Engine) -> AsyncIterator[Link]:
        """A node for the length of the block, and a link that is connected to it.

        Over TLS wherever its program has that: whatever the data's own set had, it is not less (H24).
        """
        version, authorities = engine.version, self.place.authorities
        if engine.tls:
            await authorities.require()
        control = Identity(user="memstored-control", secret=secrets.token_hex(32))
        order = LaunchOrder(
            node=node,
            set_id=set_id,
            subnet_id=self.subnet_id,
            version=version,
            port=PORT,
            directives=directives(
                version,
                memory_gib=1,
                control=control,
                failure_detection=self.place.rules.failure_detection,
                # Nothing of it is thrown away: what is proved is that all of it loads.
                parameters={"maxmemory": "0", "maxmemory-policy": "noeviction"},
                tls=engine.tls,
            ),
            tls=engine.tls,
            files=(lambda address: authorities.issue(node, [address]).files) if engine.tls else None,
            on_disk=capabilities_of(version).acl,
        )
        try:
            placement = await self.place.runtime.launch(order)
            assert placement.address is not None, "a node that was launched has an address"
            target = Target(
                node=node,
                host=placement.address,
                port=PORT,
                version=version,
                control=control,
                tls=authorities if engine.tls else None,
            )
            async with _linked(self.place, target) as link:
                yield link
        finally:
            await self._destroy(node)

    async def _destroy(self, node: NodeId) -> None:
        """End the node; one that resists is left to the search for orphans."""
        try:
            gone = await self.place.runtime.destroy(node)
        except OSError as trouble:
            log.warning("guest_stays", node=node, trouble=str(trouble))
        else:
            if not gone:
                log.warning("guest_stays", node=node, trouble="it could not be proven gone")


async def watched(feeding: Coroutine[Any, Any, None], link: Link, memory_gib: int) -> None:
    """Feed the node at that link for as long as it takes no more memory; then raise `Damaged`."""
    feed = asyncio.create_task(feeding)
    watch = asyncio.create_task(_grown(link, memory_gib * _GIB))
    try:
        await asyncio.wait((feed, watch), return_when=asyncio.FIRST_COMPLETED)
        if not feed.done():
            watch.result()
            raise _too_large(memory_gib)
        feed.result()
    finally:
        for task in (feed, watch):
            task.cancel()
        await asyncio.gather(feed, watch, return_exceptions=True)


async def _grown(link: Link, most: int) -> None:
    """Return when the node was seen to use more bytes than `most`."""
    while link.info is None or int(link.info.fields().get("used_memory", "0")) <= most:
        link.ask_info()
        await asyncio.sleep(LOOK)


def _too_large(memory_gib: int) -> Damaged:
    return Damaged(f"Loaded for a trial it takes more than {memory_gib} GiB, all the memory of its flavor.")


def blames_data(words: str) -> bool:
    """Whether a node that did not load something said that it is the data's fault.

    A connection that ended early is an error in the data to it as well, but one that it doubts itself.
    """
    refused = "Internal error in RDB" in words and "assuming connection error" not in words
    return refused or any(judgement in words for judgement in _JUDGEMENTS)


def choose_engine(engines: Sequence[Engine], version: str) -> Engine | None:
    """The engine of that version, else the oldest newer one, that checks what it loads, if there is one."""
    checking = [engine for engine in engines if capabilities_of(engine.version).sanitizing]
    able = [engine for engine in checking if _order(engine.version) >= _order(version)]
    return min(able, key=lambda engine: _order(engine.version), default=None)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@asynccontextmanager
async def _linked(place: Place, target: Target) -> AsyncIterator[Link]:
    """A link that the node has let in, for the length of the block. Raises `LinkTrouble`."""
    changed = asyncio.Event()
    link = place.wire.open(target, lambda _node: changed.set())
    try:
        deadline = place.clock.monotonic() + PATIENCE
        while not link.connected:
            if place.clock.monotonic() > deadline:
                raise LinkTrouble("the node for the trial does not answer")
            changed.clear()
            link.probe()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await changed.wait()
        yield link
    finally:
        link.close()
