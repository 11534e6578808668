"""The first steps of README and the tutorial, followed in a terminal; what they show is what there is to see.

Ids, addresses, times and figures are others each time, and so is who takes over: their form is compared.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from live_backup import delete_all
from service_process import PROGRAM, ServiceProcess, versions, wait_for
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[3]
HOW_TOS = [ROOT / "docs/how-to" / name for name in ("parameter-groups.md", "back-up-and-restore.md")]
ORDERS = "echo 'correct horse' | memstored set create orders --nodes 2 --version 6.2.5 --user app --wait"
PAGES = [ROOT / "README.md", ROOT / "docs/tutorial/first-set.md"]
DOCUMENTED = "http://127.0.0.1:8700"
SUBNET = "3606aa77-8dfb-51ac-99b0-c7cf6cd9bc9d"
"""Where a service is by default, and a subnet of the default catalogue."""
OLD = "6.2.5"
LEFT_OUT = ("make run", "memstored purge")
"""Commands that the tests of the service itself carry out."""

FORMS = (
    (r"http://127\.0\.0\.1:\d+", "URL"),
    (r"kept as default in \S+/profiles.json", "kept as default in FILE"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"127\.\d+\.\d+\.\d+(/\d+)?", "ADDRESS"),
    (r"\d+\.\d\d s", "SECONDS"),
    (r"offset \d+", "OFFSET"),
    (r"orders-[23] (holds|is)", r"HEIR \1"),
    (r" +$", ""),
    (r" +", " "),
)


def form_of(text: str) -> list[str]:
    """The lines of a text, with a word in the place of what is another one each time."""
    lines = []
    for line in text.splitlines():
        changed = line
        for pattern, word in FORMS:
            changed = re.sub(pattern, word, changed)
        if changed.strip():
            lines.append(changed)
    return lines


def steps(page: Path) -> list[tuple[str, str]]:
    """Every command of the page in its order, with what the page shows of it right below, if it does."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```)?",
        page.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    return [(commands, shown) for commands, shown in blocks if not commands.startswith(LEFT_OUT)]


def here(commands: str, service: ServiceProcess) -> str:
    """The commands with what this service has in the place of what it has by default."""
    return commands.replace(DOCUMENTED, service.url).replace(SUBNET, service.client.list_subnets()[0].id)


def typed(terminal: Terminal, commands: str, service: ServiceProcess) -> str:
    """What the commands show. Whoever reads the page has let a set heal before asking what happened."""
    if commands.startswith("memstored events"):
        wait_for(
            lambda: all(row["status"] == "Running" for row in service.sets()), what="sets that are whole"
        )
    return terminal.run(here(commands, service))


@pytest.mark.skipif(OLD not in versions(), reason=f"no Redis {OLD} here, which the page orders")
@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl"))), reason="no bash or curl here to follow with"
)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_can_be_followed(service: ServiceProcess, page: Path, tmp_path: Path) -> None:
    """Each command shows what the page says it shows."""
    link = service.place / ".venv"
    if not link.exists():
        link.symlink_to(PROGRAM.parents[1])
    terminal = Terminal(service.place, columns=130, config=tmp_path)
    try:
        seen = [form_of(typed(terminal, commands, service)) for commands, _ in steps(page)]
    finally:
        terminal.close()

    assert len(seen) > 4
    for lines, (commands, promised) in zip(seen, steps(page), strict=True):
        if promised:
            assert lines == form_of(promised), commands


@pytest.mark.skipif(OLD not in versions(), reason=f"no Redis {OLD} here, which the tutorial orders")
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here to follow with")
@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_every_command_of_a_how_to_works(service: ServiceProcess, page: Path) -> None:
    """With the set of the tutorial; what they show is not written down."""
    script = "\n".join([ORDERS, *(commands for commands, _ in steps(page))])
    run = subprocess.run(
        ["bash", "-ec", script],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=service.place,
        env={**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"},
    )
    delete_all(service)

    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
