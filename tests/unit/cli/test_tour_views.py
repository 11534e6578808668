"""What the tour shows and what it makes of the figures."""

import io

import pytest
from rich.console import Console, RenderableType

from memstored.cli.tour_load import Acknowledged, Record
from memstored.cli.tour_views import Kill, Verdict, View, events, nodes, verdict

KILL = Kill(node_id="n1", at=10.0, wall=1_000_000_000.0)
PLAIN = Acknowledged("plain", 10.5, 10.4, confirmed=False)
CONFIRMED = Acknowledged("confirmed", 9.0, 8.0, confirmed=True)


def shown(view: RenderableType) -> str:
    """What stands in a pipe of 80 columns."""
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def outcome(*missing: Acknowledged, after: Acknowledged = PLAIN) -> Verdict:
    """A kill at 10 s with one write on either side."""
    return Verdict(record=Record([[CONFIRMED, after]]), kill=KILL, missing=missing)


def node(name: str, status: str = "Running") -> dict[str, str]:
    """A node as the API shows it."""
    return {
        "objectId": name,
        "instanceName": name,
        "role": "replica",
        "status": status,
        "endpoint": "127.0.0.9",
    }


def view(*rows: dict[str, str], status: str = "Running") -> View:
    """A set with those nodes."""
    return View(set={"status": status}, nodes=rows, operations=())


def test_the_promises_held_when_nothing_is_missing() -> None:
    """All there, and writing went on."""
    told = shown(verdict(outcome()))

    assert outcome().held
    assert "500 ms" in told
    assert "2, every one is there" in told


def test_an_unconfirmed_loss_is_told_and_explained() -> None:
    """Redis may lose what only the dead primary held: the tour says so and does not fail."""
    told = shown(verdict(outcome(PLAIN)))

    assert outcome(PLAIN).held
    assert "2, of which 1 are missing" in told
    assert "WAIT 1" in told.splitlines()[-1] + told.splitlines()[-2]


def test_a_confirmed_loss_breaks_a_promise() -> None:
    """A write that a replica confirmed must survive its primary (S5)."""
    assert not outcome(CONFIRMED).held


def test_writing_that_never_resumed_breaks_a_promise() -> None:
    """Writes over the old connection alone do not count."""
    late = Acknowledged("late", 10.1, 8.0, confirmed=False)

    assert not outcome(after=late).held
    assert "never" in shown(verdict(outcome(after=late)))


@pytest.mark.parametrize(
    ("seen", "whole"),
    [
        (view(node("n2"), node("n3"), node("n4")), True),
        (view(node("n2"), node("n3"), node("n4"), status="ScalingOut"), False),
        (view(node("n2"), node("n3"), node("n4", "Starting")), False),
        (view(node("n1"), node("n2"), node("n3")), False),
        (view(node("n2"), node("n3")), False),
    ],
)
def test_a_set_is_whole_when_all_its_nodes_run_without_the_dead_one(seen: View, *, whole: bool) -> None:
    """Just after the kill the API still shows the old nodes as running: that is not healed."""
    assert seen.whole(3, without="n1") is whole


def test_events_are_told_from_the_kill_on() -> None:
    """What was recorded before the kill does not belong to it; the oldest comes first."""
    recorded = [
        {"time": "2001-09-09T01:46:40.250Z", "name": "Cluster Failover", "message": "n2 takes over."},
        {"time": "2001-09-09T01:46:40.004Z", "name": "Cluster Node Down", "message": "n1 is gone."},
        {"time": "2001-09-09T01:46:30.000Z", "name": "Cluster Create Complete", "message": "Ready."},
    ]

    lines = shown(events(recorded, KILL)).splitlines()

    assert [line.split()[0] for line in lines] == ["after", "0.004", "0.250"]


def test_nodes_fit_into_80_columns() -> None:
    """The longest name that a set may have leaves the table whole."""
    row = node("a" * 20 + "-12") | {"status": "Terminating", "endpoint": "127.255.255.255"}

    told = shown(nodes(view(row)))

    assert "127.255.255.255" in told
    assert max(map(len, told.splitlines())) <= 80
