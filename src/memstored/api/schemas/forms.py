"""What all shapes of requests and answers have in common."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Created",
    "Document",
    "ErrorBody",
    "ErrorDetail",
    "Form",
    "NoFields",
    "NoQuery",
    "QueryForm",
    "QueryTruth",
]


class Form(BaseModel):
    """A request body: lowerCamelCase, exactly these fields, nothing converted (API.md 1)."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, validate_by_name=False
    )


class NoFields(Form):
    """A request body that says nothing."""


class QueryForm(BaseModel):
    """The query parameters of a route: exactly these; all others are refused by name (API.md 1)."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=False)


class NoQuery(QueryForm):
    """A route that takes no query parameters."""


QueryTruth = Literal["true", "false"]
"""A boolean query parameter, spelled exactly so (API.md 1)."""


class Document(BaseModel):
    """An answer: built by field name, written in lowerCamelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True
    )


class Created(Document):
    """What every successful write answers: the id of what was made or changed."""

    object_id: Annotated[str, Field(examples=["3f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11"])]


class ErrorDetail(Document):
    """One fault of a request."""

    field: Annotated[str, Field(examples=["subnetAssignments[0].replicas"])]
    code: str
    message: str


class ErrorWords(Document):
    """What is wrong and what to do; `details` names every fault at once."""

    code: str
    message: str
    details: list[ErrorDetail]


class ErrorBody(Document):
    """The body of every refusal under `/v1`."""

    error: ErrorWords
