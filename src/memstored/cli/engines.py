"""`memstored engines`: which Redis programs are here, as a service that is started now would find them."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from memstored.cli.settings import read_settings
from memstored.domain.engine import Capabilities
from memstored.runtime.engines import Finding, take_inventory

__all__ = ["show", "table"]


def show(settings: Path | None) -> None:
    """Print what is found; asks the programs themselves, no service. Raises `Stop` for a faulty file."""
    folders = [Path(folder) for folder in read_settings(settings).engines.folders]
    findings = asyncio.run(take_inventory(folders))
    Console(highlight=False).print(table(findings) if findings else "No Redis program is here.")


def table(findings: Iterable[Finding]) -> Table:
    """A row a program; it reads well in 80 columns, whatever the length of names."""
    rows = Table(box=None, padding=(0, 2, 1, 0))
    for column in ("version", "engine", "TLS"):
        rows.add_column(column, no_wrap=True)
    rows.add_column("where, what it can do", overflow="fold")
    for finding in findings:
        engine = finding.engine
        tls = "yes" if engine.tls else "no"
        rows.add_row(engine.version, finding.product.value, tls, _account(finding))
    return rows


def _account(finding: Finding) -> Text:
    lines = [Text(finding.engine.program)]
    if finding.capabilities is not None:
        lines.append(Text(", ".join(_abilities(finding.capabilities)), style="dim"))
    if finding.obstacle is not None:
        lines.append(Text(f"not offered: {finding.obstacle}", style="yellow"))
    return Text("\n").join(lines)


def _abilities(capabilities: Capabilities) -> list[str]:
    """As the API names them (API.md 3); who can not float addresses needs somebody to carry them."""
    can = [name.replace("_", " ") for name, able in asdict(capabilities).items() if able]
    return can if capabilities.floating else ["addresses behind HAProxy", *can]
