"""What is kept of the last hours, for how long, and over a restart."""

from dataclasses import replace
from pathlib import Path

from fleet_ground import planned
from structlog.testing import capture_logs

from memstored.control.historian import RINGS, Historian
from memstored.domain.figures import Info
from memstored.domain.history import POINTS, STEP, Column
from memstored.domain.model import InstanceSet
from memstored.domain.survey import LinkState, NodeSurvey, SetSurvey
from memstored.domain.words import NodeId

FIELDS = (
    "used_memory:10\r\nmaxmemory:40\r\nconnected_clients:{clients}\r\ntotal_commands_processed:{commands}\r\n"
)


class Clock:
    """Time that a test moves, from the beginning of a minute on; the machine is a thousand seconds old."""

    def __init__(self) -> None:
        self.now = 1_749_999_960.0

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.now

    def monotonic(self) -> float:
        """Seconds since the machine began."""
        return self.now - 1_749_998_960.0


class Ground:
    """A historian of one set, and what its nodes say."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.file = folder / "metrics.history"
        self.historian = Historian(self.file, self.clock)
        self.set = planned(3)

    def look(self, instance_set: InstanceSet | None = None, *, clients: int = 1, commands: int = 0) -> None:
        """Every node says the same, asked this moment."""
        text = FIELDS.format(clients=clients, commands=commands).encode()
        info = Info(text=text, maxclients=None, read_at=self.clock.monotonic())
        seen = instance_set or self.set
        nodes = tuple(NodeSurvey(node=n, link=LinkState.CONNECTED, info=info) for n in seen.nodes)
        self.historian.take(SetSurvey(set=seen, nodes=nodes))

    def read(self, column: Column, minutes: int) -> list[float | None]:
        """The last minutes of the first node."""
        kept = self.historian.of(self.set.id)[self.set.nodes[0].id]
        now = int(self.clock.now) // STEP
        return kept.ring.read(column, range(now - minutes + 1, now + 1), 1)


def test_a_point_is_kept_each_minute(tmp_path: Path) -> None:
    """However often it is looked; rates are those since the point before."""
    ground = Ground(tmp_path)
    for second in range(0, 180, 15):
        ground.look(clients=second, commands=10 * second)
        ground.clock.now += 15

    ground.clock.now -= 15
    clients, rates = ground.read(Column.CLIENTS, 3), ground.read(Column.OPS_PER_SEC, 3)

    assert len([value for value in clients if value is not None]) == 3
    assert rates[0] is None
    assert rates[1:] == [10, 10]


def test_nodes_that_are_gone_are_remembered_for_a_while(tmp_path: Path) -> None:
    """A failover does not empty a chart; once they are out of the window they are forgotten."""
    ground = Ground(tmp_path)
    ground.look()
    fewer = replace(ground.set, nodes=ground.set.nodes[1:])

    ground.clock.now += STEP
    ground.look(fewer)
    after_loss = set(ground.historian.of(ground.set.id))
    ground.clock.now += STEP * (POINTS + 1)
    ground.look(fewer)

    assert after_loss == {node.id for node in ground.set.nodes}
    assert set(ground.historian.of(ground.set.id)) == {node.id for node in fewer.nodes}


def test_a_set_that_loses_nodes_all_the_time_keeps_no_more_than_a_few(tmp_path: Path) -> None:
    """Its memory is bounded: the nodes that went first go first."""
    ground = Ground(tmp_path)
    for life in range(2 * RINGS):
        nodes = tuple(replace(n, id=NodeId(f"{n.id}-{life}")) for n in ground.set.nodes)
        ground.look(replace(ground.set, nodes=nodes))
        ground.clock.now += STEP

    kept = ground.historian.of(ground.set.id)

    assert len(kept) == RINGS
    assert all(int(node.rpartition("-")[2]) >= 2 * RINGS - RINGS // 3 for node in kept)


async def test_what_was_kept_survives_a_restart(tmp_path: Path) -> None:
    """Written at the end, read at the beginning; the first point after it has no rates."""
    ground = Ground(tmp_path)
    async with ground.historian:
        ground.look(clients=5)

    ground.historian = Historian(ground.file, ground.clock)
    async with ground.historian:
        ground.clock.now += STEP
        ground.look(clients=6)
        clients, rates = ground.read(Column.CLIENTS, 2), ground.read(Column.OPS_PER_SEC, 2)

    assert (clients, rates) == ([5, 6], [None, None])


async def test_a_damaged_file_is_said_and_begun_anew(tmp_path: Path) -> None:
    """Charts are no reason not to start."""
    ground = Ground(tmp_path)
    ground.file.write_bytes(b"nonsense")

    with capture_logs() as logs:
        async with ground.historian:
            ground.look()

    assert [line["event"] for line in logs] == ["history_lost"]
    async with Historian(ground.file, ground.clock) as again:
        assert set(again.of(ground.set.id)) == {node.id for node in ground.set.nodes}


async def test_a_file_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    """And nothing else happens."""
    ground = Ground(tmp_path / "gone")

    with capture_logs() as logs:
        async with ground.historian:
            ground.look()

    assert [line["event"] for line in logs] == ["history_not_saved"]


async def test_sets_that_went_while_nobody_was_here_are_dropped(tmp_path: Path) -> None:
    """When they are out of the window, at the next time of writing."""
    ground = Ground(tmp_path)
    async with ground.historian:
        ground.look()
    ground.clock.now += STEP * (POINTS + 1)

    async with Historian(ground.file, ground.clock):
        pass

    async with Historian(ground.file, ground.clock) as third:
        assert third.of(ground.set.id) == {}
