"""What is read from an answer, and what is no answer of this API."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pytest

from memstored.client.decoding import decode
from memstored.client.errors import UnreadableAnswer


@dataclass(frozen=True)
class Leaf:
    """A word of a closed set, and a time."""

    some_state: Literal["on", "off"]
    seen_at: datetime | None


@dataclass(frozen=True)
class Tree:
    """One of each kind."""

    leaf_rows: tuple[Leaf, ...]
    is_green: bool
    height: int


GOOD = {
    "leafRows": [
        {"someState": "on", "seenAt": "2026-01-31T23:59:59.250Z"},
        {"someState": "x", "seenAt": None},
    ],
    "isGreen": True,
    "height": 3,
    "added": "by a newer service",
}


def test_an_answer_becomes_a_record() -> None:
    """Names, times and lists; words and fields that a newer service adds do no harm."""
    first = Leaf("on", datetime(2026, 1, 31, 23, 59, 59, 250_000, UTC))
    second = Leaf("x", None)  # type: ignore[arg-type] - a word that is not known yet

    assert decode(Tree, GOOD) == Tree((first, second), is_green=True, height=3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"height": "3"}, "'3' where this API has a int"),
        ({"height": True}, "True where this API has a int"),
        ({"isGreen": None}, "None where this API has a bool"),
        ({"leafRows": {}}, "{} where this API has a list"),
        ({"leafRows": [{"someState": "on"}]}, "lacks seenAt"),
        ({"leafRows": [{"someState": "on", "seenAt": "yesterday"}]}, "'yesterday' where this API has a time"),
    ],
)
def test_what_is_not_of_this_api_is_refused(change: dict[str, object], said: str) -> None:
    """With what is wrong, instead of a fault far away from it."""
    with pytest.raises(UnreadableAnswer, match=said):
        decode(Tree, GOOD | change)
