"""What commands print: a table for people, JSON or YAML in the API's own words, or names for shells.

Tables fit the terminal. In a pipe nothing is coloured or moves, and rows are as long as they need to be.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["Output", "Row", "console", "moment", "plain", "print_one", "print_rows", "size", "yaml"]

T = TypeVar("T")
Row = Mapping[str, str]
"""One row of a table, by the heading of its column."""

WIDEST = 4000
"""Columns of a table that goes into a pipe: none is ever cut."""
COLOURS = {
    "Running": "green",
    "Available": "green",
    "In-Sync": "green",
    "succeeded": "green",
    "success": "green",
    "Failed": "red",
    "Error": "red",
    "Error-Sync": "red",
    "failed": "red",
    "failure": "red",
    "Warning": "yellow",
    "Recovering": "yellow",
    "ScalingOut": "yellow",
}


class Output(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def console(*, stderr: bool = False) -> "Console":
    """Where to print for people."""
    from rich.console import Console  # noqa: PLC0415 - only who prints needs it

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDEST
    return Console(stderr=stderr, highlight=False, width=width, soft_wrap=False)


def print_rows(
    records: Sequence[T], form: Output, *, row: Callable[[T], Row], name: Callable[[T], str]
) -> None:
    """Print a list of records."""
    if form is Output.NAME:
        for record in records:
            sys.stdout.write(f"{name(record)}\n")
    elif form is Output.TABLE:
        if records:
            _print_table(_table([row(record) for record in records]))
        else:
            sys.stderr.write("Nothing is here.\n")
    else:
        _print_data([plain(record) for record in records], form)


def print_one(record: T, form: Output, *, facts: Callable[[T], Row], name: Callable[[T], str]) -> None:
    """Print one record: as a table with a line for each fact."""
    if form is Output.NAME:
        sys.stdout.write(f"{name(record)}\n")
    elif form is Output.TABLE:
        _print_table(_list(facts(record)))
    else:
        _print_data(plain(record), form)


def _print_table(table: "Table") -> None:
    """In a pipe without the blanks that fill a terminal's line."""
    out = console()
    if sys.stdout.isatty():
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _print_data(data: object, form: Output) -> None:
    if form is Output.JSON:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(yaml(data))


def _table(rows: Sequence[Row]) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - only tables need it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for position, heading in enumerate(rows[0]):
        # The first one is what people copy.
        table.add_column(heading, overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row.values()))
    return table


def _list(facts: Row) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - only tables need it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        if fact:
            table.add_row(name, Text(fact, style=COLOURS.get(fact, "")))
    return table


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """A record as the API had it: names in lowerCamelCase, times as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_camel(f.name): plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        part = "milliseconds" if value.microsecond else "seconds"
        return value.astimezone(UTC).isoformat(timespec=part).replace("+00:00", "Z")
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def yaml(value: object, indent: int = 0) -> str:
    """JSON data as YAML in block style.

    Texts are plain where no reader of YAML takes them for something else, and quoted everywhere else.
    """
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{key}:{_below(one, indent)}" for key, one in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_below(one, indent)}" for one in value)
    return f"{pad}{_scalar(value)}\n"


_HARMLESS = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def _below(value: object, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return f"\n{yaml(value, indent + 1)}"
    return f" {_scalar(value)}\n"


def _scalar(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain_word = _HARMLESS.fullmatch(value) and value.lower() not in _WORDS
    return value if plain_word else f'"{"".join(map(_character, value))}"'


def _character(one: str) -> str:
    """As it stands between quotation marks: readers refuse what is not printable."""
    if one in ('"', "\\"):
        return f"\\{one}"
    return one if one.isprintable() else f"\\U{ord(one):08x}"


def moment(time: datetime | None) -> str:
    """A time for people, in UTC."""
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def size(count: int | None) -> str:
    """Bytes for people: 1.5 MiB."""
    if count is None:
        return ""
    number, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while number >= 1024 and unit != "TiB":  # noqa: PLR2004 - what those units are made of
        number, unit = number / 1024, next(units)
    return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"
