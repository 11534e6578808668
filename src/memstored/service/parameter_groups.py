"""The parameter groups that a project sees: the default group of each engine family (API.md 7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from memstored.domain.catalogue import Catalogue, DefaultGroup
from memstored.domain.errors import InvalidRequest, NotFound
from memstored.domain.parameters import Parameter, parameters_of
from memstored.service.holdings import Holdings

__all__ = ["GroupFilter", "GroupView", "ParameterGroupService"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFilter:
    """Which groups to list; None: all. `engine_version` may be a family (`7.0`) or a version (`7.0.15`)."""

    engine_version: str | None = None
    type: str | None = None
    cluster_mode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group as one project sees it: with the number of the project's sets that use it."""

    group: DefaultGroup
    set_count: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the group sets, by name."""
        return parameters_of(self.group.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroupService:
    """Lists and shows groups. Custom groups do not exist in this version."""

    catalogue: Catalogue
    holdings: Holdings

    async def fitting(self, project_id: str, wanted: GroupFilter) -> list[GroupView]:
        """The groups that fit, newest engine family first."""
        groups = [group for group in self.catalogue.parameter_groups if _fits(group, wanted)]
        return await self._seen_by(project_id, groups)

    async def show(self, project_id: str, group_id: str) -> GroupView:
        """The group that has this as one of its ids; raises `NotFound`."""
        group = self.catalogue.parameter_group(group_id)
        if group is None:
            raise NotFound(
                "There is no such parameter group in this project.", code="parameter_group_unknown"
            )
        [view] = await self._seen_by(project_id, [group])
        return view

    def refuse_custom(self) -> InvalidRequest:
        """The refusal of everything that needs custom groups."""
        return InvalidRequest(
            "This version has no custom parameter groups; use the default group of the engine family.",
            code="parameter_groups_unavailable",
        )

    def refuse_change(self) -> InvalidRequest:
        """The refusal of a change: default groups are never editable (API.md 7)."""
        return InvalidRequest("A default parameter group can not be changed.", code="default_parameter_group")

    async def _seen_by(self, project_id: str, groups: Sequence[DefaultGroup]) -> list[GroupView]:
        used = [s.parameter_group_id for s in await self.holdings.sets_of(project_id)]
        return [
            GroupView(group=group, set_count=sum(i in (group.id, *group.further_ids) for i in used))
            for group in groups
        ]


def _fits(group: DefaultGroup, wanted: GroupFilter) -> bool:
    version = wanted.engine_version
    if version is not None and version != group.family and not version.startswith(f"{group.family}."):
        return False
    return wanted.type in (None, "default") and wanted.cluster_mode is not True
