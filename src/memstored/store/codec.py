"""Frozen dataclasses as plain data that JSON and SQL columns can hold, and back, by their type hints.

A field that is added to a record needs nothing here. Data written before it existed takes the field's
default, so only fields kept in a column of their own need a migration.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from types import NoneType
from typing import Any, NewType, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["plain", "restore"]

Record = TypeVar("Record")
Reader = Callable[[Any], Any]


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON holds has no narrower name
    """The value as JSON knows it: records become objects, tuples lists, enums their words."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


def restore(record: type[Record], data: Mapping[str, Any]) -> Record:
    """The record that `plain` took apart; names that it does not know are ignored."""
    return record(**{name: read(data[name]) for name, read in _readers(record).items() if name in data})


_known: dict[type, dict[str, Reader]] = {}
"""How the fields of a record are read, worked out once for each."""


def _readers(record: type) -> dict[str, Reader]:
    if record not in _known:
        hints = get_type_hints(record)
        _known[record] = {field.name: _reader(hints[field.name]) for field in fields(record)}
    return _known[record]


def _reader(hint: Any) -> Reader:  # noqa: ANN401 - a type hint may be any object
    if isinstance(hint, NewType):
        return _as_it_is
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        return partial(_tuple, _reader(inner[0]))
    if NoneType in inner:
        return partial(_optional, _reader(next(kind for kind in inner if kind is not NoneType)))
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(restore, hint)
    return hint if issubclass(hint, Enum | float) else _as_it_is


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - strings, whole numbers and booleans pass as they are
    return value


def _optional(read: Reader, value: Any) -> Any:  # noqa: ANN401 - see plain
    return None if value is None else read(value)


def _tuple(read: Reader, values: list[Any]) -> tuple[Any, ...]:
    return tuple(read(value) for value in values)
