"""The keeper of backups, put together out of its duties."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from memstored.control.clearing import Clearing
from memstored.control.guests import Guests
from memstored.control.keeper import BackupKeeper
from memstored.control.making import Maker
from memstored.control.means import Means
from memstored.control.rota import Rota
from memstored.control.uses import Uses
from memstored.control.verifying import Verifier
from memstored.control.watch import Place
from memstored.domain.catalogue import Catalogue
from memstored.domain.controllers import Controllers
from memstored.domain.ports import Target
from memstored.domain.settings import Settings
from memstored.objects.buckets import Buckets
from memstored.redis.outflow import Outflow, outflow

__all__ = ["backup_keeper"]

QUIET = 30.0
"""Seconds of silence after which a replica that gives its data is given up."""


def backup_keeper(
    means: Means,
    *,
    place: Place,
    controllers: Controllers,
    guests: Guests,
    catalogue: Catalogue,
    settings: Settings,
) -> BackupKeeper:
    """A keeper over these means, not at work yet; nodes for trials live at `place` and are its `guests`."""

    @asynccontextmanager
    async def considerate(target: Target) -> AsyncIterator[Outflow]:
        """The stream of a replica's data, which the tenants of this machine hardly feel."""
        async with outflow(target, controllers, deadline=QUIET) as flow:
            place.runtime.hold_back(target.node)
            yield flow

    def memory_of(flavor_id: str) -> int:
        """That of the largest, for a flavor that is not in the catalogue any more."""
        known = {flavor.id: flavor.memory for flavor in catalogue.flavors}
        return known.get(flavor_id, max(known.values()))

    subnet_id = catalogue.subnets[0].id
    verifier = Verifier(means, place=place, guests=guests, subnet_id=subnet_id, memory_of=memory_of)
    return BackupKeeper(
        means,
        maker=Maker(means, considerate, tls=place.authorities),
        uses=Uses(means, buckets=Buckets(means.objects, catalogue.buckets), verify=verifier.verify),
        clearing=Clearing(means),
        rota=Rota(means, settings.quota),
        parallel=settings.backup.parallel,
    )
