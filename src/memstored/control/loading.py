"""Loading a set's saved data into its first node, as the node's master for once (DESIGN 8, H23 to H29).

What counts in the end is what was seen: that the object is the one that was chosen, that the node took in all
of it, and that it holds what was saved while it still is a replica. Nothing of it is remembered elsewhere
than in the `Watch`: a load that is broken off, or whose controller ends, is begun anew.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, replace

from memstored.control.authorities import CanNotSign
from memstored.control.guests import Guests
from memstored.control.verifying import Damaged, NoEngine, Trial, blames_data
from memstored.control.watch import Place, Watch
from memstored.domain.actions import Load
from memstored.domain.engine import capabilities_of
from memstored.domain.facts import LoadFacts, LoadFault
from memstored.domain.loading import loaded_bytes
from memstored.domain.model import InstanceSet, Source
from memstored.domain.parameter_group import maxmemory_of
from memstored.domain.ports import Door, DoorTrouble, Holdings, Identity, Incomplete, Link, LinkTrouble
from memstored.domain.words import NodeId
from memstored.objects.storage import NoSuchObject, Objects, ObjectTrouble
from memstored.store.errors import StoreTrouble

__all__ = ["Loader"]

STALL = 15.0
"""Seconds that object storage may take for the next chunk: less than the node's `repl-timeout`, so that it is
known whose fault it was.
"""
QUIET = 60.0
"""Seconds that a node may take without getting on, as when it drops half a load or waits for a processor."""
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before the next try after so many in a row that ended by one fault; the last one repeats."""


class _AnotherObject(Exception):
    """The object is not the one that was chosen."""


class _Refused(Exception):
    """The node went away with less than everything, or stood still."""


