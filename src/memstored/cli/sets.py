"""`memstored set`: instance sets, through the API. Names are taken wherever ids are."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli import completing, names
from memstored.cli.errors import Stop
from memstored.cli.output import Output, Row, moment, print_one, print_rows
from memstored.cli.remote import Desk, remote
from memstored.cli.wishes import Wishes, ordered

if TYPE_CHECKING:
    from memstored.client import Client
    from memstored.client.models import InstanceSet

__all__ = ["Nodes", "SetName", "Timeout", "Wait", "Yes", "app", "confirmed", "order"]

app = typer.Typer(help="Instance sets.", no_args_is_help=True)

USAGE = 2
SetName = Annotated[
    str,
    typer.Argument(metavar="SET", help="The name of a set, or its id.", autocompletion=completing.set_names),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is done, and show each step.")]
Timeout = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long --wait waits at most.")]
Nodes = Annotated[int, typer.Option(min=1, max=6, metavar="N", help="All nodes, the primary included.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Hour = Annotated[
    int | None,
    typer.Option(
        "--backup-hour", min=0, max=23, metavar="HOUR", help="Back up every day in this hour (KST)."
    ),
]
Days = Annotated[
    int | None,
    typer.Option(
        "--backup-days", min=1, max=35, metavar="DAYS", help="Keep each automatic backup so many days."
    ),
]


@app.command()
@remote
def create(
    desk: Desk,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: 4 to 20 of a-z, 0-9 and -.")],
    *,
    nodes: Nodes = 1,
    version: Annotated[str | None, typer.Option(help="The version of Redis; by default the newest.")] = None,
    flavor: Annotated[str | None, typer.Option(help="The size of a node; by default the smallest.")] = None,
    ha: Annotated[
        bool | None,
        typer.Option("--ha/--no-ha", help="High availability; by default with two nodes and more."),
    ] = None,
    subnet: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SUBNET",
            help="Where nodes are made, the primary in the first; may repeat. By default in all.",
        ),
    ] = None,
    security_group: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="What is let in; by default the first.")
    ] = None,
    parameter_group: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP",
            help="Settings of Redis; by default those of the version.",
            autocompletion=completing.group_names,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=2000, max=50000, metavar="PORT", help="Where clients connect.")
    ] = 6379,
    description: Annotated[str | None, typer.Option(help="At most 100 characters.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Whom clients log in as; the password is asked for, or piped in.")
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve TLS, and nothing else.")] = False,
    backup_hour: Hour = None,
    backup_days: Days = None,
    from_backup: Annotated[
        str | None,
        typer.Option(help="Begin with the data of this backup.", autocompletion=completing.backup_names),
    ] = None,
    from_file: Annotated[str | None, typer.Option(help="Begin with an RDB file: bucket/folder/name.")] = None,
    wait: Wait = False,
    timeout: Timeout = 600.0,
) -> None:
    """Order a set.

    Its name is printed, or with --wait all about it once it runs.
    """
    order(
        desk,
        Wishes(
            name=name,
            nodes=nodes,
            version=version,
            flavor=flavor,
            ha=ha,
            subnets=subnet or (),
            security_groups=security_group or (),
            parameter_group=parameter_group,
            port=port,
            description=description,
            user=user,
            tls=tls,
            backup_cron=_cron(backup_hour),
            backup_days=backup_days,
            backup=from_backup,
            file=from_file,
        ),
        wait=wait,
        timeout=timeout,
    )


@app.command("list")
@remote
def list_all(
    desk: Desk,
    status: Annotated[str | None, typer.Option(help="Those in this state, like Running.")] = None,
) -> None:
    """Show the sets of the project."""
    sets = list(desk.client.list_sets(status=status))
    print_rows(sets, desk.output, row=_row, name=lambda it: it.instance_set_name)


@app.command()
@remote
def show(desk: Desk, name: SetName) -> None:
    """Show everything about a set.

    Where to connect, why it is not Running, what is under way.
    """
    _print(desk, desk.client.show_set(names.set_id(desk.client, name)))


@app.command()
@remote
def update(
    desk: Desk,
    name: SetName,
    *,
    description: Annotated[str | None, typer.Option(help="Another description; '' for none.")] = None,
    parameter_group: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Another parameter group.", autocompletion=completing.group_names),
    ] = None,
    security_group: Annotated[
        list[str] | None, typer.Option(metavar="GROUP", help="The whole new list of them.")
    ] = None,
    backup_hour: Hour = None,
    backup_days: Days = None,
    no_backups: Annotated[bool, typer.Option("--no-backups", help="No automatic backups any more.")] = False,
    wait: Wait = False,
    timeout: Timeout = 600.0,
) -> None:
    """Change a set: all that is given, or nothing."""
    client = desk.client
    if no_backups and (backup_hour is not None or backup_days is not None):
        raise Stop("Give either --no-backups, or when they are made and kept.", code=USAGE)
    set_id = names.set_id(client, name)
    group = names.group_id(client, parameter_group) if parameter_group else None
    allowed = [names.security_group_id(client, it) for it in security_group or ()]
    with _change(desk, set_id, name, wait=wait, timeout=timeout, grouped=group is not None):
        client.update_set(
            set_id,
            description=description,
            backup_cron="" if no_backups else _cron(backup_hour),
            backup_retention_limit=backup_days,
            parameter_group_id=group,
            security_groups=allowed or None,
        )


@app.command()
@remote
def delete(
    desk: Desk,
    name: SetName,
    *,
    keep_backups: Annotated[
        bool | None,
        typer.Option(
            "--keep-backups/--delete-backups", help="Its automatic backups; must be said if it has any."
        ),
    ] = None,
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = 600.0,
) -> None:
    """Delete a set with all its data."""
    set_id = names.set_id(desk.client, name)
    confirmed(f"Delete the set {name} with all its data?", yes=yes)
    desk.client.delete_set(set_id, keep_automatic_backups=keep_backups)
    if wait:
        from memstored.cli.watching import interruptible  # noqa: PLC0415 - only who waits needs it

        with interruptible(f"set show {name}"):
            desk.client.wait_until_gone(set_id, timeout=timeout)
    typer.echo(name)


@app.command()
@remote
def promote(
    desk: Desk,
    name: SetName,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The name of the replica, or its id.")],
    *,
    wait: Wait = False,
    timeout: Timeout = 60.0,
) -> None:
    """Make a replica the primary, with high availability off."""
    set_id = names.set_id(desk.client, name)
    target = names.node_id(desk.client, set_id, node)
    with _change(desk, set_id, name, wait=wait, timeout=timeout):
        desk.client.promote_replica(set_id, target)


@app.command("add-replica")
@remote
def add_replica(
    desk: Desk,
    name: SetName,
    *,
    subnet: Annotated[
        str | None, typer.Option(help="Where; by default in the subnet with the fewest nodes.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = 600.0,
) -> None:
    """Add one replica."""
    set_id = names.set_id(desk.client, name)
    place = names.subnet_id(desk.client, subnet) if subnet else _emptiest(desk.client, set_id)
    with _change(desk, set_id, name, wait=wait, timeout=timeout):
        desk.client.add_replica(set_id, place)


@app.command("remove-node")
@remote
def remove_node(
    desk: Desk,
    name: SetName,
    node: Annotated[str, typer.Argument(metavar="NODE", help="The name of the node, or its id.")],
    *,
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = 600.0,
) -> None:
    """Take one node out of a set."""
    set_id = names.set_id(desk.client, name)
    instance = names.node_id(desk.client, set_id, node)
    confirmed(f"Remove the node {node} of {name}?", yes=yes)
    with _change(desk, set_id, name, wait=wait, timeout=timeout):
        desk.client.delete_instance(set_id, instance)


@app.command()
@remote
def ha(
    desk: Desk,
    name: SetName,
    switch: Annotated[
        str, typer.Argument(metavar="on|off", help="Whether a lost primary is replaced by itself.")
    ],
) -> None:
    """Switch high availability on or off."""
    if switch not in ("on", "off"):
        raise Stop("Give on or off.", code=USAGE)
    desk.client.switch_recovery(names.set_id(desk.client, name), enabled=switch == "on")
    typer.echo(name)


def order(desk: Desk, wishes: Wishes, *, wait: bool, timeout: float) -> None:
    """Order the set that is wished for, and say so; with `wait` once it runs."""
    set_id = ordered(desk.client, wishes)
    if wait:
        from memstored.cli.watching import await_running, interruptible  # noqa: PLC0415 - only who waits

        with interruptible(f"set show {wishes.name}"):
            made = await_running(desk.client, set_id, timeout)
        _print(desk, made)
    else:
        _accepted(desk, set_id, wishes.name)


def confirmed(question: str, *, yes: bool) -> None:
    """Go on if that was agreed to; raises `Stop` otherwise, and where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Stop("Nobody can be asked here; give --yes.", code=USAGE)
    if not typer.confirm(question, err=True):
        raise Stop("Nothing was done.")


