"""Calls about parameter groups (API.md 7)."""

from collections.abc import Mapping, Sequence
from typing import Literal

from memstored.client.calls.paging import Page, page
from memstored.client.calls.reading import get, one, removal, rows, write
from memstored.client.models import Event, LinkedSet, ParameterGroup, ParameterGroupRow
from memstored.client.wire import Call, path

__all__ = [
    "change_parameter_group",
    "create_parameter_group",
    "delete_parameter_group",
    "list_linked_sets",
    "list_parameter_groups",
    "parameter_group_event_page",
    "reset_parameter_group",
    "retry_linked_set",
    "roll_parameter_group_back",
    "show_parameter_group",
]

GROUPS = "parameter-groups"


def create_parameter_group(
    parameter_group_id: str, name: str, *, description: str | None = None
) -> Call[str]:
    """Make a group of the project's own out of the one with that id; returns the id of the new one."""
    body = {"parameterGroupId": parameter_group_id, "name": name, "description": description}
    return write("POST", path(GROUPS), body)


def list_parameter_groups(
    *,
    engine_version: str | None = None,
    parameter_group_type: Literal["default", "custom"] | None = None,
    cluster_mode: bool | None = None,
) -> Call[tuple[ParameterGroupRow, ...]]:
    """The default groups and the project's own; `engine_version` is a version or a family."""
    return get(
        path(GROUPS),
        rows(ParameterGroupRow, "parameterGroups"),
        engineVersion=engine_version,
        parameterGroupType=parameter_group_type,
        clusterMode=None if cluster_mode is None else str(cluster_mode).lower(),
    )


def show_parameter_group(group_id: str) -> Call[ParameterGroup]:
    """A group with all its parameters."""
    return get(path(GROUPS, group_id), one(ParameterGroup))


def change_parameter_group(
    group_id: str, *, parameters: Mapping[str, str] | None = None, description: str | None = None
) -> Call[str]:
    """Give parameters other values, or the group another description: all that is given, or nothing."""
    values = None if parameters is None else dict(parameters)
    return write("PATCH", path(GROUPS, group_id), {"parameters": values, "description": description})


def reset_parameter_group(group_id: str, names: Sequence[str] = ()) -> Call[str]:
    """Give these parameters their defaults again; all, when none is named."""
    return write("POST", path(GROUPS, group_id, "reset"), {"names": list(names)})


def roll_parameter_group_back(group_id: str) -> Call[str]:
    """Give the group the values of the version before; the same again takes that back."""
    return write("POST", path(GROUPS, group_id, "rollback"), {})


def delete_parameter_group(group_id: str) -> Call[str]:
    """Delete a group of the project's own that no set has."""
    return removal(path(GROUPS, group_id), group_id)


def parameter_group_event_page(
    marker: str | None, group_id: str, *, limit: int | None = None
) -> Call[Page[Event]]:
    """A page of what was done with a group, newest first."""
    return page(path(GROUPS, group_id, "events"), Event, marker, limit)


def list_linked_sets(group_id: str) -> Call[tuple[LinkedSet, ...]]:
    """The sets that have a group, in the order in which its values come to them."""
    return get(path(GROUPS, group_id, "instance-sets"), rows(LinkedSet, "instanceSets"))


def retry_linked_set(group_id: str, set_id: str) -> Call[str]:
    """Bring the values again to a set that is `Error-Sync` or `Suspended`; returns the id of the group."""
    return write("POST", path(GROUPS, group_id, "instance-sets", set_id, "retry"), {})
