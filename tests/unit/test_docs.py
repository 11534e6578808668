"""The documents: made pages are fresh, links lead somewhere, what the code cites is there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from memstored.domain.settings import (
    BackupSettings,
    FailoverSettings,
    MetricsSettings,
    ObjectSettings,
    Quotas,
    WebhookSettings,
)

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def headings(page: Path) -> list[str]:
    """The headings of a page, less their marks."""
    return HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may end in, as GitHub makes it."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def broken_links(page: Path) -> Iterator[str]:
    """Links of the page to files or headings of the checkout that are not there."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def cited(pattern: str) -> set[str]:
    """What the sources cite by this pattern."""
    return {found for source in SOURCES for found in re.findall(pattern, source.read_text(encoding="utf-8"))}


def numbered(page: str) -> set[str]:
    """The numbers that the headings of a page begin with: `2.5`, `S4`, `H7`."""
    words = (heading.split()[0].rstrip(".") for heading in headings(ROOT / "docs" / page))
    return {word for word in words if re.fullmatch(r"[SH]?\d+(\.\d+)?", word)}


def script(name: str) -> ModuleType:
    """A file of `scripts` as a module."""
    spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_made_pages_are_fresh() -> None:
    """`make docs` would change nothing."""
    outcome = subprocess.run(
        [sys.executable, ROOT / "scripts/docs.py", "--check"], capture_output=True, text=True, check=False
    )

    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file, and a heading in it, that is there."""
    assert list(broken_links(page)) == []


def test_cited_sections_of_the_api_exist() -> None:
    """Every "API.md n" in the code is the number of a section of the reference."""
    sections = cited(r"API\.md (?:section )?(\d+(?:\.\d+)?)")

    assert sections
    assert sections - numbered("reference/api.md") == set()


def test_cited_safety_rules_exist() -> None:
    """Every safety rule that the code cites has its heading in the failure model."""
    rules = cited(r"\b(S(?:10|[1-9]))b?\b")

    assert rules
    assert rules - numbered("explanation/failure-model.md") == set()


def test_cited_traps_exist() -> None:
    """Every trap that the code cites has its heading."""
    traps = cited(r"\b(H\d{1,2})\b")

    assert traps
    assert traps - numbered("explanation/redis-traps.md") == set()


@pytest.mark.parametrize(
    "record", [Quotas(), FailoverSettings(), BackupSettings()], ids=["quota", "failover", "backup"]
)
def test_every_setting_is_described_with_its_default(
    record: Quotas | FailoverSettings | BackupSettings,
) -> None:
    """The page of settings has a row with the name and the default of each."""
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    rows = [f"| `{field.name}` | {getattr(record, field.name)} |" for field in fields(record)]

    assert [row for row in rows if row not in page] == []


def test_every_setting_of_object_storage_metrics_and_webhooks_is_described() -> None:
    """Their defaults follow from elsewhere, so only the names are looked for."""
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")

    records = (ObjectSettings, MetricsSettings, WebhookSettings)
    named = [field.name for record in records for field in fields(record)]
    assert [name for name in named if f"| `{name}` |" not in page] == []


def test_a_code_that_is_no_literal_is_refused(tmp_path: Path) -> None:
    """A code that is computed where a literal is expected would be missing from the page of codes."""
    (tmp_path / "rules.py").write_text("def rule(word):\n    return Detail('field', word, 'Do it.')\n")
    codes = script("error_codes")

    with pytest.raises(codes.NotLiteral, match=r"rules\.py:2"):
        codes.error_codes(tmp_path)


def test_a_code_is_found_with_its_status_and_words(tmp_path: Path) -> None:
    """Status and words of a code follow from the refusal that it stands in."""
    (tmp_path / "rules.py").write_text("def rule(n):\n    raise Conflict(f'Take {n}.', code='taken')\n")
    codes = script("error_codes")

    found = {code.code: code for code in codes.error_codes(tmp_path)}

    assert (found["taken"].statuses, found["taken"].words) == ((409,), ("Take ….",))


def test_every_warning_is_explained() -> None:
    """The page that explains a Warning has a row for every reason of a `Warning` or `Failed` set."""
    page = (ROOT / "docs/how-to/explain-a-warning.md").read_text(encoding="utf-8")
    reasons = script("error_codes").standing_reasons(ROOT / "src/memstored")
    bad = {reason.code for reason in reasons if reason.state in ("WARNING", "FAILED")}

    assert bad
    assert {code for code in bad if f"| `{code}`" not in page} == set()