@contextmanager
def _change(
    desk: Desk, set_id: str, name: str, *, wait: bool, timeout: float, grouped: bool = False
) -> Iterator[None]:
    """Around a change: print the set's name once it was accepted, or all about it once it is over.

    `grouped`: it is over when the values of the parameter group have come to every node, too.
    """
    client = desk.client
    last = next(client.list_operations(set_id, limit=1), None) if wait else None
    yield
    if wait:
        from memstored.cli.watching import await_operation, interruptible  # noqa: PLC0415 - only who waits

        with interruptible(f"set show {name}"):
            await_operation(client, set_id, timeout, after=last.id if last else None)
            if grouped:
                client.wait_until_applied(set_id, timeout=timeout)
        _print(desk, client.show_set(set_id))
    else:
        _accepted(desk, set_id, name)


def _accepted(desk: Desk, set_id: str, name: str) -> None:
    """People read the name; programs get the whole set."""
    if desk.output is Output.TABLE:
        typer.echo(name)
    else:
        _print(desk, desk.client.show_set(set_id))


def _print(desk: Desk, it: "InstanceSet") -> None:
    print_one(it, desk.output, facts=_facts, name=lambda one: one.instance_set_name)


def _row(it: "InstanceSet") -> Row:
    return {
        "name": it.instance_set_name,
        "status": it.status,
        "version": it.version,
        "nodes": str(it.replicas),
        "HA": "on" if it.recovery_enabled else "off",
        "primary": f"{it.endpoints.primary.host}:{it.endpoints.primary.port}" if it.endpoints else "",
    }


