"""What pydantic found wrong with a body or a query, as details in this API's words."""

from collections.abc import Iterable, Mapping
from typing import Any

from memstored.domain.errors import Detail

__all__ = ["field_path", "unknown_field", "validation_details"]

_WORDS: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "This field is required."),
    "extra_forbidden": ("unknown_field", "This name is not known here; correct or remove it."),
    "string_type": ("wrong_type", "Give a string."),
    "int_type": ("wrong_type", "Give an integer."),
    "int_parsing": ("wrong_type", "Give an integer."),
    "bool_type": ("wrong_type", "Give true or false."),
    "list_type": ("wrong_type", "Give an array."),
    "dict_type": ("wrong_type", "Give an object."),
    "model_type": ("wrong_type", "Give an object."),
}

_OUT_OF_RANGE = frozenset(
    {
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
    }
)

_MALFORMED = frozenset({"string_pattern_mismatch", "literal_error"})


def validation_details(errors: Iterable[Mapping[str, Any]]) -> list[Detail]:
    """One detail for each of pydantic's errors, with its place in the request.

    An error made by `PydanticCustomError` keeps its own type as the code and its own words.
    """
    return [_detail(error) for error in errors]


def unknown_field(name: str) -> Detail:
    """What is said of a field that a form does not have."""
    return Detail(name, *_WORDS["extra_forbidden"])


def field_path(place: Iterable[str | int]) -> str:
    """A place in a document as this API writes it: `subnetAssignments[0].replicas`."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return path.removeprefix(".")


def _detail(error: Mapping[str, Any]) -> Detail:
    kind = str(error["type"])
    code, message = _WORDS.get(kind, (_code(kind), f"{str(error['msg']).rstrip('.')}."))
    return Detail(field_path(error["loc"]), code, message)


def _code(kind: str) -> str:
    if kind in _OUT_OF_RANGE:
        return "out_of_range"
    return "malformed" if kind in _MALFORMED else kind
