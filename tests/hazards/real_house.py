"""Control loop, store and real nodes in one process, with hands on what lies between them.

Like `memstored serve` without its API. Links and replication take detours that a test may cut, and the
store tells before it records, so that a test can act between a decision and its act.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import redis
from detour import Detours
from logins import CONTROL, PASSWORD, REPLICATION
from observer import OBSERVER, let_observe
from old_client import control_client, old_client
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry
from servers import Engine as Program
from servers import engines as programs

from memstored.control.authorities import Authorities, Issued
from memstored.control.clock import SystemClock
from memstored.control.fleet import Fleet
from memstored.control.lease import Lease
from memstored.control.watch import Place
from memstored.domain.engine import capabilities_of
from memstored.domain.facts import ReplicationFacts
from memstored.domain.model import Configuration, EventDraft, InstanceSet, Node, Source
from memstored.domain.ports import Identity, Target
from memstored.domain.settings import FailoverSettings, ObjectSettings, TlsSettings
from memstored.domain.words import NodeId, NodeState, SetId, SetState
from memstored.objects.storage import Objects
from memstored.redis.door import LoadingDoor
from memstored.redis.link import RedisLink
from memstored.runtime.choice import ChosenEndpoints
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.protocol import Endpoints, Engine
from memstored.runtime.proxied import ProxiedEndpoints
from memstored.store.authorities import AuthorityRepository
from memstored.store.cipher import Cipher
from memstored.store.controllers import ControllerRepository
from memstored.store.database import Database
from memstored.store.sets import Identities, SetRepository, Stale
from ordered import ordered_set

PORT = 6379
DEADLINE = 30.0
CONTROLLER = "controller"


class DetouredLink(RedisLink):
    """A link that sends replicas over detours and reads their answers as if there were none."""

    detours: Detours
    own: str

    async def follow(self, host: str, port: int) -> None:
        """Follow by the detour; nowhere needs none."""
        if port != PORT:
            await super().follow(host, port)
            return
        detour = self.detours.between(self.own, host, port)
        await super().follow(detour.host, detour.port)

    @property
    def replication(self) -> ReplicationFacts | None:
        """The reading, with the node that is meant instead of the detour to it."""
        seen = super().replication
        return replace(seen, following=self.detours.behind(seen.following)) if seen is not None else None


class DetouredWire:
    """Opens links over detours."""

    def __init__(self, detours: Detours, clock: SystemClock, lease: Lease) -> None:
        self._detours, self._clock, self._lease = detours, clock, lease

    def open(self, target: Target, changed: Callable[[NodeId], None]) -> RedisLink:
        """A link to the node, by a detour of the controller's."""
        detour = self._detours.between(CONTROLLER, target.host, target.port)
        link = DetouredLink(
            replace(target, host=detour.host, port=detour.port),
            changed,
            clock=self._clock,
            controllers=self._lease.controllers,
            superseded=self._lease.lose_node,
            deadline=1.0,
        )
        link.detours, link.own = self._detours, target.host
        return link


class TellingSets(SetRepository):
    """A repository that tells what it is about to record, and what it has recorded."""

    def __init__(self, database: Database, clock: SystemClock, cipher: Cipher) -> None:
        super().__init__(database, clock, cipher)
        self.recorded: list[InstanceSet] = []
        self.events: list[EventDraft] = []
        self.before: Callable[[InstanceSet], None] = lambda _: None
        self.after: Callable[[InstanceSet], None] = lambda _: None

    async def commit(
        self,
        before: InstanceSet,
        after: InstanceSet,
        events: Sequence[EventDraft] = (),
        *,
        node_quota: int | None = None,
    ) -> InstanceSet:
        """Tell, record, tell."""
        self.before(after)
        kept = await super().commit(before, after, events, node_quota=node_quota)
        self.recorded.append(kept)
        self.events.extend(events)
        self.after(kept)
        return kept


class DetouredAuthorities(Authorities):
    """Authorities whose certificates are for the controller's detours to the nodes as well."""

    detours: Detours

    def issue(self, name: str, addresses: Sequence[str]) -> Issued:
        """Sign for the detour, too."""
        detour = self.detours.between(CONTROLLER, addresses[0], PORT)
        return super().issue(name, [*addresses, detour.host])


