"""The use cases of parameter groups (API.md 7): what callers want is checked and recorded.

The values themselves are brought to the sets by `control`, which is woken.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from memstored.domain.catalogue import Catalogue, DefaultGroup
from memstored.domain.clock import Clock
from memstored.domain.errors import Conflict, NotFound
from memstored.domain.model import InstanceSet
from memstored.domain.outlook import Outlook, outlook
from memstored.domain.parameter_group import AnyGroup, ParameterGroup, Progress, progress_of, values_of
from memstored.domain.parameters import Parameter, effective, parameters_of
from memstored.domain.requests.change import Call, Misread, name_in_use, refused
from memstored.domain.requests.parameter_groups import (
    Draft,
    GroupChange,
    GroupTitle,
    GroupWishes,
    Used,
    concerned,
    create,
    default_group,
    draft_change,
    draft_reset,
    draft_rollback,
    in_use,
    judge,
    remove,
    retry,
    revise,
    shrinking,
)
from memstored.domain.settings import QuotaSettings
from memstored.domain.words import GroupId, SetId
from memstored.identity.protocol import Caller
from memstored.service.attempts import until_fresh
from memstored.service.calls import call_of, project_of
from memstored.service.group_finder import GroupFinder
from memstored.service.holdings import Holdings
from memstored.service.ports import Control
from memstored.service.ports import Sequence as GroupSequence
from memstored.store.errors import GroupInUse, NameTaken, QuotaExceeded
from memstored.store.sets import SetRepository

__all__ = [
    "GroupFilter",
    "GroupPreview",
    "GroupTerms",
    "GroupView",
    "LinkedSet",
    "ParameterGroupService",
    "ParameterView",
]

_Judge = Callable[[ParameterGroup], Awaitable[Draft]]

ASKED_AT_ONCE = 8
"""How many sets are asked at the same time for what they use: one that hangs takes a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFilter:
    """Which groups to list; None: all. `engine_version` may be a family (`7.0`) or a version (`7.0.15`)."""

    engine_version: str | None = None
    type: str | None = None
    cluster_mode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    """A parameter, and the value that a group gives it."""

    parameter: Parameter
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedSet:
    """A set that has a group, and how far the group's present values have come to it."""

    set: InstanceSet
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group as one project sees it: with the project's sets that have it, the oldest first."""

    group: AnyGroup
    sets: tuple[InstanceSet, ...]

    @property
    def custom(self) -> ParameterGroup | None:
        """The group, where it is the project's own."""
        return self.group if isinstance(self.group, ParameterGroup) else None

    @property
    def parameters(self) -> list[ParameterView]:
        """Every parameter with its value, by name."""
        values = effective(self.group.family, values_of(self.group).settings)
        known = parameters_of(self.group.family)
        return [ParameterView(parameter=p, value=values.get(p.name, p.default)) for p in known]

    @property
    def linked(self) -> list[LinkedSet]:
        """The sets, in the order in which the group's values come to them."""
        return [LinkedSet(set=it, progress=progress_of(it, self.group)) for it in self.sets]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTerms:
    """What a new group is made out of (the id of a group), and what it is called."""

    base_id: str
    name: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPreview:
    """What a change of a group will do: nothing of it is recorded."""

    before: ParameterGroup
    after: ParameterGroup
    outlook: Outlook


