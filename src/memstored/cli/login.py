"""`memstored login` and `memstored profile`: with which services, and as whom, this user speaks."""

from pathlib import Path
from typing import Annotated

import typer

from memstored.cli.errors import Stop
from memstored.cli.output import Output, print_rows
from memstored.cli.profiles import Profile, Profiles
from memstored.cli.remote import OutputForm
from memstored.cli.secrets import secret

__all__ = ["app", "login", "profile_names"]

app = typer.Typer(help="Profiles that `login` has kept.", no_args_is_help=True)

USAGE = 2


def profile_names(incomplete: str) -> list[str]:
    """Profiles whose names begin so, for shells."""
    try:
        return [name for name in Profiles.load().by_name if name.startswith(incomplete)]
    except Stop:
        return []


ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="Its name.", autocompletion=profile_names)
]


def login(
    profile: Annotated[str, typer.Option(help="What it is called; several can be kept.")] = "default",
    url: Annotated[str | None, typer.Option(help="The service, like https://redis.example:8700.")] = None,
    credential_id: Annotated[
        str | None,
        typer.Option("--credential-id", help="The credential; its secret is asked for, or piped in."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Take all of it from a credentials.json.")] = None,
    auth_url: Annotated[
        str | None, typer.Option(help="Where tokens come from, when that is not the service.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates to trust the service by, instead of the system's.")
    ] = None,
) -> None:
    """Keep a service and a credential, to use from now on.

    They are tried before anything is kept.
    """
    kept = _read(file, ca_file) if file else _asked(url, credential_id, auth_url, ca_file)
    from memstored.cli.data import profile_client  # noqa: PLC0415 - the HTTP library is for who calls

    with profile_client(kept) as client:
        token = client.new_token()
    where = Profiles.load().with_profile(profile, kept).save()
    typer.echo(f"{token.user_name} at {kept.url}, kept as {profile} in {where}.")


@app.command("list")
def list_all(output: OutputForm = Output.TABLE) -> None:
    """Show the profiles, without secrets."""
    profiles = Profiles.load()
    rows = [
        {"name": name, "url": it.url, "credential": it.credential_id} for name, it in profiles.by_name.items()
    ]
    used = profiles.current
    print_rows(
        rows,
        output,
        row=lambda it: {"": "*" if it["name"] == used else "", **it},
        name=lambda it: it["name"],
    )


@app.command()
def use(name: ProfileName) -> None:
    """Use this one when none is named."""
    Profiles.load().using(name).save()
    typer.echo(name)


@app.command()
def remove(name: ProfileName) -> None:
    """Forget a profile; its credential stays valid until it is deleted."""
    Profiles.load().without(name).save()
    typer.echo(name)


def _read(file: Path, ca_file: Path | None) -> Profile:
    from memstored.client.transport import read_access  # noqa: PLC0415 - the HTTP library is for who calls

    try:
        named = read_access(file)
    except OSError as error:
        raise Stop(f"{file} can not be read: {error.strerror}.", code=USAGE) from None
    return Profile(**named, ca_file=_absolute(ca_file))


def _asked(url: str | None, credential_id: str | None, auth_url: str | None, ca_file: Path | None) -> Profile:
    if url is None or credential_id is None:
        raise Stop("Give --url and --credential-id, or --file with a credentials.json.", code=USAGE)
    return Profile(
        url=url.rstrip("/"),
        credential_id=credential_id,
        secret=secret("Secret", again=False),
        auth_url=auth_url,
        ca_file=_absolute(ca_file),
    )


def _absolute(file: Path | None) -> str | None:
    return None if file is None else str(file.absolute())
