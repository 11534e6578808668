"""All sets of a service: a worker each, the ticker that counts silence, and the search for orphans.

Started by `cli.serve`, told by the service when a set was written (`wake`), asked by it what is seen.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Self

import structlog

from memstored.control.act import Actor
from memstored.control.guests import Guests
from memstored.control.historian import Historian
from memstored.control.lease import Lease
from memstored.control.pace import Pace
from memstored.control.rounds import Rounds
from memstored.control.watch import Place, Watch
from memstored.control.worker import Worker
from memstored.domain.facts import SetFacts
from memstored.domain.model import InstanceSet
from memstored.domain.naming import node_id
from memstored.domain.progress import unreadable
from memstored.domain.survey import SetSurvey
from memstored.domain.words import NodeId, SetId
from memstored.runtime.files import DamagedFile
from memstored.runtime.protocol import Placement
from memstored.store.database import StoreTrouble
from memstored.store.sets import NoSuchSet, SetRepository, Stale, WrongKey
from memstored.telemetry.measures import Measures

__all__ = ["Fleet"]

log = structlog.get_logger()

TICK = 0.25
"""Seconds between two counts of silence."""
STALL = 1.0
"""Seconds late that mean that we ourselves stood still: then nobody's silence is counted."""
ORPHANS = 60.0
"""Seconds between two searches for processes without a row."""
AUTHORITIES, TAKING_OVER = 60.0, 5.0
"""Seconds between two looks whether an authority is to be renewed, and while one takes over from another."""
LAUNCHES = 4
"""Launches at the same time, so that many new sets never delay a failover."""
LOADS = 2
"""Loads of saved data at the same time: each may use a processor and the network to the full."""
MASS_SILENCE = 8
"""From so many silent nodes on, more than half of all nodes silent at once is our own fault."""
FIGURES = 15.0
"""Seconds between two looks at a node's figures."""
STALE = 3
"""A node's figures are not shown any more when so many looks in a row brought none."""
REVIVAL = 1.0
"""Seconds before a worker or a duty that ended by an unforeseen fault is started again."""


