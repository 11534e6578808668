"""The command `memstored`.

What only some commands need is imported by them: the server's rooms take a second, the client half of one.
"""

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from memstored.cli import backups, certificates, credentials, state, users
from memstored.cli.errors import Stop
from memstored.client.errors import ApiFault, Unreachable
from memstored.telemetry.logs import LogForm, configure

__all__ = ["app", "main"]

app = typer.Typer(
    name="memstored",
    help="A managed Redis service that anyone can run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(backups.app, name="backup")
app.add_typer(certificates.app, name="certificates")
app.add_typer(credentials.app, name="credential")
app.add_typer(state.app, name="state")
app.add_typer(users.app, name="user")

DataDir = Annotated[
    Path, typer.Option("--data-dir", help="The folder that holds everything of this service.")
]
REFUSED = 3


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen at; 0: any free one.")
    ] = 8700,
    data_dir: DataDir = Path("data"),
    catalogue: Annotated[
        Path | None, typer.Option(help="A TOML file with flavors, subnets, security groups.")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="A TOML file with quotas and failover settings.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="A PEM file with the certificate of the API and those above it.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="A PEM file with its key.")] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where callers find the API, if not where it listens: behind a proxy.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="An address or network whose X-Forwarded-For is believed; may be given again."),
    ] = None,
    log_format: Annotated[LogForm, typer.Option(help="How log lines look.")] = LogForm.CONSOLE,
) -> None:
    """Run the service until Ctrl-C or SIGTERM; the Redis nodes go on serving."""
    # What is made now stays for good: looking through it for garbage, again and again, costs a sixth of it.
    gc.disable()
    from memstored.cli.front import read_front  # noqa: PLC0415 - see the head of the file
    from memstored.cli.serve import serve as serve_forever  # noqa: PLC0415 - see the head of the file

    gc.freeze()
    gc.enable()
    configure(log_format)
    front = read_front(tls_cert=tls_cert, tls_key=tls_key, public_url=public_url, proxies=trusted_proxy or ())
    serve_forever(host, port, data_dir, catalogue, settings, front=front)


@app.command()
def token(data_dir: DataDir = Path("data")) -> None:
    """Print a token of the first admin; the service must be running."""
    from memstored.cli import data  # noqa: PLC0415 - see the head of the file

    typer.echo(data.new_token(data_dir))


@app.command()
def purge(
    data_dir: DataDir,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    catalogue: Annotated[
        Path | None, typer.Option(help="The catalogue file that the service was run with.")
    ] = None,
) -> None:
    """End every node of a data folder and remove what memstored made in it but backups."""
    if not yes:
        typer.confirm(f"End every node of {data_dir} and remove it with all data?", abort=True)
    from memstored.cli.purge import purge as end_all  # noqa: PLC0415 - see the head of the file

    done = end_all(data_dir, catalogue)
    typer.echo(f"Ended {done.nodes} nodes and removed {data_dir}.")
    if done.left:
        typer.echo(f"Left alone, as backups or not memstored's: {', '.join(done.left)}.")


@app.command()
def engines(
    settings: Annotated[
        Path | None, typer.Option(help="The settings file that the service is run with.")
    ] = None,
) -> None:
    """Show every Redis program that is here, what it can do, and why it is not offered."""
    from memstored.cli.engines import show  # noqa: PLC0415 - see the head of the file

    show(settings)


@app.command()
def demo() -> None:
    """A tour of about 20 s: create a set, write, kill the primary under load, watch it heal."""
    from memstored.cli import tour  # noqa: PLC0415 - see the head of the file

    tour.run()


def main() -> None:
    """Run the command that was typed; every failure is one clear line and an exit code."""
    try:
        app()
    except Stop as stop:
        _fail(str(stop), stop.code)
    except Unreachable as unreachable:
        _fail(str(unreachable), 1)
    except ApiFault as fault:
        lines = [fault.message, *(f"  {d['field']}: {d['message']}" for d in fault.details)]
        _fail("\n".join(lines), REFUSED)


def _fail(message: str, code: int) -> None:
    typer.echo(f"memstored: {message}", err=True)
    sys.exit(code)
