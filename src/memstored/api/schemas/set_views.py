"""The answers about instance sets, and how they are made of what the service knows (API.md 2.4, 2.10)."""

from collections.abc import Sequence
from typing import Self

from memstored.api.schemas.forms import Document
from memstored.api.schemas.times import in_milliseconds, in_seconds
from memstored.domain.model import InstanceSet, Node, Operation, Step
from memstored.domain.requests.readiness import Readiness
from memstored.domain.words import OperationState, Role, SetState
from memstored.service.sets import SetView
from memstored.store.events import Event
from memstored.store.paging import Page

__all__ = ["EventPage", "FailoverCheck", "InstanceList", "OperationPage", "SetDocument", "SetPage"]


class Id(Document):
    """Something named by its id."""

    id: str


class StepRow(Document):
    """One part of an operation; times with milliseconds."""

    name: str
    state: str
    started_at: str | None
    finished_at: str | None

    @classmethod
    def of(cls, step: Step) -> Self:
        """The row of a step."""
        return cls(
            name=step.name,
            state=step.state,
            started_at=_milliseconds(step.started_at),
            finished_at=_milliseconds(step.finished_at),
        )


class OperationRow(Document):
    """A long change of a set; `percent` counts finished steps, and of one that moves data its finished part.

    `transferredBytes` of `totalBytes` are those of the saved data that a set begins with; else null.
    """

    id: str
    kind: str
    state: str
    step: str
    steps: list[StepRow]
    percent: int
    transferred_bytes: int | None
    total_bytes: int | None
    started_at: str
    finished_at: str | None
    error: str | None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """The row of an operation."""
        return cls(
            id=operation.id,
            kind=operation.kind,
            state=operation.state,
            step=operation.step,
            steps=[StepRow.of(step) for step in operation.steps],
            percent=operation.percent,
            transferred_bytes=operation.moved.done if operation.moved else None,
            total_bytes=operation.moved.total if operation.moved else None,
            started_at=in_seconds(operation.started_at),
            finished_at=_seconds(operation.finished_at),
            error=operation.error,
        )


class OperationPage(Document):
    """Operations of a set, newest first."""

    size: int
    data: list[OperationRow]
    next: str | None

    @classmethod
    def of(cls, page: Page[Operation]) -> Self:
        """The page in the words of the API."""
        rows = [OperationRow.of(operation) for operation in page.rows]
        return cls(size=len(rows), data=rows, next=page.next)


class InstanceRow(Document):
    """A node of a set; `endpoint` is its own address, empty until it is known."""

    instance_name: str
    description: str
    project_id: str
    role: str
    flavor_id: str
    version: str
    port: int
    subnet: Id
    creator: str
    object_id: str
    endpoint: str
    license: str
    created_at: str
    status: str

    @classmethod
    def of(cls, node: Node, view: SetView) -> Self:
        """The row of a node."""
        owner = view.set
        return cls(
            instance_name=node.name,
            description=owner.description or "",
            project_id=owner.project_id,
            role=node.role,
            flavor_id=owner.flavor_id,
            version=owner.version,
            port=owner.port,
            subnet=Id(id=node.subnet_id),
            creator=owner.creator,
            object_id=node.id,
            endpoint=node.address or "",
            license=view.license,
            created_at=in_seconds(node.created_at),
            status=node.status,
        )


class InstanceList(Document):
    """The nodes of a set, the primary first."""

    size: int
    data: list[InstanceRow]

    @classmethod
    def of(cls, view: SetView) -> Self:
        """The list of a set's nodes."""
        ordered = sorted(view.set.nodes, key=lambda n: (n.role is not Role.PRIMARY, n.number))
        rows = [InstanceRow.of(node, view) for node in ordered]
        return cls(size=len(rows), data=rows)


class ReasonRow(Document):
    """Why a set is not `Running`, since when, what is being tried and what comes next."""

    code: str
    message: str
    since: str
    trying: str
    next: str


class EndpointRow(Document):
    """Where clients connect to."""

    host: str
    port: int


class EndpointRows(Document):
    """The addresses of a set, fixed for its life; `reader` leads to replicas in step, else to the primary."""

    primary: EndpointRow
    reader: EndpointRow | None


class ScheduleRow(Document):
    """When automatic backups are made (KST) and how many days each is kept."""

    cron: str
    retention_limit: int


class UserRow(Document):
    """The user whom applications log in as."""

    name: str


class GroupLink(Document):
    """The set's parameter group and how far it is applied."""

    id: str
    name: str
    apply_status: str


