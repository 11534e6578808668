"""A store, a folder of objects and a set that runs, over which keepers of backups come and go.

The set's replicas are not simulated: what is seen of them is made up, and a tap gives their data.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from looking import DEADLINE, eventually

from memstored.control.authorities import Authorities
from memstored.control.clearing import Clearing
from memstored.control.guests import Guests
from memstored.control.keeper import BackupKeeper
from memstored.control.making import Maker
from memstored.control.means import Means, Rhythm
from memstored.control.rota import Rota
from memstored.control.uses import Uses
from memstored.control.verifying import Verifier
from memstored.control.watch import Place
from memstored.domain.backup import Backup, BackupUse
from memstored.domain.facts import Life, NodeFacts, ReplicationFacts, SetFacts
from memstored.domain.model import BackupSchedule, EventDraft, InstanceSet, Lineage, Node
from memstored.domain.object_keys import backup_key
from memstored.domain.ports import Identity, LinkTrouble, Target
from memstored.domain.settings import FailoverSettings, ObjectSettings, Quotas, QuotaSettings, TlsSettings
from memstored.domain.words import (
    BackupId,
    BackupState,
    BackupType,
    EventName,
    NodeId,
    NodeState,
    Role,
    SetId,
    SetState,
    UseKind,
)
from memstored.objects.buckets import Buckets
from memstored.objects.storage import Objects
from memstored.redis.outflow import Outflow
from memstored.runtime.fake import FakeDoors, FakeEndpoints, FakeRuntime, FakeWire
from memstored.store.authorities import AuthorityRepository
from memstored.store.backups import BackupRepository
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.events import Event, EventRepository
from memstored.store.sets import Identities, SetRepository

PROJECT = "p" * 32
REPLID = "a" * 40
DATA = (b"REDIS0010", b"some data", b"\xff")
MOMENT = 0.01
"""Seconds that a stream waits before it says that nothing came."""

QUICK = Rhythm(
    busy=0.01,
    idle=0.02,
    guard=0.01,
    stall=30.0,
    sought=0.1,
    first_pause=0.01,
    longest_pause=0.05,
    retry=60.0,
    longest_retry=600.0,
    proof=0.0,
)


class SetClock:
    """People's time stands still until it is set; durations are real, and `gone_by` more."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self.now = wall
        self.gone_by = 0.0

    def go_by(self, seconds: float) -> None:
        """So much time passes, by both readings."""
        self.now += seconds
        self.gone_by += seconds

    def wall(self) -> float:
        """The time it was set to."""
        return self.now

    def monotonic(self) -> float:
        """Real seconds, and those that went by."""
        return time.monotonic() + self.gone_by


class WatchedBackups(BackupRepository):
    """Counts how often the keeper looked for something to do."""

    looks = 0

    async def unsettled(self, now: float) -> list[Backup]:
        """As the repository."""
        self.looks += 1
        return await super().unsettled(now)


@dataclass
class Tap:
    """Gives the data of replicas: `data`, then what is `left`, as soon as `opened`; or it `breaks`.

    It refuses to begin so many times as there are `refusals`.

    `flowing` and `most` count the streams at the same time; `targets` are the nodes that were asked.
    """

    data: tuple[bytes, ...] = DATA
    left: tuple[bytes, ...] = ()
    keys: int | None = 3
    opened: threading.Event = field(default_factory=threading.Event)
    breaks: Exception | None = None
    refusals: list[Exception] = field(default_factory=list)
    flowing: int = 0
    most: int = 0
    targets: list[NodeId] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.opened.set()

    def shut(self) -> None:
        """Stop in the middle of every stream."""
        self.opened.clear()

    @property
    def content(self) -> bytes:
        """All that a whole stream gives."""
        return b"".join((*self.data, *self.left))

    @asynccontextmanager
    async def __call__(self, target: Target) -> AsyncIterator[Outflow]:
        """The data of that node."""
        assert target.control.secret == "c"
        self.targets.append(target.node)
        if self.refusals:
            raise self.refusals.pop()
        self.flowing += 1
        self.most = max(self.most, self.flowing)
        try:
            yield Outflow(keys=self.keys, used_memory=1000, size=len(self.content), parts=self._parts())
        finally:
            self.flowing -= 1

    def _parts(self) -> Iterator[bytes]:
        yield from self.data
        while not self.opened.wait(MOMENT):
            yield b""
        if self.breaks is not None:
            raise self.breaks
        yield from self.left


