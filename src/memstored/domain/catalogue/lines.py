"""Where each key of a TOML text stands, which `tomllib` does not tell: for faults that name their line."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

__all__ = ["Path", "key_lines"]

Path = tuple[str | int, ...]
"""The way to a value: `("flavors", 1, "memory")` is the memory of the second flavor."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\r\n]+")


def key_lines(text: str) -> Mapping[Path, int]:
    """The line (from 1) of each key, table and element of a text that `tomllib` could read."""
    return _Reader(text).read()


class _Reader:
    """Walks through the text once. It is known to be sound, so nothing is checked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}

    def read(self) -> Mapping[Path, int]:
        table: Path = ()
        while self._next():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _next(self) -> str:
        """The next character that means something; empty at the end."""
        self._skip(_BLANK)
        return self._text[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, "the text is sound"
        self._at = match.end()
        return match.group()

    def _header(self) -> Path:
        several = self._text.startswith("[[", self._at)
        line, width = self._line(), 2 if several else 1
        self._at += width
        *outer, name = self._key()
        self._at += width
        place = (*self._latest(outer), name)
        self._lines.setdefault(place, line)
        if several:
            self._tables[place] = self._tables.get(place, -1) + 1
            place = (*place, self._tables[place])
            self._lines[place] = line
        return place

    def _latest(self, names: list[str]) -> Path:
        """The table that these names mean here: of several, the one that came last."""
        place: Path = ()
        for name in names:
            place = (*place, name)
            if place in self._tables:
                place = (*place, self._tables[place])
        return place

    def _pair(self, table: Path) -> None:
        line = self._line()
        place = table
        for name in self._key():
            place = (*place, name)
            self._lines.setdefault(place, line)
        self._at += 1
        self._value(place)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            names.append(self._name())
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _name(self) -> str:
        if self._text[self._at] not in "\"'":
            return self._skip(_BARE_KEY)
        return next(iter(tomllib.loads(f"{self._skip(_STRING)} = 0")))

    def _value(self, place: Path) -> None:
        first = self._next()
        if first in ("[", "{"):
            self._group(place, end="]" if first == "[" else "}")
        else:
            self._skip(_STRING if first in "\"'" else _BARE_VALUE)

    def _group(self, place: Path, *, end: str) -> None:
        """An array or an inline table."""
        self._at += 1
        index = 0
        while self._next() != end:
            if end == "]":
                self._lines[*place, index] = self._line()
                self._value((*place, index))
            else:
                self._pair(place)
            index += 1
            if self._next() == ",":
                self._at += 1
        self._at += 1

    def _line(self) -> int:
        return bisect_right(self._breaks, self._at - 1) + 1
