"""What differs between two states of a set, written: the inside of a commit.

Records are compared before they are made into rows: most of a set stays as it is.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, update

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
            connection.execute(update(table).where(key == name).values(changed))
    if new := [owner | row_of(record) for name, record in after.items() if name not in before]:
        connection.execute(insert(table), new)
