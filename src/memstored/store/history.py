"""The history of figures in one file of the data folder: written whole now and then, read at the start.

It is no part of the database: hundreds of points a minute that nobody misses after a power loss are no reason
to wake the writer that failovers wait for. A file that can not be read is left behind, not mourned.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from memstored.domain.history import POINTS, STEP, Column, NodeHistory, Ring
from memstored.domain.words import NodeId, SetId

__all__ = ["HistoryDamaged", "Rings", "read_history", "write_history"]

_MARK = b"memstored history 1\n"
_LONGEST_HEAD = 64 * 1024 * 1024


class HistoryDamaged(Exception):
    """The file holds something else than it should."""


Rings = Mapping[SetId, Mapping[NodeId, NodeHistory]]


def write_history(path: Path, rings: Rings) -> None:
    """Put this in the place of what the file holds: after a crash it is the one or the other.

    One line of JSON that names the nodes, then their columns as 4-byte floats in the machine's byte order.
    Blocks. Raises `OSError`.
    """
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _write(file, rings)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _write(file: BinaryIO, rings: Rings) -> None:
    rows = [(set_id, node_id, it) for set_id, nodes in rings.items() for node_id, it in nodes.items()]
    head = _shape() | {
        "nodes": [
            {"set": set_id, "node": node_id, "name": it.name, "newest": it.ring.newest}
            for set_id, node_id, it in rows
        ]
    }
    file.write(_MARK + json.dumps(head).encode() + b"\n")
    for _, _, it in rows:
        for column in Column:
            it.ring.columns[column].tofile(file)


def _shape() -> dict[str, object]:
    return {"step": STEP, "points": POINTS, "columns": list(Column)}


def read_history(path: Path) -> dict[SetId, dict[NodeId, NodeHistory]]:
    """What was written last; empty when there is no file, or one with other columns.

    Raises `HistoryDamaged` and `OSError`.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, EOFError) as fault:
        raise HistoryDamaged(f"{path} is damaged ({fault})") from fault


def _read(file: BinaryIO) -> dict[SetId, dict[NodeId, NodeHistory]]:
    if file.readline(len(_MARK)) != _MARK:
        raise ValueError("it does not begin as it should")
    head = json.loads(file.readline(_LONGEST_HEAD))
    if {name: head[name] for name in _shape()} != _shape():
        return {}
    found: dict[SetId, dict[NodeId, NodeHistory]] = {}
    for row in head["nodes"]:
        history = NodeHistory(name=str(row["name"]), ring=_ring(file, int(row["newest"])))
        found.setdefault(SetId(row["set"]), {})[NodeId(row["node"])] = history
    return found


def _ring(file: BinaryIO, newest: int) -> Ring:
    ring = Ring(newest=newest)
    for column in ring.columns.values():
        del column[:]
        column.fromfile(file, POINTS)
    return ring
