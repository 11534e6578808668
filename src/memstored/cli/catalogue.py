"""`memstored catalogue`: what can be ordered, through the API."""

import typer

from memstored.cli.output import print_rows
from memstored.cli.remote import Desk, remote

__all__ = ["app"]

app = typer.Typer(help="What can be ordered.", no_args_is_help=True)


@app.command()
@remote
def versions(desk: Desk) -> None:
    """Show the versions of Redis that are here, newest first."""
    print_rows(desk.client.list_versions(), desk.output, row=lambda it: {"version": it}, name=str)


@app.command()
@remote
def flavors(desk: Desk) -> None:
    """Show the sizes of nodes."""
    print_rows(
        desk.client.list_flavors(),
        desk.output,
        row=lambda it: {"name": it.name, "vCPUs": str(it.vcpus), "memory": f"{it.memory} GiB", "id": it.id},
        name=lambda it: it.name,
    )


@app.command()
@remote
def subnets(desk: Desk) -> None:
    """Show where nodes can be made."""
    print_rows(
        desk.client.list_subnets(),
        desk.output,
        row=lambda it: {"name": it.name, "zone": it.zone, "range": it.cidr, "id": it.id},
        name=lambda it: it.name,
    )


@app.command("security-groups")
@remote
def security_groups(desk: Desk) -> None:
    """Show the lists of what is let in."""
    print_rows(
        desk.client.list_security_groups(),
        desk.output,
        row=lambda it: {
            "name": it.name,
            "lets in": "; ".join(f"{rule.cidr} to {rule.from_port}-{rule.to_port}" for rule in it.rules),
            "id": it.id,
        },
        name=lambda it: it.name,
    )


@app.command()
@remote
def quotas(desk: Desk) -> None:
    """Show the quotas of the project, and what is taken of them."""
    print_rows(
        desk.client.list_quotas(),
        desk.output,
        row=lambda it: {"name": it.name, "used": str(it.used), "limit": str(it.limit)},
        name=lambda it: it.name,
    )
