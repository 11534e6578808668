"""Every trap and every rule of the documents is tested by its number."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
BARE = [f"h{number:02}" for number in (*range(1, 18), *range(20, 30))]
RULES = [f"s{number:02}" for number in range(1, 11)]


def _names(folder: Path) -> dict[str, set[str]]:
    """The names of the tests of each file."""
    found = {path.name: path.read_text() for path in folder.rglob("test_*.py")}
    return {name: set(re.findall(r"def (test_\w+)", text)) for name, text in found.items()}


def _of(number: str, names: set[str]) -> list[str]:
    return [name for name in names if number in name.split("_")]


@pytest.mark.parametrize("number", BARE)
def test_every_trap_is_sprung_on_bare_servers_and_under_a_set(number: str) -> None:
    """One test shows that the trap is there, another that the service gets through it."""
    files = _names(TESTS)
    mine = {file: _of(number, names) for file, names in files.items()}
    traps = [name for file, names in mine.items() if file.startswith("test_trap_") for name in names]
    rest = [name for file, names in mine.items() if not file.startswith("test_trap_") for name in names]

    assert traps
    assert rest


@pytest.mark.parametrize("number", RULES)
def test_every_rule_is_held_on_real_servers(number: str) -> None:
    """Each rule has a test of its number outside the unit tests."""
    files = [_names(TESTS / level) for level in ("hazards", "faults", "redis")]

    assert [n for level in files for names in level.values() for n in _of(number, names)]
