"""The pieces of the contract tests: a clock that stands still, a control loop that only remembers."""

import asyncio
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from fastapi import FastAPI

from memstored.control.password_keys import PasswordKeys
from memstored.domain.backup import Progress
from memstored.domain.catalogue import Bucket, Catalogue, default_catalogue
from memstored.domain.engine import Product
from memstored.domain.facts import SetFacts
from memstored.domain.history import NodeHistory
from memstored.domain.webhook import Attempt, Secret, Verdict, WebhookSurvey
from memstored.domain.words import BackupId, NodeId, SetId
from memstored.identity.protocol import Caller, Gatekeeper
from memstored.notify.message import Message
from memstored.objects.storage import Objects
from memstored.runtime.engines import Finding
from memstored.runtime.fake import ManualClock
from memstored.runtime.protocol import Engine
from memstored.store.backups import BackupRepository
from memstored.store.database import Database
from memstored.store.errors import StoreTrouble
from memstored.store.parameter_groups import ParameterGroupRepository
from memstored.store.sets import SetRepository

PROJECT = "0123456789abcdef0123456789abcdef"
OTHER_PROJECT = "fedcba9876543210fedcba9876543210"
JSON_TYPE = "application/json; charset=UTF-8"
NOW = 1_750_000_000.0

FLAVOR_ID = "3830ebad-ea2f-4822-8a7d-9e301c86a58d"
GROUP_ID = "2d6a9c0e-7f0c-4f6e-9f53-3b1e6c1d2a55"
"""A further id of the default group of Redis 7.0."""

ENGINES = (
    Engine(version="7.0.15", program="/usr/bin/redis-server", tls=True, license="BSD-3-Clause"),
    Engine(version="6.2.5", program="/opt/redis-server", tls=False, license="BSD-3-Clause"),
    Engine(version="5.0.6", program="/opt/old/redis-server", tls=False, license="BSD-3-Clause"),
)
FINDINGS = (
    *(Finding(engine=engine) for engine in ENGINES),
    Finding(
        engine=Engine(version="8.1.3", program="/opt/valkey-server", tls=True, license="BSD-3-Clause"),
        product=Product.VALKEY,
        obstacle="only Redis is offered",
    ),
)

BUCKETS = (
    Bucket(name="archive", project_id=PROJECT, path="archive", editable=True),
    Bucket(name="read-only", project_id=PROJECT, path="read-only", editable=False),
    Bucket(name="foreign", project_id=OTHER_PROJECT, path="foreign", editable=True),
)

NO_PROJECT = "a token without a project"
NO_ROLE = "a token without a role that means something here"


def catalogue() -> Catalogue:
    """The default catalogue, with one further id for a parameter group, and buckets."""
    default = default_catalogue()
    groups = tuple(
        replace(group, further_ids=(GROUP_ID,)) if group.family == "7.0" else group
        for group in default.parameter_groups
    )
    return replace(default, parameter_groups=groups, buckets=BUCKETS)


@dataclass(slots=True)
class RecordingControl:
    """Stands in for the control loop: remembers who was woken, tells what is in `seen` and `used`.

    `most_asked`: how many sets were asked at the same time for what they use, at most.
    """

    woken: list[SetId] = field(default_factory=list)
    seen: dict[SetId, SetFacts] = field(default_factory=dict)
    asking: int = 0
    most_asked: int = 0
    used: dict[SetId, int] = field(default_factory=dict)

    def wake(self, set_id: SetId) -> None:
        """A set was written."""
        self.woken.append(set_id)

    def facts(self, set_id: SetId) -> SetFacts:
        """What is seen of a set now."""
        return self.seen.get(set_id, SetFacts(now=0.0, wall=NOW))

    async def used_memory(self, set_id: SetId) -> int | None:
        """The bytes that the set's data takes: what is in `used`. Takes some moments."""
        self.asking += 1
        self.most_asked = max(self.most_asked, self.asking)
        for _ in range(100):
            await asyncio.sleep(0)
        self.asking -= 1
        return self.used.get(set_id)


@dataclass(slots=True)
class RecordingSequence:
    """Stands in for what brings groups' values to sets: counts how often it was woken."""

    woken: int = 0

    def wake(self) -> None:
        """A group, or the group of a set, was written."""
        self.woken += 1


@dataclass(slots=True)
class RecordingPast:
    """Stands in for the keeper of history: tells what a test put into `kept`."""

    kept: dict[SetId, dict[NodeId, NodeHistory]] = field(default_factory=dict)

    def of(self, set_id: SetId) -> dict[NodeId, NodeHistory]:
        """The rings of a set's nodes."""
        return self.kept.get(set_id, {})


@dataclass(slots=True)
class RecordingKeeper:
    """Stands in for the keeper of backups: counts its wakes, tells the progress in `far`."""

    woken: int = 0
    far: dict[BackupId, Progress] = field(default_factory=dict)

    def wake(self) -> None:
        """A backup was written."""
        self.woken += 1

    def progress(self, backup_id: BackupId) -> Progress | None:
        """How far the making or using of a backup is."""
        return self.far.get(backup_id)


