"""The use cases of backups (API.md 4): what callers want is checked and recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from memstored.domain.backup import Backup, Progress
from memstored.domain.clock import Clock
from memstored.domain.errors import Forbidden, NotFound
from memstored.domain.requests.backups import NewUse, Title, copy, export, remove, save, under_way, verify
from memstored.domain.requests.change import Call, name_in_use, refusal
from memstored.domain.words import BackupId, BackupState
from memstored.identity.protocol import Caller
from memstored.service.attempts import until_fresh
from memstored.service.calls import call_of, project_of
from memstored.service.files import Files
from memstored.service.ports import Keeper
from memstored.service.sets import SetService
from memstored.store.backups import BackupRepository
from memstored.store.errors import BackupUnderWay, NameTaken

__all__ = ["BackupService", "BackupView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupView:
    """A backup, and how far what moves its data now is, where that is known."""

    backup: Backup
    progress: Progress | None


class BackupService:
    """Everything callers can do with backups. A caller sees those of the token's project only."""

    def __init__(
        self, *, backups: BackupRepository, sets: SetService, files: Files, keeper: Keeper, clock: Clock
    ) -> None:
        self._backups = backups
        self._sets = sets
        self._files = files
        self._keeper = keeper
        self._clock = clock

    # Writing

    async def create(self, caller: Caller, set_id: str, name: str) -> BackupId:
        """Queue a backup of a set. Raises `NotFound` for the set, else as `requests.backups.save`."""
        found = await self._sets.get(caller, set_id)
        others = await self._backups.of_project(found.project_id, set_id=found.id)
        new = save(found, _title(name), self._call(caller), others)
        try:
            await self._backups.add(new.backup, new.events)
        except BackupUnderWay:
            raise refusal([under_way()]) from None
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
        """Queue a copy of a backup under another name, and return the id of the copy."""
        title = _title(name)
        try:
            await self._use(caller, backup_id, lambda it, call: copy(it, title, call, _fresh_id()))
        except NameTaken as taken:
            raise name_in_use("name", name) from taken
        return title.id

    async def export(self, caller: Caller, backup_id: str, path: str) -> BackupId:
        """Begin to write a backup to a file of the project's, where there is none yet.

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
                    new.use, project_id=found.project_id, copy=new.copy, events=new.events
                )
            return found.id

        used = await until_fresh(attempt)
        self._keeper.wake()
        return used

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

    async def _get(self, caller: Caller, backup_id: str) -> Backup:
        found = await self._backups.load(backup_id)
        if found is None or found.project_id != project_of(caller):
            raise NotFound("There is no such backup in this project.", code="backup_unknown")
        return found

    def _view(self, backup: Backup) -> BackupView:
        moving = bool(backup.uses) or backup.status is BackupState.CREATING
        return BackupView(backup=backup, progress=self._keeper.progress(backup.id) if moving else None)


def _title(name: str) -> Title:
    return Title(id=BackupId(_fresh_id()), name=name)


def _fresh_id() -> str:
    return str(uuid4())
