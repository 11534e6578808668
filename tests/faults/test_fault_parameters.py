"""Parameter groups under faults: what was brought to the nodes stays there, what was refused is nowhere."""

import pytest
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


def test_values_stay_through_failover_heal_and_growth(service: ServiceProcess, version: str) -> None:
    """They come to every node of both sets under load, and every node that comes later has them, too."""
    group = LiveGroup.made(service, version)
    first, second = group.running(version, 3), group.running(version, 2)

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


def test_h30_what_is_refused_leaves_nothing_behind(service: ServiceProcess, version: str) -> None:
    """Data that grew until a set's turn came makes its nodes refuse: group, sets and nodes agree, those
    behind it wait, the next failover starts clean, and a retry goes on.
    """
    group = LiveGroup.made(service, version)
    first, full, last = (group.running(version, nodes) for nodes in (3, 2, 1))
    before = values_of(full, "maxmemory")

    group.change(tcp_backlog="1024", timeout="300", maxmemory=str(LEAST_MEMORY))
    with full.at(full.address()) as client:
        for number in range(60):
            client.set(f"bulk:{number}", b"x" * 4 * 1024**2)
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


def test_nodes_are_replaced_under_writers(service: ServiceProcess, version: str) -> None:
    """What only a start can give costs no write and no more than the gap of one promotion (S6, S9)."""
    group = LiveGroup.made(service, version)
    made = group.running(version, 3)
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


def test_the_only_node_is_replaced_without_loss(service: ServiceProcess, version: str) -> None:
    """A second one is there for as long as it takes; the addresses stay (S6)."""
    group = LiveGroup.made(service, version)
    made = group.running(version, 1)
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
    made = group.running(NEWEST, 2)

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
    service: ServiceProcess, version: str, end: int
) -> None:
    """What the rules admit the engine takes, and every node has it afterwards."""
    family = family_of(version)
    chosen = {p.name: limits(p)[end] for p in parameters_of(family) if p.editable}
    group = LiveGroup.made(service, version)
    made = group.running(version, 2)

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
