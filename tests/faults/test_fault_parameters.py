"""Parameter groups under faults: what was brought to the nodes stays there, what was refused is nowhere."""

import pytest
import redis
from combination import Combination, one_of_each
from live_group import LiveGroup, values_of
from service_process import NEWEST, ServiceProcess, kill

from memstored.domain.bounds import BufferLimits, Events, Memory, Truth, Whole, Words
from memstored.domain.engine import family_of
from memstored.domain.model import Setting
from memstored.domain.parameters import Parameter, engine_values, normalized, parameter_of, parameters_of
from writers import Writers

FLAVOR_GIB = 4
LEAST_MEMORY = FLAVOR_GIB * 1024**3 * 5 // 100
GAP = 5.0
"""Seconds that a handover may hold writes back on a machine that many tests share; 0.05 on an idle one."""


@pytest.fixture(params=one_of_each(), ids=str)
def kind(request: pytest.FixtureRequest) -> Combination:
    """A set of each engine, and one with TLS and a user."""
    found: Combination = request.param
    return found


def test_values_stay_through_failover_heal_and_growth(old_service: ServiceProcess, kind: Combination) -> None:
    """They come to every node of both sets under load, and every node that comes later has them, too."""
    group = LiveGroup.made(old_service, kind.version)
    first, second = group.running(kind, 3), group.running(kind, 2)

    with Writers(first, copies=1) as writers, Writers(second):
        group.change(timeout="300", maxmemory_policy="noeviction")
        for made in (first, second):
            group.await_status(made, "In-Sync")
            assert values_of(made, "timeout") == {"300"}
            assert values_of(made, "maxmemory-policy") == {"noeviction"}
        lost = first.kill_primary()
        first.await_replaced(lost)
        replica = first.replicas()[0]
        kill(first.server_of(replica))
        first.await_replaced(replica)
        first.add_replica()
        first.await_whole(4)
        writers.await_more()

    assert values_of(first, "timeout") == {"300"}
    assert values_of(first, "maxmemory-policy") == {"noeviction"}
    assert writers.missing() == []
    assert "Parameter Group Apply Complete" in first.event_names()


def fill(client: redis.Redis, numbers: range) -> None:
    """Write as many values of 4 MiB."""
    for number in numbers:
        client.set(f"bulk:{number}", b"x" * 4 * 1024**2)


def test_h30_what_is_refused_leaves_nothing_behind(old_service: ServiceProcess, kind: Combination) -> None:
    """Data that grew until a set's turn came makes its nodes refuse: group, sets and nodes agree, those
    behind it wait, the next failover starts clean, and a retry goes on.
    """
    group = LiveGroup.made(old_service, kind.version)
    first, full, last = (group.running(kind, nodes) for nodes in (3, 2, 1))
    before = values_of(full, "maxmemory")

    with full.at(full.address()) as client:
        # Little enough for the request, also with the room that Redis keeps behind values of this size, and
        # nothing of it is on its way to the replica any more.
        fill(client, range(28))
        assert client.wait(1, 0) == 1
        group.change(tcp_backlog="1024", timeout="300", maxmemory=str(LEAST_MEMORY))
        fill(client, range(28, 60))
    group.await_status(first, "In-Sync")
    group.await_status(full, "Error-Sync")
    group.await_status(last, "Suspended")

    assert "that are used, so keys would be evicted" in group.shows(full)["error"]
    assert values_of(full, "timeout") == values_of(last, "timeout") == {"0"}
    assert values_of(full, "maxmemory") == before
    lost = full.kill_primary()
    full.await_replaced(lost)
    assert values_of(full, "timeout") == {"0"}
    assert values_of(full, "maxmemory") == before
    with full.at(full.address()) as client:
        assert client.dbsize() == 60
        client.flushall()
    group.retry(full)
    for made in (full, last):
        group.await_status(made, "In-Sync")
        assert values_of(made, "timeout") == {"300"}
        assert values_of(made, "tcp-backlog") == {"1024"}


def test_nodes_are_replaced_under_writers(old_service: ServiceProcess, kind: Combination) -> None:
    """What only a start can give costs no write and no more than the gap of one promotion (S6, S9)."""
    group = LiveGroup.made(old_service, kind.version)
    made = group.running(kind, 3)
    before = made.ids()

    with Writers(made, writers=8) as writers:
        group.change(tcp_backlog="1024")
        group.await_status(made, "In-Sync")
        writers.await_more()

    assert values_of(made, "tcp-backlog") == {"1024"}
    assert not before & made.ids()
    assert len(made.rows()) == 3
    assert writers.missing() == []
    assert writers.longest_gap() < GAP
    assert made.event_names().count("Cluster Switchover") == 1
    assert "Cluster Failover" not in made.event_names()


def test_the_only_node_is_replaced_without_loss(old_service: ServiceProcess, kind: Combination) -> None:
    """A second one is there for as long as it takes; the addresses stay (S6)."""
    group = LiveGroup.made(old_service, kind.version)
    made = group.running(kind, 1)
    address, [before] = made.address(), made.ids()

    with Writers(made) as writers:
        group.change(tcp_backlog="1024")
        group.await_status(made, "In-Sync")
        writers.await_more()

    assert values_of(made, "tcp-backlog") == {"1024"}
    assert made.ids() != {before}
    assert (len(made.rows()), made.address()) == (1, address)
    assert writers.missing() == []


def test_threads_come_with_new_nodes(service: ServiceProcess) -> None:
    """`io-threads`, which an engine reads at its start."""
    group = LiveGroup.made(service, NEWEST)
    made = group.running(Combination(version=NEWEST, tls=False, user=False), 2)

    with Writers(made, writers=8) as writers:
        group.change(io_threads="2")
        group.await_status(made, "In-Sync")
        writers.await_more()

    assert values_of(made, "io-threads") == {"2"}
    assert writers.missing() == []


def limits(parameter: Parameter) -> tuple[str, str]:
    """The least and the most that a parameter may be."""
    match parameter.bound:
        case Truth():
            return "no", "yes"
        case Words(choices=choices):
            return choices[0], choices[-1]
        case Whole(least=least, most=most):
            return str(least), str(most)
        case Memory(least_percent=least, most_percent=most):
            return f"{least}%", f"{most}%"
        case Events(all=every, further=further):
            return "", f"KE{every}{further.replace('n', '')}"
        case BufferLimits(least=least, most=most):
            return f"normal 0 0 0 pubsub {least} {least} 0", f"normal {most} {most} 1 pubsub {most} {most} 1"
        case bound:
            raise AssertionError(f"no limits known of {bound}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_every_parameter_at_its_limits_survives_failover_and_heal(
    old_service: ServiceProcess, kind: Combination, end: int
) -> None:
    """What the rules admit the engine takes, and every node has it afterwards."""
    family = family_of(kind.version)
    chosen = {p.name: limits(p)[end] for p in parameters_of(family) if p.editable}
    group = LiveGroup.made(old_service, kind.version)
    made = group.running(kind, 2)

    group.change(**chosen)
    group.await_status(made, "In-Sync")
    made.await_replaced(made.kill_primary())
    replica = made.replicas()[0]
    kill(made.server_of(replica))
    made.await_replaced(replica)

    settings = tuple(Setting(name=name, value=value) for name, value in chosen.items())
    for name, value in engine_values(family, settings, FLAVOR_GIB).items():
        parameter = parameter_of(family, name)
        assert parameter is not None
        found = {normalized(parameter, read) for read in values_of(made, name)}
        assert found == {normalized(parameter, value)}, name
