"""The alert rules and the dashboard: Prometheus takes them, and what they ask for is there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memstored.domain.figures import FIGURES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "memstored.json").read_text())
PROMTOOL = shutil.which("promtool")
with_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool here")
NAME = re.compile(r"\bmemstored?_\w+")


def _promtool(*words: str | Path, place: Path = DEPLOY / "prometheus") -> tuple[int, str]:
    assert PROMTOOL is not None
    run = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False, cwd=place)
    return run.returncode, run.stdout + run.stderr


def _queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (annotation["expr"] for annotation in DASHBOARD["annotations"]["list"])


def _documented() -> set[str]:
    """Every name of the page of metrics, with those that Prometheus makes of a histogram."""
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    names = set(NAME.findall(page))
    return names | {f"{name}_{part}" for name in names for part in ("bucket", "count", "sum")}


@with_promtool
def test_the_rules_are_well_formed() -> None:
    """As Prometheus itself judges."""
    code, said = _promtool("check", "rules", ALERTS)

    assert code == 0, said


@with_promtool
def test_every_alert_fires_when_it_should() -> None:
    """And not before; the cases stand beside the rules."""
    code, said = _promtool("test", "rules", "alerts_test.yml")

    assert code == 0, said


@with_promtool
def test_every_query_of_the_dashboard_is_understood(tmp_path: Path) -> None:
    """With its variables replaced, as Grafana does before it asks."""
    rules = [
        {"record": f"query_{number}", "expr": re.sub(r"\$\w+", ".*", query)}
        for number, query in enumerate(_queries())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    code, said = _promtool("check", "rules", file)

    assert rules
    assert code == 0, said


def test_what_is_asked_for_is_exported() -> None:
    """Every metric of the rules and of the dashboard is on the page of metrics."""
    variables = [v["definition"] for v in DASHBOARD["templating"]["list"] if "definition" in v]
    asked = set(NAME.findall("\n".join([ALERTS.read_text(), *_queries(), *variables])))

    assert {figure.name for figure in FIGURES} & asked
    assert asked - _documented() - {"memstored_process_cpu_seconds_total"} == set()


def test_every_alert_has_a_case_and_a_page() -> None:
    """Its case tests it, its heading says what to do."""
    text, cases = ALERTS.read_text(), (ALERTS.with_name("alerts_test.yml")).read_text()
    page = (ROOT / "docs/how-to/answer-an-alert.md").read_text(encoding="utf-8")
    alerts = re.findall(r"alert: (\w+)", text)
    linked = re.findall(r"runbook_url: docs/how-to/answer-an-alert\.md#(\w+)", text)

    assert alerts
    assert linked == [alert.lower() for alert in alerts]
    assert [alert for alert in alerts if f"\n## {alert}\n" not in page] == []
    assert [alert for alert in alerts if f"alertname: {alert}\n        exp_alerts" not in cases] == []


def test_panels_do_not_lie_over_each_other() -> None:
    """Each has its own id and its own place."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(ids) == len(set(ids))
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