class RealHouse:
    """One set of one engine, and everything that is needed to have it; with TLS where the engine has that."""

    def __init__(self, place: Path, engine: Engine, database: Database, **rules: float) -> None:
        self.clock = SystemClock()
        self.engine = engine
        self.detours = Detours()
        self.rules = FailoverSettings(**{"failure_detection": 1.0, "probe_interval": 0.25} | rules)
        cipher = Cipher.from_file(place / "key")
        self.database = database
        self.sets = TellingSets(database, self.clock, cipher)
        self.authorities = DetouredAuthorities(
            AuthorityRepository(database, cipher), self.clock, TlsSettings()
        )
        self.authorities.detours = self.detours
        self.subnet = f"127.{random.SystemRandom().randint(64, 95)}.{random.SystemRandom().randint(0, 255)}"
        self.place = place
        self.root = place / "runtime"
        self.objects = Objects.open(ObjectSettings(), default=place / "objects")
        self.runtime = self._runtime()
        self.set_id = SetId("5a0c0a34-3c53-4f4a-a2a6-5d1a4c1c9c10")
        self.fleet: Fleet | None = None
        self.configuration: Configuration | None = None

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, place: Path, engine: Program, rules: Mapping[str, float], *, tls: bool = False
    ) -> AsyncIterator[Self]:
        """A house with an empty store, of which nothing is left in the end."""
        program = Engine(version=engine.version, program=engine.program, tls=tls, license="")
        database = await Database.open(f"sqlite:///{place / 'store.db'}")
        house = cls(place, program, database, **rules)
        try:
            yield house
        finally:
            await house.purge()
            await database.close()

    def _runtime(self) -> ProcessRuntime:
        subnets = {"subnet": f"{self.subnet}.0/24"}
        engines = (self.engine, *self._checking)
        return ProcessRuntime(root=self.root, subnets=subnets, engines=engines, clock=self.clock)

    @property
    def _checking(self) -> tuple[Engine, ...]:
        """The newest engine of this machine, where the house's own believes whatever it loads (H25)."""
        newest = programs()[0]
        if capabilities_of(self.engine.version).sanitizing:
            return ()
        return (Engine(version=newest.version, program=newest.program, tls=False, license=""),)

    def endpoints(self) -> Endpoints:
        """The set's addresses, as the service carries those of the engine."""
        addresses, address_of = self.runtime.addresses, self.runtime.address
        return ChosenEndpoints(
            floating=FloatingEndpoints(addresses=addresses, address_of=address_of),
            proxied=ProxiedEndpoints(root=self.root, addresses=addresses, address_of=address_of),
        )

    @asynccontextmanager
    async def controller(self) -> AsyncIterator[Fleet]:
        """A controller at work; another one may come after it."""
        self.runtime = self._runtime()
        controllers = ControllerRepository(self.database, self.clock)
        lease = Lease(await controllers.begin(), confirm=controllers.confirm)
        controllers.guard(lease.end)
        place = Place(
            runtime=self.runtime,
            endpoints=self.endpoints(),
            wire=DetouredWire(self.detours, self.clock, lease),
            objects=self.objects,
            doors=LoadingDoor,
            door_host="127.0.0.1",
            authorities=self.authorities,
            clock=self.clock,
            rules=self.rules,
        )
        async with Fleet(place=place, sets=self.sets, lease=lease) as fleet:
            yield fleet

    async def purge(self) -> None:
        """End every node and every detour, and let go of the addresses."""
        runtime = self.runtime = self._runtime()
        endpoints = self.endpoints()
        await runtime.start()
        await endpoints.start()
        for placement in runtime.placements():
            await runtime.destroy(placement.node)
        for owner in endpoints.owners():
            await endpoints.release(owner)
        await endpoints.close()
        await runtime.close()
        await asyncio.to_thread(self.detours.close)

    async def make(self, fleet: Fleet, nodes: int, *, recovery: bool = True) -> InstanceSet:
        """Order a set, and return it once it is `Running`."""
        await self.order(fleet, nodes, recovery=recovery)
        return await self.until(whole)

    async def order(
        self, fleet: Fleet, nodes: int, *, recovery: bool = True, source: Source | None = None
    ) -> None:
        """Order a set, one that begins with saved data where there is some."""
        password = None if capabilities_of(self.engine.version).acl else PASSWORD
        identities = Identities(control=CONTROL, replication=REPLICATION, password=password)
        ordered = replace(
            ordered_set(self.set_id, replicas=nodes, source=source),
            version=self.engine.version,
            port=PORT,
            memory=1,
            recovery_enabled=recovery,
            tls_enabled=self.engine.tls,
            configuration=self.configuration,
        )
        await self.sets.add(ordered, identities, (), node_quota=60)
        fleet.wake(self.set_id)

    async def delete(self, fleet: Fleet) -> None:
        """Ask for the set to be deleted, between two records of the loop."""
        while True:
            with suppress(Stale):
                stored = await self.stored()
                await self.sets.commit(stored, replace(stored, status=SetState.TERMINATING))
                break
        fleet.wake(self.set_id)

    async def stored(self) -> InstanceSet:
        """The set as it is recorded."""
        stored = await self.sets.load(self.set_id)
        assert stored is not None
        return stored

    async def until(self, holds: Callable[[InstanceSet], bool], *, deadline: float = DEADLINE) -> InstanceSet:
        """The recorded set, as soon as it is like that."""
        end = self.clock.monotonic() + deadline
        while not holds(stored := await self.stored()):
            assert self.clock.monotonic() < end, f"not within {deadline} s: {stored}"
            await asyncio.sleep(0.01)
        return stored

    # What was told of it

    def unexplained(self) -> list[InstanceSet]:
        """What was recorded of the set without a whole reason, though it was not `Running` (S10)."""
        return [s for s in self.sets.recorded if not _explained(s)]

    def reasons(self) -> set[str]:
        """The codes of all reasons that were recorded."""
        return {s.reason.code for s in self.sets.recorded if s.reason is not None}

    # What lies between its parts

    def cut(self, who: str, node: Node) -> None:
        """Cut the path by which `who` (an address, or the controller) talks to the node."""
        assert node.address is not None
        self.detours.between(who, node.address, PORT).cut()

    @contextmanager
    def partition(self, primary: Node, *replicas: Node) -> Iterator[None]:
        """Cut these replicas off from their primary meanwhile."""
        assert primary.address is not None
        paths = [self.detours.between(str(r.address), primary.address, PORT) for r in replicas]
        for path in paths:
            path.cut()
        try:
            yield
        finally:
            for path in paths:
                path.mend()

    # Its servers

    def process(self, node: Node) -> int:
        """The process of a node."""
        placement = self.runtime.placement(node.id)
        assert placement is not None
        assert placement.process_id is not None
        return placement.process_id

    def send(self, node: Node, what: signal.Signals) -> None:
        """Send a signal to a node's process; harmless when it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.process(node), what)

    def at(self, host: str | None, **login: str) -> redis.Redis:
        """A plain client of whoever answers there."""
        assert host is not None
        if not capabilities_of(self.engine.version).acl:
            return old_client(host, PORT, [PASSWORD], socket_timeout=5)
        secure: dict[str, Any] = {"ssl": True, "ssl_ca_data": self.authorities.authorities}
        return redis.Redis(
            host,
            PORT,
            decode_responses=True,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
            **(secure if self.engine.tls else {}),
            **login,
        )

    def control(self, node: Node) -> redis.Redis:
        """A client that may do everything, at a node's own address; a move of addresses may cut it (H15)."""
        if not capabilities_of(self.engine.version).acl:
            return control_client(str(node.address), PORT, CONTROL, PASSWORD)
        with self._patient(node, CONTROL) as control:
            let_observe(control)
        return self._patient(node, OBSERVER)

    def _patient(self, node: Node, who: Identity) -> redis.Redis:
        client = self.at(node.address, username=who.user, password=who.secret)
        client.set_retry(Retry(ConstantBackoff(0.02), 5))
        return client

    def tenant(self, stored: InstanceSet) -> redis.Redis:
        """A tenant at the primary address."""
        assert stored.vips is not None
        return self.at(stored.vips.primary)


def whole(stored: InstanceSet) -> bool:
    """Whether the set is `Running` with all its nodes."""
    nodes = stored.nodes
    serving = len(nodes) == stored.replicas and all(n.status is NodeState.RUNNING for n in nodes)
    return stored.status is SetState.RUNNING and serving


def _explained(stored: InstanceSet) -> bool:
    reason = stored.reason
    if stored.status in (SetState.RUNNING, SetState.TERMINATING):
        return True
    return reason is not None and all((reason.code, reason.message, reason.since, reason.trying, reason.next))


def without(*nodes: Node) -> Callable[[InstanceSet], bool]:
    """Whether the set is whole and has none of these nodes."""
    return lambda stored: whole(stored) and not {n.id for n in nodes} & {n.id for n in stored.nodes}


def primary_of(stored: InstanceSet) -> Node:
    """The recorded primary."""
    assert stored.primary is not None
    return stored.primary


def replicas_of(stored: InstanceSet) -> list[Node]:
    """The others, by number."""
    return [n for n in stored.nodes if n.id != primary_of(stored).id]
