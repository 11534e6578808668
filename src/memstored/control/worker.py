"""One set's loop: look, decide, record, act, and again. Nothing of one set waits for another.

An act runs in its own task, at most one per lane (a node, or the addresses), so a node that does not
answer never keeps the set from looking at the others.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import replace

import structlog

from memstored.control.act import Actor, lane
from memstored.control.pace import LONGEST_WAIT, Pace
from memstored.control.patience import doubled
from memstored.control.watch import Watch
from memstored.domain.actions import Action, Destroy, Launch, Load, Renew
from memstored.domain.facts import Life, SetFacts
from memstored.domain.model import InstanceSet
from memstored.domain.plan import decide
from memstored.domain.ports import LinkTrouble
from memstored.domain.sequence import got_further
from memstored.domain.turn import Decision
from memstored.domain.words import EventName, NodeId, SetId, SetState
from memstored.runtime.protocol import LaunchFailed
from memstored.store.database import StoreTrouble
from memstored.store.sets import SetRepository, Stale
from memstored.telemetry.measures import Measures

__all__ = ["Worker"]

log = structlog.get_logger()

RETRY = 0.5
"""Seconds to wait when the store can not record a decision: nothing is done that is not recorded (S7)."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0
"""Seconds that a lane rests after an act that failed, doubling with each failure in a row."""
HELD_LOOK = 0.1
"""Seconds to the next look at what steps back for sets whose writes wait."""