class _Unproved(Exception):
    """The node does not hold what it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """Loads the data of one set. An engine that checks nothing gets only what another one took before, which
    then is one of the `guests` (H25).
    """

    watch: Watch
    replication: Identity
    guests: Guests

    async def load(self, instance_set: InstanceSet, action: Load) -> None:
        """Load the saved data into a fresh node that nobody can log in to; the outcome is in the `Watch`.

        Nothing is done when what was decided is older than the outcome of that very try. Raises `LinkTrouble`
        when a node can not be asked, `LaunchFailed` and `OSError` when there is none for the trial; then
        nothing of the try counts.
        """
        source, link = instance_set.source, self.watch.link(action.node)
        assert source is not None, "only a set with saved data loads"
        before = self.watch.load(action.node) or LoadFacts(total=source.size)
        if link is None:
            raise LinkTrouble(f"node {action.node} can not be reached now")
        if action.number != before.number + 1:
            return
        begun = replace(before, number=action.number, done=0, under_way=True, verified=False)
        outcome = replace(before, number=action.number, verified=False)
        self.watch.loads(action.node, begun)
        self.watch.changed(action.node)
        try:
            outcome = await _Load(self, instance_set, source, action.node, link).outcome(begun)
        finally:
            self.watch.loads(action.node, outcome)


@dataclass(frozen=True, slots=True)
class _Load:
    """One try."""

    loader: Loader
    instance_set: InstanceSet
    source: Source
    node: NodeId
    link: Link

    @property
    def _place(self) -> Place:
        return self.loader.watch.place

    @property
    def _objects(self) -> Objects:
        return self._place.objects

    async def outcome(self, begun: LoadFacts) -> LoadFacts:
        """Try it, and say what became of it."""
        try:
            await self._check_object()
            await self._hand_over(await self._tried())
        except (NoSuchObject, _AnotherObject, NoEngine) as other:
            fault, words = LoadFault.OBJECT, str(other)
        except ObjectTrouble as trouble:
            fault, words = LoadFault.STORAGE, str(trouble)
        except _Refused as refusal:
            fault, words = await self._blame(str(refusal))
        except (_Unproved, Damaged) as lack:
            fault, words = LoadFault.DATA, str(lack)
        else:
            return LoadFacts(total=begun.total, number=begun.number, done=begun.total, verified=True)
        with suppress(LinkTrouble):
            await self._release()
        tries = begun.tries + 1 if fault is begun.fault else 1
        pause = PAUSES[min(tries, len(PAUSES)) - 1]
        return replace(
            begun,
            under_way=False,
            fault=fault,
            error=words,
            tries=tries,
            undelivered=begun.undelivered + (fault is LoadFault.DELIVERY),
            retry_at=self._place.clock.monotonic() + pause,
        )

    async def _tried(self) -> str | None:
        """Where the set's engine checks nothing, have one load it that does; the checksum of what it took."""
        version = self.instance_set.version
        if capabilities_of(version).sanitizing:
            return None
        first, digest = self.instance_set.nodes[0], hashlib.sha256()
        trial = Trial(place=self._place, guests=self.loader.guests, subnet_id=first.subnet_id)
        async with aclosing(self._chunks(digest)) as chunks:
            try:
                await trial.load(
                    chunks,
                    size=self.source.size,
                    version=version,
                    memory_gib=self.instance_set.memory,
                    purpose=self.instance_set.id,
                    got_on=lambda _fed: None,
                )
            except DoorTrouble as trouble:
                raise _Refused(f"a newer Redis did not load it for a trial: {trouble}") from trouble
            except StoreTrouble as trouble:
                raise CanNotSign(f"the node for the trial has no authority: {trouble}") from trouble
        return digest.hexdigest()

    async def _hand_over(self, tried: str | None) -> None:
        """Give the node all of it, prove that it holds it, and leave it a replica of nobody (H1).

        `tried` is the checksum of what was tried before, where that was needed: nothing else is given.
        """
        host, digest = self._place.door_host, hashlib.sha256()
        async with AsyncExitStack() as stack:
            door = await self._open(stack, host)
            await self.link.take_in(host, door.port, door.identity)
            chunks = await stack.enter_async_context(aclosing(self._chunks(digest)))
            await self._feed(door, chunks)
            await self._check_object(digest.hexdigest())
            if tried not in (None, digest.hexdigest()):
                raise _AnotherObject("its content changed in object storage after it was tried")
            await self._prove(door)
            await self._release()

    async def _open(self, stack: AsyncExitStack, host: str) -> Door:
        try:
            papers = self._place.authorities.door_papers(host) if self.instance_set.tls_enabled else None
            door = self._place.doors(host, size=self.source.size, deadline=QUIET, papers=papers)
            return await stack.enter_async_context(door)
        except DoorTrouble as trouble:
            raise LinkTrouble(str(trouble)) from trouble

    async def _feed(self, door: Door, chunks: AsyncIterator[bytes]) -> None:
        try:
            await door.feed(chunks, self._got_on)
        except Incomplete as lack:
            raise Damaged(str(lack)) from lack
        except DoorTrouble as trouble:
            raise _Refused(str(trouble)) from trouble

    async def _chunks(self, digest: "hashlib._Hash") -> AsyncGenerator[bytes, None]:
        async with aclosing(self._objects.get(self.source.key)) as chunks:
            while (chunk := await _next(chunks)) is not None:
                # Hashed beside the event loop: other sets' failovers do not wait for it.
                await asyncio.to_thread(digest.update, chunk)
                yield chunk

    def _got_on(self, done: int) -> None:
        watch = self.loader.watch
        before = watch.load(self.node)
        assert before is not None, "it was begun"
        after = replace(before, done=done, fault=None)
        watch.loads(self.node, after)
        if loaded_bytes(after) != loaded_bytes(before):
            watch.changed(self.node)

    async def _check_object(self, checksum: str | None = None) -> None:
        """Whether it is, or was all the while, the object that was chosen; its checksum once it was read."""
        source, found = self.source, await self._objects.head(self.source.key)
        if found is None:
            raise _AnotherObject("it is not in object storage any more")
        if found.size != source.size:
            raise _AnotherObject(f"it has {found.size} bytes in object storage now, not {source.size}")
        if source.etag is not None and found.etag != source.etag:
            raise _AnotherObject(f"it was replaced in object storage (etag {found.etag}, not {source.etag})")
        if checksum is not None and source.checksum not in (None, checksum):
            raise _AnotherObject(
                f"its content changed in object storage (SHA-256 {checksum}, not the recorded one)"
            )

    async def _prove(self, door: Door) -> None:
        """Compare while it still is a replica, which keeps what has expired (H29)."""
        await self.link.refresh()
        seen = self.link.replication
        if seen is None or seen.is_master or seen.loading or not seen.link_up or seen.replid != door.replid:
            raise _Unproved("the node left before it held everything")
        limit = maxmemory_of(self.instance_set)
        complaint = _complaint(await self.link.holdings(), self.source.keys, limit)
        if complaint is not None:
            raise _Unproved(complaint)

    async def _release(self) -> None:
        await self.link.detach()
        if not capabilities_of(self.instance_set.version).diskless_load:
            await asyncio.to_thread(self._place.runtime.remove_copies, self.node)
        await self.link.equip(self.loader.replication)
        await self.link.refresh()

    async def _blame(self, refusal: str) -> tuple[LoadFault, str]:
        """Whose fault a refusal is: an object that was damaged where it lies is refused with good reason.

        Without a word of the engine's against the data it may be this machine's, or a stranger's at the door.
        """
        words = self._place.runtime.last_words(self.node)
        told = f"{refusal}; the engine's words: {words}" if words else refusal
        fault = LoadFault.DATA if blames_data(words) else LoadFault.DELIVERY
        if self.source.checksum is None:
            return fault, told
        digest = hashlib.sha256()
        try:
            async with aclosing(self._chunks(digest)) as chunks:
                async for _ in chunks:
                    pass
            await self._check_object(digest.hexdigest())
        except (NoSuchObject, _AnotherObject) as other:
            return LoadFault.OBJECT, f"{other}; {told}"
        except ObjectTrouble as trouble:
            return LoadFault.STORAGE, str(trouble)
        return fault, told


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next chunk, None after the last. Raises `ObjectTrouble` when none comes for too long."""
    try:
        async with asyncio.timeout(STALL):
            return await anext(chunks, None)
    except TimeoutError:
        raise ObjectTrouble(f"Object storage gave nothing for {STALL:.0f} s.") from None


def _complaint(held: Holdings, keys: int | None, limit: int) -> str | None:
    """Why what a node holds is not what was saved, or will not stay; None when all is well.

    A replica evicts nothing, so what is too much for it goes only when it is promoted.
    """
    if keys is not None and held.keys != keys:
        return f"{held.keys} keys were loaded, not the {keys} that were saved."
    if held.evicted:
        return f"{held.evicted} keys were evicted."
    if held.maxmemory != limit:
        return f"The node's maxmemory is {held.maxmemory} bytes, not {limit}."
    if held.used_memory > held.maxmemory:
        return f"The data takes {held.used_memory} bytes, more than maxmemory ({held.maxmemory})."
    return None
