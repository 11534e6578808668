"""What values a parameter may have: checked, said in words, and brought to the engine's own form.

A value is the string that a group holds. It must be written as the engine would write it itself (`300`, not
`0300` or `5m`), so that what is shown, set and read back is the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Bound", "BufferLimits", "Events", "Free", "Memory", "Shared", "Truth", "Whole", "Words"]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_PERCENT = re.compile(r"([1-9][0-9]?)%", re.ASCII)
_GIB = 1024**3


class Bound(Protocol):
    """The values that a parameter may have."""

    @property
    def words(self) -> str:
        """Which they are, for people."""
        ...

    def admits(self, value: str) -> bool:
        """Whether this is one of them."""
        ...

    def engine_value(self, value: str, memory_gib: int) -> str:
        """The value as `CONFIG SET` takes it on a flavor of that memory."""
        ...

    def normalized(self, read: str) -> str:
        """What `CONFIG SET` takes or `CONFIG GET` says, so that equal settings are equal strings."""
        ...


class _AsItIs:
    """Values that the engine takes and gives back as they are."""

    __slots__ = ()

    def engine_value(self, value: str, memory_gib: int) -> str:  # noqa: ARG002 - the same on every flavor
        """The value itself."""
        return value

    def normalized(self, read: str) -> str:
        """What was read itself."""
        return read


@dataclass(frozen=True, slots=True)
class Free(_AsItIs):
    """Any value: of parameters that nobody edits."""

    words = "any"

    def admits(self, value: str) -> bool:  # noqa: ARG002 - any value
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Words(_AsItIs):
    """One of these words."""

    choices: tuple[str, ...]

    @property
    def words(self) -> str:
        """The choices."""
        return ", ".join(self.choices)

    def admits(self, value: str) -> bool:
        """Whether it is one of the choices, letter for letter."""
        return value in self.choices


@dataclass(frozen=True, slots=True)
class Truth(Words):
    """`yes` or `no`."""

    choices: tuple[str, ...] = ("yes", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(_AsItIs):
    """A whole number from `least` to `most`, both included; with `off`, also 0 for "not at all"."""

    least: int
    most: int
    off: bool = False

    @property
    def words(self) -> str:
        """The range."""
        span = f"{self.least} to {self.most}"
        return f"0 (off), or {span}" if self.off else span

    def admits(self, value: str) -> bool:
        """Whether it is such a number, written without a leading zero or plus."""
        number = _number(value)
        return number is not None and (self.least <= number <= self.most or (self.off and number == 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared(Whole):
    """A number of things of which the engine gets `reserve` more than the value says, for the service."""

    reserve: int

    def engine_value(self, value: str, memory_gib: int) -> str:  # noqa: ARG002 - the same on every flavor
        """The value and the reserve."""
        return str(int(value) + self.reserve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A percentage of the flavor's memory from `least_percent` to `most_percent`, or bytes.

    Bytes are at least `least`. On a flavor they must lie between the two percentages as well: `span`.
    """

    least: int
    least_percent: int
    most_percent: int

    @property
    def words(self) -> str:
        """Both ranges."""
        percent = f"{self.least_percent}% to {self.most_percent}%"
        return f"{percent}, or bytes from {self.least} to {self.most_percent}% of the flavor's memory"

    def admits(self, value: str) -> bool:
        """Whether it is a percentage in range, or bytes that are enough."""
        percent = _PERCENT.fullmatch(value)
        if percent:
            return self.least_percent <= int(percent[1]) <= self.most_percent
        number = _number(value)
        return number is not None and number >= self.least

    def span(self, memory_gib: int) -> tuple[int, int]:
        """The fewest and the most bytes that it may be on a flavor."""
        memory = memory_gib * _GIB
        return memory * self.least_percent // 100, memory * self.most_percent // 100

    def engine_value(self, value: str, memory_gib: int) -> str:
        """The bytes."""
        percent = _PERCENT.fullmatch(value)
        return str(memory_gib * _GIB * int(percent[1]) // 100) if percent else value

    def normalized(self, read: str) -> str:
        """What was read itself: bytes."""
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Characters for kinds of keyspace events: `K`, `E`, those of `all` or `A` for all of them, `further`.

    Beside all of `all` the engine does not tell whether those of `untold` are set, so they are refused there.
    """

    all: str
    further: str
    untold: str = ""

    @property
    def words(self) -> str:
        """The characters."""
        words = f"characters of {self._known}, each once; A stands for {self.all}"
        return f"{words}, and is not allowed beside {self.untold}" if self.untold else words

    @property
    def _known(self) -> str:
        return f"KEA{self.all}{self.further}{self.untold}"

    def admits(self, value: str) -> bool:
        """Whether the engine knows every character and will tell of it, and each is there once."""
        chosen = set(value)
        whole = "A" in chosen or chosen >= set(self.all)
        sound = len(chosen) == len(value) and chosen <= set(self._known)
        return sound and not (whole and chosen & set(self.untold))

    def engine_value(self, value: str, memory_gib: int) -> str:  # noqa: ARG002 - the same on every flavor
        """The value itself."""
        return value

    def normalized(self, read: str) -> str:
        """The characters in order, with what `A` stands for in its place."""
        return "".join(sorted(set(read.replace("A", self.all))))


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferLimits:
    """A hard limit, a soft limit (bytes) and seconds for each of these classes of clients, in this order.

    A limit is 0 for none, or at least `least`. The engine keeps further classes: they are not compared.
    """

    classes: tuple[str, ...]
    least: int
    most: int = 1024 * _GIB
    longest: int = 2**31 - 1

    @property
    def words(self) -> str:
        """The form."""
        form = " ".join(f"{name} HARD SOFT SECONDS" for name in self.classes)
        return f"{form}; a limit is 0 (off), or {self.least} to {self.most}"

    def admits(self, value: str) -> bool:
        """Whether it names exactly these classes, in this order, with limits in range."""
        parts = value.split(" ")
        named = tuple(parts[::_GROUP]) == self.classes and len(parts) == _GROUP * len(self.classes)
        return named and all(self._in_range(*parts[i + 1 : i + _GROUP]) for i in range(0, len(parts), _GROUP))

    def _in_range(self, hard: str, soft: str, seconds: str) -> bool:
        limit = Whole(least=self.least, most=self.most, off=True)
        return limit.admits(hard) and limit.admits(soft) and Whole(least=0, most=self.longest).admits(seconds)

    def engine_value(self, value: str, memory_gib: int) -> str:  # noqa: ARG002 - the same on every flavor
        """The value itself."""
        return value

    def normalized(self, read: str) -> str:
        """The limits of these classes alone, in this order."""
        limits = _by_class(read)
        return " ".join(f"{name} {limits[name]}" for name in self.classes if name in limits)


_GROUP = 4
"""A class, its hard limit, its soft limit, and seconds."""


def _by_class(limits: str) -> Mapping[str, str]:
    parts = limits.split()
    return {parts[i]: " ".join(parts[i + 1 : i + _GROUP]) for i in range(0, len(parts), _GROUP)}


def _number(value: str) -> int | None:
    return int(value) if _WHOLE.fullmatch(value) else None
