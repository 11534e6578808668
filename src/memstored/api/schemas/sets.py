"""The bodies and answers of instance sets, in the order of API.md section 2.

What a body's fields must be stands here and nowhere else; `description` of a field is a sentence that
tells a caller what to send, so it serves the OpenAPI document and the error alike.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from memstored.api.schemas.forms import Form, QueryForm, QueryTruth
from memstored.api.schemas.times import Instant
from memstored.domain.model import BackupSchedule
from memstored.domain.requests.emoji import has_emoji
from memstored.domain.requests.order import Login, Order, RestoreWish
from memstored.domain.requests.update import DEFAULT_RETENTION, ScheduleWish, Wishes
from memstored.domain.words import SetState

__all__ = [
    "CREATION_EXAMPLE",
    "CREATION_STAND_IN",
    "FIXED",
    "NO_NULL",
    "UPDATE_STAND_IN",
    "AddReplica",
    "CreateSet",
    "DeleteSetQuery",
    "Description",
    "EventQuery",
    "Id",
    "ObjectPath",
    "PageQuery",
    "PromoteReplica",
    "SetQuery",
    "SwitchRecovery",
    "UpdateSet",
    "digits",
]

_SUBNET = {"id": "b5b4ee2f-5a6f-5c3a-b8c8-1d0f24c8e2a1"}

CREATION_EXAMPLE: Mapping[str, Any] = {
    "instanceSetName": "orders",
    "replicas": 2,
    "flavorId": "3830ebad-ea2f-4822-8a7d-9e301c86a58d",
    "recoveryEnabled": True,
    "subnets": [_SUBNET],
    "subnetAssignments": [{"primary": _SUBNET, "replicas": [_SUBNET]}],
    "securityGroups": [{"id": "0b0c3a52-5f5e-4f0e-9f5e-0d6c3a0f7a11"}],
    "parameterGroupId": "1f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11",
    "port": 6379,
    "projectId": "d1c9a5f0e3b74b2c9d8e7f6a5b4c3d2e",
    "version": "7.0.15",
}
"""A well-formed order, shown in the OpenAPI document."""

_SCHEDULE = {"cron": "* 1 * * *"}

CREATION_STAND_IN: Mapping[str, Any] = {
    **CREATION_EXAMPLE,
    "backupSchedule": _SCHEDULE,
    "user": {"name": "app", "password": "0" * 64},
    "restoreSource": {"backupName": "nightly"},
}
"""Sound values in the place of malformed ones, so that the rest of an order can be judged."""

UPDATE_STAND_IN: Mapping[str, Any] = {
    "backupSchedule": _SCHEDULE,
    "securityGroups": CREATION_EXAMPLE["securityGroups"],
}
"""The same for a change; other malformed fields are left out."""


class _NoNull:
    """Marks a field that may be left out but has no null: nulls are sorted out before a form sees them."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        given = handler(schema)
        return next(shape for shape in given["anyOf"] if shape != {"type": "null"})


NO_NULL = _NoNull()


def _without_pictures(text: str) -> str:
    if "\r" in text or "\n" in text:
        raise PydanticCustomError("line_break", "Keep the description on one line.")
    if has_emoji(text):
        raise PydanticCustomError("emoji", "Leave out emoji.")
    return text


def _distinct(references: list["Reference"]) -> list["Reference"]:
    if len({reference.id for reference in references}) < len(references):
        raise PydanticCustomError("duplicate", "Give each id once.")
    return references


def _own_user(name: str) -> str:
    if name.startswith("memstored"):
        raise PydanticCustomError("reserved_name", "Choose a name that does not begin with memstored.")
    return name


