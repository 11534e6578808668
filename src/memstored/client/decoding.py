"""JSON into the records of `models`: names from lowerCamelCase, times as `datetime`, nothing guessed.

Fields that a newer service adds are left out; a field that is missing, or of another kind, is no answer of
this API (`UnreadableAnswer`). Words of closed sets are not compared: a newer service may know more of them.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from memstored.client.errors import UnreadableAnswer

__all__ = ["camel", "decode"]

T = TypeVar("T")
_Reader = Callable[[Any], Any]


def decode(kind: type[T], value: object) -> T:
    """The record of that kind; raises `UnreadableAnswer`."""
    reader: _Reader = _reader(cast("Hashable", kind))
    record: T = reader(value)
    return record


def camel(name: str) -> str:
    """A name of Python's in lowerCamelCase."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    sent: str
    read: _Reader


@cache
def _reader(hint: Any) -> _Reader:  # noqa: ANN401 - whatever stands behind a colon
    origin, parts = get_origin(hint), get_args(hint)
    if origin is UnionType:
        (inner,) = (_reader(part) for part in parts if part is not NoneType)
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        inner = _reader(parts[0])
        return lambda value: tuple(inner(one) for one in _checked(list, value))
    if hint is datetime:
        return _time
    if hint in (str, int, bool) or origin is Literal:
        return _plain(str if origin is Literal else hint)
    return _record(hint)


def _plain(kind: type) -> _Reader:
    return lambda value: _checked(kind, value)


def _record(kind: Any) -> _Reader:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(kind)
    plan = [_Field(f.name, camel(f.name), _reader(hints[f.name])) for f in fields(kind)]

    def read(value: object) -> object:
        given: Mapping[str, object] = _checked(dict, value)
        missing = [one.sent for one in plan if one.sent not in given]
        if missing:
            raise UnreadableAnswer(
                f"The answer lacks {', '.join(missing)}; use the memstored of the service."
            )
        return kind(**{one.name: one.read(given[one.sent]) for one in plan})

    return read


def _checked(kind: type, value: object) -> Any:  # noqa: ANN401 - of the kind that was asked for
    if type(value) is not kind:
        raise UnreadableAnswer(f"The answer has {value!r:.80} where this API has a {kind.__name__}.")
    return value


def _time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(_checked(str, value))
    except ValueError:
        raise UnreadableAnswer(f"The answer has {value!r:.80} where this API has a time.") from None
