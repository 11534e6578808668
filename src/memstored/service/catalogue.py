"""What can be ordered here and how much of it is left: the reading side of API.md 3."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memstored.domain.catalogue import Catalogue
from memstored.domain.settings import QuotaSettings
from memstored.runtime.engines import Finding
from memstored.runtime.protocol import Engine
from memstored.service.holdings import Holdings
from memstored.store.quota import nodes_counted

__all__ = ["CatalogueService", "Quota"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """An upper bound and what is taken of it; of a bound per set, by the set that takes most."""

    name: str
    limit: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueService:
    """`engines` tells which programs can be ordered, newest version first; `findings` all that are here."""

    catalogue: Catalogue
    engines: Callable[[], Sequence[Engine]]
    findings: Sequence[Finding]
    quotas: QuotaSettings
    holdings: Holdings

    def versions(self) -> list[str]:
        """The versions whose program is really here, newest first, each once."""
        return list(dict.fromkeys(engine.version for engine in self.engines()))

    def tls_versions(self) -> list[str]:
        """Those of the versions whose program has TLS."""
        return [engine.version for engine in self.engines() if engine.tls]

    async def quotas_of(self, project_id: str) -> list[Quota]:
        """The quotas of a project with what it uses (API.md 3)."""
        bounds = self.quotas.of(project_id)
        most = max([nodes_counted(s) for s in await self.holdings.sets_of(project_id)], default=0)
        used = await self.holdings.nodes_used(project_id)
        groups = await self.holdings.parameter_groups_used(project_id)
        backups = await self.holdings.backups_used(project_id)
        return [
            Quota(name="nodes_per_set", limit=bounds.nodes_per_set, used=most),
            Quota(name="replicas_per_set", limit=bounds.replicas_per_set, used=max(most - 1, 0)),
            Quota(name="nodes_per_project", limit=bounds.nodes_per_project, used=used),
            Quota(
                name="parameter_groups_per_project", limit=bounds.parameter_groups_per_project, used=groups
            ),
            Quota(name="backups_per_project", limit=bounds.backups_per_project, used=backups),
        ]
