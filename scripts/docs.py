#!/usr/bin/env python3
"""Writes the pages of docs/reference that the code already says, and tells when they are stale.

    .venv/bin/python scripts/docs.py            write them
    .venv/bin/python scripts/docs.py --check    write nothing; exit with 1 when one is not as it would be

Nobody edits the pages of `PAGES` by hand: what they say is changed where it is said in the code.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import typer
from error_codes import error_codes, standing_reasons

from memstored.api.app import create_app
from memstored.api.openapi import document
from memstored.cli.main import app
from memstored.domain.catalogue import SecurityGroup, default_catalogue
from memstored.domain.engine import Family
from memstored.domain.parameters import parameters_of
from memstored.service.services import Services

__all__ = ["PAGES", "main"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src/memstored"
MADE = "<!-- Made by `make docs` from the code; do not edit. -->"


def errors() -> str:
    """Every code that an answer may hold, and every reason that a set may show."""
    codes = "\n".join(
        f"| `{c.code}` | {', '.join(map(str, c.statuses))} | {_cell('<br>'.join(c.words))} "
        f"| {', '.join(f'`{file}`' for file in c.files)} |"
        for c in error_codes(PACKAGE)
    )
    reasons = "\n".join(
        f"| `{r.code}` | {_word(r.state)} | {_cell(r.message)} | {_cell(r.trying)} | {_cell(r.next)} |"
        for r in standing_reasons(PACKAGE)
    )
    return _ERRORS.format(made=MADE, codes=codes, reasons=reasons)


_ERRORS = """\
{made}

# Error codes and reasons

