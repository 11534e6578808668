"""A request body as a checked JSON object, whatever its `Content-Type` says (API.md 1).

Only what every body must be is checked here; what its fields must be is said by the forms in
`api.schemas`. Works in linear time on hostile input: how deep and how much it is, is checked before parsing.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from memstored.api.faults import field_path, validation_details
from memstored.api.schemas.forms import Form
from memstored.domain.errors import Detail, InvalidRequest

__all__ = ["form", "json_body", "null_fault", "null_places", "optional_body", "parse_object", "without_nulls"]

MAX_NESTING = 32
"""How deep arrays and objects may be nested, the outermost object included."""

MOST_VALUES = 1000
"""Values and names of fields that a document may have together, each array and object counted as one. Sound
ones have a hundred or so, and a thousand faults are told in a moment; a body full of them would keep
everybody waiting.
"""

_PIECES = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]|[^\s"\[\]{},:]++', re.DOTALL)
"""A string, a bracket, or a number or word."""

_SURROGATE = re.compile("[\ud800-\udfff]")

F = TypeVar("F", bound=Form)

Place = tuple[str | int, ...]
"""The steps from the whole document to one value in it."""

Json = Any
"""Anything JSON can say; checked by the forms."""


async def json_body(request: Request) -> dict[str, Json]:
    """The JSON object in the body of the request; `InvalidRequest` when there is none such."""
    return parse_object(await request.body())


async def optional_body(request: Request) -> dict[str, Json]:
    """The JSON object in the body of the request, without any field where there is no body."""
    raw = await request.body()
    return parse_object(raw) if raw else {}


def parse_object(raw: bytes) -> dict[str, Json]:
    """The JSON object in these bytes; `InvalidRequest` with the reason when they hold none such."""
    text = _text(raw)
    _require_modest(text)
    document = _parse(text)
    if not isinstance(document, dict):
        _refuse("not_an_object", "Send one JSON object.")
    if "\\u" in text:
        _refuse_unstorable(document)
    return document


def form(shape: type[F], document: dict[str, Json]) -> F:
    """The document as this form; `InvalidRequest` naming every field that does not fit."""
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        details = validation_details(error.errors(include_url=False, include_input=False))
        raise InvalidRequest("Correct the request body.", details=details) from None


def without_nulls(document: Json) -> Json:
    """The document less every field that is null: on create, null counts as absent (API.md 1)."""
    if isinstance(document, dict):
        return {key: without_nulls(value) for key, value in document.items() if value is not None}
    if isinstance(document, list):
        return [without_nulls(value) for value in document]
    return document


def null_places(document: Json) -> list[Place]:
    """Where the document has null."""
    return [place for place, value in _walk(document) if value is None]


def null_fault(place: Place) -> Detail:
    """The fault of a field that is null: in PATCH it would be ambiguous (API.md 1)."""
    message = "null is ambiguous here; leave the field out, or give its new value."
    return Detail(field_path(place), "null", message)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        _refuse("not_json", "Send the body as JSON in UTF-8.")


def _require_modest(text: str) -> None:
    """Raise `InvalidRequest` for a document that is too deep or has too much in it, without reading on."""
    depth = told = 0
    for piece in _PIECES.finditer(text):
        first = text[piece.start()]
        if first in "]}":
            depth -= 1
            if depth <= 0:
                return  # where the document ends; more of it, or another bracket, is refused as it is parsed
            continue
        told += 1
        depth += first in "[{"
        if depth > MAX_NESTING:
            _refuse("too_deep", f"Nest arrays and objects at most {MAX_NESTING} deep.")
        if told > MOST_VALUES:
            _refuse("too_many_values", f"Send at most {MOST_VALUES} values and names of fields together.")


def _parse(text: str) -> Json:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_not_a_number, parse_float=_finite)
    except ValueError as error:
        place = f" ({error.msg}, line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        _refuse("not_json", f"Send the body as JSON{place}.")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        _refuse("duplicate_key", "Give every field once.", field=_printable(twice))
    return document


def _not_a_number(word: str) -> NoReturn:
    _refuse("not_a_number", f"{word} is not a JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        _refuse("not_a_number", "A number is too large.")
    return number


def _refuse_unstorable(document: Json) -> None:
    details = [
        Detail(_printable(field_path(place)), "forbidden_character", "Leave out U+0000 and lone surrogates.")
        for place, value in _walk(document)
        if _unstorable(value) or _unstorable(place[-1])
    ]
    if details:
        raise InvalidRequest("Correct the request body.", details=details)


def _unstorable(value: Json) -> bool:
    return isinstance(value, str) and ("\0" in value or _SURROGATE.search(value) is not None)


def _printable(field: str) -> str:
    return _SURROGATE.sub("\ufffd", field.replace("\0", "\ufffd"))


def _walk(document: Json, place: Place = ()) -> Iterator[tuple[Place, Json]]:
    pairs: Iterator[tuple[str | int, Json]]
    if isinstance(document, dict):
        pairs = iter(document.items())
    else:
        pairs = enumerate(document) if isinstance(document, list) else iter(())
    for step, value in pairs:
        yield (*place, step), value
        yield from _walk(value, (*place, step))


def _refuse(code: str, message: str, *, field: str = "") -> NoReturn:
    raise InvalidRequest(message, details=[Detail(field, code, message)])
