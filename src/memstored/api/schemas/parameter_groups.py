"""Queries and answers of the parameter group routes (API.md 7)."""

from typing import Annotated, Literal

from pydantic import Field

from memstored.api.schemas.forms import Document, QueryForm, QueryTruth

__all__ = ["GroupDocument", "GroupList", "GroupQuery", "GroupRow", "ParameterRow"]


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


class GroupDocument(GroupRow):
    """A parameter group with its parameters, by name."""

    parameters: list[ParameterRow]
