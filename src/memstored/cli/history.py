"""`memstored events` and `memstored operations`: what happened, and what was done, through the API."""

import sys
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from memstored.cli import completing, names
from memstored.cli.errors import Stop
from memstored.cli.output import Row, moment, print_rows
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import SetName

if TYPE_CHECKING:
    from memstored.client.models import Event, Operation

__all__ = ["events", "operations"]

USAGE = 2
FEW = 50
Most = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="So many at most.")]
Time = Annotated[str | None, typer.Option(help="A time like 2026-01-31T23:59:59Z, or a day.")]


class _Wanted(TypedDict):
    """Which events, as the client calls it."""

    resource_id: str | None
    name: str | None
    since: datetime | None
    until: datetime | None


@remote
def events(
    desk: Desk,
    set_name: Annotated[
        str | None, typer.Option("--set", help="Those of one set.", autocompletion=completing.set_names)
    ] = None,
    name: Annotated[str | None, typer.Option(help="Those of this name, like 'Cluster Failover'.")] = None,
    since: Time = None,
    until: Time = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="So many at most; by default 50, with --export all."),
    ] = None,
    *,
    export: Annotated[bool, typer.Option("--export", help="As JSON lines, in the API's own words.")] = False,
) -> None:
    """Show what happened in the project, newest first.

    To what is gone, too.
    """
    wanted: _Wanted = {
        "resource_id": names.set_id(desk.client, set_name) if set_name else None,
        "name": name,
        "since": _time(since),
        "until": _time(until),
    }
    if export:
        for line in islice(desk.client.export_events(**wanted), limit):
            sys.stdout.write(f"{line}\n")
    else:
        found = islice(desk.client.list_events(**wanted), limit or FEW)
        row = _event_of_one if set_name else _event
        print_rows(list(found), desk.output, row=row, name=lambda it: it.id)


@remote
def operations(desk: Desk, name: SetName, limit: Most = 20) -> None:
    """Show what was done to a set, newest first."""
    found = desk.client.list_operations(names.set_id(desk.client, name))
    print_rows(list(islice(found, limit)), desk.output, row=_operation, name=lambda it: it.id)


def _event(it: "Event") -> Row:
    return {"time (UTC)": moment(it.time), "of": it.resource_name, "event": it.name, "": it.message}


def _event_of_one(it: "Event") -> Row:
    return {"time (UTC)": moment(it.time), "event": it.name, "": it.message}


def _operation(it: "Operation") -> Row:
    took = "" if it.finished_at is None else f"{(it.finished_at - it.started_at).total_seconds():.1f} s"
    return {
        "time (UTC)": moment(it.started_at),
        "operation": it.kind,
        "state": it.state,
        "step": it.step,
        "%": str(it.percent),
        "took": took,
        "error": it.error or "",
    }


def _time(text: str | None) -> datetime | None:
    """Without a zone it is the one of this machine."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise Stop(f"Give a time like 2026-01-31T23:59:59Z, or a day; {text} is none.", code=USAGE) from None