@dataclass(slots=True)
class RecordingNotifier:
    """Stands in for what sends events: remembers whose webhook was written."""

    woken: list[str] = field(default_factory=list)

    def wake(self, project_id: str) -> None:
        """A project's webhook was written."""
        self.woken.append(project_id)

    def survey(self) -> WebhookSurvey:
        """No webhook is seen."""
        return WebhookSurvey(by_state={}, waiting_since=None)


TAKEN = Attempt(verdict=Verdict.DELIVERED, status=204, seconds=0.25, message="It answered 204.")


@dataclass(slots=True)
class PlayedSender:
    """Stands in for the way out: remembers what was sent, and says that `attempt` came of it.

    With `held` it waits for that event first; `came` is set whenever it is called.
    """

    attempt: Attempt = TAKEN
    sent: list[tuple[str, Message, tuple[Secret, ...]]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None

    async def send(self, url: str, message: Message, keys: tuple[Secret, ...]) -> Attempt:
        """Send a message."""
        self.sent.append((url, message, keys))
        self.came.set()
        if self.held is not None:
            await self.held.wait()
        return self.attempt


@dataclass(frozen=True, slots=True)
class Porter:
    """Asks the embedded issuer, but also knows two kinds of token that only a real Keystone makes."""

    issuer: Gatekeeper

    async def caller(self, token: str) -> Caller | None:
        """The caller behind a token."""
        if token == NO_PROJECT:
            return _nobody(project_id=None, roles=frozenset({"admin"}))
        if token == NO_ROLE:
            return _nobody(project_id=PROJECT, roles=frozenset({"auditor"}))
        return await self.issuer.caller(token)


def _nobody(*, project_id: str | None, roles: frozenset[str]) -> Caller:
    return Caller(
        user_id="0" * 32, user_name="nobody", project_id=project_id, roles=roles, expires_at=NOW + 3600
    )


class LosableDatabase(Database):
    """A database that a test can take away."""

    lost = False

    async def read(self, work: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the one above
        """Read, or `StoreTrouble`."""
        self._require()
        return await super().read(work, *args, **kwargs)

    async def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the one above
        """Write, or `StoreTrouble`."""
        self._require()
        return await super().write(work, *args, **kwargs)

    async def prove_writable(self) -> None:
        """Prove it, or `StoreTrouble`."""
        self._require()
        await super().prove_writable()

    def _require(self) -> None:
        if self.lost:
            raise StoreTrouble("The disk is gone.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A service with one token for each kind of caller, and a client to call it.

    `tokens`: reader, member, admin, reader_and_member, no_role, no_project; other_project (a member of
    another project) and other_admin.
    """

    app: FastAPI
    http: httpx.AsyncClient
    tokens: Mapping[str, str]
    clock: ManualClock
    control: RecordingControl
    sequence: RecordingSequence
    past: RecordingPast
    keeper: RecordingKeeper
    notifier: RecordingNotifier
    sender: PlayedSender
    database: LosableDatabase
    sets: SetRepository
    backups: BackupRepository
    groups: ParameterGroupRepository
    objects: Objects
    password_keys: PasswordKeys
    project: str = PROJECT

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        json: object = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call with the member's token, or with another one."""
        sent = {"X-Auth-Token": token or self.tokens["member"], **(headers or {})}
        return await self.http.request(method, path, headers=sent, content=content, json=json, params=params)

    async def get(
        self,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Read with the member's token, or with another one."""
        return await self.request("GET", path, token=token, headers=headers, params=params)

    async def create_set(self, **fields: object) -> str:
        """Order a set like `order`, with these fields changed, and return its id."""
        answer = await self.request("POST", "/v1/instance-sets", json=order(**fields))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["objectId"])


def order(**fields: object) -> dict[str, Any]:
    """A sound body of `POST /v1/instance-sets` for one node, or for `replicas`, with these fields changed.

    A field set to `...` is left out.
    """
    subnet = catalogue().subnets[0].id
    nodes = fields.get("replicas", 1)
    others = nodes - 1 if isinstance(nodes, int) else 0
    body: dict[str, Any] = {
        "instanceSetName": "cache-one",
        "replicas": 1,
        "flavorId": FLAVOR_ID,
        "recoveryEnabled": False,
        "subnets": [{"id": subnet}],
        "subnetAssignments": [{"primary": {"id": subnet}, "replicas": [{"id": subnet}] * others}],
        "securityGroups": [{"id": catalogue().security_groups[0].id}],
        "parameterGroupId": GROUP_ID,
        "port": 6379,
        "projectId": PROJECT,
        "version": "7.0.15",
        **fields,
    }
    return {name: value for name, value in body.items() if value is not ...}
