"""`memstored parameters`: parameter groups, through the API. Names are taken wherever ids are."""

from typing import TYPE_CHECKING, Annotated

import typer

from memstored.cli import completing, names
from memstored.cli.errors import Stop
from memstored.cli.output import Output, Row, print_one, print_rows
from memstored.cli.remote import Desk, remote
from memstored.cli.sets import Timeout, Wait, Yes, confirmed

if TYPE_CHECKING:
    from memstored.client.models import LinkedSet, Parameter, ParameterGroupRow

__all__ = ["app"]

app = typer.Typer(help="Parameter groups: settings of Redis.", no_args_is_help=True)

USAGE = 2
GroupName = Annotated[
    str,
    typer.Argument(
        metavar="GROUP",
        help="The name of a parameter group, or its id.",
        autocompletion=completing.group_names,
    ),
]


@app.command("list")
@remote
def list_all(
    desk: Desk,
    version: Annotated[str | None, typer.Option(help="Those for this version or family.")] = None,
) -> None:
    """Show the default groups and the project's own."""
    groups = desk.client.list_parameter_groups(engine_version=version)
    print_rows(groups, desk.output, row=_row, name=lambda it: it.name)


@app.command()
@remote
def show(
    desk: Desk,
    name: GroupName,
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not at its default.")] = False,
) -> None:
    """Show a group with its parameters."""
    group = desk.client.show_parameter_group(names.group_id(desk.client, name))
    if desk.output is not Output.TABLE:
        print_one(group, desk.output, facts=_row, name=lambda it: it.name)
        return
    shown = [it for it in group.parameters if not changed or it.value != it.default_value]
    print_rows(shown, desk.output, row=_parameter, name=lambda it: it.name)


@app.command()
@remote
def create(
    desk: Desk,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: 2 to 63 of A-Z, a-z, 0-9, . and -.")],
    *,
    base: Annotated[
        str,
        typer.Option(
            "--from", help="The group whose values it begins with.", autocompletion=completing.group_names
        ),
    ],
    description: Annotated[str | None, typer.Option(help="At most 100 characters.")] = None,
) -> None:
    """Make a group of the project's own."""
    desk.client.create_parameter_group(names.group_id(desk.client, base), name, description=description)
    typer.echo(name)


@app.command("set")
@remote
def set_values(
    desk: Desk,
    name: GroupName,
    values: Annotated[list[str], typer.Argument(metavar="PARAMETER=VALUE", help="Like timeout=300.")],
    *,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Give parameters other values.

    They come to the sets that have the group, one after the other.
    """
    pairs = [value.partition("=") for value in values]
    wrong = [value for value, (key, equals, _) in zip(values, pairs, strict=True) if not (key and equals)]
    if wrong:
        raise Stop(f"Give parameters as name=value; {wrong[0]} is none.", code=USAGE)
    group_id = names.group_id(desk.client, name)
    desk.client.change_parameter_group(group_id, parameters={key: value for key, _, value in pairs})
    _changed(desk, group_id, name, wait=wait, timeout=timeout)


@app.command()
@remote
def reset(
    desk: Desk,
    name: GroupName,
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="PARAMETER", help="None: all of them.")
    ] = None,
    *,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Give parameters their defaults again."""
    group_id = names.group_id(desk.client, name)
    desk.client.reset_parameter_group(group_id, parameters or ())
    _changed(desk, group_id, name, wait=wait, timeout=timeout)


@app.command()
@remote
def rollback(desk: Desk, name: GroupName, *, wait: Wait = False, timeout: Timeout = 3600.0) -> None:
    """Give a group the values of the version before.

    The same again takes that back.
    """
    group_id = names.group_id(desk.client, name)
    desk.client.roll_parameter_group_back(group_id)
    _changed(desk, group_id, name, wait=wait, timeout=timeout)


@app.command()
@remote
def sets(desk: Desk, name: GroupName) -> None:
    """Show how far a group's values have come to each of its sets."""
    linked = desk.client.list_linked_sets(names.group_id(desk.client, name))
    print_rows(linked, desk.output, row=_linked, name=lambda it: it.name)


@app.command()
@remote
def retry(
    desk: Desk,
    name: GroupName,
    set_name: Annotated[
        str, typer.Argument(metavar="SET", help="The set.", autocompletion=completing.set_names)
    ],
    *,
    wait: Wait = False,
    timeout: Timeout = 3600.0,
) -> None:
    """Bring the values again to a set that is Error-Sync or Suspended."""
    group_id = names.group_id(desk.client, name)
    desk.client.retry_linked_set(group_id, names.set_id(desk.client, set_name))
    _changed(desk, group_id, name, wait=wait, timeout=timeout)


@app.command()
@remote
def delete(desk: Desk, name: GroupName, *, yes: Yes = False) -> None:
    """Delete a group that no set has."""
    group_id = names.group_id(desk.client, name)
    confirmed(f"Delete the parameter group {name}?", yes=yes)
    desk.client.delete_parameter_group(group_id)
    typer.echo(name)


def _changed(desk: Desk, group_id: str, name: str, *, wait: bool, timeout: float) -> None:
    """Print the name of a group whose values are others now; with `wait` once every set has them."""
    if wait:
        from memstored.cli.watching import await_applied, interruptible  # noqa: PLC0415 - only who waits

        with interruptible(f"parameters sets {name}"):
            await_applied(desk.client, group_id, timeout)
    typer.echo(name)


def _row(it: "ParameterGroupRow") -> Row:
    return {
        "name": it.name,
        "type": it.type,
        "for": it.engine_family,
        "sets": str(it.instance_set_count),
        "description": it.description,
    }


def _parameter(it: "Parameter") -> Row:
    default = "" if it.value == it.default_value else it.default_value
    return {
        "parameter": it.name,
        "value": it.value,
        "default": default,
        "allowed": it.allowed if it.editable else "fixed",
        "new value": "" if not it.editable else {"immediate": "at once", "replace": "new nodes"}[it.apply],
    }


def _linked(it: "LinkedSet") -> Row:
    return {"name": it.name, "status": it.apply_status, "error": it.error or ""}
