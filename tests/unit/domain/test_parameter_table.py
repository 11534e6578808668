"""The table of parameters, and the values that groups may hold; `tests/redis` compares it with engines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.domain.bounds import BufferLimits, Events, Memory, Whole
from memstored.domain.engine import Family
from memstored.domain.model import Setting
from memstored.domain.parameters import (
    Apply,
    Parameter,
    effective,
    engine_values,
    memory_span,
    normalized,
    parameter_of,
    parameters_of,
    usual_memory,
)

GIB = 1024**3
EVENTS = Events(all="g$lshzxetd", further="m", untold="n")
LIMITS = BufferLimits(classes=("normal", "pubsub"), least=1024)
PROTECTED = [
    "appendonly",
    "bind",
    "client-query-buffer-limit",
    "databases",
    "dir",
    "lua-time-limit",
    "masterauth",
    "min-replicas-to-write",
    "port",
    "protected-mode",
    "proto-max-bulk-len",
    "rename-command",
    "repl-backlog-size",
    "repl-backlog-ttl",
    "repl-timeout",
    "replica-lazy-flush",
    "replica-priority",
    "replica-read-only",
    "replicaof",
    "requirepass",
    "save",
    "user",
]


def _known(family: str, name: str) -> Parameter:
    found = parameter_of(family, name)
    assert found is not None
    return found


@pytest.mark.parametrize("family", list(Family))
def test_every_family_has_a_table(family: Family) -> None:
    """By name, each once, with defaults that they may have."""
    table = parameters_of(family)
    names = [parameter.name for parameter in table]

    assert names == sorted(set(names))
    assert [p.name for p in table if p.editable and not p.bound.admits(p.default)] == []
    assert [p.name for p in table if not p.allowed and p.name != "save"] == []


@pytest.mark.parametrize("family", ["", "6.0", "7", "8.0"])
def test_an_unknown_family_has_none(family: str) -> None:
    """Nothing is guessed."""
    assert parameters_of(family) == ()
    assert parameter_of(family, "timeout") is None


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("name", PROTECTED)
def test_what_would_break_the_service_is_fixed(family: Family, name: str) -> None:
    """API.md 7, H30: it is shown and not editable, or not shown at all."""
    found = parameter_of(family, name)

    assert found is None or not found.editable


def test_names_follow_the_family() -> None:
    """7.0 renamed the compact encodings, and sets have one from 7.2; threads came with 6."""
    assert parameter_of("6.2", "hash-max-ziplist-entries")
    assert parameter_of("7.0", "hash-max-listpack-entries")
    assert not parameter_of("7.0", "hash-max-ziplist-entries")
    assert parameter_of("7.2", "set-max-listpack-entries")
    assert not parameter_of("7.0", "set-max-listpack-entries")
    assert not parameter_of("5.0", "io-threads")
    assert _known("6.2", "io-threads").apply is Apply.REPLACE


def test_a_group_sets_what_it_chose_and_nothing_else() -> None:
    """All others have the defaults; what is fixed is none of a group's."""
    values = effective("7.0", (Setting(name="timeout", value="300"),))

    assert (values["timeout"], values["hz"]) == ("300", "10")
    assert "databases" not in values
    assert effective("7.0") == {p.name: p.default for p in parameters_of("7.0") if p.editable}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("65%", 4 * GIB * 65 // 100), ("80%", 4 * GIB * 80 // 100), ("104857600", 104857600)],
)
def test_maxmemory_becomes_bytes(value: str, expected: int) -> None:
    """A percentage is one of the flavor's memory."""
    settings = (Setting(name="maxmemory", value=value),)

    assert engine_values("7.0", settings, 4)["maxmemory"] == str(expected)
    assert usual_memory(4) == 4 * GIB * 65 // 100
    assert memory_span(4) == (4 * GIB * 5 // 100, 4 * GIB * 80 // 100)


@pytest.mark.parametrize("memory_gib", [1, 2, 3, 7, 64])
def test_every_percentage_fits_every_flavor(memory_gib: int) -> None:
    """Only bytes may be too few or too many for one."""
    ends = [(Setting(name="maxmemory", value=value),) for value in ("5%", "80%")]
    found = [int(engine_values("7.0", settings, memory_gib)["maxmemory"]) for settings in ends]

    assert tuple(found) == memory_span(memory_gib)


@given(st.text(alphabet="0123456789+-_. ٣", max_size=5))
def test_values_are_written_as_the_engine_writes_them(text: str) -> None:
    """Nothing that is shown differs from what is set: `5`, never `05`, `+5` or ` 5`."""
    bound = Whole(least=-5, most=10_000)

    canonical = re.fullmatch(r"0|-?[1-9][0-9]*", text) is not None
    assert bound.admits(text) == (canonical and -5 <= int(text) <= 10_000)


@given(st.integers(min_value=-20, max_value=20))
def test_a_range_includes_its_ends(number: int) -> None:
    """And with `off` also 0."""
    assert Whole(least=-5, most=7).admits(str(number)) == (-5 <= number <= 7)
    assert Whole(least=5, most=7, off=True).admits(str(number)) == (5 <= number <= 7 or number == 0)


@given(st.text(alphabet="KEAg$lshzxetdmnQ", max_size=16))
def test_events_are_compared_whatever_their_order(text: str) -> None:
    """The engine says them in its own order, with `A` for many."""
    if EVENTS.admits(text):
        assert EVENTS.normalized(text[::-1]) == EVENTS.normalized(text)
        assert "Q" not in text
        assert not ("A" in text and "n" in text)


def test_all_events_are_those_that_a_stands_for() -> None:
    """Either may be set, and either is read back."""
    assert EVENTS.normalized("AKE") == EVENTS.normalized("EKg$lshzxetd")
    assert EVENTS.normalized("AKE") != EVENTS.normalized("AK")
    assert EVENTS.normalized("KEg$lshzxet") != EVENTS.normalized("KEA")


def test_limits_of_other_classes_do_not_count() -> None:
    """The engine tells of replicas, too, in an order of its own."""
    read = "normal 0 0 0 slave 268435456 0 0 pubsub 33554432 8388608 60"

    assert LIMITS.normalized(read) == "normal 0 0 0 pubsub 33554432 8388608 60"


@pytest.mark.parametrize("bound", [Memory(least=1024, least_percent=5, most_percent=80), LIMITS, EVENTS])
def test_words_tell_what_is_allowed(bound: Memory | BufferLimits | Events) -> None:
    """They name the ends, for people."""
    assert any(part in bound.words for part in ("1024", "KEA"))
    assert normalized(_known("7.0", "timeout"), "300") == "300"