class SetDocument(Document):
    """An instance set; `reason` is null exactly when it is `Running`."""

    object_id: str
    instance_set_name: str
    description: str
    project_id: str
    status: str
    reason: ReasonRow | None
    version: str
    flavor_id: str
    replicas: int
    recovery_enabled: bool
    tls_enabled: bool
    port: int
    endpoints: EndpointRows | None
    subnets: list[Id]
    security_groups: list[Id]
    backup_schedule: ScheduleRow | None
    user: UserRow | None
    parameter_group: GroupLink
    creator: str
    license: str
    created_at: str
    updated_at: str
    operation: OperationRow | None

    @classmethod
    def of(cls, view: SetView) -> Self:
        """The set in the words of the API."""
        it = view.set
        group = GroupLink(
            id=it.parameter_group_id, name=view.parameter_group_name, apply_status=view.apply_status
        )
        return cls(
            object_id=it.id,
            instance_set_name=it.name,
            description=it.description or "",
            project_id=it.project_id,
            status=it.status,
            reason=_reason(it),
            version=it.version,
            flavor_id=it.flavor_id,
            replicas=it.replicas,
            recovery_enabled=it.recovery_enabled,
            tls_enabled=it.tls_enabled,
            port=it.port,
            endpoints=_endpoints(it),
            subnets=_ids(it.subnets),
            security_groups=_ids(it.security_groups),
            backup_schedule=_schedule(it),
            user=UserRow(name=it.user.name) if it.user else None,
            parameter_group=group,
            creator=it.creator,
            license=view.license,
            created_at=in_seconds(it.created_at),
            updated_at=in_seconds(it.updated_at),
            operation=_running(it.operation),
        )


class SetPage(Document):
    """Sets of a project, oldest first."""

    size: int
    data: list[SetDocument]
    next: str | None


class EventRow(Document):
    """An audit line; the time with milliseconds. `causeId` is the event that led to it."""

    id: str
    name: str
    time: str
    actor: str
    project_id: str
    resource_type: str
    resource_id: str
    resource_name: str
    outcome: str
    request_id: str | None
    cause_id: str | None
    message: str

    @classmethod
    def of(cls, event: Event) -> Self:
        """The row of an event."""
        return cls(
            id=event.id,
            name=event.name,
            time=in_milliseconds(event.time),
            actor=event.actor,
            project_id=event.project_id,
            resource_type=event.resource_type,
            resource_id=event.resource_id,
            resource_name=event.resource_name,
            outcome=event.outcome,
            request_id=event.request_id,
            cause_id=event.cause_id,
            message=event.message,
        )


class EventPage(Document):
    """Events, newest first."""

    size: int
    data: list[EventRow]
    next: str | None

    @classmethod
    def of(cls, page: Page[Event]) -> Self:
        """The page in the words of the API."""
        rows = [EventRow.of(event) for event in page.rows]
        return cls(size=len(rows), data=rows, next=page.next)


class ReplicaCheck(Document):
    """How far a replica is behind the primary (bytes; null: not known), and why it may not take over."""

    id: str
    lag_bytes: int | None
    reason: str | None


class FailoverCheck(Document):
    """Whether the set could fail over now, and to whom."""

    ready: bool
    candidate: str | None
    reasons: list[str]
    replicas: list[ReplicaCheck]

    @classmethod
    def of(cls, found: Readiness) -> Self:
        """The answer in the words of the API."""
        rows = [ReplicaCheck(id=r.id, lag_bytes=r.lag, reason=r.reason) for r in found.replicas]
        ready = found.candidate is not None
        return cls(ready=ready, candidate=found.candidate, reasons=list(found.reasons), replicas=rows)


def _reason(it: InstanceSet) -> ReasonRow | None:
    if it.reason is None:
        return None
    why = it.reason
    since = in_seconds(why.since)
    return ReasonRow(code=why.code, message=why.message, since=since, trying=why.trying, next=why.next)


def _endpoints(it: InstanceSet) -> EndpointRows | None:
    """The addresses once the set is `Replicating`; before that they are not promised (API.md 2.10)."""
    if it.vips is None or not (it.opened or it.status is SetState.REPLICATING):
        return None
    reader = EndpointRow(host=it.vips.reader, port=it.port) if it.vips.reader else None
    return EndpointRows(primary=EndpointRow(host=it.vips.primary, port=it.port), reader=reader)


def _schedule(it: InstanceSet) -> ScheduleRow | None:
    schedule = it.backup_schedule
    return ScheduleRow(cron=schedule.cron, retention_limit=schedule.retention_limit) if schedule else None


def _running(operation: Operation | None) -> OperationRow | None:
    if operation is None or operation.state is not OperationState.RUNNING:
        return None
    return OperationRow.of(operation)


def _ids(ids: Sequence[str]) -> list[Id]:
    return [Id(id=one) for one in ids]


def _seconds(time: float | None) -> str | None:
    return None if time is None else in_seconds(time)


def _milliseconds(time: float | None) -> str | None:
    return None if time is None else in_milliseconds(time)
