"""Looking for parameter groups: the default ones of the catalogue, and the project's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memstored.domain.catalogue import Catalogue
from memstored.domain.model import InstanceSet
from memstored.domain.parameter_group import AnyGroup, ParameterGroup
from memstored.store.parameter_groups import ParameterGroupRepository

__all__ = ["GroupFinder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFinder:
    """Finds groups by what callers name them. A project sees the default groups and its own."""

    catalogue: Catalogue
    groups: ParameterGroupRepository

    async def find(self, project_id: str, group_id: str) -> AnyGroup | None:
        """The group that has this as one of its ids; None also for one of another project."""
        return self.catalogue.parameter_group(group_id) or await self.custom(project_id, group_id)

    async def custom(self, project_id: str, group_id: str) -> ParameterGroup | None:
        """The project's own group of that id; None also for a default one, which needs no reading."""
        if self.catalogue.parameter_group(group_id) is not None:
            return None
        found = await self.groups.load(group_id)
        return found if found is not None and found.project_id == project_id else None

    async def of_sets(self, project_id: str, sets: Iterable[InstanceSet]) -> Mapping[str, AnyGroup]:
        """The groups that sets of a project have, by the ids that the sets name; read at most once."""
        ids = {instance_set.parameter_group_id for instance_set in sets}
        known: dict[str, AnyGroup] = {
            group_id: group
            for group_id in ids
            if (group := self.catalogue.parameter_group(group_id)) is not None
        }
        if known.keys() != ids:
            known |= {group.id: group for group in await self.groups.of_project(project_id)}
        return known