def _facts(it: "InstanceSet") -> Row:
    reason, operation, schedule = it.reason, it.operation, it.backup_schedule
    reader = it.endpoints.reader if it.endpoints else None
    return {
        "id": it.object_id,
        **_row(it),
        "reader": f"{reader.host}:{reader.port}" if reader else "",
        "reason": f"{reason.code}: {reason.message}" if reason else "",
        "trying": reason.trying if reason else "",
        "next": reason.next if reason else "",
        "operation": f"{operation.kind}: {operation.step}, {operation.percent} %" if operation else "",
        "TLS": "on" if it.tls_enabled else "off",
        "user": it.user.name if it.user else "",
        "parameters": f"{it.parameter_group.name} ({it.parameter_group.apply_status})",
        "backups": f"{schedule.cron} KST, kept {schedule.retention_limit} days" if schedule else "",
        "description": it.description,
        "created": f"{moment(it.created_at)} UTC by {it.creator}",
    }


def _cron(hour: int | None) -> str | None:
    return None if hour is None else f"* {hour} * * *"


def _emptiest(client: "Client", set_id: str) -> str:
    taken = [it.subnet.id for it in client.list_instances(set_id)]
    known = [it.id for it in client.show_set(set_id).subnets]
    return min(known, key=taken.count)
