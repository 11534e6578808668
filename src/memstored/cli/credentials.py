"""`memstored credential`: application credentials of further callers, through the API."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli.errors import Stop
from memstored.cli.output import plain, print_rows
from memstored.cli.remote import Desk, remote

if TYPE_CHECKING:
    from memstored.client.models import Role

__all__ = ["app"]

app = typer.Typer(help="Credentials of further callers.", no_args_is_help=True)

USAGE = 2


@app.command()
@remote
def create(
    desk: Desk,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the credential.")],
    role: Annotated[
        list[str], typer.Option(metavar="ROLE", help="reader, member or admin; may be repeated.")
    ],
    project: Annotated[
        str | None,
        typer.Option(help="The project id (32 hex digits as a rule); without it the caller's own."),
    ] = None,
) -> None:
    """Make a credential and print it as JSON.

    Its secret is shown this once.
    """
    made = desk.client.create_credential(name, _roles(role), project_id=project)
    typer.echo(json.dumps(plain(made), indent=2))


@app.command("list")
@remote
def list_all(desk: Desk) -> None:
    """Show all credentials, without secrets."""
    print_rows(
        desk.client.list_credentials(),
        desk.output,
        row=lambda it: {
            "id": it.id,
            "name": it.name,
            "project": it.project_id,
            "roles": ", ".join(it.roles),
            "user": it.user_name,
        },
        name=lambda it: it.name,
    )


@app.command()
@remote
def delete(
    desk: Desk,
    credential_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the credential.")],
) -> None:
    """Delete a credential; its tokens end at once."""
    desk.client.delete_credential(credential_id)
    typer.echo(f"Deleted {credential_id}.")


def _roles(words: list[str]) -> "list[Role]":
    roles: list[Role] = []
    for word in words:
        if word not in ("reader", "member", "admin"):
            raise Stop(f"Give a role out of reader, member, admin; {word} is none.", code=USAGE)
        roles.append(word)  # type: ignore[arg-type]  # one of the three
    return roles
