"""`memstored certificates`: whom clients trust, and new certificates, through the API."""

from typing import Annotated

import typer

from memstored.cli import completing, names
from memstored.cli.errors import Stop
from memstored.cli.remote import Desk, remote

__all__ = ["app"]

app = typer.Typer(help="Certificates of sets with TLS.", no_args_is_help=True)

USAGE = 2


@app.command()
@remote
def trusted(desk: Desk) -> None:
    """Print the authorities that clients are to trust, in PEM."""
    typer.echo(desk.client.show_authorities(), nl=False)


@app.command()
@remote
def renew(
    desk: Desk,
    sets: Annotated[
        list[str] | None,
        typer.Argument(metavar="SET", help="Names or ids of sets.", autocompletion=completing.set_names),
    ] = None,
    *,
    authority: Annotated[
        bool,
        typer.Option("--authority", help="Make another certificate authority, which takes over in time."),
    ] = False,
) -> None:
    """Give every node of these sets another certificate.

    Or with --authority let another certificate authority take over in time.
    """
    if bool(sets) == authority:
        raise Stop("Name the sets whose certificates are to be renewed, or give --authority.", code=USAGE)
    if authority:
        made = desk.client.renew_authority()
        typer.echo(f"Authority {made} was made; clients should fetch whom to trust before it signs.")
    for name in sets or ():
        desk.client.renew_certificates(names.set_id(desk.client, name))
        typer.echo(f"The certificates of {name} are being renewed.")
