"""`memstored user`: what those need who log in to sets, through the API.

The client and the cipher are imported when they are needed: every other command loads this file too.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli.errors import Stop

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = ["app"]

app = typer.Typer(help="Users of sets.", no_args_is_help=True)

USAGE = 2


@app.callback()
def user() -> None:
    """Users of sets."""


@app.command("password-encrypt")
def password_encrypt(
    url: Annotated[
        str | None,
        typer.Option(
            envvar="MEMSTORED_URL",
            help="The address of the service; the token is taken from the variable MEMSTORED_TOKEN. "
            "Without it, the running service of the data folder.",
        ),
    ] = None,
    data_dir: Annotated[
        Path, typer.Option("--data-dir", help="The data folder of the running service.")
    ] = Path("data"),
) -> None:
    """Encrypt a password so that the API takes it as user.password, and print that alone.

    The password is asked for twice and not shown. Piped in, it is all that comes, less one line break at the
    end. It goes nowhere but through the service's public key; the key changes now and then, so use what is
    printed within a day.
    """
    from memstored.client.passwords import ALGORITHM, encrypt  # noqa: PLC0415 - see the head of the file

    password = _password()
    with _client(url, data_dir) as caller:
        key = caller.get("/v1/redis/password-key")
    if key["algorithm"] != ALGORITHM:
        raise Stop(
            f"The service wants {key['algorithm']}, which this memstored does not know; use a newer one."
        )
    try:
        typer.echo(encrypt(key["publicKey"], password))
    except ValueError as fault:
        raise Stop(str(fault), code=USAGE) from None


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Again", err=True))
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise Stop("Give the password in UTF-8.", code=USAGE) from None


def _client(url: str | None, data_dir: Path) -> "Client":
    if url is None:
        from memstored.cli.data import client  # noqa: PLC0415 - see the head of the file

        return client(data_dir)
    from memstored.cli.data import caller  # noqa: PLC0415

    return caller(url)