def digits(text: object) -> object:
    """A number in a query as it is, if it is written in digits alone."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise PydanticCustomError("wrong_type", "Give an integer.")
    return int(text[:9])


def _state(word: str) -> str:
    if word not in set(SetState):
        raise PydanticCustomError("malformed", "Give a state of a set, like Running.")
    return word


SetName = Annotated[
    str,
    Field(
        min_length=4,
        max_length=20,
        pattern=r"^[a-z](-?[a-z0-9])*$",
        description="Give 4 to 20 characters of a-z, 0-9 and -: a letter first, no - last, no --.",
    ),
]
Description = Annotated[
    str,
    AfterValidator(_without_pictures),
    Field(max_length=100, description="Give at most 100 characters on one line, without emoji."),
]
Id = Annotated[str, Field(min_length=1, max_length=255, description="Give an id: 1 to 255 characters.")]
Retention = Annotated[int, Field(ge=1, le=35, description="Give a number of days from 1 to 35.")]
ObjectPath = Annotated[
    str, Field(min_length=1, max_length=1024, description="Give a path: bucket/[folder/...]name.")
]
Files = Annotated[
    list[ObjectPath],
    Field(min_length=1, max_length=1, description="Give exactly one path: bucket/[folder/...]name."),
]
SavedName = Annotated[
    str,
    Field(min_length=1, max_length=255, description="Give the name of a backup from GET /v1/backups."),
]
CronText = r"\* ([01]?[0-9]|2[0-3]) \* \* \*"
Cron = Annotated[
    str, Field(pattern=f"^{CronText}$", description="Give * H * * *, where H is the hour in KST, 0 to 23.")
]
CronOrOff = Annotated[
    str,
    Field(
        pattern=f"^({CronText})?$",
        description="Give * H * * *, where H is the hour in KST, 0 to 23; or an empty string for off.",
    ),
]


class Reference(Form):
    """Something named by its id."""

    id: Id


References = Annotated[
    list[Reference],
    Field(min_length=1, description="Give at least one object with an id."),
    AfterValidator(_distinct),
]


class Assignment(Form):
    """Which node is made in which subnet."""

    primary: Reference
    replicas: Annotated[
        list[Reference], Field(description="Give one object with an id for each replica, or [].")
    ]


class NewSchedule(Form):
    """When automatic backups are made and how long each is kept."""

    cron: Cron
    retention_limit: Annotated[Retention | None, NO_NULL] = None

    def schedule(self) -> BackupSchedule:
        """The schedule, with the default where no limit was given."""
        return BackupSchedule(cron=self.cron, retention_limit=self.retention_limit or DEFAULT_RETENTION)


class NewUser(Form):
    """The user whom applications log in as."""

    name: Annotated[
        str,
        AfterValidator(_own_user),
        Field(
            min_length=1,
            max_length=32,
            pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$",
            description="Give 1 to 32 of A-Z, a-z, 0-9 and _.-, beginning with a letter or _.",
        ),
    ]
    password: Annotated[
        str,
        Field(
            repr=False,
            description="Give the SHA-256 of the password as 64 hexadecimal digits, or the password "
            "encrypted with the key of GET /v1/redis/password-key.",
        ),
    ]


class RestoreSource(Form):
    """The saved data that the set begins with: one of the two."""

    backup_name: Annotated[SavedName | None, NO_NULL] = None
    files: Annotated[Files | None, NO_NULL] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.backup_name is None) == (self.files is None):
            raise PydanticCustomError("restore_source", "Give either backupName or files.")
        return self

    def wish(self) -> RestoreWish:
        """The wish in the words of the domain."""
        return RestoreWish(backup_name=self.backup_name, file=self.files[0] if self.files else None)


class CreateSet(Form):
    """The order of a new set (API.md 2.1)."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(CREATION_EXAMPLE)]})

    instance_set_name: SetName
    description: Annotated[Description | None, NO_NULL] = None
    replicas: Annotated[
        int, Field(ge=1, le=6, description="Give the number of all nodes, the primary included: 1 to 6.")
    ]
    flavor_id: Id
    recovery_enabled: Annotated[bool, Field(description="Give true for high availability, else false.")]
    subnets: References
    subnet_assignments: Annotated[
        list[Assignment],
        Field(min_length=1, max_length=1, description="Give exactly one object with primary and replicas."),
    ]
    security_groups: References
    backup_schedule: Annotated[NewSchedule | None, NO_NULL] = None
    user: Annotated[NewUser | None, NO_NULL] = None
    tls_enabled: bool = False
    parameter_group_id: Id
    port: Annotated[int, Field(ge=2000, le=50000, description="Give a port number from 2000 to 50000.")]
    project_id: Annotated[Id, Field(description="Give the project of your token.")]
    version: Annotated[Id, Field(description="Give a version from GET /v1/redis/versions.")]
    restore_source: Annotated[RestoreSource | None, NO_NULL] = None

    def order(self) -> Order:
        """The order in the words of the domain."""
        assignment = self.subnet_assignments[0]
        return Order(
            name=self.instance_set_name,
            description=self.description,
            replicas=self.replicas,
            flavor_id=self.flavor_id,
            recovery_enabled=self.recovery_enabled,
            subnets=_ids(self.subnets),
            primary_subnet=assignment.primary.id,
            replica_subnets=_ids(assignment.replicas),
            security_groups=_ids(self.security_groups),
            backup_schedule=self.backup_schedule.schedule() if self.backup_schedule else None,
            user=Login(name=self.user.name, password=self.user.password) if self.user else None,
            tls_enabled=self.tls_enabled,
            parameter_group_id=self.parameter_group_id,
            port=self.port,
            project_id=self.project_id,
            version=self.version,
            restore=self.restore_source.wish() if self.restore_source else None,
        )


