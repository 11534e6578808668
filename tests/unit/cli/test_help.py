"""What `--help` says of every command, in a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from memstored.cli.main import app


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - click's
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from _paths(child, (*path, name))


def _help(path: tuple[str, ...]) -> list[str]:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0, shown.output
    return shown.stdout.splitlines()


PATHS = list(_paths(typer.main.get_command(app)))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_fits_a_terminal(path: tuple[str, ...]) -> None:
    """No line is longer, and no command is described by half a sentence."""
    lines = _help(path)

    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.startswith("  ") and line.endswith("...")] == []


def test_what_people_look_for_comes_first() -> None:
    """Sets at the top, and no command is left out."""
    lines = _help(())
    listed = [line.split()[0] for line in lines[lines.index("Commands:") + 1 :] if line.strip()]

    assert listed[:4] == ["set", "node", "backup", "parameters"]
    assert sorted(listed) == sorted(path[0] for path in PATHS if len(path) == 1)
