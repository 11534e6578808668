"""The file of history: whole, or said to be damaged."""

import stat
from pathlib import Path

import pytest

from memstored.domain.history import Column, NodeHistory, Ring
from memstored.domain.words import NodeId, SetId
from memstored.store.history import HistoryDamaged, read_history, write_history

NOW = 29_000_000
SET, NODE = SetId("a set"), NodeId("a node")


def _kept(value: float) -> dict[SetId, dict[NodeId, NodeHistory]]:
    ring = Ring()
    ring.put(NOW, {Column.CLIENTS: value})
    return {SET: {NODE: NodeHistory(name="cache-1", ring=ring)}}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """With the place in the ring; nobody else may read the file."""
    file = tmp_path / "metrics.history"
    write_history(file, _kept(1))
    write_history(file, _kept(2))

    found = read_history(file)

    history = found[SET][NODE]
    assert (history.name, history.ring.newest) == ("cache-1", NOW)
    assert history.ring.read(Column.CLIENTS, range(NOW, NOW + 1), 1) == [2]
    assert history.ring.read(Column.KEYS, range(NOW, NOW + 1), 1) == [None]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_without_a_file_there_is_no_history(tmp_path: Path) -> None:
    """As at the first start."""
    assert read_history(tmp_path / "metrics.history") == {}


@pytest.mark.parametrize("cut", [0, 5, 30, 400, -1])
def test_a_file_that_was_cut_is_damaged(tmp_path: Path, cut: int) -> None:
    """Wherever."""
    file = tmp_path / "metrics.history"
    write_history(file, _kept(1))
    file.write_bytes(file.read_bytes()[:cut])

    with pytest.raises(HistoryDamaged, match=r"metrics\.history is damaged"):
        read_history(file)


def test_a_file_of_other_columns_is_left_behind(tmp_path: Path) -> None:
    """As another version of memstored wrote it: charts begin anew."""
    file = tmp_path / "metrics.history"
    write_history(file, _kept(1))
    file.write_bytes(file.read_bytes().replace(b'"step": 60', b'"step": 30'))

    assert read_history(file) == {}