class Seen:
    """What is seen of sets: every node of theirs up, replicas `behind` by so many bytes; `blind` to all."""

    def __init__(self) -> None:
        self.sets: dict[SetId, InstanceSet] = {}
        self.behind: dict[NodeId, int] = {}
        self.blind = False
        self.woken: list[SetId] = []

    def wake(self, set_id: SetId) -> None:
        """Remember it."""
        self.woken.append(set_id)

    def facts(self, set_id: SetId) -> SetFacts:
        """The facts of a set that runs."""
        known = self.sets.get(set_id)
        nodes = {} if known is None or self.blind else {n.id: self._of(n) for n in known.nodes}
        return SetFacts(now=0.0, wall=0.0, nodes=nodes)

    def _of(self, node: Node) -> NodeFacts:
        replication = ReplicationFacts(
            is_master=node.role is Role.PRIMARY,
            replid=REPLID,
            offset=1000 - self.behind.get(node.id, 0),
            following=None if node.role is Role.PRIMARY else ("127.20.0.1", 6379),
            link_up=node.role is Role.REPLICA,
        )
        return NodeFacts(life=Life.UP, run_id=node.run_id, address=node.address, replication=replication)


def running_set(name: str = "orders", *, nodes: int = 3, **changes: object) -> InstanceSet:
    """A set that runs, its first node the primary."""
    members = tuple(
        Node(
            id=NodeId(str(uuid4())),
            number=number,
            name=f"{name}-{number}",
            subnet_id="subnet",
            role=Role.PRIMARY if number == 1 else Role.REPLICA,
            status=NodeState.RUNNING,
            created_at=1.0,
            launched=True,
            address=f"127.20.0.{number}",
            run_id=f"run-{number}",
            whole=True,
        )
        for number in range(1, nodes + 1)
    )
    made = InstanceSet(
        id=SetId(str(uuid4())),
        project_id=PROJECT,
        name=name,
        description=None,
        replicas=nodes,
        flavor_id="flavor",
        memory=4,
        recovery_enabled=True,
        tls_enabled=False,
        subnets=("subnet",),
        security_groups=("group",),
        backup_schedule=None,
        user=None,
        parameter_group_id="group",
        port=6379,
        version="7.0.15",
        creator="admin",
        created_at=1.0,
        updated_at=1.0,
        status=SetState.RUNNING,
        reason=None,
        next_number=nodes + 1,
        nodes=members,
        lineage=Lineage(epoch=1, primary=members[0].id, replid=REPLID),
        opened=True,
    )
    return replace(made, **changes)


