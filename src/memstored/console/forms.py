"""What a visitor filled in, and what was wrong with it.

A page turns a `Posted` into the JSON document that the API would get, has that read and carried out as the
API does, and shows a refusal at the fields that it names.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from memstored.api.errors import MOST_DETAILS, shortened, status_of
from memstored.api.faults import unknown_field
from memstored.console.languages import english
from memstored.domain.errors import CannotBeMet, Conflict, Detail, Fault, Forbidden, InvalidRequest

__all__ = ["NOTHING_REFUSED", "Posted", "Refusal", "read_posted", "refusal_of"]

MOST_FIELDS = 1000
_STRANGE = english("This form has fields that are not known here, so nothing was done.")
DIGITS = 15
"""Of an integer, at most: JSON has no larger ones that everybody reads alike."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The fields of a form as they were sent. A field that was left empty counts as not sent."""

    fields: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str | None:
        """The text of a field, without spaces around it; None: it was left empty."""
        given = self.fields.get(name)
        return given[0].strip() or None if given else None

    def exact(self, name: str) -> str | None:
        """The text with all of its spaces: a password, or a secret."""
        given = self.fields.get(name)
        return given[0] or None if given else None

    def number(self, name: str) -> int | str | None:
        """An integer; what is none stays a text, and is refused by the form that reads the document."""
        given = self.text(name)
        return int(given) if given and given.isascii() and given.isdigit() and len(given) <= DIGITS else given

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return name in self.fields

    def all(self, name: str) -> list[str]:
        """Every value of fields of that name, as of a list of boxes."""
        return [value for value in self.fields.get(name, ()) if value]

    def require_only(self, names: Collection[str]) -> None:
        """Raise `InvalidRequest` for fields of other names; one that ends in `*` is of all that begin so."""
        begins = tuple(name.removesuffix("*") for name in names if name.endswith("*"))
        unknown = [name for name in self.fields if name not in names and not name.startswith(begins)]
        if unknown:
            raise InvalidRequest(_STRANGE, details=[unknown_field(name) for name in unknown])


def read_posted(body: bytes) -> Posted:
    """The fields in an `application/x-www-form-urlencoded` body; raises `InvalidRequest`."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        words = "Send the fields of the form in UTF-8, and not more of them than it has."
        raise InvalidRequest(words, code="malformed_form") from None
    if any("\0" in value for values in fields.values() for value in values):
        raise InvalidRequest("Leave out U+0000.", code="malformed_form")
    return Posted(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a form was not taken: `message` as a whole, `details` field by field, in their order."""

    status: int = 200
    message: str = ""
    details: tuple[Detail, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.message)

    def at(self, field: str) -> list[str]:
        """What is wrong with a field or with parts of it: `user` also has what is said of `user.name`."""
        return [
            shortened(detail.message)
            for detail in self.details
            if detail.field == field or detail.field.startswith((f"{field}.", f"{field}["))
        ]


NOTHING_REFUSED = Refusal()


def refusal_of(fault: Fault) -> Refusal:
    """The refusal to show in the form; raises the fault again when it is none of what was filled in."""
    # A right that is lacking for what was filled in, as for a bucket, names the field.
    named = isinstance(fault, Forbidden) and fault.details
    if not named and not isinstance(fault, InvalidRequest | Conflict | CannotBeMet):
        raise fault
    return Refusal(
        status=status_of(fault), message=fault.message, details=tuple(sorted(fault.details)[:MOST_DETAILS])
    )
