"""The whole HTTP house in one process: real routes, real services, a real SQLite store, no nodes.

The control loop is replaced by `RecordingControl`: what it makes of a wish is tested elsewhere.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from harness import (
    ENGINES,
    FINDINGS,
    NO_PROJECT,
    NO_ROLE,
    NOW,
    OTHER_PROJECT,
    PROJECT,
    Api,
    LosableDatabase,
    PlayedSender,
    Porter,
    RecordingControl,
    RecordingKeeper,
    RecordingNotifier,
    RecordingPast,
    RecordingSequence,
    catalogue,
)
from over_the_wire import listening
from typed_commands import Done, Run, exit_code

from browser import Browser, signed_in
from memstored.api.app import create_app
from memstored.console.house import install as install_console
from memstored.control.authorities import Authorities
from memstored.control.password_keys import PasswordKeys, key_pair
from memstored.domain.destinations import Destinations
from memstored.domain.settings import ObjectSettings, Quotas, QuotaSettings, Settings
from memstored.identity.embedded import EmbeddedIssuer
from memstored.objects.buckets import Buckets
from memstored.objects.storage import Objects
from memstored.runtime.fake import ManualClock
from memstored.service.authorities import AuthorityService
from memstored.service.backups import BackupService
from memstored.service.catalogue import CatalogueService
from memstored.service.credentials import CredentialService
from memstored.service.files import Files
from memstored.service.group_finder import GroupFinder
from memstored.service.history import HistoryService
from memstored.service.holdings import Holdings
from memstored.service.parameter_groups import ParameterGroupService
from memstored.service.passwords import PasswordService
from memstored.service.readiness import StoreCheck
from memstored.service.services import Services
from memstored.service.sets import SetService
from memstored.service.webhooks import WebhookService
from memstored.store.authorities import AuthorityRepository
from memstored.store.backups import BackupRepository
from memstored.store.cipher import Cipher
from memstored.store.credentials import CredentialRepository
from memstored.store.database import Database
from memstored.store.events import EventRepository
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.password_keys import PasswordKeyRepository
from memstored.store.sets import SetRepository
from memstored.store.webhooks import WebhookRepository

CALLERS = {
    "reader": ("rita", ["reader"], PROJECT),
    "member": ("mia", ["member"], PROJECT),
    "admin": ("ada", ["admin"], PROJECT),
    "reader_and_member": ("remy", ["reader", "member"], PROJECT),
    "other_project": ("otto", ["member"], OTHER_PROJECT),
    "other_admin": ("olga", ["admin"], OTHER_PROJECT),
}

PUBLIC_URL = "http://memstored.test"

SETTINGS = Settings(
    quota=QuotaSettings(projects={OTHER_PROJECT: Quotas(nodes_per_project=4, backups_per_project=2)})
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A store with everybody's credentials in it, to be copied, and the tokens that it knows.

    There is a key for passwords in it, too, and another pair to take its place.
    """

    file: Path
    tokens: Mapping[str, str]
    cipher: Cipher
    next_pair: tuple[str, str]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Made once for all tests of a process: making it takes longer than most tests."""
    file = tmp_path_factory.mktemp("contract") / "memstored.db"
    cipher = Cipher(Fernet.generate_key().decode())
    return Prepared(file, asyncio.run(_prepare(file, cipher)), cipher, key_pair())


async def _prepare(file: Path, cipher: Cipher) -> dict[str, str]:
    database, clock = await Database.open(f"sqlite:///{file}"), ManualClock(NOW)
    issuer = EmbeddedIssuer(CredentialRepository(database), clock, public_url=PUBLIC_URL)
    await PasswordKeys(PasswordKeyRepository(database, cipher), clock, period=1.0, make=key_pair).turn()
    tokens = {kind: await _token(issuer, *who) for kind, who in CALLERS.items()}
    await database.close()
    return {**tokens, "no_role": NO_ROLE, "no_project": NO_PROJECT}


async def _token(issuer: EmbeddedIssuer, name: str, roles: list[str], project: str) -> str:
    made = await issuer.create_credential(name, project, roles)
    claim = {"id": made.credential.id, "secret": made.secret}
    identity = {"methods": ["application_credential"], "application_credential": claim}
    return (await issuer.issue({"auth": {"identity": identity}})).token


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """The house without services: built once for all tests, each of which puts its own services in."""
    unserved: Any = SimpleNamespace(issuer="embedded")
    house = create_app(unserved)
    install_console(house, PUBLIC_URL)
    return house


@pytest.fixture
async def database(tmp_path: Path, prepared: Prepared) -> AsyncIterator[LosableDatabase]:
    """A store of the test's own, with nothing in it but credentials."""
    file = tmp_path / "memstored.db"
    shutil.copyfile(prepared.file, file)
    opened = await LosableDatabase.open(f"sqlite:///{file}")
    yield opened
    await opened.close()


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The folder in which objects lie; it comes to be with the first one."""
    return tmp_path / "objects"


@pytest.fixture
async def api(
    app: FastAPI, database: LosableDatabase, prepared: Prepared, storage: Path
) -> AsyncIterator[Api]:
    """A service that nobody has called yet."""
    clock, control, keeper = ManualClock(NOW), RecordingControl(), RecordingKeeper()
    sequence, past = RecordingSequence(), RecordingPast()
    notifier, sender = RecordingNotifier(), PlayedSender()
    authorities = Authorities(AuthorityRepository(database, prepared.cipher), clock, SETTINGS.tls)
    sets = SetRepository(database, clock, prepared.cipher)
    keys = PasswordKeyRepository(database, prepared.cipher)
    maker = PasswordKeys(
        keys, clock, period=SETTINGS.user.password_key_period, make=lambda: prepared.next_pair
    )
    passwords = PasswordService(keys=keys, maker=maker, clock=clock)
    backups = BackupRepository(database, clock, sets)
    groups = ParameterGroupRepository(database, clock)
    finder = GroupFinder(catalogue=catalogue(), groups=groups)
    holdings = Holdings(sets, groups, backups)
    issuer = EmbeddedIssuer(CredentialRepository(database), clock, public_url=PUBLIC_URL)
    objects = Objects.open(ObjectSettings(), default=storage)
    files = Files(objects, Buckets(objects, catalogue().buckets))
    ordering = CatalogueService(
        catalogue=catalogue(),
        engines=lambda: ENGINES,
        findings=FINDINGS,
        quotas=SETTINGS.quota,
        holdings=holdings,
    )
    service = SetService(
        sets=sets,
        backups=backups,
        files=files,
        events=EventRepository(database, clock),
        catalogue=ordering,
        groups=finder,
        passwords=passwords,
        control=control,
        sequence=sequence,
        keeper=keeper,
        clock=clock,
    )
    app.state.services = Services(
        settings=SETTINGS,
        sets=service,
        history=HistoryService(sets=service, past=past, clock=clock),
        authorities=AuthorityService(authorities, clock),
        backups=BackupService(
            backups=backups, sets=service, files=files, quotas=SETTINGS.quota, keeper=keeper, clock=clock
        ),
        catalogue=ordering,
        parameter_groups=ParameterGroupService(
            finder=finder,
            sets=sets,
            holdings=holdings,
            quotas=SETTINGS.quota,
            control=control,
            sequence=sequence,
            clock=clock,
        ),
        passwords=passwords,
        webhooks=WebhookService(
            webhooks=WebhookRepository(database, clock, prepared.cipher),
            sender=sender,  # type: ignore[arg-type]  # the one method that is used
            notifier=notifier,
            destinations=Destinations.of(allow=(), inner=[s.cidr for s in catalogue().subnets], http=False),
            clock=clock,
        ),
        gatekeeper=Porter(issuer),
        issuer=issuer,
        credentials=CredentialService(issuer),
        unready=StoreCheck(database, clock).trouble,
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield Api(
            app=app,
            http=client,
            tokens=prepared.tokens,
            clock=clock,
            control=control,
            sequence=sequence,
            past=past,
            keeper=keeper,
            notifier=notifier,
            sender=sender,
            database=database,
            sets=sets,
            backups=backups,
            groups=groups,
            objects=objects,
            password_keys=maker,
        )


@pytest.fixture
async def port(api: Api) -> AsyncIterator[int]:
    """The port at which uvicorn serves the house, by our protocol."""
    async with listening(api.app) as port:
        yield port


@pytest.fixture
def member(api: Api) -> Browser:
    """The browser of a member who is signed in."""
    return signed_in(api.http, api.tokens["member"])


@pytest.fixture
def reader(api: Api) -> Browser:
    """The browser of one who only reads."""
    return signed_in(api.http, api.tokens["reader"])


@pytest.fixture
def admin(api: Api) -> Browser:
    """The browser of an administrator."""
    return signed_in(api.http, api.tokens["admin"])


@pytest.fixture
def run(
    api: Api,
    port: int,
    logs: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `memstored` with these words, as the administrator of the house; its log goes elsewhere."""
    monkeypatch.setenv("MEMSTORED_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MEMSTORED_TOKEN", api.tokens["admin"])
    monkeypatch.setenv("COLUMNS", "80")

    async def typed(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["memstored", *words])
        capsys.readouterr()
        code = await asyncio.to_thread(exit_code)
        said = capsys.readouterr()
        return Done(code, said.out, said.err.rstrip("\n"))

    return typed
