"""`memstored backup`: backups, through the API.

The client and the progress bar are imported when they are needed: every other command loads this file too.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memstored.cli.errors import Stop

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = ["app", "await_verdict"]

app = typer.Typer(help="Backups of sets.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option("--data-dir", help="The data folder of the running service.")]

LOOK = 0.5
"""Seconds between two questions how far it is."""
UNDECIDED = 4
"""The exit code when it could not be found out whether a backup is whole."""

Row = Mapping[str, Any]


@app.callback()
def backup() -> None:
    """Backups of sets."""


@app.command()
def verify(
    backup_id: Annotated[str, typer.Argument(help="The id of the backup.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Prove that a backup can be restored: read it again, load it into a Redis of its own, count its keys.

    Exit code 1: it is damaged; 4: that could not be found out.
    """
    from rich.console import Console  # noqa: PLC0415 - see the head of the file
    from rich.progress import Progress  # noqa: PLC0415

    from memstored.cli.data import client  # noqa: PLC0415

    with client(data_dir) as caller, Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"Verifying {backup_id}", total=None)
        row = await_verdict(
            caller, backup_id, lambda done, total: bar.update(task, completed=done, total=total)
        )
    typer.echo(f"{row['name']} is whole: {row['size']} bytes, {_keys(row)}, SHA-256 {row['checksum']}.")


def await_verdict(
    caller: "Client",
    backup_id: str,
    show: Callable[[int, int | None], object],
    *,
    pause: Callable[[float], object] = time.sleep,
) -> Row:
    """Have a backup verified and wait for the end; returns the backup when it is whole.

    `show` is told how many bytes were read, and of how many. Raises `Stop` when it is damaged, or when that
    could not be found out.
    """
    path = f"/v1/backups/{backup_id}"
    caller.post(f"{path}/verify", {})
    row: Row = caller.get(path)
    while row["verifying"]:
        if row["progress"] is not None:
            show(row["progress"]["bytes"], row["progress"]["totalBytes"])
        pause(LOOK)
        row = caller.get(path)
    if row["damage"] is not None:
        raise Stop(f"The backup {row['name']} is damaged. {row['damage']}")
    if row["reason"] is not None:
        raise Stop(f"The backup {row['name']}: {row['reason']}", code=UNDECIDED)
    return row


def _keys(row: Row) -> str:
    return "keys not counted" if row["keys"] is None else f"{row['keys']} keys"
