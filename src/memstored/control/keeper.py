"""All that is to be done about backups: they are ordered by the day, made, used, verified, expired, deleted.

One for the whole service, beside the loop over its sets. Level-triggered like that one: every turn looks at
all that is stored and not settled, and begins what is not under way. Told by the service when it wrote
something (`wake`), asked by it how far a backup is (`progress`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import structlog

from memstored.control.clearing import Clearing
from memstored.control.hands import Hands
from memstored.control.making import Maker
from memstored.control.means import Means, Meter, NotYet
from memstored.control.patience import Patience
from memstored.control.rota import Rota
from memstored.control.rounds import Rounds
from memstored.control.steady import SteadyClock
from memstored.control.uses import Uses
from memstored.domain.backup import Backup, BackupUse, Progress
from memstored.domain.ports import LinkTrouble
from memstored.domain.words import BackupId, BackupState, UseKind
from memstored.objects.storage import ObjectTrouble
from memstored.runtime.protocol import LaunchFailed
from memstored.store.database import StoreTrouble

__all__ = ["BackupKeeper"]

log = structlog.get_logger()

HANDS, SHARE = 4, 2
"""How many copies and exports may be under way at the same time, in all and of one project; removals too."""
TRIES = 5
"""How often the use of a backup is tried before it is given up; what has no other end is tried for ever."""
SWEEP, LOOK = "sweep", "look"

Work = Callable[[Meter], Awaitable[None]]
GiveUp = Callable[[str], Awaitable[None]]

FAULT = "A fault of memstored's own, that its operator finds in its log, kept it from being done."

_TROUBLE = (ObjectTrouble, LinkTrouble, LaunchFailed, OSError)
"""What may be over the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Something to do about a backup of a project. `key` is never under way twice.

    It takes one of `hands`; None is for what takes no time. `give_up` ends it when it failed too often.
    """

    key: str
    backup: BackupId
    project: str
    work: Work
    hands: Hands | None = None
    give_up: GiveUp | None = None


@dataclass(slots=True)
class _UnderWay:
    """A job and its task. `woken`: something was written since it began, that it may not have seen."""

    job: _Job
    meter: Meter
    woken: bool = False
    task: asyncio.Task[None] = field(init=False)


class BackupKeeper:
    """Keeps the backups of a service, at most `parallel` being made at the same time.

    Each kind of work has hands of its own, so that none waits for another.
    """

    def __init__(
        self, means: Means, *, maker: Maker, uses: Uses, clearing: Clearing, rota: Rota, parallel: int
    ) -> None:
        self._means = means
        self._maker = maker
        self._uses = uses
        self._clearing = clearing
        self._rota = rota
        self._making = Hands(parallel)
        self._using = Hands(HANDS, share=SHARE)
        self._verifying = Hands(1)
        self._removing = Hands(HANDS, share=SHARE)
        rhythm = means.rhythm
        self._patience = Patience(means.clock, first=rhythm.first_pause, longest=rhythm.longest_pause)
        self._steady = SteadyClock(means.clock, proof=rhythm.proof)
        self._rounds = Rounds("backups", self._look_in_time, revival=rhythm.first_pause)
        self._swept = False
        self._rota_at = 0.0
        self._under_way: dict[str, _UnderWay] = {}

    async def __aenter__(self) -> Self:
        """Take up what an earlier run left, and go on."""
        self._rounds.begin()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop; what is half done is taken up or ended by the next run."""
        await self._rounds.end()
        tasks = [under_way.task for under_way in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What the service asks

    def wake(self) -> None:
        """A backup, a use of one, or a deletion was written: look now, also at what was not possible yet."""
        self._patience.rouse()
        for under_way in self._under_way.values():
            under_way.woken = True
        self._rounds.wake()

    def progress(self, backup_id: BackupId) -> Progress | None:
        """How far the making or using of a backup is; None when nothing is moved for it now."""
        moving = (u for u in self._under_way.values() if u.job.backup == backup_id and u.job.hands)
        latest = next(moving, None)
        return latest.meter.progress if latest else None

    # The loop

    async def _look_in_time(self) -> float:
        """One turn, unless the store rests; returns the seconds until the next one."""
        return await self._look() if self._patience.ready(LOOK) else self._means.rhythm.busy

    async def _look(self) -> float:
        """One turn; returns the seconds until the next one."""
        try:
            busy = await self._turn()
        except StoreTrouble as trouble:
            self._patience.failed(LOOK, trouble)
            return self._means.rhythm.busy
        self._patience.succeeded(LOOK)
        return self._means.rhythm.busy if busy else self._means.rhythm.idle

    async def _turn(self) -> bool:
        """Begin what is to be done and not under way; returns whether anything was."""
        past = self._steady.past()
        rows = await self._means.backups.unsettled(past)
        if self._means.clock.monotonic() >= self._rota_at:
            await self._rota.turn({row.set_id for row in rows if row.under_way}, past)
            self._rota_at = self._means.clock.monotonic() + self._means.rhythm.idle
        jobs = list(self._jobs(rows, past))
        self._patience.keep([LOOK, *(job.key for job in jobs)])
        self._begin_all([job for job in jobs if self._ready(job)])
        return bool(jobs)

    def _jobs(self, rows: Sequence[Backup], past: float) -> Iterator[_Job]:
        """What is to be done, the oldest backup first; `past` is the time up to which they have expired."""
        if not self._swept:
            yield _Job(key=SWEEP, backup=BackupId(SWEEP), project=SWEEP, work=lambda _: self._sweep())
        being_copied = {use.holder for row in rows for use in row.uses if use.kind is UseKind.COPY}
        for row in rows:
            yield from (self._use(row, use) for use in row.uses)
            if row.id not in being_copied and (job := self._duty(row, past)) is not None:
                yield job

    def _duty(self, row: Backup, past: float) -> _Job | None:
        """What its own state asks for."""
        match row.status:
            case BackupState.PENDING if row.copy_of is None:
                return self._job(row, partial(self._maker.make, row), self._making)
            case BackupState.PENDING | BackupState.CREATING:
                return self._job(row, lambda _: self._maker.abandon(row))
            case BackupState.DELETING:
                return self._job(row, lambda _: self._clearing.remove(row), self._removing)
            case _ if row.expires_at is not None and row.expires_at <= past and not row.uses:
                return self._job(row, lambda _: self._clearing.expire(row))
            case _:
                return None

    def _job(self, row: Backup, work: Work, hands: Hands | None = None) -> _Job:
        return _Job(key=row.id, backup=row.id, project=row.project_id, work=work, hands=hands)

    def _use(self, row: Backup, use: BackupUse) -> _Job:
        return _Job(
            key=use.id,
            backup=row.id,
            project=row.project_id,
            work=partial(self._uses.carry_out, row, use),
            hands=self._hands_for(use.kind),
            give_up=partial(self._uses.give_up, row, use),
        )

    def _hands_for(self, kind: UseKind) -> Hands | None:
        match kind:
            case UseKind.RESTORE:
                return None
            case UseKind.VERIFY:
                return self._verifying
            case UseKind.COPY | UseKind.EXPORT:
                return self._using

    # Jobs

    def _ready(self, job: _Job) -> bool:
        """Whether it may begin now, as far as it alone goes: neither under way nor resting after trouble."""
        if job.key in self._under_way or not self._patience.ready(job.key):
            return False
        # Until then an unfinished upload may be one of an earlier run's, or ours.
        return self._swept or job.hands is None

    def _begin_all(self, ready: Sequence[_Job]) -> None:
        """Begin these, as far as there are hands for them."""
        for job in ready:
            if job.hands is None:
                self._begin(job)
        for hands in (self._making, self._using, self._verifying, self._removing):
            held = [u.job.project for u in self._under_way.values() if u.job.hands is hands]
            for job in hands.dealt([job for job in ready if job.hands is hands], held):
                self._begin(job)

    def _begin(self, job: _Job) -> None:
        under_way = _UnderWay(job=job, meter=Meter(self._means.clock))
        under_way.task = asyncio.create_task(self._carry_out(under_way), name=f"backup {job.key}")
        self._under_way[job.key] = under_way
        under_way.task.add_done_callback(lambda task: self._done(job, task))

    def _done(self, job: _Job, task: asyncio.Task[None]) -> None:
        del self._under_way[job.key]
        if task.cancelled():
            return
        fault = task.exception()
        if isinstance(fault, Exception):
            log.error("backup_job_failed", key=job.key, exc_info=fault)
        self._rounds.wake()

    async def _carry_out(self, under_way: _UnderWay) -> None:
        job = under_way.job
        try:
            await job.work(under_way.meter)
        except NotYet:
            # Else its own end would begin it anew, for ever.
            if not under_way.woken:
                self._patience.rest(job.key, self._means.rhythm.busy)
        except StoreTrouble as trouble:
            self._patience.failed(job.key, trouble)
        except _TROUBLE as trouble:
            await self._failed(job, trouble, str(trouble))
        except Exception as fault:
            await self._failed(job, fault, FAULT)
            raise
        else:
            self._patience.succeeded(job.key)

    async def _failed(self, job: _Job, trouble: Exception, reason: str) -> None:
        failures = self._patience.failed(job.key, trouble)
        if job.give_up is not None and failures >= TRIES:
            # What can not be recorded now is tried once more, and given up then.
            with suppress(StoreTrouble):
                await job.give_up(reason)

    async def _sweep(self) -> None:
        await self._clearing.sweep()
        self._swept = True
