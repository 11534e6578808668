"""The systemd unit: systemd understands it, and what the nodes need is in it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memstored.cli.main import app

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/memstored.service"
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here")
def test_systemd_understands_it(tmp_path: Path) -> None:
    """With a program that is here in the place of the installed one."""
    assert ANALYZE is not None
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/memstored/.venv/bin/memstored", sys.executable))

    run = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, check=False)

    assert (run.returncode, [line for line in run.stderr.splitlines() if UNIT.name in line]) == (0, [])


def test_nodes_outlive_the_service() -> None:
    """The one line that sets may not lose their data for the lack of, and none that takes what they need."""
    lines = UNIT.read_text().splitlines()

    assert "KillMode=process" in lines
    assert "OOMPolicy=continue" in lines
    assert [
        line for line in lines if re.match(r"(PrivateNetwork|ProtectProc|ProcSubset|PrivatePIDs)=", line)
    ] == []


def test_its_command_is_one_of_ours() -> None:
    """Every option that it names exists."""
    [command] = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout

    assert [word for word in command.split() if word.startswith("--") and word not in shown] == []


def test_every_line_of_the_page_is_in_it() -> None:
    """What the page explains is what is shipped."""
    page = (ROOT / "docs/how-to/run-as-a-service.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([A-Z]\w+(?:=\S+)?)`", page, re.MULTILINE)

    assert explained
    assert [line for line in explained if line not in UNIT.read_text()] == []
