"""The tutorial, followed in a terminal; what it shows is what there is to see.

Ids, addresses, times and figures are others each time, and so is who takes over: their form is compared.
"""

import re
import shutil
from pathlib import Path

import pytest
from service_process import PROGRAM, ServiceProcess, versions
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/tutorial/first-set.md"
OLD = "6.2.5"
LEFT_OUT = ("make run", "memstored purge")
"""Commands that the tests of the service itself carry out."""

FORMS = (
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


def steps() -> list[tuple[str, str]]:
    """Every command of the page in its order, with what the page shows of it, if it does."""
    blocks = re.findall(
        r"^```(sh|text)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    found: list[tuple[str, str]] = []
    for kind, text in blocks:
        if kind == "sh":
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return [step for step in found if not step[0].startswith(LEFT_OUT)]


@pytest.mark.skipif(OLD not in versions(), reason=f"no Redis {OLD} here, which the page orders")
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here to follow the page with")
def test_the_tutorial_can_be_followed(service: ServiceProcess) -> None:
    """Each command shows what the page says it shows."""
    link = service.place / ".venv"
    if not link.exists():
        link.symlink_to(PROGRAM.parents[1])
    terminal = Terminal(service.place, columns=130)
    try:
        seen = [(commands, form_of(terminal.run(commands))) for commands, _ in steps()]
    finally:
        terminal.close()

    assert len(seen) > 8
    for (commands, lines), (_, promised) in zip(seen, steps(), strict=True):
        if promised:
            assert lines == form_of(promised), commands
