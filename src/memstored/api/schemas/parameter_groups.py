"""Bodies, queries and answers of the parameter group routes (API.md 7)."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from memstored.api.schemas.forms import Document, Form, QueryForm, QueryTruth
from memstored.api.schemas.sets import NO_NULL, Description, Id
from memstored.api.schemas.times import in_seconds
from memstored.domain.parameter_group import ParameterGroup
from memstored.domain.requests.parameter_groups import GroupWishes
from memstored.service.parameter_groups import GroupTerms, GroupView, LinkedSet, ParameterView

__all__ = [
    "GROUP_FIXED",
    "RESET_STAND_IN",
    "ChangeGroup",
    "CreateGroup",
    "GroupDocument",
    "GroupList",
    "GroupQuery",
    "GroupRow",
    "LinkedSetList",
    "LinkedSetRow",
    "ResetGroup",
]

GroupName = Annotated[
    str,
    Field(
        min_length=2,
        max_length=63,
        pattern=r"^[A-Za-z][A-Za-z0-9.-]*[A-Za-z0-9]$",
        description="Give 2 to 63 of A-Z, a-z, 0-9, . and -: a letter first, a letter or digit last.",
    ),
]
ParameterName = Annotated[str, Field(min_length=1, description="Give the name of a parameter.")]
Values = Annotated[
    dict[str, str],
    Field(
        min_length=1,
        description="Give an object of parameters' names and their values, each value a string.",
        examples=[{"timeout": "300"}],
    ),
]


class CreateGroup(Form):
    """The group that is wanted, and whose values it begins with."""

    parameter_group_id: Annotated[
        Id, Field(description="Give the id of the parameter group that the new one is made out of.")
    ]
    name: GroupName
    description: Annotated[Description | None, NO_NULL] = None

    def terms(self) -> GroupTerms:
        """The terms in the words of the service."""
        return GroupTerms(base_id=self.parameter_group_id, name=self.name, description=self.description)


class ChangeGroup(Form):
    """What of a group is to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parameters": {"timeout": "300"}}]})

    parameters: Annotated[Values | None, NO_NULL] = None
    description: Annotated[Description | None, NO_NULL] = None

    def wishes(self) -> GroupWishes:
        """The wishes in the words of the domain."""
        return GroupWishes(parameters=self.parameters, description=self.description)


GROUP_FIXED = frozenset({"name", "parameterGroupId"})
"""What a group is made with and keeps."""


class ResetGroup(Form):
    """Which parameters get their defaults again; all, when none is named."""

    names: Annotated[
        list[ParameterName], Field(description="Give an array of parameters' names; none for all.")
    ] = Field(default_factory=list)


RESET_STAND_IN = {"names": ["timeout"]}
"""A sound name in the place of a malformed one, so that the others can be judged."""


class GroupQuery(QueryForm):
    """Which groups to list."""

    engine_version: Annotated[str | None, Field(examples=["7.0", "7.0.15"])] = None
    parameter_group_type: Literal["default", "custom"] | None = None
    cluster_mode: QueryTruth | None = None


class GroupRow(Document):
    """A parameter group, without its parameters. Times of a default group are null: it always was."""

    id: str
    name: str
    description: str
    type: Literal["default", "custom"]
    engine_family: str
    cluster_mode: bool
    base_id: str | None
    instance_set_count: int
    created_at: str | None
    updated_at: str | None

    @classmethod
    def of(cls, view: GroupView) -> Self:
        """The group in the words of the API."""
        group, custom = view.group, view.custom
        return cls(
            id=group.id,
            name=group.name,
            description=_description(view),
            type="custom" if custom else "default",
            engine_family=group.family,
            cluster_mode=False,
            base_id=custom.base_id if custom else None,
            instance_set_count=len(view.sets),
            created_at=in_seconds(custom.created_at) if custom else None,
            updated_at=in_seconds(custom.updated_at) if custom else None,
        )


class GroupList(Document):
    """The groups that the project sees."""

    parameter_groups: list[GroupRow]


class ParameterRow(Document):
    """One setting of the engine."""

    name: str
    value: str
    default_value: str
    type: Literal["boolean", "enum", "integer", "size", "string"]
    unit: str
    allowed: str
    editable: bool
    apply: Literal["immediate", "replace"]

    @classmethod
    def of(cls, view: ParameterView) -> Self:
        """The parameter in the words of the API."""
        it = view.parameter
        return cls(
            name=it.name,
            value=view.value,
            default_value=it.default,
            type=it.type.value,
            unit=it.unit,
            allowed=it.allowed,
            editable=it.editable,
            apply=it.apply.value,
        )


class GroupDocument(GroupRow):
    """A parameter group with its parameters, by name.

    `version` counts the changes of its values; it is 0 for a default one.
    """

    version: int
    parameters: list[ParameterRow]

    @classmethod
    def whole(cls, view: GroupView) -> Self:
        """The group with its parameters."""
        rows = [ParameterRow.of(parameter) for parameter in view.parameters]
        version = view.custom.version if view.custom else 0
        return cls(**GroupRow.of(view).model_dump(), version=version, parameters=rows)


class LinkedSetRow(Document):
    """A set that has the group. `error` is in the engine's own words, null while nothing went wrong."""

    id: str
    name: str
    apply_status: str
    since: str
    error: str | None

    @classmethod
    def of(cls, linked: LinkedSet) -> Self:
        """The set in the words of the API."""
        progress = linked.progress
        return cls(
            id=linked.set.id,
            name=linked.set.name,
            apply_status=progress.status,
            since=in_seconds(progress.since),
            error=progress.error,
        )


class LinkedSetList(Document):
    """The sets that have the group, in the order in which its values come to them."""

    instance_sets: list[LinkedSetRow]


def _description(view: GroupView) -> str:
    if isinstance(view.group, ParameterGroup):
        return view.group.description or ""
    return f"The defaults of Redis {view.group.family}; they can not be changed."