Codes are stable: programs may rely on them. Messages are for people and may change. The form of an error,
and which status means what, is in [the HTTP API, section 1](api.md#1-common-rules).

## Codes

A code stands at the top of the error when it is the only fault; the faults of fields stand in `details` too.
`…` stands for what varies. Two statuses mean that it depends on the call: creating a set answers with 422
what every other call answers with 400 ([section 1](api.md#1-common-rules)). A field that is wrong in a way
that no row names shows the name that pydantic has for it.

| code | status | what it says | given in (under `src/memstored`) |
| --- | --- | --- | --- |
{codes}

Under `/identity` errors have Keystone's form and no codes of these ([section 8](api.md#8-identity)).

## Reasons

A set that is not `Running` says why in `reason` ([section 2.10](api.md#210-reading-sets)). While an operation
is under way, its kind (`create`, `add_replica`, `delete_node`, `promote`, `modify`, `delete`) may be the
code.
[What to do about each](../how-to/explain-a-warning.md).

| code | state | message | `trying` | `next` |
| --- | --- | --- | --- | --- |
{reasons}
"""


def openapi() -> str:
    """The OpenAPI document, as the running service has it under `/openapi.json`."""
    nothing = cast("Any", object())  # nothing is asked of the services to describe the routes
    services = Services(**{field.name: nothing for field in fields(Services)})
    return json.dumps(document(create_app(services)), indent=2, ensure_ascii=False) + "\n"


def cli() -> str:
    """Every command with its arguments and options."""
    root = typer.main.get_command(app)
    return _CLI.format(made=MADE, commands="\n".join(_commands(root, "memstored")))


_CLI = """\
{made}

# The command `memstored`

In a checkout it is `.venv/bin/memstored`. Every command has `--help`.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | something is in the way: the service does not answer, the data folder is in use, an operation failed |
| 2 | the command, its settings file or its catalogue file is wrong |
| 3 | the service refused: the message is the API's, with each field that is wrong |
| 4 | it is not known how it ends: longer than `--timeout`, or `backup verify` or `export` can not tell |
| 5 | there is no such thing |
| 6 | `serve` alone: another memstored has taken over the nodes, so this one acts no more |
| 130 | Ctrl-C; what was asked for goes on, only nobody waits for it any more |

What went wrong stands on standard error, as does the progress that `--wait` shows; standard output holds
results alone. Where a name is asked for an id does as well. `--output json` and `yaml` have the API's own
words, `name` is one name a line. In a pipe nothing is coloured or redrawn. `memstored --install-completion`
has your shell complete commands, and names of sets, backups and parameter groups.

Commands that speak to a service do so for the first of these that is there:

1. `--data-dir`: the first administrator of the service of that folder
2. `--profile`, or `MEMSTORED_PROFILE`: a profile of `memstored login`
3. `MEMSTORED_URL`, with `MEMSTORED_TOKEN`, or with `MEMSTORED_CREDENTIAL_ID` and `MEMSTORED_SECRET`
4. the profile that was logged in with last, or chosen by `memstored profile use`
5. the folder `data` in the current one

Profiles lie in `memstored/profiles.json` of your config folder (`$XDG_CONFIG_HOME`, or `~/.config`), for
nobody else to read (mode 0600).

{commands}"""


def _commands(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - click's, which typer brings along
    children: Mapping[str, Any] = getattr(command, "commands", {})
    if path != "memstored":
        words = " ".join(_argument(p) for p in command.params if p.param_type_name == "argument")
        yield f"## `{f'{path} {words}'.strip()}`\n\n{(command.help or '').strip()}\n"
        rows = [_parameter(parameter) for parameter in command.params]
        if rows:
            yield "\n".join(["| | default | |", "| --- | --- | --- |", *rows, ""])
    for name in command.list_commands(None) if children else ():
        yield from _commands(children[name], f"{path} {name}")


def _parameter(parameter: Any) -> str:  # noqa: ANN401 - click's, as above
    name = parameter.opts[0] if parameter.param_type_name == "option" else _argument(parameter)
    default = "required" if parameter.required else _default(parameter.default)
    return f"| `{name}` | {default} | {_cell(parameter.help or '')} |"


def _argument(parameter: Any) -> str:  # noqa: ANN401 - click's, as above
    name = f"{parameter.metavar or f'<{parameter.name}>'}{'' if parameter.nargs == 1 else '...'}"
    return name if parameter.required else f"[{name}]"


def _default(value: object) -> str:
    if value is None or value is False or isinstance(value, list | tuple):
        return ""
    return f"`{value}`" if isinstance(value, str | int | Path) else ""


def catalogue() -> str:
    """What can be ordered from a service that was given no catalogue."""
    offer = default_catalogue()
    return _CATALOGUE.format(
        made=MADE,
        flavors="\n".join(f"| `{f.name}` | {f.vcpus} | {f.memory} | `{f.id}` |" for f in offer.flavors),
        subnets="\n".join(f"| `{s.name}` | {s.zone} | {s.cidr} | `{s.id}` |" for s in offer.subnets),
        security="\n".join(f"| `{g.name}` | {_lets_in(g)} | `{g.id}` |" for g in offer.security_groups),
        groups="\n".join(f"| `{g.name}` | {g.family} | `{g.id}` |" for g in offer.parameter_groups),
    )


_CATALOGUE = """\
{made}

# The default catalogue

What a service offers that is run without `--catalogue`. The ids are the same on every installation.
To offer something else: [change the catalogue](../how-to/change-the-catalogue.md).

## Flavors

`memory` is in GiB; a node's Redis may hold 65 % of it (`maxmemory`). `vcpus` is shown and not enforced: nodes
are processes that share the cores of the machine.

| name | vcpus | memory | id |
| --- | --- | --- | --- |
{flavors}

## Subnets

| name | zone | range | id |
| --- | --- | --- | --- |
{subnets}

## Security groups

| name | lets in | id |
| --- | --- | --- |
{security}

## Parameter groups

| name | engine family | id |
| --- | --- | --- |
{groups}
"""


def parameters() -> str:
    """The parameters of every engine family, as groups show them."""
    families = "\n".join(_family(family) for family in reversed(Family))
    return _PARAMETERS.format(made=MADE, families=families)


_PARAMETERS = """\
{made}

# The parameters of parameter groups

What `GET /v1/parameter-groups/{{id}}` shows for each engine family
([the HTTP API, section 7](api.md#7-parameter-groups)). The defaults are those of the family's default group.
A value is a string, written as in `CONFIG GET`. *immediate*: nodes take it while they run. *replace*: nodes
are replaced one after the other. [How to use them](../how-to/parameter-groups.md).

{families}"""


def _family(family: Family) -> str:
    shown = parameters_of(family)
    rows = [
        f"| `{p.name}` | {_value(p.default)} | {_cell(p.allowed)} | {_cell(p.unit)} | {p.apply} |"
        for p in shown
        if p.editable
    ]
    fixed = ", ".join(f"`{p.name}` {_value(p.default)}" for p in shown if not p.editable)
    head = "| parameter | default | allowed | unit | applied |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"## Redis {family}\n", head, *rows, f"\nShown and fixed: {fixed}.\n"])


def _value(value: str) -> str:
    return f"`{value}`" if value else "(empty)"


def _lets_in(group: SecurityGroup) -> str:
    return "; ".join(f"{rule.cidr} to {rule.from_port}-{rule.to_port}" for rule in group.rules)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _word(state: str) -> str:
    """The API's word for a member of `SetState`."""
    return "`" + "".join(part.capitalize() for part in state.split("_")) + "`"


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/errors.md": errors,
    "docs/reference/openapi.json": openapi,
    "docs/reference/cli.md": cli,
    "docs/reference/default-catalogue.md": catalogue,
    "docs/reference/parameters.md": parameters,
}
"""What is made, by its path in the checkout."""


def _present(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def main() -> int:
    """Write or check every page; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/reference.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    check = parser.parse_args().check
    made = {ROOT / name: page() for name, page in PAGES.items()}
    stale = [file for file, text in made.items() if _present(file) != text]
    for file in stale:
        name = file.relative_to(ROOT)
        sys.stderr.write(f"{name} is stale: run `make docs`\n" if check else f"wrote {name}\n")
        if not check:
            file.write_text(made[file], encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
