"""`memstored user`: what those need who log in to sets, through the API."""

import typer

from memstored.cli.errors import Stop
from memstored.cli.remote import Desk, remote
from memstored.cli.secrets import secret

__all__ = ["app"]

app = typer.Typer(help="Users of sets.", no_args_is_help=True)

USAGE = 2


@app.callback()
def user() -> None:
    """Users of sets."""


@app.command("password-encrypt")
@remote
def password_encrypt(desk: Desk) -> None:
    """Encrypt a password so that the API takes it.

    What is printed goes into `user.password`, and is all that is printed.

    The password is asked for twice and not shown. Piped in, it is all that comes, less one line break at the
    end. It goes nowhere but through the service's public key; the key changes now and then, so use what is
    printed within a day.
    """
    try:
        typer.echo(desk.client.encrypt_password(secret("Password", again=True)))
    except ValueError as fault:
        raise Stop(str(fault), code=USAGE) from None