class Fleet:
    """The control loop of the whole service."""

    def __init__(
        self,
        *,
        place: Place,
        sets: SetRepository,
        lease: Lease,
        guests: Guests | None = None,
        measures: Measures | None = None,
        figures: float = FIGURES,
        historian: Historian | None = None,
    ) -> None:
        """`figures`: seconds between two looks at the figures of a node; `historian` keeps what they show.

        With the end of the `lease` everything stops.
        """
        self._place = place
        self._lease = lease
        self._sets = sets
        self._measures = measures or Measures()
        self._figures = figures
        self._historian = historian
        self._guests = guests or Guests()
        self._workers: dict[SetId, Worker] = {}
        self._tasks: dict[SetId, asyncio.Task[SetId]] = {}
        self._launches = asyncio.Semaphore(LAUNCHES)
        self._loads = asyncio.Semaphore(LOADS)
        self._pace = Pace(place.clock)
        self._new: asyncio.Queue[SetId] = asyncio.Queue()
        self._heard: Callable[[], None] | None = None
        self._held = False
        self._unread: set[SetId] = set()
        self._suspects = 0
        self._asked_all_at = 0
        self._duties: list[Rounds] = []
        self._minding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Find everything again, remove what has no row, and begin to watch.

        Whatever it raises, nothing of the fleet is at work then.
        """
        async with AsyncExitStack() as begun:
            begun.push_async_callback(self._stop)
            await self._begin()
            begun.pop_all()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop watching; the nodes go on serving."""
        await self._stop()

    async def _begin(self) -> None:
        await self._place.runtime.start()
        await self._place.endpoints.start()
        stored = await self._sets.load_all()
        self._require_addresses(stored)
        await self._remove_orphans()
        for instance_set in stored:
            await self._take_on(instance_set)
        duties = (
            self._hear_exits,
            self._hear_endpoints,
            self._tick,
            self._ask_figures,
            self._search_orphans,
            self._welcome,
            self._tend_authorities,
        )
        self._duties = [Rounds(duty.__name__, duty, revival=REVIVAL) for duty in duties]
        for rounds in self._duties:
            rounds.begin()
        self._minding = asyncio.create_task(self._mind_lease(), name="lease of the fleet")

    async def _stop(self) -> None:
        tasks = [*self._tasks.values(), *([self._minding] if self._minding is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(rounds.end() for rounds in self._duties))
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._place.endpoints.close()
        await self._place.runtime.close()

    def _require_addresses(self, stored: Sequence[InstanceSet]) -> None:
        """Raise `DamagedFile` when the runtime forgot the addresses of a set that has some.

        Somebody took its records away, as by a folder that is not mounted: whatever else it does not know
        would pass for gone (S3), and other sets would get the addresses (H22).
        """
        for present in stored:
            has_some = present.vips is not None and not present.deleting
            if has_some and self._place.endpoints.reserved(present.id) is None:
                raise DamagedFile(
                    f"the addresses of the set {present.name} ({present.id}) are not recorded any more; "
                    f"put the folder runtime of this data folder back as it was"
                )

    async def _mind_lease(self) -> None:
        """Stop looking and acting when the right to it ends (S7). What was sent may still be carried out, as
        far as nodes take it from us.
        """
        await self._lease.over()
        self._place.endpoints.break_off()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*(rounds.end() for rounds in self._duties))

    # What the service asks

    def wake(self, set_id: SetId) -> None:
        """A set was written: look at it from what is stored now."""
        worker = self._workers.get(set_id)
        if worker is not None:
            worker.reload()
        else:
            self._new.put_nowait(set_id)

    def facts(self, set_id: SetId) -> SetFacts:
        """What is seen of a set now, without asking a node; empty when it is not watched (yet)."""
        worker = self._workers.get(set_id)
        if worker is None:
            return SetFacts(now=self._place.clock.monotonic(), wall=self._place.clock.wall())
        return worker.facts()

    def hear_values(self, heard: Callable[[], None]) -> None:
        """Call `heard` from now on whenever a set that is behind its parameter group has got further."""
        self._heard = heard

    async def used_memory(self, set_id: SetId) -> int | None:
        """The bytes that the primary of a set uses, asked now; None when it can not be asked."""
        worker = self._workers.get(set_id)
        return None if worker is None else await worker.used_memory()

    def survey(self) -> list[SetSurvey]:
        """All sets that are watched, for those who only look; nothing is asked of a node."""
        return [self._surveyed(worker) for worker in self._workers.values()]

    def _surveyed(self, worker: Worker) -> SetSurvey:
        nodes = worker.watch.survey(worker.set, fresh=STALE * self._figures)
        return SetSurvey(set=worker.set, nodes=nodes)

    @property
    def sets(self) -> frozenset[SetId]:
        """The sets that are watched now."""
        return frozenset(self._workers)

    @property
    def holding(self) -> bool:
        """Whether silence ends nobody, because most nodes are silent at once."""
        return self._held

    @property
    def neglected(self) -> int:
        """How many sets are not looked after, or not all of their nodes: the log says which, and why."""
        doubted = {it.node for it in self._place.runtime.placements() if it.in_doubt}
        doubtful = {
            set_id
            for set_id, worker in self._workers.items()
            if not doubted.isdisjoint(node.id for node in worker.set.nodes)
        }
        return len(self._unread | doubtful)

    # Workers

    async def _take_on(self, instance_set: InstanceSet) -> None:
        """Begin to watch a set. One whose secrets can not be opened is left as it is, and that is said: its
        nodes serve on, and the other sets are none the worse for it.
        """
        try:
            if instance_set.tls_enabled:
                await self._place.authorities.require()
            identities = await self._sets.identities(instance_set.id)
        except (NoSuchSet, WrongKey) as trouble:
            log.warning("set_not_watched", set_id=instance_set.id, trouble=str(trouble))
            if isinstance(trouble, WrongKey):
                await self._tell_unreadable(instance_set)
            return
        watch = Watch(
            self._place,
            identities,
            changed=lambda _node: self._stir(instance_set.id),
            held=lambda: self._held,
        )
        actor = Actor(watch=watch, identities=identities, guests=self._guests)
        worker = Worker(
            instance_set,
            watch=watch,
            actor=actor,
            sets=self._sets,
            launches=self._launches,
            loads=self._loads,
            pace=self._pace,
            measures=self._measures,
            got_further=self._tell_of_values,
        )
        self._workers[instance_set.id] = worker
        self._start(worker)

    async def _tell_unreadable(self, instance_set: InstanceSet) -> None:
        """Record why nobody looks after the set; what can not be recorded now is tried again."""
        self._unread.add(instance_set.id)
        after = unreadable(instance_set, self._place.clock.wall())
        if after == instance_set:
            return
        try:
            await self._sets.commit(instance_set, after)
        except (Stale, StoreTrouble) as trouble:
            log.warning("store_trouble", set_id=instance_set.id, trouble=str(trouble))
            asyncio.get_running_loop().call_later(REVIVAL, self._new.put_nowait, instance_set.id)

    def _start(self, worker: Worker) -> None:
        if self._lease.ended is not None:
            worker.watch.close()
            return
        task = asyncio.create_task(worker.run(), name=f"set {worker.set.id}")
        self._tasks[worker.set.id] = task
        task.add_done_callback(lambda done: self._ended(worker, done))

    def _ended(self, worker: Worker, task: asyncio.Task[SetId]) -> None:
        """Forget a set that is gone; start the loop of any other again, after saying why it ended."""
        set_id = worker.set.id
        if task.cancelled():
            return
        self._tasks.pop(set_id, None)
        self._workers.pop(set_id, None)
        fault = task.exception()
        if fault is None and self._historian is not None:
            self._historian.forget(set_id)
        if fault is not None:
            log.error("worker_failed", set_id=set_id, exc_info=fault)
            asyncio.get_running_loop().call_later(REVIVAL, self._new.put_nowait, set_id)

    def _tell_of_values(self) -> None:
        if self._heard is not None:
            self._heard()

    def _stir(self, set_id: SetId) -> None:
        worker = self._workers.get(set_id)
        if worker is not None:
            worker.wake()

    async def _welcome(self) -> None:
        """Take on sets that were just created, or whose loop ended by a fault."""
        while True:
            set_id = await self._new.get()
            welcomed = False
            try:
                welcomed = await self._welcomed(set_id)
            finally:
                if not welcomed:
                    # Also by an unforeseen fault, after which this duty is taken up again.
                    asyncio.get_running_loop().call_later(REVIVAL, self._new.put_nowait, set_id)

    async def _welcomed(self, set_id: SetId) -> bool:
        """Whether nothing is left to do for a set that may be new."""
        if set_id in self._workers:
            self._workers[set_id].reload()
            return True
        try:
            instance_set = await self._sets.load(set_id)
            self._unread.discard(set_id)
            if instance_set is not None:
                await self._take_on(instance_set)
        except StoreTrouble as trouble:
            log.warning("store_trouble", set_id=set_id, trouble=str(trouble))
            return False
        return True

    # Duties for all sets

    async def _hear_exits(self) -> None:
        async for node in self._place.runtime.exits():
            placement = self._place.runtime.placement(node)
            if placement is not None:
                self._stir(placement.set_id or self._owner(node))

    async def _hear_endpoints(self) -> None:
        async for set_id in self._place.endpoints.changes():
            self._stir(set_id)

    def _owner(self, node: NodeId) -> SetId:
        """The set that has the node, where the place itself can not tell; empty when none has."""
        owners = (set_id for set_id, worker in self._workers.items() if worker.set.node(node) is not None)
        return next(owners, SetId(""))

    async def _tick(self) -> None:
        """Probe every node once an interval and count silence, unless we ourselves stood still."""
        clock = self._place.clock
        every = max(1, round(self._place.rules.probe_interval / TICK))
        turn, due = 0, clock.monotonic()
        while True:
            due += TICK
            await asyncio.sleep(max(0.0, due - clock.monotonic()))
            late = clock.monotonic() - due
            self._measures.ticked(max(0.0, late))
            if late > STALL:
                log.warning("stood_still", seconds=round(late, 3))
                due = clock.monotonic()
                continue
            turn += 1
            self._count(turn, every, probing=not self._pace.spares_probes(TICK))

    async def _ask_figures(self) -> None:
        """Ask each node for its figures now and then, a few sets at a time, and nobody while writes wait."""
        every = max(1, round(self._figures / TICK))
        turn = 0
        while True:
            await asyncio.sleep(TICK)
            if not self._pace.calm:
                continue
            turn += 1
            for index, worker in enumerate(list(self._workers.values())):
                if (turn + index) % every == 0:
                    self._look_at_figures(worker)

    def _look_at_figures(self, worker: Worker) -> None:
        """Keep what was answered to the last look, and look again."""
        if self._historian is not None:
            self._historian.take(self._surveyed(worker))
        worker.watch.ask_info()

    def _count(self, turn: int, every: int, *, probing: bool) -> None:
        for index, worker in enumerate(list(self._workers.values())):
            worker.watch.tick(TICK)
            if probing and (turn + index) % every == 0:
                worker.watch.probe()
        self._compare(turn, every)
        self._judge_silence()

    def _compare(self, turn: int, every: int) -> None:
        """Ask everybody as soon as somebody does not answer, though not in a rush.

        Sets are probed one after the other. Were silence counted from each one's own turn on, the first of
        many that fell silent in the same instant would be ended before it showed that all are.
        """
        suspects = sum(worker.watch.suspects for worker in self._workers.values())
        if suspects > self._suspects and turn >= self._asked_all_at + every:
            self._asked_all_at = turn
            for worker in self._workers.values():
                worker.watch.probe()
        self._suspects = suspects

    def _judge_silence(self) -> None:
        """If most of the fleet is silent at once the fault is ours: silence proves nothing until it is over,
        and then everyone's is counted anew. What the runtime proves dead is replaced all the while.
        """
        silent = sum(w.watch.silent_nodes for w in self._workers.values())
        total = sum(len(w.set.nodes) for w in self._workers.values())
        held = silent >= MASS_SILENCE and 2 * silent > total
        if held != self._held:
            log.warning("holding" if held else "going_on", silent=silent, nodes=total)
            self._held = held
            for worker in self._workers.values():
                if not held:
                    worker.watch.forgive()
                worker.wake()

    async def _tend_authorities(self) -> None:
        """Let authorities take over from each other in time; the sets follow by themselves."""
        authorities = self._place.authorities
        while True:
            try:
                while await authorities.advance(await self._sets.load_all()):
                    for worker in self._workers.values():
                        worker.wake()
            except StoreTrouble as trouble:
                log.warning("store_trouble", trouble=str(trouble))
            with suppress(TimeoutError):
                async with asyncio.timeout(TAKING_OVER if authorities.taking_over else AUTHORITIES):
                    await authorities.stirred()
                    for worker in self._workers.values():
                        worker.wake()

    async def _search_orphans(self) -> None:
        while True:
            await asyncio.sleep(ORPHANS)
            try:
                await self._lease.confirm()
                await self._remove_orphans()
            except (StoreTrouble, OSError) as trouble:
                log.warning("store_trouble", trouble=str(trouble))

    async def _remove_orphans(self) -> None:
        """End processes and give back addresses that belong to no set; what exists is listed first, so
        that a row written meanwhile is never missed.
        """
        placements, owners = self._place.runtime.placements(), self._place.endpoints.owners()
        stored = await self._sets.load_all()
        nodes = {n.id for s in stored for n in s.nodes}
        for placement in placements:
            if placement.node in nodes or self._guests.present(placement.node):
                continue
            if self._guests.left_over(placement) or await self._dropped_here(placement, stored):
                await self._remove_orphan(placement)
            else:
                log.error("unknown_node_left_alone", node=placement.node, set_id=placement.set_id)
        sets = {s.id for s in stored}
        for owner in owners:
            if owner not in sets and not await self._sets.forgot(owner):
                await self._release_orphan(owner)

    async def _release_orphan(self, owner: SetId) -> None:
        """Give addresses back that no set has; what can not be now is tried again with the next search."""
        try:
            await self._place.endpoints.release(owner)
        except OSError as trouble:
            log.warning("orphan_stays", set_id=owner, trouble=str(trouble))

    async def _remove_orphan(self, placement: Placement) -> None:
        """End what has no row; what can not be removed now is tried again with the next search."""
        try:
            await self._place.runtime.destroy(placement.node)
        except OSError as trouble:
            log.warning("orphan_stays", node=placement.node, trouble=str(trouble))
        else:
            log.warning("orphan_removed", node=placement.node, set_id=placement.set_id)

    async def _dropped_here(self, placement: Placement, stored: Sequence[InstanceSet]) -> bool:
        """Whether this store itself planned the node and let it go.

        A node that an empty store or an older copy of it knows nothing of may hold the last copy of
        somebody's data (S6): it is left alone, and said.
        """
        owner = next((s for s in stored if s.id == placement.set_id), None)
        if owner is None:
            return not await self._sets.forgot(placement.set_id)
        return placement.node in {node_id(owner.id, number) for number in range(1, owner.next_number)}
