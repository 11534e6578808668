"""Commands that speak to a service: each takes a `Desk`.

Besides its own it gets the options that say which service is meant and how to print.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec

import typer

from memstored.cli.output import Output

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = ["DataDir", "Desk", "OutputForm", "ProfileName", "remote"]

P = ParamSpec("P")

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The data folder of a service that runs here, as its first admin."),
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", envvar="MEMSTORED_PROFILE", help="A profile of `memstored login`."),
]
OutputForm = Annotated[
    Output,
    typer.Option("--output", "-o", metavar="FORM", help="As table, json, yaml, or name: one a line."),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command has at hand: a client of the service that is meant, and how to print."""

    client: "Client"
    output: Output


def remote(command: Callable[Concatenate[Desk, P], None]) -> Callable[..., None]:
    """The command with the options `--profile`, `--data-dir`, `--output`, out of which its desk is made."""

    @wraps(command)
    def run(
        *args: object,
        profile: str | None = None,
        data_dir: Path | None = None,
        output: Output = Output.TABLE,
        **kwargs: object,
    ) -> None:
        from memstored.cli.data import caller  # noqa: PLC0415 - the HTTP library is for who calls

        with caller(data_dir, profile) as client:
            command(Desk(client, output), *args, **kwargs)  # type: ignore[arg-type]  # as typer read them

    _, *own = inspect.signature(command).parameters.values()
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in (
            ("output", OutputForm, Output.TABLE),
            ("profile", ProfileName, None),
            ("data_dir", DataDir, None),
        )
    ]
    shown = inspect.Signature([*own, *common], return_annotation=None)
    run.__signature__ = shown  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {it.name: it.annotation for it in shown.parameters.values()}
    return run