class ScheduleChange(Form):
    """What of the backup schedule is to change."""

    cron: Annotated[CronOrOff | None, NO_NULL] = None
    retention_limit: Annotated[Retention | None, NO_NULL] = None


class UpdateSet(Form):
    """What of a set is to change (API.md 2.3)."""

    description: Annotated[Description | None, NO_NULL] = None
    backup_schedule: Annotated[ScheduleChange | None, NO_NULL] = None
    parameter_group_id: Annotated[Id | None, NO_NULL] = None
    security_groups: Annotated[References | None, NO_NULL] = None

    def wishes(self) -> Wishes:
        """The wishes in the words of the domain."""
        schedule = self.backup_schedule
        return Wishes(
            description=self.description,
            backup_schedule=ScheduleWish(cron=schedule.cron, retention_limit=schedule.retention_limit)
            if schedule
            else None,
            parameter_group_id=self.parameter_group_id,
            security_groups=_ids(self.security_groups) if self.security_groups else None,
        )


class PromoteReplica(Form):
    """The replica that is to be the primary (API.md 2.6)."""

    primary_id: Annotated[Id, Field(description="Give the objectId of one of the set's replicas.")]


class AddReplica(Form):
    """Where the new replica is made (API.md 2.7)."""

    subnet: Reference


class SwitchRecovery(Form):
    """High availability on or off (API.md 2.8)."""

    enabled: Annotated[bool, Field(description="Give true for high availability, else false.")]


class DeleteSetQuery(QueryForm):
    """What becomes of automatic backups; must be said exactly when the set has any (API.md 2.2)."""

    keep_automatic_backups: QueryTruth | None = None

    def keep(self) -> bool | None:
        """Whether they stay; None: nothing was said."""
        return None if self.keep_automatic_backups is None else self.keep_automatic_backups == "true"


class PageQuery(QueryForm):
    """Which page of a list; `marker` is the `next` of the page before."""

    limit: Annotated[int, BeforeValidator(digits), Field(ge=1, le=500)] = 100
    marker: str | None = None


class SetQuery(PageQuery):
    """Which sets to list."""

    name: str | None = None
    status: Annotated[str, AfterValidator(_state)] | None = None


class EventQuery(PageQuery):
    """Which events to list; both times are included."""

    resource_id: str | None = None
    name: str | None = None
    since: Instant | None = None
    until: Instant | None = None


def _ids(references: list[Reference]) -> tuple[str, ...]:
    return tuple(reference.id for reference in references)


FIXED = frozenset(to_camel(name) for name in CreateSet.model_fields) | {"name"}
"""What a set is made with; `UpdateSet` takes those of it that can be changed (API.md 2.3)."""
