"""The page about Python, carried out as it is written, and judged by mypy as strictly as our own code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from service_process import ServiceProcess

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/how-to/use-from-python.md"


@pytest.fixture(scope="module")
def program() -> str:
    """Every example of the page, in its order."""
    examples = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert examples
    return "\n".join(examples)


def test_the_examples_run(program: str, service: ServiceProcess) -> None:
    """One after the other, over a real service and a real set."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=service.place,
    )

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"\('\d+\.\d+\.\d+'.*\)", lines[0])
    assert re.fullmatch(r"[\d.]+ 6379", lines[1])
    assert lines[2].startswith("add_replica: ")
    assert "add_replica: open, 100 %" in lines
    assert "orders 3" in lines
    assert [line.split()[1] for line in lines if "subnet" in line] == ["unknown_subnet"]
    assert lines[-1] == "orders 3 True"
    assert service.sets() == []


def test_the_examples_are_typed(program: str, tmp_path: Path) -> None:
    """Whoever copies them has no trouble with a strict type checker."""
    file = tmp_path / "examples.py"
    file.write_text(program)

    judged = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            "",
            "--cache-dir",
            tmp_path / "cache",
            file,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert judged.returncode == 0, judged.stdout
