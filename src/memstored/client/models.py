"""What the API answers, in its own words in snake_case (docs/reference/api.md); times are aware and in UTC.

Frozen dataclasses, not pydantic: reading an answer needs no more than `decoding`, and what this library
offers is then plain Python, bound to no version of somebody's framework. The words that are listed of a state
are those of this version; a newer service may send others.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

__all__ = [
    "ApplyProgress",
    "ApplyStatus",
    "Backup",
    "BackupSchedule",
    "BackupStatus",
    "Credential",
    "Endpoint",
    "Endpoints",
    "Engine",
    "EngineCapabilities",
    "Event",
    "FailoverCheck",
    "Flavor",
    "Health",
    "History",
    "Instance",
    "InstanceSet",
    "InstanceStatus",
    "LinkedSet",
    "NewCredential",
    "NodeSeries",
    "Operation",
    "Parameter",
    "ParameterGroup",
    "ParameterGroupLink",
    "ParameterGroupRow",
    "PasswordKey",
    "Progress",
    "Quota",
    "Reason",
    "Reference",
    "ReplicaCheck",
    "RestoreSource",
    "Role",
    "SecurityGroup",
    "SecurityRule",
    "SetStatus",
    "SetUser",
    "Step",
    "Subnet",
    "Token",
    "User",
    "Webhook",
    "WebhookDisabled",
    "WebhookFailing",
    "WebhookSecret",
    "WebhookTrial",
    "WrittenWebhook",
]

SetStatus: TypeAlias = Literal[
    "Init",
    "Provisioning",
    "Replicating",
    "Running",
    "Scaling(horizontal)",
    "Scaling(vertical)",
    "SwitchingOver",
    "Recovering",
    "ScalingOut",
    "Modifying",
    "Terminating",
    "Terminated",
    "Warning",
    "Failed",
]
InstanceStatus: TypeAlias = Literal[
    "Init",
    "Provisioning",
    "Starting",
    "Running",
    "Modifying",
    "Terminating",
    "Terminated",
    "Warning",
    "Failed",
]
BackupStatus: TypeAlias = Literal[
    "Pending", "Creating", "Available", "Restoring", "Copying", "Exporting", "Error", "Deleting"
]
ApplyStatus: TypeAlias = Literal["Pending", "Applying", "In-Sync", "Error-Sync", "Suspended"]
Role: TypeAlias = Literal["reader", "member", "admin"]


# What is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom applications log in as. `password` is hashed or encrypted, never clear: see `passwords`."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSource:
    """The saved data that a set begins with: the name of a backup, or the path `bucket/…/name` of a file."""

    backup_name: str | None = None
    file: str | None = None


# Sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Something named by its id."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSchedule:
    """When automatic backups are made (`* H * * *`, the hour in KST) and how many days each is kept."""

    cron: str
    retention_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a set is not `Running`, since when, what is being tried and what comes next."""

    code: str
    message: str
    since: datetime
    trying: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where clients connect to."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The addresses of a set, fixed for its life; without replicas there is no `reader`."""

    primary: Endpoint
    reader: Endpoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUser:
    """The user whom applications log in as."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroupLink:
    """The set's parameter group, and how far its values have come to the set."""

    id: str
    name: str
    apply_status: ApplyStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One part of an operation."""

    name: str
    state: Literal["pending", "running", "succeeded", "failed"]
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A long change of a set. The bytes are those of the saved data that a set begins with, else null."""

    id: str
    kind: str
    state: Literal["running", "succeeded", "failed"]
    step: str
    steps: tuple[Step, ...]
    percent: int
    transferred_bytes: int | None
    total_bytes: int | None
    started_at: datetime
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSet:
    """A set; `reason` is null exactly when it is `Running`, `endpoints` before it is `Replicating`."""

    object_id: str
    instance_set_name: str
    description: str
    project_id: str
    status: SetStatus
    reason: Reason | None
    version: str
    flavor_id: str
    replicas: int
    recovery_enabled: bool
    tls_enabled: bool
    port: int
    endpoints: Endpoints | None
    subnets: tuple[Reference, ...]
    security_groups: tuple[Reference, ...]
    backup_schedule: BackupSchedule | None
    user: SetUser | None
    parameter_group: ParameterGroupLink
    creator: str
    license: str
    created_at: datetime
    updated_at: datetime
    operation: Operation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A node of a set; `endpoint` is its own address, empty until it is known."""

    instance_name: str
    description: str
    project_id: str
    role: Literal["primary", "replica"]
    flavor_id: str
    version: str
    port: int
    subnet: Reference
    creator: str
    object_id: str
    endpoint: str
    license: str
    created_at: datetime
    status: InstanceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCheck:
    """How far a replica is behind the primary (bytes, when known), and why it may not take over."""

    id: str
    lag_bytes: int | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverCheck:
    """Whether a set could fail over now, and to whom."""

    ready: bool
    candidate: str | None
    reasons: tuple[str, ...]
    replicas: tuple[ReplicaCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An audit line; `cause_id` is the event that led to it."""

    id: str
    name: str
    time: datetime
    actor: str
    project_id: str
    resource_type: str
    resource_id: str
    resource_name: str
    outcome: Literal["success", "failure"]
    request_id: str | None
    cause_id: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeries:
    """The figures of a node by their names, a mean a point; null where nothing was seen.

    `present` is false of a node that is gone.
    """

    object_id: str
    instance_name: str
    present: bool
    series: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The last hours of a set: `points` of `step` seconds each, the first from `since` on."""

    since: datetime
    step: int
    points: int
    data: tuple[NodeSeries, ...]


# Backups


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much of the data was moved or read; the whole may not be known."""

    bytes: int
    total_bytes: int | None
    percent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup; `size` and `used_memory` are in bytes, `checksum` is the SHA-256 of the object."""

    id: str
    name: str
    project_id: str
    cluster_name: str
    cluster_id: str
    cluster_mode: bool
    type: Literal["manual", "automatic"]
    status: BackupStatus
    version: str
    flavor_id: str
    size: int
    used_memory: int
    keys: int | None
    checksum: str | None
    created_at: datetime
    completed_at: datetime | None
    expires_at: datetime | None
    reason: str | None
    copy_of: str | None
    verifying: bool
    verified_at: datetime | None
    damage: str | None
    progress: Progress | None


# Parameter groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One setting of the engine; `apply` says whether a new value needs new nodes."""

    name: str
    value: str
    default_value: str
    type: Literal["boolean", "enum", "integer", "size", "string"]
    unit: str
    allowed: str
    editable: bool
    apply: Literal["immediate", "replace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroupRow:
    """A parameter group without its parameters; a default one has no times and no base."""

    id: str
    name: str
    description: str
    type: Literal["default", "custom"]
    engine_family: str
    cluster_mode: bool
    base_id: str | None
    instance_set_count: int
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup(ParameterGroupRow):
    """A parameter group with its parameters; `version` counts the changes of its values."""

    version: int
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedSet:
    """A set that has a group, and how far its values have come; `error` in the engine's own words."""

    id: str
    name: str
    apply_status: ApplyStatus
    since: datetime
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyProgress:
    """How far a group's values have come to one of its sets; `operation` while its nodes get them."""

    linked: LinkedSet
    operation: Operation | None


# Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """A size of node; `memory` in GiB."""

    id: str
    name: str
    vcpus: int
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A range of addresses in a zone."""

    id: str
    name: str
    cidr: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRule:
    """TCP connections that are let in."""

    cidr: str
    from_port: int
    to_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """A named list of what is let in."""

    id: str
    name: str
    rules: tuple[SecurityRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCapabilities:
    """What programs of its generation can do; what is false is done in another way, or not at all."""

    acl: bool
    floating: bool
    write_pause: bool
    kill_by_address: bool
    rdb_only: bool
    diskless_load: bool
    sanitizing: bool
    several_settings: bool
    functions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A program that the service found; `license` in SPDX, `reason` says why it is not offered."""

    version: str
    engine: Literal["redis", "valkey"]
    program: str
    tls: bool
    license: str
    offered: bool
    reason: str | None
    capabilities: EngineCapabilities | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordKey:
    """The key to encrypt passwords with; `public_key` is a SubjectPublicKeyInfo in PEM."""

    key_id: str
    algorithm: str
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """An upper bound and what is taken of it."""

    name: str
    limit: int
    used: int


# Callers


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """An application credential, without its secret."""

    id: str
    name: str
    roles: tuple[Role, ...]
    project_id: str
    project_name: str
    user_id: str
    user_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A fresh credential; its secret is shown this once."""

    object_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, until when it is valid, and whom it speaks for."""

    value: str = field(repr=False)
    expires_at: datetime
    project_id: str | None
    user_id: str
    user_name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the service lives or can work: `ok` or `unavailable`, and why."""

    status: Literal["ok", "unavailable"]
    reason: str | None
    message: str | None


# Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFailing:
    """Since when the receiver takes nothing, what it was the last time, and when it is tried again."""

    since: datetime
    attempts: int
    message: str
    next_try: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDisabled:
    """Why nothing is sent, and since when."""

    code: Literal["by_request", "gone", "failed_too_long"]
    message: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """A secret that signs messages, without itself; the newest has no end."""

    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where the project's events go. No `event_names`: all of them do. `waiting` is counted up to 10000."""

    id: str
    project_id: str
    url: str
    event_names: tuple[str, ...]
    enabled: bool
    waiting: int
    last_delivered_at: datetime | None
    failing: WebhookFailing | None
    disabled: WebhookDisabled | None
    secrets: tuple[WebhookSecret, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenWebhook:
    """A webhook that was written. `secret` is there when a new one was made, and is shown this once."""

    object_id: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTrial:
    """What came of a test; `status` is None when no answer came."""

    delivered: bool
    status: int | None
    milliseconds: int
    message: str
