"""Reading a body that may be wrong in several places: everything wrong is told at once (API.md 1).

What is malformed is set aside, and the rest is read, so that the rules of the domain can be asked about
the well-formed fields. Whoever decides gets both, as a `Misread`, and refuses with all of it together.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from memstored.api.body import null_faults, without_nulls
from memstored.api.faults import validation_details
from memstored.api.schemas.forms import Form
from memstored.domain.errors import Detail
from memstored.domain.requests.change import Misread, refusal

__all__ = ["Reading", "read_change", "read_creation", "read_whole"]

F = TypeVar("F", bound=Form)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading(Generic[F]):
    """A form whose malformed fields are stand-ins or absent, and what was wrong with them."""

    form: F
    misread: Misread


def read_creation(shape: type[F], document: Document, stand_in: Mapping[str, Any]) -> Reading[F]:
    """Read an order; null counts as absent. `stand_in` has a well-formed value for each required field."""
    return _read(shape, without_nulls(document), stand_in, fixed=())


def read_change(shape: type[F], document: Document, fixed: Collection[str] = ()) -> Reading[F]:
    """Read a change; null is refused. The fields in `fixed` exist but can not be changed."""
    nulls = null_faults(document)
    reading = _read(shape, _without(document, _fields(nulls)), {}, fixed=fixed)
    faults = (*nulls, *reading.misread.faults)
    return Reading(reading.form, Misread(faults=faults, fields=_fields(faults)))


def read_whole(shape: type[F], document: Document) -> F:
    """Read a change all of whose fields are required; raises `InvalidRequest`."""
    nulls = null_faults(document)
    told = _fields(nulls)
    found = [fault for fault in _faults(shape, document, fixed=()) if not _fields([fault]) & told]
    if nulls or found:
        raise refusal([*nulls, *found])
    return shape.model_validate(document)


def _read(
    shape: type[F], document: Document, stand_in: Mapping[str, Any], fixed: Collection[str]
) -> Reading[F]:
    faults = _faults(shape, document, fixed)
    misread = Misread(faults=tuple(faults), fields=_fields(faults))
    substitutes = {name: stand_in[name] for name in misread.fields if name in stand_in}
    return Reading(shape.model_validate(_without(document, misread.fields) | substitutes), misread)


def _faults(shape: type[Form], document: Document, fixed: Collection[str]) -> list[Detail]:
    try:
        shape.model_validate(document)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        details = zip(validation_details(errors), errors, strict=True)
        return [_worded(shape, detail, found["loc"], fixed) for detail, found in details]
    return []


def _worded(
    shape: type[Form], detail: Detail, place: tuple[int | str, ...], fixed: Collection[str]
) -> Detail:
    """The detail in the words that the form itself has for the field."""
    if detail.code == "unknown_field" and detail.field in fixed:
        message = "This is fixed when the set is made; leave it out."
        return replace(detail, code="not_changeable", message=message)
    told = _description(_schema(shape), place)
    if told is None or detail.code not in _WORDED:
        return detail
    return replace(detail, message=f"This field is required. {told}" if detail.code == "missing" else told)


_WORDED = frozenset({"malformed", "missing", "out_of_range", "wrong_type"})


@cache
def _schema(shape: type[Form]) -> Document:
    return shape.model_json_schema()


def _description(schema: Document, place: tuple[int | str, ...]) -> str | None:
    """What the form says of the field at this place: its own words, not those of the object it holds."""
    node, told = schema, None
    for step in place:
        node = _resolved(schema, node)
        node = node.get("items", {}) if isinstance(step, int) else node.get("properties", {}).get(step, {})
        told = node.get("description")
    return told


def _resolved(schema: Document, node: Document) -> Document:
    reference = node.get("$ref")
    target: Document = schema["$defs"][reference.rpartition("/")[2]] if reference else node
    return target


def _fields(faults: Collection[Detail]) -> frozenset[str]:
    """The top-level fields that these faults are in."""
    return frozenset(fault.field.partition(".")[0].partition("[")[0] for fault in faults)


def _without(document: Document, names: Collection[str]) -> Document:
    return {name: value for name, value in document.items() if name not in names}
