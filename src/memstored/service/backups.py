"""The use cases of backups (API.md 4): what callers want is checked and recorded."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import uuid4

from memstored.domain.backup import Backup, Progress
from memstored.domain.calendar import Entry, Line, entries
from memstored.domain.clock import Clock
from memstored.domain.errors import Forbidden, InvalidRequest, NotFound
from memstored.domain.requests.backups import NewUse, Title, copy, export, remove, save, under_way, verify
from memstored.domain.requests.change import Call, name_in_use, refusal, refused
from memstored.domain.schedule import begin_of, day_of, scheduled_of
from memstored.domain.settings import QuotaSettings
from memstored.domain.words import BackupId, BackupState, BackupType, EventName
from memstored.identity.protocol import Caller
from memstored.service.attempts import until_fresh
from memstored.service.calls import call_of, project_of, refuse_marker
from memstored.service.files import Files
from memstored.service.ports import Keeper
from memstored.service.sets import EventFilter, SetService
from memstored.store.backups import BackupRepository
from memstored.store.errors import BackupUnderWay, MarkerUnknown, NameTaken, QuotaExceeded
from memstored.store.paging import Page

__all__ = ["BackupFilter", "BackupService", "BackupView"]

_OUTCOMES = (
    EventName.SCHEDULED_BACKUP_CREATE_COMPLETE,
    EventName.SCHEDULED_BACKUP_CREATE_FAILED,
    EventName.SCHEDULED_BACKUP_FAILED,
)
"""What the audit lines tell of automatic backups."""
_LATE = 35 * 24 * 3600.0
"""Seconds after a day in which a line about it is looked for: it is written once the service is back."""
_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupView:
    """A backup, and how far what moves its data now is, where that is known."""

    backup: Backup
    progress: Progress | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFilter:
    """Which page of which backups; None, or no state: all. `states` are those that callers see."""

    limit: int
    marker: str | None = None
    set_id: str | None = None
    set_name: str | None = None
    states: Collection[BackupState] = ()
    kind: BackupType | None = None


class BackupService:
    """Everything callers can do with backups. A caller sees those of the token's project only."""

    def __init__(
        self,
        *,
        backups: BackupRepository,
        sets: SetService,
        files: Files,
        quotas: QuotaSettings,
        keeper: Keeper,
        clock: Clock,
    ) -> None:
        self._backups = backups
        self._sets = sets
        self._files = files
        self._quotas = quotas
        self._keeper = keeper
        self._clock = clock

    # Writing

    async def create(self, caller: Caller, set_id: str, name: str) -> BackupId:
        """Queue a backup of a set.

        Raises `NotFound` for the set, else as `requests.backups.save`; `InvalidRequest` beyond the quota.
        """
        found = await self._sets.get(caller, set_id)
        others = await self._backups.of_project(found.project_id, set_id=found.id)
        new = save(found, _title(name), self._call(caller), others)
        try:
            await self._backups.add(new.backup, new.events, quota=self._most(found.project_id))
        except BackupUnderWay:
            raise refusal([under_way()]) from None
        except QuotaExceeded as full:
            raise _no_room(full) from full
        except NameTaken as taken:
            raise name_in_use("name", name) from taken
        self._keeper.wake()
        return new.backup.id

    async def delete(self, caller: Caller, backup_id: str) -> BackupId:
        """Let a backup go that nobody uses."""

        async def attempt() -> BackupId:
            change = remove(await self._get(caller, backup_id), self._call(caller))
            await self._backups.update(change.before, change.after, change.events)
            return change.after.id

        deleted = await until_fresh(attempt)
        self._keeper.wake()
        return deleted

    async def copy(self, caller: Caller, backup_id: str, name: str) -> BackupId:
        """Queue a copy of a backup under another name, and return the id of the copy.

        Raises `InvalidRequest` beyond the quota.
        """
        title = _title(name)
        try:
            await self._use(caller, backup_id, lambda it, call: copy(it, title, call, _fresh_id()))
        except QuotaExceeded as full:
            raise _no_room(full) from full
        except NameTaken as taken:
            raise name_in_use("name", name) from taken
        return title.id

    async def export(self, caller: Caller, backup_id: str, path: str) -> BackupId:
        """Begin to write a backup to a file of the project's, where there is none yet.

        Harmless while that is under way.
        Raises `Forbidden` when the project may not edit the bucket.
        """
        found = await self._get(caller, backup_id)
        obstacle = await self._files.room(found.project_id, path, "path")
        if obstacle is not None and obstacle.forbidden:
            raise Forbidden(obstacle.fault.message, details=[obstacle.fault])
        if obstacle is not None:
            raise refusal([obstacle.fault])
        return await self._use(caller, backup_id, lambda it, call: export(it, path, call, _fresh_id()))

    async def verify(self, caller: Caller, backup_id: str) -> BackupId:
        """Begin to prove that a backup loads; harmless while that is under way."""
        return await self._use(caller, backup_id, lambda it, call: verify(it, call, _fresh_id()))

    async def _use(
        self, caller: Caller, backup_id: str, judge: Callable[[Backup, Call], NewUse | None]
    ) -> BackupId:
        async def attempt() -> BackupId:
            found = await self._get(caller, backup_id)
            new = judge(found, self._call(caller))
            if new is not None:
                await self._backups.begin_use(
                    new.use,
                    project_id=found.project_id,
                    copy=new.copy,
                    events=new.events,
                    quota=self._most(found.project_id),
                )
            return found.id

        used = await until_fresh(attempt)
        self._keeper.wake()
        return used

    def _most(self, project_id: str) -> int:
        return self._quotas.of(project_id).backups_per_project

    def _call(self, caller: Caller) -> Call:
        return call_of(caller, self._clock)

    # Reading

    async def show(self, caller: Caller, backup_id: str) -> BackupView:
        """The backup of that id; raises `NotFound`, also for one of another project."""
        return self._view(await self._get(caller, backup_id))

    async def all(
        self, caller: Caller, *, set_id: str | None = None, set_name: str | None = None
    ) -> list[BackupView]:
        """The project's backups, the oldest first; those of sets that are gone as well."""
        found = await self._backups.of_project(project_of(caller), set_id=set_id, set_name=set_name)
        return [self._view(backup) for backup in found]

    async def page(self, caller: Caller, wanted: BackupFilter) -> Page[BackupView]:
        """The project's backups, the newest first; those of sets that are gone as well."""
        try:
            found = await self._backups.page(
                project_of(caller),
                set_id=wanted.set_id,
                set_name=wanted.set_name,
                states=wanted.states,
                kind=wanted.kind,
                limit=wanted.limit,
                marker=wanted.marker,
            )
        except MarkerUnknown:
            refuse_marker()
        return Page(rows=tuple(self._view(backup) for backup in found.rows), next=found.next)

    def today(self) -> str:
        """The day that it is in Korea, by which automatic backups are counted."""
        return day_of(self._clock.wall())

    async def calendar(
        self, caller: Caller, days: Sequence[str], *, set_id: str | None = None
    ) -> list[Entry]:
        """What there is to say of automatic backups on these days (consecutive, in Korea).

        Of every set of the project, or of one; raises `NotFound` for that.
        """
        one = await self._sets.get(caller, set_id) if set_id is not None else None
        sets = [one] if one else await self._sets.all(caller)
        backups = await self._backups.of_project(project_of(caller), set_id=set_id)
        lines = [line for name in _OUTCOMES for line in await self._lines(caller, name, days)]
        if one is not None:
            lines = [line for line in lines if _of_set(line, one.id, one.name)]
        return entries(days, sets, backups, lines, self._clock.wall())

    async def _lines(self, caller: Caller, name: EventName, days: Sequence[str]) -> list[Line]:
        """Every audit line of that name which may be about these days."""
        found: list[Line] = []
        marker: str | None = None
        while True:
            wanted = EventFilter(
                limit=_PAGE,
                marker=marker,
                name=name,
                since=begin_of(days[0]),
                until=begin_of(days[-1]) + _LATE,
            )
            page = await self._sets.events(caller, wanted)
            found += [
                Line(name=name, about=it.resource_id, called=it.resource_name, message=it.message)
                for it in page.rows
            ]
            marker = page.next
            if marker is None:
                return found

    async def _get(self, caller: Caller, backup_id: str) -> Backup:
        found = await self._backups.load(backup_id)
        if found is None or found.project_id != project_of(caller):
            raise NotFound("There is no such backup in this project.", code="backup_unknown")
        return found

    def _view(self, backup: Backup) -> BackupView:
        moving = bool(backup.uses) or backup.status is BackupState.CREATING
        return BackupView(backup=backup, progress=self._keeper.progress(backup.id) if moving else None)


def _of_set(line: Line, set_id: str, set_name: str) -> bool:
    """Whether a line is about that set: by its id, or that of a backup by the set's name in its own."""
    scheduled = scheduled_of(line.called)
    return line.about == set_id or (scheduled is not None and scheduled[0] == set_name)


def _no_room(full: QuotaExceeded) -> InvalidRequest:
    message = f"This project may have {full.limit} backups and has {full.used}; delete some."
    return refused("", "quota_exceeded", message)


def _title(name: str) -> Title:
    return Title(id=BackupId(_fresh_id()), name=name)


def _fresh_id() -> str:
    return str(uuid4())