class Worker:
    """The loop of one set."""

    def __init__(
        self,
        instance_set: InstanceSet,
        *,
        watch: Watch,
        actor: Actor,
        sets: SetRepository,
        launches: asyncio.Semaphore,
        loads: asyncio.Semaphore,
        pace: Pace,
        measures: Measures,
        got_further: Callable[[], None],
    ) -> None:
        """`got_further` is called when the set did that is behind its parameter group."""
        self.set = instance_set
        self.watch = watch
        self.store_trouble: str | None = None
        self._actor = actor
        self._sets = sets
        self._launches = launches
        self._loads = loads
        self._pace = pace
        self._measures = measures
        self._got_further = got_further
        self._clock = watch.place.clock
        self._woken_at: float | None = None
        self._awake = asyncio.Event()
        self._outdated = False
        self._probed_at = 0.0
        self._lanes: dict[NodeId, asyncio.Task[None]] = {}
        self._loading: dict[Load, asyncio.Task[None]] = {}
        self._failures: dict[NodeId, int] = {}
        self._held_since: float | None = None

    def wake(self, _node: NodeId | None = None) -> None:
        """Look again now: something may have changed."""
        if self._woken_at is None:
            self._woken_at = self._clock.monotonic()
        self._awake.set()

    def reload(self) -> None:
        """Look again now, from what is stored: somebody else has written to the set."""
        self._outdated = True
        self.wake()

    async def run(self) -> SetId:
        """Go on until the set is gone; returns its id."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while self.set.status is not SetState.TERMINATED:
                    await self._turn(tasks)
        finally:
            self._pace.forget(self.set.id)
            self.watch.close()
        return self.set.id

    async def _turn(self, tasks: asyncio.TaskGroup) -> None:
        self._awake.clear()
        self._measure_lag()
        if self._outdated and not await self._load():
            return
        began = self._clock.monotonic()
        facts = self.watch.look(self.set)
        decision = decide(self.set, facts, self.watch.place.rules)
        self._measures.turned(self._clock.monotonic() - began)
        self._pace.hurry(self.set.id, urgent=decision.urgent)
        recorded = self.set
        if decision.after == recorded:
            self._store_recovered()
        if decision.after != recorded and not decision.defer:
            if not await self._record(decision):
                return
            self._measure_failover(recorded, facts, decision)
        self._break_off_loads(decision)
        wrote = self.set != recorded
        held = self._steps_back(decision)
        for action in decision.due(recorded=wrote):
            if not (held and isinstance(action, Destroy)):
                self._begin(tasks, action)
        if not wrote:
            look_in = _at_most(HELD_LOOK, decision.look_in) if held else decision.look_in
            await self._sleep(self._pace.pause(self.set.id, look_in))

    def _steps_back(self, decision: Decision) -> bool:
        """Whether nodes are not to be removed yet because some set's writes wait: it costs what those need.

        It is decided anew at each look: what was to go may be needed by then (S6).
        """
        if self._pace.calm or not any(isinstance(action, Destroy) for action in decision.actions):
            self._held_since = None
            return False
        now = self._clock.monotonic()
        if self._held_since is None:
            self._held_since = now
        return now - self._held_since < LONGEST_WAIT

    def _measure_lag(self) -> None:
        if self._woken_at is not None:
            self._measures.woken(self._clock.monotonic() - self._woken_at)
            self._woken_at = None

    def _measure_failover(self, before: InstanceSet, facts: SetFacts, decision: Decision) -> None:
        """How long it took, where this decision ended one: since the loss of the former primary was seen."""
        if not any(event.name is EventName.FAILOVER_COMPLETE for event in decision.events):
            return
        promotion = before.lineage.promotion if before.lineage else None
        if promotion is not None:
            lost = facts.of(promotion.source)
            seen = facts.now - lost.life_since if lost.life is Life.GONE else facts.promotion_for
            self._measures.failed_over(seen)

    async def _load(self) -> bool:
        # Before, not after: somebody may write again once it was read, and says so before we have it.
        self._outdated = False
        try:
            stored = await self._sets.load(self.set.id)
        except StoreTrouble as trouble:
            self._outdated = True
            await self._hold(trouble)
            return False
        self.set = replace(self.set, status=SetState.TERMINATED) if stored is None else stored
        return True

    async def _record(self, decision: Decision) -> bool:
        before = self.set
        try:
            self.set = await self._sets.commit(before, decision.after, decision.events)
        except Stale:
            self._outdated = True
            return False
        except StoreTrouble as trouble:
            await self._hold(trouble)
            return False
        self._store_recovered()
        if got_further(before, self.set):
            self._got_further()
        return True

    def _store_recovered(self) -> None:
        """Nothing of this set waits for the store any more."""
        if self.store_trouble is not None:
            log.info("store_recovered", set_id=self.set.id)
            self.store_trouble = None

    async def _hold(self, trouble: StoreTrouble) -> None:
        if self.store_trouble is None:
            log.warning("store_trouble", set_id=self.set.id, trouble=str(trouble))
        self.store_trouble = str(trouble)
        self._awake.clear()
        self._woken_at = None
        await self._sleep(RETRY)

    async def _sleep(self, seconds: float | None) -> None:
        """Until woken, or for that long; a short look also asks the nodes anew, but never in a rush.

        An answer wakes us, and under load every answer is another one.
        """
        now = self.watch.place.clock.monotonic()
        if seconds is not None and now >= self._probed_at + seconds:
            self._probed_at = now
            self.watch.probe()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()

    def _break_off_loads(self, decision: Decision) -> None:
        """A load goes on for as long as it is decided: not for a node that is gone, nor for a deleted set."""
        for load, task in self._loading.items():
            if load not in decision.actions and not task.cancelling():
                task.cancel()

    def _begin(self, tasks: asyncio.TaskGroup, action: Action) -> None:
        where = lane(action)
        if where in self._lanes:
            return
        if isinstance(action, Launch):
            self.watch.launching(action.node, under_way=True)
        task = tasks.create_task(self._carry_out(self.set, action, where))
        self._lanes[where] = task
        task.add_done_callback(lambda _: self._freed(where))
        if isinstance(action, Load):
            self._loading[action] = task
            task.add_done_callback(lambda _: self._loading.pop(action))

    def _freed(self, where: NodeId) -> None:
        del self._lanes[where]
        self.wake()

    async def _carry_out(self, instance_set: InstanceSet, action: Action, where: NodeId) -> None:
        try:
            if isinstance(action, Launch | Load | Renew):
                await self._pace.await_calm()
            async with self._turn_of(action):
                await self._actor.carry_out(instance_set, action)
            self._failures.pop(where, None)
        except (LinkTrouble, LaunchFailed, OSError) as trouble:
            if where not in self._failures:
                log.warning(
                    "act_failed", set_id=instance_set.id, act=type(action).__name__, trouble=str(trouble)
                )
            await self._rest(where)
        except Exception:
            # A fault of ours in one act must not keep the set's others, as a failover, from being done.
            log.exception("act_broke", set_id=instance_set.id, act=type(action).__name__)
            await self._rest(where)

    async def _rest(self, where: NodeId) -> None:
        """Let a lane rest after an act that failed."""
        failures = self._failures.get(where, 0) + 1
        self._failures[where] = failures
        await asyncio.sleep(doubled(FIRST_PAUSE, failures - 1, LONGEST_PAUSE))

    def _turn_of(self, action: Action) -> AbstractAsyncContextManager[None]:
        """What costs the machine much is done for a few sets at the same time."""
        match action:
            case Launch():
                return self._launches
            case Load():
                return self._loads
            case _:
                return nullcontext()

    def facts(self) -> SetFacts:
        """What is seen of the set now, for those who only read."""
        return self.watch.look(self.set)

    async def used_memory(self) -> int | None:
        """The bytes that the set's primary uses, asked now; None when it can not be asked."""
        primary = self.set.primary
        link = self.watch.link(primary.id) if primary is not None else None
        if link is None:
            return None
        try:
            return (await link.holdings()).used_memory
        except LinkTrouble:
            return None


def _at_most(longest: float, pause: float | None) -> float:
    """The pause, None is one without an end, or the longest that there may be."""
    return longest if pause is None else min(longest, pause)
