"""The client and its half of the command line, where the packages of the extra `server` are not installed."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOOK = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def server_packages() -> set[str]:
    """What comes with the extra only, by the names that are imported: as `uv.lock` says."""
    packages = {it["name"]: it for it in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    own = packages["memstored"]
    client = closure(packages, own["dependencies"])
    server = closure(packages, own["optional-dependencies"]["server"])
    return {name.replace("-", "_") for name in server - client}


def closure(packages: Mapping[str, Any], needed: Iterable[Mapping[str, str]]) -> set[str]:
    """The names of these packages, and of all that they need in turn."""
    names: set[str] = set()
    waiting = [it["name"] for it in needed]
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += [it["name"] for it in packages[name].get("dependencies", ())]
    return names


def without_server(program: str) -> subprocess.CompletedProcess[str]:
    """The outcome of a program in an environment in which those can not be imported."""
    hook = f"ABSENT = {server_packages()!r}\n{HOOK}\n{program}"
    return subprocess.run([sys.executable, "-c", hook], capture_output=True, text=True, check=False)


def test_the_client_needs_nothing_of_the_servers() -> None:
    """All that the package offers can be imported, and a client be made."""
    done = without_server(
        "import memstored.client as c\n"
        "for name in c.__all__: getattr(c, name)\n"
        "c.Client(url='http://127.0.0.1:1'), c.AsyncClient(url='http://127.0.0.1:1')\n"
        "c.passwords.encrypt\n"
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_list_of_what_is_absent_is_the_servers() -> None:
    """The hook works: the service can not be imported under it."""
    done = without_server("import memstored.api.app")

    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["backup", "--help"], ["credential", "list", "--help"]])
def test_the_command_line_does_without(words: list[str]) -> None:
    """Every command explains itself."""
    done = without_server(
        f"import sys; sys.argv[1:] = {words!r}; from memstored.cli.main import main; main()"
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [["serve"], ["demo"], ["purge", "--yes", "--data-dir", "nowhere"]])
def test_what_needs_the_server_says_what_to_install(words: list[str]) -> None:
    """With exit code 2, and nothing begun."""
    done = without_server(
        f"import sys; sys.argv[1:] = {words!r}; from memstored.cli.main import main; main()"
    )

    assert done.returncode == 2
    assert "pip install 'memstored[server]'" in done.stderr
    assert "Traceback" not in done.stderr
