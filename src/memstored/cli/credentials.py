"""`memstored credential`: application credentials of further callers, through the API.

The client and the table are imported when they are needed: every other command loads this file too.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = ["app"]

app = typer.Typer(help="Credentials of further callers.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option("--data-dir", help="The data folder of the running service.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for the credential.")],
    role: Annotated[list[str], typer.Option(help="reader, member or admin; may be given more than once.")],
    project: Annotated[
        str | None,
        typer.Option(help="The project id (32 hex digits as a rule); without it the caller's own."),
    ] = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Make a credential and print it as JSON: its secret is shown this once."""
    body = {"name": name, "roles": role} | ({"projectId": project} if project else {})
    with _client(data_dir) as caller:
        typer.echo(json.dumps(caller.post("/v1/credentials", body), indent=2))


@app.command("list")
def list_all(data_dir: DataDir = Path("data")) -> None:
    """Show all credentials, without secrets."""
    with _client(data_dir) as caller:
        rows = caller.get("/v1/credentials")["credentials"]
    from rich.console import Console  # noqa: PLC0415 - see the head of the file
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None)
    for column in ("id", "name", "project", "roles", "user"):
        table.add_column(column, no_wrap=column in ("id", "name"), overflow="fold")
    for row in rows:
        table.add_row(row["id"], row["name"], row["projectId"], ", ".join(row["roles"]), row["userName"])
    Console().print(table)


@app.command()
def delete(
    credential_id: Annotated[str, typer.Argument(help="The id of the credential.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Delete a credential; its tokens end at once."""
    with _client(data_dir) as caller:
        caller.delete(f"/v1/credentials/{credential_id}")
    typer.echo(f"Deleted {credential_id}.")


def _client(data_dir: Path) -> "Client":
    from memstored.cli.data import client  # noqa: PLC0415 - see the head of the file

    return client(data_dir)
