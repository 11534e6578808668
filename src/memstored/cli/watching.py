"""`--wait`: what is done is shown step by step until it has ended, also in a pipe, line by line.

Progress goes to standard error, so that standard output holds the result alone.
"""

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from memstored.cli.errors import Stop
from memstored.cli.output import console, size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from memstored.client import Client
    from memstored.client.models import Backup, InstanceSet, Operation, Step

__all__ = ["await_backup", "await_operation", "await_running"]

MARKS = {"pending": " ", "running": ">", "succeeded": "+", "failed": "x"}
STYLES = {"pending": "dim", "running": "yellow", "succeeded": "green", "failed": "red"}


def await_operation(client: "Client", set_id: str, timeout: float, *, after: str | None = None) -> None:
    """Show the set's newest operation until it ends; raises `Stop` when it fails, `TimedOut`.

    `after` is the id of the one before: when there is no newer one, what was asked for needed none.
    """
    last: Operation | None = None
    with _Show() as show:
        for last in client.follow(set_id, timeout=timeout):
            if last.id == after:
                return
            show.operation(last)
    if last is not None and last.state == "failed":
        raise Stop(f"The operation {last.kind} failed: {last.error}")


def await_running(client: "Client", set_id: str, timeout: float) -> "InstanceSet":
    """The same, and then wait for the set to be `Running`; returns it."""
    deadline = client.session.clock() + timeout
    await_operation(client, set_id, timeout)
    return client.wait_until_running(set_id, timeout=max(deadline - client.session.clock(), 0.0))


def await_backup(client: "Client", backup_id: str, timeout: float) -> "Backup":
    """Show how far a backup is until nothing is done with it; returns it. Raises `Stop`, `TimedOut`."""
    last: Backup | None = None
    with _Show() as show:
        for last in client.follow_backup(backup_id, timeout=timeout):
            show.line(_backup_line(last))
    if last is None:
        raise Stop("The backup is gone.")
    return last


class _Show:
    """What is seen while something is waited for: redrawn in place in a terminal, added to elsewhere."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._alive = sys.stderr.isatty()
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._alive:
            from rich.live import Live  # noqa: PLC0415 - only who waits in a terminal needs it

            self._live = Live(console=self._console, transient=False, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Leave what was drawn last."""
        if self._alive:
            self._live.stop()

    def operation(self, it: "Operation") -> None:
        """An operation as it is now."""
        if self._alive:
            self._live.update(_drawn(it), refresh=True)
        else:
            self._say(_step_line(step) for step in it.steps if step.state != "pending")
            if it.total_bytes:
                self._say([f"{it.step}: {_bytes(it)}"])

    def line(self, text: str) -> None:
        """One line as it is now."""
        if self._alive:
            self._live.update(text, refresh=True)
        else:
            self._say([text])

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._said:
                self._said.add(line)
                sys.stderr.write(f"{line}\n")


def _drawn(it: "Operation") -> "RenderableType":
    from rich.table import Table  # noqa: PLC0415 - only who waits in a terminal needs it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for step in it.steps:
        style = STYLES.get(step.state, "")
        moved = _bytes(it) if step.state == "running" and it.total_bytes else _took(step)
        table.add_row(*(Text(cell, style=style) for cell in (MARKS.get(step.state, "?"), step.name, moved)))
    table.add_row("", Text(f"{it.percent} %", style="bold"), "")
    return table


def _step_line(step: "Step") -> str:
    return f"{step.name}: {step.state}{', ' if _took(step) else ''}{_took(step)}"


def _took(step: "Step") -> str:
    if step.started_at is None or step.finished_at is None:
        return ""
    return f"{(step.finished_at - step.started_at).total_seconds():.2f} s"


def _bytes(it: "Operation") -> str:
    return f"{size(it.transferred_bytes)} of {size(it.total_bytes)}, {it.percent} %"


def _backup_line(it: "Backup") -> str:
    doing = "being verified" if it.verifying else it.status
    if it.progress is None:
        return f"{it.name}: {doing}"
    whole = f" of {size(it.progress.total_bytes)}" if it.progress.total_bytes else ""
    part = f", {it.progress.percent} %" if it.progress.percent is not None else ""
    return f"{it.name}: {doing}, {size(it.progress.bytes)}{whole}{part}"