class Ground:
    """The surroundings of a keeper."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.clock = SetClock()
        self.folder = folder
        cipher = Cipher.from_file(folder / "key")
        self.sets = SetRepository(database, self.clock, cipher)
        self.authorities = Authorities(AuthorityRepository(database, cipher), self.clock, TlsSettings())
        self.backups = WatchedBackups(database, self.clock, self.sets)
        self.events = EventRepository(database, self.clock)
        self.objects = Objects.open(ObjectSettings(), default=folder / "objects")
        self.seen = Seen()
        self.tap = Tap()
        self.guests = Guests()
        self.runtime = FakeRuntime(self.clock)
        self.doors = FakeDoors(self.runtime)
        self.rhythm = QUICK
        self.quota = 100

    def keeper(self, *, parallel: int = 2) -> BackupKeeper:
        """A keeper, not at work yet."""
        means = Means(
            backups=self.backups,
            sets=self.sets,
            objects=self.objects,
            seen=self.seen,
            clock=self.clock,
            rhythm=self.rhythm,
        )
        place = Place(
            runtime=self.runtime,
            endpoints=FakeEndpoints(self.runtime),
            wire=FakeWire(self.runtime),
            objects=self.objects,
            doors=self.doors,
            door_host="127.0.0.1",
            authorities=self.authorities,
            clock=self.clock,
            rules=FailoverSettings(),
        )
        verifier = Verifier(means, place=place, guests=self.guests, subnet_id="subnet", memory_of=lambda _: 1)
        return BackupKeeper(
            means,
            maker=Maker(means, self.tap, tls=self.authorities),
            uses=Uses(means, buckets=Buckets(self.objects), verify=verifier.verify),
            clearing=Clearing(means),
            rota=Rota(means, QuotaSettings(default=Quotas(backups_per_project=self.quota))),
            parallel=parallel,
        )

    async def add_set(self, made: InstanceSet | None = None) -> InstanceSet:
        """Keep a set and see its nodes."""
        identities = Identities(
            control=Identity(user="memstored-control", secret="c"),
            replication=Identity(user="memstored-replication", secret="r"),
        )
        kept = await self.sets.add(made or running_set(), identities, (), node_quota=60)
        self.seen.sets[kept.id] = kept
        return kept

    async def change_set(self, set_id: SetId, **changes: object) -> InstanceSet:
        """Write to a set as its own loop does."""
        present = await self.sets.load(set_id)
        assert present is not None
        return await self.sets.commit(present, replace(present, **changes))

    async def ask(self, instance_set: InstanceSet, name: str = "mine", **changes: object) -> Backup:
        """Write a backup as the request for one does."""
        backup_id = BackupId(str(uuid4()))
        wanted = Backup(
            id=backup_id,
            project_id=PROJECT,
            name=name,
            set_id=instance_set.id,
            set_name=instance_set.name,
            type=BackupType.MANUAL,
            status=BackupState.PENDING,
            version="7.0.15",
            flavor_id="flavor",
            key=backup_key(PROJECT, backup_id),
            created_at=self.clock.wall(),
            actor="somebody",
        )
        backup = replace(wanted, **changes)
        await self.backups.add(backup, (EventDraft(name=EventName.BACKUP_CREATE, message="asked"),))
        return backup

    async def saved(self, name: str = "mine", **changes: object) -> Backup:
        """A backup that is there, with its object."""
        instance_set = running_set(name=f"set-{uuid4().hex[:8]}")
        backup = await self.ask(instance_set, name)
        content = self.tap.content
        await self.objects.put(backup.key, iter((content,)))
        after = replace(
            backup,
            status=BackupState.AVAILABLE,
            size=len(content),
            checksum=hashlib.sha256(content).hexdigest(),
            keys=3,
            used_memory=1000,
            completed_at=self.clock.wall(),
        )
        after = replace(after, **changes)
        await self.backups.update(backup, after)
        return after

    async def use(
        self, backup: Backup, kind: UseKind, *, copy: Backup | None = None, **fields: str
    ) -> BackupUse:
        """Begin a use as a request does."""
        use = BackupUse(id=str(uuid4()), backup_id=backup.id, kind=kind, since=self.clock.wall(), **fields)
        await self.backups.begin_use(use, project_id=backup.project_id, copy=copy)
        return use

    async def settled(self, backup: Backup, status: BackupState) -> Backup:
        """The backup as soon as it is in that state."""
        return await self.until(backup, lambda b: b.status is status)

    async def until(self, backup: Backup, holds: Callable[[Backup], bool]) -> Backup:
        """The backup as soon as it is like that."""
        async with asyncio.timeout(DEADLINE):
            while True:
                stored = await self.backups.load(backup.id)
                if stored is not None and holds(stored):
                    return stored
                await asyncio.sleep(0.005)

    async def gone(self, backup: Backup) -> None:
        """Wait until nothing is left of the backup."""
        async with asyncio.timeout(DEADLINE):
            while await self.backups.load(backup.id):  # noqa: ASYNC110 - seen, not announced
                await asyncio.sleep(0.005)
        await self.emptied(backup)

    async def emptied(self, backup: Backup) -> None:
        """Wait until the backup has no object."""
        async with asyncio.timeout(DEADLINE):
            while await self.objects.head(backup.key):  # noqa: ASYNC110 - seen, not announced
                await asyncio.sleep(0.005)

    async def when(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(DEADLINE):
            while not await holds():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)

    async def rest(self) -> None:
        """Let the keeper look a few times: for what must not happen."""
        enough = self.backups.looks + 10
        await eventually(lambda: self.backups.looks >= enough)

    async def count(self, instance_set: InstanceSet, status: BackupState, number: int) -> bool:
        """Whether the set has so many backups in that state."""
        return sum(b.status is status for b in await self.named(instance_set)) == number

    async def closed(self, instance_set: InstanceSet, day: str) -> bool:
        """Whether nothing more is to be done for that day."""
        stored = await self.sets.load(instance_set.id)
        return stored is not None and stored.scheduled_day == day

    async def named(self, instance_set: InstanceSet) -> list[Backup]:
        """The backups of a set."""
        return await self.backups.of_project(PROJECT, set_id=instance_set.id)

    async def told(self, resource_id: str) -> list[Event]:
        """The events about it, the earliest first."""
        page = await self.events.page(PROJECT, resource_id=resource_id, limit=100)
        return list(reversed(page.rows))

    async def content(self, key: str) -> bytes | None:
        """What the object holds; None when there is none."""
        if await self.objects.head(key) is None:
            return None
        return b"".join([chunk async for chunk in self.objects.get(key)])


def schedule(hour: int = 1, limit: int = 7) -> BackupSchedule:
    """Daily at that hour in Korea."""
    return BackupSchedule(cron=f"* {hour} * * *", retention_limit=limit)


BROKEN = LinkTrouble("the connection ended")
