"""A set as rows of its tables, and back.

Each field is kept in the column of its name, so a new field of a record needs a column in `tables` and a
migration, and nothing here; a field inside a JSON column (reason, launches, promotion …) not even that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from memstored.domain.model import InstanceSet, Lineage, Node, Operation
from memstored.store.codec import plain, restore

__all__ = ["Row", "assembled", "record_changes", "row_of", "set_changes", "set_row"]

Row = dict[str, Any]
"""A row by the names of its columns."""

_PARTS = frozenset({"nodes", "lineage", "operation"})
"""The fields of a set that have tables of their own."""


_OWN = tuple(field.name for field in fields(InstanceSet) if field.name not in _PARTS)
"""The fields of a set that are columns of its own row."""


def set_row(instance_set: InstanceSet) -> Row:
    """The row of the set itself."""
    return {name: plain(getattr(instance_set, name)) for name in _OWN}


def set_changes(before: InstanceSet, after: InstanceSet) -> Row:
    """The columns of the set's own row that differ, with their new values."""
    return _changes(_OWN, before, after)


def record_changes(before: Any, after: Any) -> Row:  # noqa: ANN401 - two of the same kind of record
    """The columns of a part's row that differ, with their new values."""
    return _changes((field.name for field in fields(after)), before, after)


def _changes(names: Iterable[str], before: object, after: object) -> Row:
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return {name: plain(new) for name, old, new in pairs if old != new}


def row_of(record: object) -> Row:
    """The row of one of a set's parts, but for whose part it is."""
    row: Row = plain(record)
    return row


def assembled(
    sets: Sequence[Mapping[str, Any]],
    nodes: Iterable[Mapping[str, Any]],
    lineages: Iterable[Mapping[str, Any]],
    operations: Iterable[Mapping[str, Any]],
) -> list[InstanceSet]:
    """The sets out of their rows, in the order of `sets`.

    `nodes` come in the order of their numbers; `operations` are only those that have not ended.
    """
    members: dict[str, list[Node]] = {}
    for row in nodes:
        members.setdefault(row["set_id"], []).append(restore(Node, row))
    truths = {row["set_id"]: restore(Lineage, row) for row in lineages}
    under_way = {row["set_id"]: restore(Operation, row) for row in operations}
    return [
        replace(
            restore(InstanceSet, row),
            nodes=tuple(members.get(row["id"], ())),
            lineage=truths.get(row["id"]),
            operation=under_way.get(row["id"]),
        )
        for row in sets
    ]
