"""`memstored backup`: backups, through the API. Names are taken wherever ids are."""

from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli import completing, names
from memstored.cli.errors import Stop
from memstored.cli.output import Row, moment, print_one, print_rows, size
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import Nodes, SetName, Timeout, Wait, Yes, confirmed, order
from memstored.cli.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memstored.client import Client
    from memstored.client.models import Backup, Event

__all__ = ["app", "verdict"]

app = typer.Typer(help="Backups of sets.", no_args_is_help=True)

UNDECIDED = 4
"""The exit code when it could not be found out whether a backup is whole, or was exported."""
EXPORT = "Backup Export"
BackupName = Annotated[
    str,
    typer.Argument(
        metavar="BACKUP", help="The name of a backup, or its id.", autocompletion=completing.backup_names
    ),
]


@app.command()
@remote
def create(
    desk: Desk,
    set_name: SetName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: 2 to 63 of a-z, 0-9 and -.")],
    *,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Save a set as it is, from one of its replicas."""
    backup_id = desk.client.create_backup(names.set_id(desk.client, set_name), name)
    _done(desk, backup_id, name, wait=wait, timeout=timeout)


@app.command("list")
@remote
def list_all(
    desk: Desk,
    set_name: Annotated[
        str | None,
        typer.Option("--set", help="Those of sets of this name.", autocompletion=completing.set_names),
    ] = None,
) -> None:
    """Show the backups of the project, the oldest first."""
    backups = desk.client.list_backups(cluster_name=set_name)
    print_rows(backups, desk.output, row=_row, name=lambda it: it.name)


@app.command()
@remote
def show(desk: Desk, name: BackupName) -> None:
    """Show everything about a backup."""
    _print(desk, desk.client.show_backup(names.backup_id(desk.client, name)))


@app.command()
@remote
def delete(desk: Desk, name: BackupName, *, yes: Yes = False) -> None:
    """Delete a backup."""
    backup_id = names.backup_id(desk.client, name)
    confirmed(f"Delete the backup {name}?", yes=yes)
    desk.client.delete_backup(backup_id)
    typer.echo(name)


@app.command()
@remote
def copy(
    desk: Desk,
    name: BackupName,
    copy_name: Annotated[str, typer.Argument(metavar="NAME", help="What the copy is called.")],
    *,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Keep the same data under another name; a copy never expires."""
    copy_id = desk.client.copy_backup(names.backup_id(desk.client, name), copy_name)
    _done(desk, copy_id, copy_name, wait=wait, timeout=timeout)


@app.command()
@remote
def export(
    desk: Desk,
    name: BackupName,
    path: Annotated[str, typer.Argument(metavar="PATH", help="Where to: bucket/folder/name.")],
    *,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Write a backup to a file of a bucket.

    It is a plain RDB, which any Redis of its version or later loads.
    """
    backup_id = desk.client.export_backup(names.backup_id(desk.client, name), path)
    if not wait:
        typer.echo(name)
        return
    asked = next(desk.client.list_events(resource_id=backup_id, name=EXPORT, limit=1), None)
    _done(desk, backup_id, name, wait=True, timeout=timeout)
    if asked is None:
        raise Stop(f"How the export of {name} ended is not on record; look for {path}.", code=UNDECIDED)
    failed = next((it for it in _failures(desk.client, backup_id) if it.cause_id == asked.id), None)
    if failed is not None:
        raise Stop(f"The export of {name} failed. {failed.message}")


@app.command()
@remote
def restore(
    desk: Desk,
    name: BackupName,
    set_name: Annotated[str, typer.Argument(metavar="NAME", help="What the new set is called.")],
    *,
    nodes: Nodes = 1,
    version: Annotated[
        str | None, typer.Option(help="That of the backup or newer; by default the newest.")
    ] = None,
    flavor: Annotated[str | None, typer.Option(help="The size of a node; by default the backup's.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Whom clients log in as; the password is asked for, or piped in.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Order a set that begins with a backup.

    `set create --from-backup` has more to choose.
    """
    backup = desk.client.show_backup(names.backup_id(desk.client, name))
    wishes = Wishes(
        name=set_name,
        nodes=nodes,
        version=version,
        flavor=flavor or backup.flavor_id,
        user=user,
        backup=backup.name,
    )
    order(desk, wishes, wait=wait, timeout=timeout)


@app.command()
@remote
def verify(desk: Desk, name: BackupName, *, timeout: Timeout = 3600.0) -> None:
    """Prove that a backup can be restored.

    It is read again, loaded into a Redis of its own, and its keys are counted.

    Exit code 1: it is damaged; 4: that could not be found out.
    """
    from memstored.cli.watching import await_backup, interruptible  # noqa: PLC0415 - only who waits

    backup_id = names.backup_id(desk.client, name)
    desk.client.verify_backup(backup_id)
    with interruptible(f"backup show {name}"):
        it = await_backup(desk.client, backup_id, timeout)
    typer.echo(verdict(it))


def verdict(it: "Backup") -> str:
    """What a verification that has ended found; raises `Stop` when the backup is not known to be whole."""
    if it.damage is not None:
        raise Stop(f"The backup {it.name} is damaged. {it.damage}")
    if it.reason is not None:
        raise Stop(f"The backup {it.name}: {it.reason}", code=UNDECIDED)
    keys = "keys not counted" if it.keys is None else f"{it.keys} keys"
    return f"{it.name} is whole: {it.size} bytes, {keys}, SHA-256 {it.checksum}."


def _failures(client: "Client", backup_id: str) -> "Iterator[Event]":
    """How exports of a backup failed: the backup itself does not tell, since nothing is wrong with it."""
    return client.list_events(resource_id=backup_id, name=f"{EXPORT} Failed")


def _done(desk: Desk, backup_id: str, name: str, *, wait: bool, timeout: float) -> None:
    if not wait:
        typer.echo(name)
        return
    from memstored.cli.watching import await_backup, interruptible  # noqa: PLC0415 - only who waits

    with interruptible(f"backup show {name}"):
        it = await_backup(desk.client, backup_id, timeout)
    if it.status == "Error":
        raise Stop(f"The backup {it.name} came to nothing: {it.reason}")
    _print(desk, it)


def _print(desk: Desk, it: "Backup") -> None:
    print_one(it, desk.output, facts=_facts, name=lambda one: one.name)


def _row(it: "Backup") -> Row:
    return {
        "name": it.name,
        "set": it.cluster_name,
        "status": it.status,
        "type": it.type,
        "size": size(it.size) if it.size else "",
        "made": moment(it.completed_at),
    }


def _facts(it: "Backup") -> Row:
    moved = it.progress
    return {
        "id": it.id,
        **_row(it),
        "reason": it.reason or "",
        "progress": f"{size(moved.bytes)} of {size(moved.total_bytes) or '?'}" if moved else "",
        "version": it.version,
        "memory": size(it.used_memory) if it.used_memory else "",
        "keys": "" if it.keys is None else str(it.keys),
        "SHA-256": it.checksum or "",
        "expires": moment(it.expires_at),
        "verified": moment(it.verified_at),
        "damage": it.damage or "",
        "copy of": it.copy_of or "",
    }
