"""What a project has: its sets, and what counts against its quotas."""

from dataclasses import dataclass

from memstored.domain.model import InstanceSet
from memstored.store.backups import BackupRepository
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.sets import SetRepository

__all__ = ["Holdings"]

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Holdings:
    """Reads all of a project's sets, page by page."""

    repository: SetRepository
    groups: ParameterGroupRepository
    backups: BackupRepository

    async def sets_of(self, project_id: str) -> list[InstanceSet]:
        """Every set of the project that is not `Terminated`, the oldest first."""
        page = await self.repository.page(project_id, limit=_PAGE)
        found = list(page.rows)
        while page.next is not None:
            page = await self.repository.page(project_id, limit=_PAGE, marker=page.next)
            found += page.rows
        return found

    async def nodes_used(self, project_id: str) -> int:
        """How many nodes count against the project's quota."""
        return await self.repository.nodes_used(project_id)

    async def parameter_groups_used(self, project_id: str) -> int:
        """How many parameter groups of its own the project has."""
        return await self.groups.count(project_id)

    async def backups_used(self, project_id: str) -> int:
        """How many backups count against the project's quota."""
        return await self.backups.count(project_id)
