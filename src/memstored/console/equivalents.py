"""An order of a set as a call of the API and as a command, to be copied into a shell. Pure.

`$API` and `$TOKEN` are those of the tutorial. What stands in the place of a password is given by the caller.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from memstored.console.set_form import Choices

__all__ = ["Equivalents", "equivalents"]

_BREAK = " \\\n  "

CRON_FIELDS = 5
"""Of a schedule that is one; what is not is refused beside its field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalents:
    """The same order for other doors."""

    curl: str
    command: str


def equivalents(document: Mapping[str, Any], choices: Choices) -> Equivalents:
    """How a shell orders what this document (of `POST /v1/instance-sets`) does."""
    body = shlex.quote(json.dumps(document, ensure_ascii=False, indent=2))
    curl = _BREAK.join(['curl -s -H "X-Auth-Token: $TOKEN" "$API/instance-sets"', f"-d {body}"])
    name = shlex.quote(document.get("instanceSetName", "NAME"))
    options = (shlex.join(option) for option in _options(document, choices))
    return Equivalents(curl=curl, command=_BREAK.join([f"memstored set create {name}", *options]))


def _options(document: Mapping[str, Any], choices: Choices) -> Iterator[list[str]]:
    names = {flavor.id: flavor.name for flavor in choices.flavors}
    names |= {subnet.id: subnet.name for subnet in choices.subnets}
    names |= {group.id: group.name for group in (*choices.security_groups, *choices.groups)}
    yield ["--version", document.get("version", "")]
    yield ["--nodes", str(document.get("replicas", ""))]
    yield ["--ha" if document["recoveryEnabled"] else "--no-ha"]
    yield ["--flavor", _named(names, document.get("flavorId", ""))]
    for assignment in document["subnetAssignments"]:
        for place in (assignment["primary"], *assignment["replicas"]):
            yield ["--subnet", _named(names, place["id"])]
    for group in document["securityGroups"]:
        yield ["--security-group", _named(names, group["id"])]
    yield ["--parameter-group", _named(names, document.get("parameterGroupId", ""))]
    yield ["--port", str(document.get("port", ""))]
    yield from _optional(document)


def _optional(document: Mapping[str, Any]) -> Iterator[list[str]]:
    if document["tlsEnabled"]:
        yield ["--tls"]
    if "description" in document:
        yield ["--description", document["description"]]
    if "user" in document:
        yield ["--user", document["user"].get("name", "")]
    if "backupSchedule" in document:
        schedule = document["backupSchedule"]
        fields = schedule["cron"].split()
        if len(fields) == CRON_FIELDS:
            yield ["--backup-hour", fields[1]]
        if "retentionLimit" in schedule:
            yield ["--backup-days", str(schedule["retentionLimit"])]
    source = document.get("restoreSource", {})
    if "backupName" in source:
        yield ["--from-backup", source["backupName"]]
    if "files" in source:
        yield ["--from-file", *source["files"]]


def _named(names: Mapping[str, str], known: str) -> str:
    """The name of what has this id; the id where that is none of what can be chosen."""
    return names.get(known, known)
