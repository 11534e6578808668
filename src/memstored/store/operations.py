"""Operations of sets: the one that is under way, and those before it, which stay until the set is gone."""

from sqlalchemy import Connection, select

from memstored.domain.model import InstanceSet, Operation
from memstored.domain.words import OperationState, SetId
from memstored.store.codec import restore
from memstored.store.database import fetch
from memstored.store.difference import write_difference
from memstored.store.errors import MarkerUnknown
from memstored.store.paging import Page
from memstored.store.tables import operations

__all__ = ["OPEN", "is_open", "operations_page", "write_operations"]

OPEN = (OperationState.PENDING, OperationState.RUNNING)
"""The states of an operation that has not ended."""


def is_open(operation: Operation) -> bool:
    """Whether the operation has not ended."""
    return operation.state in OPEN


def write_operations(connection: Connection, before: InstanceSet | None, after: InstanceSet) -> None:
    """Write what became of the operation of `before` and what the one of `after` is.

    An operation that is no longer named ended well, at `updated_at`; one that another took the place of
    failed, for that reason.
    """
    former = before.operation if before else None
    known = {former.id: former} if former else {}
    now = {op.id: op for op in (_filed(former, after), after.operation) if op}
    owner = {"set_id": after.id, "began": after.revision}
    write_difference(connection, operations, known, known | now, owner)


def _filed(former: Operation | None, after: InstanceSet) -> Operation | None:
    if former is None or not is_open(former):
        return None
    if after.operation is None:
        return former.ended(after.updated_at)
    if after.operation.id == former.id:
        return None
    return former.ended(after.updated_at, f"replaced by {after.operation.kind.value}")


def operations_page(connection: Connection, set_id: SetId, limit: int, marker: str | None) -> Page[Operation]:
    """The operations of a set, the latest first. Raises `MarkerUnknown`."""
    query = select(operations).where(operations.c.set_id == set_id)
    if marker is not None:
        query = query.where(operations.c.began < _place(connection, set_id, marker))
    query = query.order_by(operations.c.began.desc()).limit(limit + 1)
    found = [restore(Operation, row) for row in fetch(connection, query)]
    return Page.cut(found, [operation.id for operation in found], limit)


def _place(connection: Connection, set_id: SetId, marker: str) -> int:
    query = select(operations.c.began).where(operations.c.id == marker, operations.c.set_id == set_id)
    place: int | None = connection.execute(query).scalar_one_or_none()
    if place is None:
        raise MarkerUnknown("The marker is none that this list gave; begin without one.")
    return place
