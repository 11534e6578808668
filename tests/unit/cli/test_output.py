"""What is printed: tables that fit, data that other programs read, and nothing alive in a pipe."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import yaml as reader
from hypothesis import given
from hypothesis import strategies as st

from memstored.cli.output import Output, plain, print_one, print_rows, size, yaml

LONG = "a word " * 30

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.from_regex("[a-z][A-Za-z]{3,8}", fullmatch=True), below, max_size=3)
    ),
    max_leaves=10,
)


@dataclass(frozen=True)
class Thing:
    """Something with a name and a time."""

    thing_name: str
    made_at: datetime


THING = Thing("one", datetime(2026, 1, 31, 23, 59, 59, 250_000, UTC))


@given(JSON)
def test_yaml_is_read_as_what_was_written(data: object) -> None:
    """By another's reader, which takes more words for something else than one thinks of."""
    assert reader.safe_load(yaml(data)) == data


@pytest.mark.parametrize(
    "word", ["no", "Null", "1e3", "0x1f", "2026-01-31", "a: b", "- x", "", "~", "é", "#x"]
)
def test_words_that_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    """A name that is `no` stays a name."""
    assert reader.safe_load(yaml({"name": word})) == {"name": word}


def test_data_has_the_words_of_the_api() -> None:
    """So that what is read about the API is true of the output."""
    assert plain((THING,)) == [{"thingName": "one", "madeAt": "2026-01-31T23:59:59.250Z"}]


def show(things: list[Thing], form: Output) -> None:
    """Print things."""
    print_rows(
        things, form, row=lambda it: {"name": it.thing_name, "words": LONG}, name=lambda it: it.thing_name
    )


def test_a_table_in_a_pipe_is_cut_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row is one line, without colours and without blanks at its end."""
    show([THING, THING], Output.TABLE)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "one", "one"]
    assert lines[1] == f"one   {LONG.rstrip()}"


def test_nothing_is_no_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever counts lines counts none; people are told."""
    show([], Output.TABLE)

    assert capsys.readouterr() == ("", "Nothing is here.\n")


def test_every_form_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Names are one a line; JSON and YAML hold the same."""
    for form in (Output.NAME, Output.JSON, Output.YAML):
        show([THING], form)
        sys.stdout.write("---\n")

    names, as_json, as_yaml, _ = capsys.readouterr().out.split("---\n")
    assert names == "one\n"
    assert json.loads(as_json)[0]["thingName"] == reader.safe_load(as_yaml)[0]["thingName"] == "one"


def test_a_record_shows_what_there_is_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    """A fact a line; none for what is empty."""
    print_one(THING, Output.TABLE, facts=lambda it: {"name": it.thing_name, "reason": ""}, name=str)

    assert capsys.readouterr().out == "name  one\n"


@pytest.mark.parametrize(
    ("count", "said"), [(None, ""), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")]
)
def test_bytes_are_told_in_a_few_digits(count: int | None, said: str) -> None:
    """In the units that Redis means."""
    assert size(count) == said
