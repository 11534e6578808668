"""What differs between two states of a set, written: the inside of a commit.

Records are compared before they are made into rows: most of a set stays as it is. A failover waits for it, so
statements are made once, not once a commit.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, Update, bindparam, delete, insert, update

from memstored.store.rows import Row, record_changes, row_of

__all__ = ["write_difference"]

Records = Mapping[str, Any]
"""Records by their primary key."""


def write_difference(
    connection: Connection, table: Table, before: Records, after: Records, owner: Row
) -> None:
    """Delete the rows that are gone, change those that differ, add the new ones; nothing else.

    `owner` is what the new rows have besides the fields of their records.
    """
    (key,) = table.primary_key.columns
    if gone := before.keys() - after.keys():
        connection.execute(delete(table).where(key.in_(gone)))
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            changed = record_changes(before[name], after[name])
            connection.execute(_update_of(table), {"row_key": name, **changed})
    if new := [owner | row_of(record) for name, record in after.items() if name not in before]:
        connection.execute(insert(table), new)


@cache
def _update_of(table: Table) -> Update:
    """The change of the row whose primary key is `row_key`; what is changed comes with the execution."""
    (key,) = table.primary_key.columns
    return update(table).where(key == bindparam("row_key"))
