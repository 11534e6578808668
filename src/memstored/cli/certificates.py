"""`memstored certificates`: whom clients trust, and new certificates, through the API."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli.errors import Stop

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = ["app"]

app = typer.Typer(help="Certificates of sets with TLS.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option("--data-dir", help="The data folder of the running service.")]
USAGE = 2
_BUNDLE = "/v1/redis/ca-certificate"


@app.command()
def trusted(data_dir: DataDir = Path("data")) -> None:
    """Print the certificates of the authorities that clients are to trust, in PEM."""
    with _client(data_dir) as caller:
        typer.echo(caller.text(_BUNDLE), nl=False)


@app.command()
def renew(
    names: Annotated[list[str] | None, typer.Argument(help="Names or ids of sets.")] = None,
    *,
    authority: Annotated[
        bool,
        typer.Option("--authority", help="Make another certificate authority, which takes over in time."),
    ] = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """Give every node of these sets another certificate; or let another authority take over in time."""
    if bool(names) == authority:
        raise Stop("Name the sets whose certificates are to be renewed, or give --authority.", code=USAGE)
    with _client(data_dir) as caller:
        if authority:
            made = caller.post(f"{_BUNDLE}/renew", {})["objectId"]
            typer.echo(f"Authority {made} was made; clients should fetch whom to trust before it signs.")
        for name in names or ():
            caller.post(f"/v1/instance-sets/{_set_id(caller, name)}/certificates/renew", {})
            typer.echo(f"The certificates of {name} are being renewed.")


def _set_id(caller: "Client", name: str) -> str:
    """The id of the set of that name; what is no name is taken for an id."""
    rows = caller.get("/v1/instance-sets", name=name)["data"]
    return str(rows[0]["objectId"]) if rows else name


def _client(data_dir: Path) -> "Client":
    from memstored.cli.data import client  # noqa: PLC0415 - every other command loads this file too

    return client(data_dir)
