"""Records as plain data."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from samples import instance_sets, lineages, running_operations
from sqlalchemy import Table

from memstored.domain.credentials import Credential, Token
from memstored.domain.model import InstanceSet, Launches, Lineage, Node, Operation, Reason
from memstored.domain.words import NodeState
from memstored.store import tables
from memstored.store.codec import plain, restore
from memstored.store.events import Event


@given(instance_sets)
def test_a_record_survives_json(instance_set: InstanceSet) -> None:
    """Whatever a set holds, its plain form is JSON and gives the same set back."""
    written = json.dumps(plain(instance_set))

    assert restore(InstanceSet, json.loads(written)) == instance_set


def test_enums_come_back_as_enums() -> None:
    """A word read back is the member of the closed set, not a mere string."""
    node = restore(Node, {**_node(), "status": "Failed"})

    assert node.status is NodeState.FAILED


def test_a_field_added_later_takes_its_default() -> None:
    """Data written before a field existed can still be read."""
    assert restore(Launches, {"failures": 2}) == Launches(failures=2)


def test_a_whole_number_for_a_time_comes_back_as_a_float() -> None:
    """JSON may drop the fraction of a time; its type stays."""
    reason = restore(Reason, {"code": "c", "message": "m", "since": 5, "trying": "t", "next": "n"})

    assert isinstance(reason.since, float)


@pytest.mark.parametrize(
    ("record", "table", "apart"),
    [
        (InstanceSet, tables.instance_sets, {"nodes", "lineage", "operation"}),
        (Node, tables.nodes, set()),
        (Lineage, tables.lineages, set()),
        (Operation, tables.operations, set()),
        (Event, tables.events, set()),
        (Credential, tables.credentials, set()),
        (Token, tables.tokens, set()),
    ],
)
def test_every_field_has_a_column(record: type, table: Table, apart: set[str]) -> None:
    """A field that is added to a record and has no column would be lost: it needs a migration."""
    names = {field.name for field in fields(record)} - apart

    assert names <= set(table.columns.keys())


def _node() -> dict[str, object]:
    return {
        "id": "i",
        "number": 1,
        "name": "n",
        "subnet_id": "s",
        "role": "replica",
        "status": "Init",
        "created_at": 1.0,
    }


@given(lineages)
def test_a_lineage_survives(lineage: Lineage) -> None:
    """The record of whose data is the truth comes back exactly, promotion included."""
    assert restore(Lineage, plain(lineage)) == lineage


@given(running_operations)
def test_an_operation_survives(operation: Operation) -> None:
    """An operation comes back exactly, steps included."""
    assert restore(Operation, plain(operation)) == operation
