"""What a project has to do with: its quotas, whom its clients are to trust, what can be ordered."""

from dataclasses import dataclass

from starlette.responses import Response

from memstored.api.caller import check_admin, project_of
from memstored.console.forms import NOTHING_REFUSED, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.visit import Visit
from memstored.domain.errors import Fault
from memstored.redis.certificates import read_bundle
from memstored.service.catalogue import Quota

__all__ = ["group"]

group = PageGroup(
    title=english("Project"),
    home="quotas",
    notices={"authority_renewed": english("Another authority is made. It is trusted now, and signs later.")},
)

FULL = 0.9
"""The part of a quota from which on little of it is left."""

_LABELS = {
    "nodes_per_set": english("Nodes of a set"),
    "replicas_per_set": english("Replicas of a set"),
    "nodes_per_project": english("Nodes of all sets"),
    "parameter_groups_per_project": english("Own parameter groups"),
    "backups_per_project": english("Backups"),
}
_LARGEST = frozenset({"nodes_per_set", "replicas_per_set"})
"""Quotas of which the set that takes most is shown."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A quota as it is shown: `label` is English, for `_`."""

    quota: Quota

    @property
    def label(self) -> str:
        """What it bounds."""
        return _LABELS.get(self.quota.name, self.quota.name)

    @property
    def largest(self) -> bool:
        """Whether `used` is that of the largest set."""
        return self.quota.name in _LARGEST

    @property
    def percent(self) -> float:
        """How much of it is taken, 0 to 100."""
        return min(100.0, 100.0 * self.quota.used / self.quota.limit) if self.quota.limit else 100.0

    @property
    def tone(self) -> str:
        """How it is to look."""
        if self.quota.used >= self.quota.limit:
            return "bad"
        return "warn" if self.quota.used >= FULL * self.quota.limit else "plain"


@group.get("/quotas", name="quotas")
async def show_quotas(visit: Visit) -> Response:
    """The bounds of the project, and how much of each is taken."""
    found = await visit.services.catalogue.quotas_of(project_of(visit.caller))
    return visit.page("project/quotas.html", bars=[Bar(it) for it in found])


@group.get("/catalogue", name="catalogue")
async def show_catalogue(visit: Visit) -> Response:
    """The engines, flavors, subnets and security groups."""
    service = visit.services.catalogue
    return visit.page("project/catalogue.html", catalogue=service.catalogue, findings=service.findings)


@group.get("/authorities", name="authorities")
async def show_authorities(visit: Visit) -> Response:
    """The certificate authorities that clients of sets with TLS are to trust."""
    return await _authorities(visit)


async def _authorities(visit: Visit, refusal: Refusal = NOTHING_REFUSED) -> Response:
    bundle = await visit.services.authorities.bundle()
    return visit.page(
        "project/authorities.html",
        status=refusal.status,
        refusal=refusal,
        bundle=bundle,
        authorities=read_bundle(bundle),
    )


@group.get("/authorities/memstored-ca.pem", name="authorities_file")
async def download_authorities(visit: Visit) -> Response:
    """Their certificates in PEM, as a file."""
    headers = {"content-disposition": 'attachment; filename="memstored-ca.pem"'}
    bundle = await visit.services.authorities.bundle()
    return Response(bundle, media_type="application/x-pem-file", headers=headers)


@group.post("/authorities/renew", name="renew_authority")
async def renew_authority(visit: Visit) -> Response:
    """Make another authority; for administrators."""
    check_admin(visit.caller)
    try:
        await visit.services.authorities.renew(visit.caller)
    except Fault as fault:
        return await _authorities(visit, refusal_of(fault))
    return visit.redirect("authorities", notice="authority_renewed")
