"""`--wait`: what is done is shown step by step until it has ended, also in a pipe, line by line.

Progress goes to standard error, so that standard output holds the result alone.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from memstored.cli.errors import Stop
from memstored.cli.output import console, size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from memstored.client import Client
    from memstored.client.models import ApplyProgress, Backup, InstanceSet, Operation, Step

    Line = tuple[str, str, str]
    """What is done: its state, its name, and what there is to say of it."""

__all__ = ["await_applied", "await_backup", "await_operation", "await_running", "interruptible"]

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""
MARKS = {"pending": " ", "running": ">", "succeeded": "+", "failed": "x"}
STYLES = {"pending": "dim", "running": "yellow", "succeeded": "green", "failed": "red"}
STATES = {"Pending": "pending", "Applying": "running", "In-Sync": "succeeded", "Suspended": "pending"}
"""How what is said of a set and its parameter group is shown; everything else as failed."""


@contextmanager
def interruptible(look: str) -> Iterator[None]:
    """Around waiting: Ctrl-C ends that and nothing else, and the command `look` tells how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stop(f"It goes on; `memstored {look}` tells how far it is.", code=INTERRUPTED) from None


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


def await_applied(client: "Client", group_id: str, timeout: float) -> None:
    """Show how the values of a group come to its sets, one after the other; raises `Stop`, `TimedOut`."""
    last: Sequence[ApplyProgress] = ()
    with _Show() as show:
        for last in client.follow_apply(group_id, timeout=timeout):
            show.lines([line for it in last for line in _apply_lines(it)])
    left = [it.linked for it in last if it.linked.apply_status != "In-Sync"]
    if left:
        said = [f"  {it.name}: {it.error or it.apply_status}" for it in left]
        raise Stop("\n".join(["The values did not come to every set.", *said]))


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
        self.lines([_step_line(step, it) for step in it.steps])

    def lines(self, lines: "Sequence[Line]") -> None:
        """Each of these as it is now; in a pipe those that have begun, when that is news."""
        if self._alive:
            self._live.update(_drawn(lines), refresh=True)
        else:
            self._say(_written(*it) for it in lines if it[0] != "pending")

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


def _drawn(lines: "Sequence[Line]") -> "RenderableType":
    from rich.table import Table  # noqa: PLC0415 - only who waits in a terminal needs it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for state, name, note in lines:
        style = STYLES.get(state, "")
        table.add_row(*(Text(cell, style=style) for cell in (MARKS.get(state, "?"), name, note)))
    return table


def _written(state: str, name: str, note: str) -> str:
    return f"{name}: {', '.join(filter(None, (state, note)))}"


def _step_line(step: "Step", of: "Operation") -> "Line":
    return step.state, step.name, _so_far(of) if step.state == "running" else _took(step)


def _apply_lines(it: "ApplyProgress") -> "Iterator[Line]":
    """A set, and while its nodes get the values, which of them have."""
    linked = it.linked
    yield STATES.get(linked.apply_status, "failed"), linked.name, linked.apply_status
    for step in it.operation.steps if it.operation else ():
        yield step.state, f"{linked.name} {step.name}", _took(step)


def _took(step: "Step") -> str:
    if step.started_at is None or step.finished_at is None:
        return ""
    return f"{(step.finished_at - step.started_at).total_seconds():.2f} s"


def _so_far(it: "Operation") -> str:
    moved = f"{size(it.transferred_bytes)} of {size(it.total_bytes)}, " if it.total_bytes else ""
    return f"{moved}{it.percent} %"


def _backup_line(it: "Backup") -> str:
    doing = "being verified" if it.verifying else it.status
    if it.progress is None:
        return f"{it.name}: {doing}"
    whole = f" of {size(it.progress.total_bytes)}" if it.progress.total_bytes else ""
    part = f", {it.progress.percent} %" if it.progress.percent is not None else ""
    return f"{it.name}: {doing}, {size(it.progress.bytes)}{whole}{part}"
