"""A store and a simulated place, over which fleets come and go, and a set that was just ordered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from looking import DEADLINE

from memstored.control.authorities import Authorities
from memstored.control.clock import SystemClock
from memstored.control.fleet import Fleet
from memstored.control.guests import Guests
from memstored.control.historian import Historian
from memstored.control.lease import Lease
from memstored.control.watch import Place
from memstored.domain.model import InstanceSet, Source
from memstored.domain.ports import Identity
from memstored.domain.settings import FailoverSettings, ObjectSettings, TlsSettings
from memstored.domain.words import SetId, SetState
from memstored.objects.storage import Objects
from memstored.runtime.fake import FakeDoors, FakeEndpoints, FakeRuntime, FakeWire
from memstored.store.authorities import AuthorityRepository
from memstored.store.cipher import Cipher
from memstored.store.controllers import ControllerRepository
from memstored.store.database import Database
from memstored.store.sets import Identities, SetRepository
from ordered import ordered_set

SET = SetId("5a0c0a34-3c53-4f4a-a2a6-5d1a4c1c9c10")
IDENTITIES = Identities(
    control=Identity(user="memstored-control", secret="c"),
    replication=Identity(user="memstored-replication", secret="r"),
    password="p",
)
RULES = FailoverSettings(failure_detection=1.0)


class Ground:
    """A store and a place, over which fleets come and go."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.clock = SystemClock()
        self.database = database
        self.cipher = Cipher.from_file(folder / "key")
        self.sets = SetRepository(database, self.clock, self.cipher)
        self.authorities = Authorities(AuthorityRepository(database, self.cipher), self.clock, TlsSettings())
        self.runtime = FakeRuntime(self.clock)
        self.endpoints = FakeEndpoints(self.runtime)
        self.objects = Objects.open(ObjectSettings(), default=folder / "objects")
        self.doors = FakeDoors(self.runtime)

    @asynccontextmanager
    async def fleet(
        self,
        sets: SetRepository | None = None,
        guests: Guests | None = None,
        historian: Historian | None = None,
        figures: float = 15.0,
        rules: FailoverSettings = RULES,
    ) -> AsyncIterator[Fleet]:
        """A control loop at work, of a controller that comes after those before."""
        controllers = ControllerRepository(self.database, self.clock)
        self.lease = Lease(await controllers.begin(), confirm=controllers.confirm)
        controllers.guard(self.lease.end)
        place = Place(
            runtime=self.runtime,
            endpoints=self.endpoints,
            wire=FakeWire(self.runtime, self.lease.controllers, self.lease.lose_node),
            objects=self.objects,
            doors=self.doors,
            door_host="127.0.0.1",
            authorities=self.authorities,
            clock=self.clock,
            rules=rules,
        )
        async with Fleet(
            place=place,
            sets=sets or self.sets,
            lease=self.lease,
            guests=guests,
            historian=historian,
            figures=figures,
        ) as fleet:
            yield fleet

    async def order(
        self, replicas: int = 3, source: Source | None = None, version: str = "7.0.15"
    ) -> InstanceSet:
        """Write a set as the request to create it does."""
        ordered = replace(planned(replicas, source), version=version)
        return await self.sets.add(ordered, IDENTITIES, (), node_quota=60)

    async def until(self, holds: Callable[[InstanceSet], bool]) -> InstanceSet:
        """The stored set, as soon as it is like that."""
        async with asyncio.timeout(DEADLINE):
            while True:
                stored = await self.sets.load(SET)
                if stored is not None and holds(stored):
                    return stored
                await asyncio.sleep(0.01)


def running(stored: InstanceSet) -> bool:
    """Whether the set serves as it should."""
    return stored.status is SetState.RUNNING and len(stored.nodes) == stored.replicas


def planned(replicas: int, source: Source | None = None) -> InstanceSet:
    """A set that was just ordered."""
    return ordered_set(SET, replicas=replicas, source=source)
