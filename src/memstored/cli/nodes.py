"""`memstored node`: the nodes of a set, through the API."""

from typing import TYPE_CHECKING

import typer

from memstored.cli import names
from memstored.cli.output import Row, print_rows
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import SetName

if TYPE_CHECKING:
    from memstored.client.models import Instance

__all__ = ["app"]

app = typer.Typer(help="Nodes of sets.", no_args_is_help=True)


@app.callback()
def node() -> None:
    """Nodes of sets."""


@app.command("list")
@remote
def list_all(desk: Desk, name: SetName) -> None:
    """Show the nodes of a set, the primary first."""
    nodes = desk.client.list_instances(names.set_id(desk.client, name))
    print_rows(nodes, desk.output, row=_row, name=lambda it: it.instance_name)


def _row(it: "Instance") -> Row:
    return {
        "name": it.instance_name,
        "role": it.role,
        "status": it.status,
        "address": it.endpoint,
        "id": it.object_id,
    }