class ParameterGroupService:
    """Everything callers can do with groups. A caller sees the default ones, and those of the own project."""

    def __init__(
        self,
        *,
        finder: GroupFinder,
        sets: SetRepository,
        holdings: Holdings,
        quotas: QuotaSettings,
        control: Control,
        sequence: GroupSequence,
        clock: Clock,
    ) -> None:
        self._finder = finder
        self._groups = finder.groups
        self._sets = sets
        self._holdings = holdings
        self._quotas = quotas
        self._control = control
        self._sequence = sequence
        self._clock = clock

    # Writing

    async def create(self, caller: Caller, terms: GroupTerms) -> GroupId:
        """Keep a new group with the values of another one.

        Raises `NotFound` for that one, `Conflict` for the name, `InvalidRequest` beyond the quota.
        """
        project_id = project_of(caller)
        base = await self._require(project_id, terms.base_id)
        if terms.name in {group.name for group in self._catalogue.parameter_groups}:
            raise name_in_use("name", terms.name)
        title = GroupTitle(
            id=GroupId(str(uuid4())),
            project_id=project_id,
            name=terms.name,
            description=terms.description,
        )
        new = create(base, title, self._call(caller))
        quota = self._quotas.of(project_id).parameter_groups_per_project
        try:
            await self._groups.add(new.group, new.events, quota=quota)
        except QuotaExceeded as full:
            message = f"This project may have {full.limit} parameter groups and has {full.used}; delete some."
            raise refused("", "quota_exceeded", message) from full
        except NameTaken as taken:
            raise name_in_use("name", terms.name) from taken
        return title.id

    async def change(
        self, caller: Caller, group_id: str, wishes: GroupWishes, misread: Misread, *, seen: int | None = None
    ) -> GroupId:
        """Give parameters other values, or the group another description: all that is asked, or nothing.

        Here and below: `seen` is the version that the caller decided by; `Conflict` when there is another.
        """
        return await self._revise(caller, group_id, _changing(wishes, misread), seen)

    async def reset(
        self, caller: Caller, group_id: str, names: list[str], misread: Misread, *, seen: int | None = None
    ) -> GroupId:
        """Give these parameters their defaults again; all, when none is named."""
        return await self._revise(caller, group_id, _resetting(names, misread), seen)

    async def rollback(self, caller: Caller, group_id: str, *, seen: int | None = None) -> GroupId:
        """Take back the values of the version before."""
        return await self._revise(caller, group_id, self._rolling_back, seen)

    async def judge_change(
        self, caller: Caller, group_id: str, wishes: GroupWishes, misread: Misread
    ) -> bool:
        """Whether `change` would change any value; raises what that would, but asks no node.

        So a `maxmemory` below what a set uses is not refused here.
        """
        group = await self._require_custom(caller, group_id)
        draft = draft_change(group, wishes, misread)
        return judge(group, draft, concerned(group, draft, await self._users_of(project_of(caller), group)))

    async def preview_change(
        self, caller: Caller, group_id: str, wishes: GroupWishes, misread: Misread
    ) -> GroupPreview:
        """What `change` would do; raises what that would."""
        return await self._preview(caller, group_id, _changing(wishes, misread))

    async def preview_reset(
        self, caller: Caller, group_id: str, names: list[str], misread: Misread
    ) -> GroupPreview:
        """What `reset` would do; raises what that would."""
        return await self._preview(caller, group_id, _resetting(names, misread))

    async def preview_rollback(self, caller: Caller, group_id: str) -> GroupPreview:
        """What `rollback` would do; raises what that would."""
        return await self._preview(caller, group_id, self._rolling_back)

    async def _rolling_back(self, group: ParameterGroup) -> Draft:
        return draft_rollback(group, await self._groups.settings_before(group))

    async def _revise(self, caller: Caller, group_id: str, judge: _Judge, seen: int | None) -> GroupId:
        async def attempt() -> GroupId:
            group = await self._require_custom(caller, group_id)
            if seen not in (None, group.version):
                message = f"{group.name} is at version {group.version} by now; look at it and decide anew."
                raise Conflict(message, code="parameter_group_changed")
            change, _ = await self._judged(caller, group, await judge(group))
            if change.events:
                await self._groups.commit(group, change.after, change.events)
            return group.id

        return self._woken(await until_fresh(attempt))

    async def _judged(self, caller: Caller, group: ParameterGroup, draft: Draft) -> tuple[GroupChange, Used]:
        """The change, and what the sets use to whose data it leaves less."""
        users = concerned(group, draft, await self._users_of(project_of(caller), group))
        used = await self._used(shrinking(draft.settings, users))
        return revise(group, draft, self._call(caller), users, used), used

    async def _preview(self, caller: Caller, group_id: str, judge: _Judge) -> GroupPreview:
        group = await self._require_custom(caller, group_id)
        change, used = await self._judged(caller, group, await judge(group))
        users = await self._users_of(project_of(caller), group)
        seen = outlook(group.family, group.settings, change.after.values(), users, used)
        return GroupPreview(before=group, after=change.after, outlook=seen)

    async def _used(self, sets: Sequence[InstanceSet]) -> Used:
        """What each of the sets uses, asked of some at the same time."""
        places = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(set_id: SetId) -> int | None:
            async with places:
                return await self._control.used_memory(set_id)

        answers = await asyncio.gather(*(ask(it.id) for it in sets))
        return dict(zip((it.id for it in sets), answers, strict=True))

    def _woken(self, group_id: GroupId) -> GroupId:
        self._sequence.wake()
        return group_id

    async def delete(self, caller: Caller, group_id: str) -> GroupId:
        """Let a group go that no set has."""

        async def attempt() -> GroupId:
            group = await self._require_custom(caller, group_id)
            users = len(await self._users_of(project_of(caller), group))
            try:
                await self._groups.remove(group, remove(group, self._call(caller), users))
            except GroupInUse:
                raise in_use(1) from None
            return group.id

        return await until_fresh(attempt)

    async def retry(self, caller: Caller, group_id: str, set_id: str) -> GroupId:
        """Bring the group's values again to a set where that failed or waits behind a failure."""
        group = await self._require(project_of(caller), group_id)

        async def attempt() -> None:
            users = {it.id: it for it in await self._users_of(project_of(caller), group)}
            found = users.get(SetId(set_id))
            if found is None:
                message = "There is no such instance set with this parameter group in this project."
                raise NotFound(message, code="instance_set_unknown")
            change = retry(found, group, self._call(caller))
            await self._sets.commit(found, change.after, change.events)

        await until_fresh(attempt)
        self._control.wake(SetId(set_id))
        return self._woken(GroupId(group.id))

    def _call(self, caller: Caller) -> Call:
        return call_of(caller, self._clock)

    # Reading

    async def fitting(self, caller: Caller, wanted: GroupFilter) -> list[GroupView]:
        """The groups that fit: the default ones, newest family first, then the project's, oldest first."""
        project_id = project_of(caller)
        known: list[AnyGroup] = [*self._catalogue.parameter_groups]
        known += await self._groups.of_project(project_id)
        sets = await self._holdings.sets_of(project_id)
        return [_view(group, sets) for group in known if _fits(group, wanted)]

    async def show(self, caller: Caller, group_id: str) -> GroupView:
        """The group that has this as one of its ids; raises `NotFound`."""
        project_id = project_of(caller)
        group = await self._require(project_id, group_id)
        return _view(group, await self._holdings.sets_of(project_id))

    @property
    def _catalogue(self) -> Catalogue:
        return self._finder.catalogue

    async def _require(self, project_id: str, group_id: str) -> AnyGroup:
        found = await self._finder.find(project_id, group_id)
        if found is None:
            message = "There is no such parameter group in this project."
            raise NotFound(message, code="parameter_group_unknown")
        return found

    async def _require_custom(self, caller: Caller, group_id: str) -> ParameterGroup:
        found = await self._require(project_of(caller), group_id)
        if not isinstance(found, ParameterGroup):
            raise default_group()
        return found

    async def _users_of(self, project_id: str, group: AnyGroup) -> tuple[InstanceSet, ...]:
        return _view(group, await self._holdings.sets_of(project_id)).sets


def _view(group: AnyGroup, sets: Iterable[InstanceSet]) -> GroupView:
    return GroupView(group=group, sets=tuple(it for it in sets if it.parameter_group_id in _ids(group)))


def _changing(wishes: GroupWishes, misread: Misread) -> _Judge:
    async def judge(group: ParameterGroup) -> Draft:
        return draft_change(group, wishes, misread)

    return judge


def _resetting(names: list[str], misread: Misread) -> _Judge:
    async def judge(group: ParameterGroup) -> Draft:
        return draft_reset(group, names, misread)

    return judge


def _ids(group: AnyGroup) -> tuple[str, ...]:
    return (group.id, *group.further_ids) if isinstance(group, DefaultGroup) else (group.id,)


def _fits(group: AnyGroup, wanted: GroupFilter) -> bool:
    version = wanted.engine_version
    if version is not None and version != group.family and not version.startswith(f"{group.family}."):
        return False
    kind = "default" if isinstance(group, DefaultGroup) else "custom"
    return wanted.type in (None, kind) and wanted.cluster_mode is not True
