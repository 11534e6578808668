"""The command `memstored`.

What only some commands need is imported by them: the server's rooms take a second, the client half of one.
"""

import errno
import gc
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from memstored.cli import (
    backups,
    catalogue,
    certificates,
    connect,
    credentials,
    history,
    login,
    nodes,
    parameters,
    sets,
    state,
    users,
    webhooks,
)
from memstored.cli.errors import Stop
from memstored.cli.extra import server_rooms
from memstored.cli.output import Output
from memstored.cli.remote import Desk, OutputForm, remote
from memstored.client.errors import ApiFault, ClientError, NotFound, TimedOut, Unauthorized
from memstored.telemetry.form import LogForm

__all__ = ["app", "main"]

ORDER = (
    *("set", "node", "backup", "parameters", "events", "webhook", "operations", "connect"),
    *("catalogue", "user", "certificates", "login", "profile", "token", "credential"),
    *("serve", "engines", "doctor", "state", "purge", "demo"),
)
"""What people do with sets, whom they are known as, and what they do who run the service."""

_YOUNG = 20_000
"""Objects made and kept until the service looks for garbage.

Asking each node of a hundred sets once makes some thousand, none of them garbage; what is in cycles, as a
failure with its traceback, may wait for a while.
"""


class _InOrder(TyperGroup):
    """Commands and groups of them, as people look for them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's, which typer brings along
        """Their names."""
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    name="memstored",
    cls=_InOrder,
    help="A managed Redis service that anyone can run.",
    no_args_is_help=True,
    rich_markup_mode=None,  # its boxes and columns leave half of 80 columns to the words
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(sets.app, name="set")
app.add_typer(nodes.app, name="node")
app.add_typer(backups.app, name="backup")
app.add_typer(parameters.app, name="parameters")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(certificates.app, name="certificates")
app.add_typer(credentials.app, name="credential")
app.add_typer(state.app, name="state")
app.add_typer(users.app, name="user")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(login.app, name="profile")
app.command()(history.events)
app.command()(history.operations)
# What follows the set is for redis-cli, also where it begins with a dash.
app.command(context_settings={"allow_interspersed_args": False})(connect.connect)
app.command()(login.login)

DataDir = Annotated[
    Path, typer.Option("--data-dir", help="The folder that holds everything of this service.")
]
UNKNOWN_CALLER = (
    "The service does not know that credential or token, or not any more. "
    "`memstored login` keeps another; `memstored profile list` shows those that are kept."
)
USAGE, REFUSED, UNDECIDED, NOT_FOUND = 2, 3, 4, 5


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="The port to listen at; 0: any free one.")
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
        typer.Option(
            metavar="ADDRESS",
            help="An address or network whose X-Forwarded-For is believed; may be repeated.",
        ),
    ] = None,
    log_format: Annotated[LogForm, typer.Option(help="How log lines look.")] = LogForm.CONSOLE,
) -> None:
    """Run the service until Ctrl-C or SIGTERM.

    The Redis nodes go on serving when it ends.
    """
    # What is made now stays for good: looking through it for garbage, again and again, costs a sixth of it.
    gc.disable()
    with server_rooms():
        from memstored.cli.front import read_front  # noqa: PLC0415
        from memstored.cli.serve import serve as serve_forever  # noqa: PLC0415 - see the head of the file
        from memstored.telemetry.logs import configure  # noqa: PLC0415

    gc.freeze()
    gc.set_threshold(_YOUNG)
    gc.enable()
    configure(log_format)
    front = read_front(tls_cert=tls_cert, tls_key=tls_key, public_url=public_url, proxies=trusted_proxy or ())
    serve_forever(host, port, data_dir, catalogue, settings, front=front)


@app.command()
@remote
def token(desk: Desk) -> None:
    """Print a fresh token of whoever is meant."""
    typer.echo(desk.client.new_token().value)


@app.command()
def purge(
    data_dir: DataDir,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    catalogue: Annotated[
        Path | None, typer.Option(help="The catalogue file that the service was run with.")
    ] = None,
) -> None:
    """End every node of a data folder, and remove what is in it.

    All that memstored made in it goes, but backups.
    """
    if not yes:
        typer.confirm(f"End every node of {data_dir} and remove it with all data?", abort=True)
    with server_rooms():
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
    """Show every Redis program that is here.

    What each can do, and why it is not offered to the sets of a service here.
    """
    from memstored.cli.engines import show  # noqa: PLC0415 - see the head of the file

    show(settings)


@app.command()
def doctor(
    data_dir: DataDir = Path("data"),
    settings: Annotated[
        Path | None, typer.Option(help="The settings file that the service is run with.")
    ] = None,
    output: OutputForm = Output.TABLE,
) -> None:
    """Look for what is in the way of a service on this machine.

    Each finding says what to do about it.
    """
    from memstored.cli.doctor import report  # noqa: PLC0415 - see the head of the file

    report(data_dir, settings, output)


@app.command()
def demo() -> None:
    """Show a set that is killed under load and heals.

    A tour of about 20 s in a service of its own, of which nothing is left.
    """
    with server_rooms():
        from memstored.cli import tour  # noqa: PLC0415 - see the head of the file

    tour.run()


def main() -> None:
    """Run the command that was typed; every failure is one clear line and an exit code."""
    _print_whatever_there_is()
    try:
        _run()
    except Stop as stop:
        _fail(str(stop), stop.code)
    except Unauthorized:
        _fail(UNKNOWN_CALLER, REFUSED)
    except ApiFault as fault:
        _fail(told(fault), NOT_FOUND if isinstance(fault, NotFound) else REFUSED)
    except TimedOut as late:
        _fail(f"{late} --timeout waits longer.", UNDECIDED)
    except ClientError as trouble:
        _fail(str(trouble), 1)
    except UnicodeEncodeError:
        _fail(_unsendable(), USAGE)
    except OSError as fault:
        if fault.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # Nothing may be written at the end, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if fault.errno == errno.ENOSPC:
            _fail("The output can not be written: no space is left.", 1)
        sys.exit(1)  # whoever read the output has seen enough


def _run() -> None:
    """Whether all could be printed shows at the latest here."""
    try:
        app()
    finally:
        sys.stdout.flush()


def _print_whatever_there_is() -> None:
    """What the terminal has no signs for is printed by their numbers, as Python does on standard error."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _unsendable() -> str:
    """Why a request could not be written; bytes that are no UTF-8 are surrogates here, which no text has."""
    words = [ascii(word) for word in sys.argv[1:] if word != word.encode(errors="replace").decode()]
    if words:
        return f"Type words in UTF-8; this can not be sent: {', '.join(words)}."
    return "The token, or something else out of a variable or a profile, has signs that can not be sent."


def told(fault: ApiFault) -> str:
    """What the service said, and each field that is wrong, unless that would be the same again."""
    details = [f"  {d.field}: {d.message}" for d in fault.details if d.message != fault.message]
    only = [f"  ({d.field})" for d in fault.details if d.message == fault.message and d.field]
    return "\n".join([fault.message, *details, *only])


def _fail(message: str, code: int) -> None:
    typer.echo(f"memstored: {message}", err=True)
    sys.exit(code)
