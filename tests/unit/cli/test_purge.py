"""What `memstored purge` says and keeps when a node is not proven gone."""

import asyncio
from pathlib import Path

import pytest

from memstored.cli import purge as command
from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.control.clock import SystemClock
from memstored.domain.words import NodeId, SetId
from memstored.runtime.fake import FakeEndpoints, FakeRuntime
from memstored.runtime.protocol import LaunchOrder

SOUND, STUCK = NodeId("sound"), NodeId("stuck")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    """A runtime with two nodes, of which one can not be proven gone."""
    runtime = FakeRuntime(SystemClock())

    monkeypatch.setattr(command, "process_runtime", lambda _folder, _catalogue: runtime)
    monkeypatch.setattr(command, "process_endpoints", lambda _folder, runtime: FakeEndpoints(runtime))
    return runtime


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with a store in it."""
    folder = DataFolder(tmp_path / "data").claim()
    folder.release()
    (folder.path / "memstored.db").write_text("rows")
    return folder


def launch(runtime: FakeRuntime, *nodes: NodeId) -> None:
    """Start nodes."""
    for node in nodes:
        order = LaunchOrder(
            node=node, set_id=SetId("s"), subnet_id="net", version="7.0.15", port=6379, directives=()
        )
        asyncio.run(runtime.launch(order))


def test_a_node_that_is_not_proven_gone_keeps_the_folder(runtime: FakeRuntime, folder: DataFolder) -> None:
    """The command fails and names the node; store and lock stay, so that it can be tried again (S3)."""
    launch(runtime, SOUND, STUCK)
    runtime.unprovable.add(STUCK)

    with pytest.raises(Stop, match="1 of 2 nodes could not be ended: node stuck") as stop:
        command.purge(folder.path, None)

    assert stop.value.code == 1
    assert [p.node for p in runtime.placements()] == [STUCK]
    assert (folder.path / "memstored.db").read_text() == "rows"

    runtime.unprovable.clear()
    done = command.purge(folder.path, None)

    assert (done.nodes, done.left) == (1, [])
    assert not folder.path.exists()


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """A lock of somebody else's does not make a data folder; nothing is made or removed."""
    (tmp_path / "lock").write_text("4711")
    (tmp_path / "thesis.odt").touch()

    with pytest.raises(Stop, match="is not a data folder of memstored; nothing was removed"):
        command.purge(tmp_path, None)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "thesis.odt"]
