"""Reading a body that may be wrong in several places: everything wrong is told at once (API.md 1).

What is malformed is set aside, and the rest is read, so that the rules of the domain can be asked about
the well-formed fields. Whoever decides gets both, as a `Misread`, and refuses with all of it together.
"""

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from memstored.api.body import Place, null_fault, null_places, optional_body, without_nulls
from memstored.api.faults import field_path, validation_details
from memstored.api.schemas.forms import Form, NoFields
from memstored.domain.errors import Detail
from memstored.domain.requests.change import Misread, refusal

__all__ = ["Reading", "read_change", "read_creation", "read_whole", "refuse_fields"]

F = TypeVar("F", bound=Form)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading(Generic[F]):
    """A form whose malformed fields are stand-ins or absent, and what was wrong with them."""

    form: F
    misread: Misread


def read_creation(shape: type[F], document: Document, stand_in: Mapping[str, Any]) -> Reading[F]:
    """Read an order; null counts as absent. `stand_in` is a sound one, with a value for every field."""
    return _read(shape, without_nulls(document), stand_in, fixed=())


def read_change(
    shape: type[F], document: Document, stand_in: Mapping[str, Any], fixed: Collection[str] = ()
) -> Reading[F]:
    """Read a change; null is refused. The fields in `fixed` exist but can not be changed.

    `stand_in` holds what a part of a field can not be judged without.
    """
    return _read(shape, document, stand_in, fixed=fixed, nulls=null_places(document))


def read_whole(shape: type[F], document: Document) -> F:
    """Read a change all of whose fields are required; raises `InvalidRequest`."""
    nulls = null_places(document)
    marked, told = _Marked(nulls), [null_fault(place) for place in nulls]
    found = [fault for fault, place in _faults(shape, document, fixed=()) if not marked.touch(place)]
    if told or found:
        raise refusal([*told, *found])
    return shape.model_validate(document)


async def refuse_fields(request: Request) -> None:
    """Raise `InvalidRequest` for a body with any field: it may mean something that is not done here."""
    read_whole(NoFields, await optional_body(request))


def _read(
    shape: type[F],
    document: Document,
    stand_in: Mapping[str, Any],
    fixed: Collection[str],
    nulls: Collection[Place] = (),
) -> Reading[F]:
    """Set aside exactly what is wrong, and read again: a fault does not hide another in the same object."""
    marked, sound = _Marked(nulls), _repaired(document, nulls, stand_in)
    found = [(fault, place) for fault, place in _faults(shape, sound, fixed) if not marked.touch(place)]
    places = [*nulls, *(place for _, place in found)]
    sound = _repaired(sound, [place for _, place in found], stand_in)
    # What is left is wrong only because of what was set aside, and its whole field goes with that.
    left = [place[:1] for _, place in _faults(shape, sound, fixed)]
    faults = [*map(null_fault, nulls), *(fault for fault, _ in found)]
    misread = Misread(faults=tuple(faults), fields=frozenset(field_path(place) for place in [*places, *left]))
    return Reading(shape.model_validate(_repaired(sound, left, stand_in)), misread)


def _repaired(document: Document, places: Collection[Place], stand_in: Mapping[str, Any]) -> Document:
    """The document with a sound value at each of these places, or nothing where there is no such value."""
    if not places:
        return document
    sound: Document = deepcopy(document)
    for place in places:
        _repair(sound, place, stand_in)
    return sound


def _repair(node: Any, place: Place, stand_in: Any) -> None:  # noqa: ANN401 - any JSON
    step, *rest = place
    fresh = _within(stand_in, step)
    if rest and _holds(node, step):
        _repair(node[step], tuple(rest), fresh)
    elif fresh is not None:
        node[step] = deepcopy(fresh)
    elif isinstance(node, dict):
        node.pop(step, None)


def _within(stand_in: Any, step: int | str) -> Any:  # noqa: ANN401 - any JSON
    """What the stand-in has there; one element of an array stands in for each, with an id for each."""
    if isinstance(step, str):
        return stand_in.get(step) if isinstance(stand_in, Mapping) else None
    one = stand_in[0] if isinstance(stand_in, list) and stand_in else None
    return {**one, "id": f"{one['id']}-{step}"} if isinstance(one, Mapping) and "id" in one else one


def _holds(node: Any, step: int | str) -> bool:  # noqa: ANN401 - any JSON
    """Whether there is an object or an array, in which something can be set aside."""
    present = step < len(node) if isinstance(step, int) else step in node
    return present and isinstance(node[step], dict | list)


class _Marked:
    """Places in a document."""

    def __init__(self, places: Collection[Place]) -> None:
        self._places = frozenset(places)
        self._around = {place[:steps] for place in places for steps in range(len(place))}

    def touch(self, place: Place) -> bool:
        """Whether the place is one of these, or within one, or around one."""
        own = any(place[:steps] in self._places for steps in range(1, len(place) + 1))
        return own or place in self._around


def _faults(shape: type[Form], document: Document, fixed: Collection[str]) -> list[tuple[Detail, Place]]:
    try:
        shape.model_validate(document)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        details = zip(validation_details(errors), errors, strict=True)
        return [(_worded(shape, detail, found["loc"], fixed), found["loc"]) for detail, found in details]
    return []


def _worded(shape: type[Form], detail: Detail, place: Place, fixed: Collection[str]) -> Detail:
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


def _description(schema: Document, place: Place) -> str | None:
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
