"""Sets of every size, from the order to the first byte, and to their end."""

import os

import pytest
import redis
from live_set import LiveSet, order
from service_process import NEWEST, ServiceProcess, living, wait_for

from memstored.client import ApiFault


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_a_set_takes_writes_and_hands_them_to_its_replicas(
    service: ServiceProcess, version: str, nodes: int
) -> None:
    """A new set writes at the primary address and reads at the reader's, which only replicas serve."""
    made = LiveSet.running(service, version, nodes)

    with made.at(made.address()) as client:
        client.set("colour", "green")
        copied = client.wait(nodes - 1, 5000)

    assert copied == nodes - 1
    if nodes == 1:
        assert made.show()["endpoints"]["reader"] is None
    else:
        assert made.server_at(made.reader_address()) in {made.server_of(row) for row in made.replicas()}
        with made.at(made.reader_address()) as reader:
            assert reader.get("colour") == "green"


def test_a_replica_refuses_writes_and_every_node_runs_the_engine_asked_for(
    service: ServiceProcess, version: str
) -> None:
    """A node's own address leads to that node: the primary's takes writes, a replica's says READONLY."""
    made = LiveSet.running(service, version, 3)

    for row in made.replicas():
        with made.at(row["endpoint"]) as client, pytest.raises(redis.ReadOnlyError):
            client.set("colour", "green")
    for row in made.rows():
        with made.at(row["endpoint"]) as client:
            assert client.info("server")["redis_version"] == version
        assert made.server_at(row["endpoint"]) == made.server_of(row)


def test_the_service_goes_first_and_its_nodes_do_not(service: ServiceProcess) -> None:
    """Where the system grants it, as to root, a failover does not wait for its turn behind tenants' load."""
    made = LiveSet.running(service, NEWEST, 2)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    granted, usual = (-10, 0) if os.geteuid() == 0 else (ours, ours)
    assert service.process is not None

    nice = os.getpriority(os.PRIO_PROCESS, service.process.pid)
    nodes = {os.getpriority(os.PRIO_PROCESS, server) for server in made.servers().values()}

    assert nice == granted
    assert nodes == {usual}


def test_six_nodes_are_one_set(service: ServiceProcess, version: str) -> None:
    """The largest set: one primary that five replicas follow, numbered one to six."""
    made = LiveSet.running(service, version, 6)

    with made.at(made.address()) as client:
        client.set("colour", "green")

        assert client.wait(5, 5000) == 5
        assert client.info("replication")["connected_slaves"] == 5
    name = made.show()["instanceSetName"]
    assert [row["instanceName"] for row in made.rows()] == [f"{name}-{number}" for number in range(1, 7)]


def test_a_set_walks_the_documented_states(service: ServiceProcess) -> None:
    """A set is seen in `Init`, `Provisioning`, `Replicating`, `Running`, in that order and no other."""
    documented = ["Init", "Provisioning", "Replicating", "Running"]
    made = LiveSet.ordered(service, "6.2.5", 6)
    seen = [made.show()]

    def look() -> bool:
        seen.append(made.show())
        return seen[-1]["status"] == "Running"

    wait_for(look, what="the set running")
    walked = list(dict.fromkeys(row["status"] for row in seen))

    assert walked == [state for state in documented if state in walked]
    assert all((row["reason"] is None) == (row["status"] == "Running") for row in seen)
    assert seen[-1]["endpoints"] is not None


def test_a_deleted_set_leaves_nothing_but_its_events(service: ServiceProcess, version: str) -> None:
    """With a set go its servers, folders and addresses; its name is free, its story stays."""
    made = LiveSet.running(service, version, 3)
    name, servers = made.show()["instanceSetName"], made.servers().values()
    address = made.address()

    made.delete()
    made.await_gone()

    with pytest.raises(ApiFault) as refusal:
        made.show()
    assert refusal.value.status == 404
    assert not any(living(server) for server in servers)
    assert service.node_folders() == set()
    wait_for(lambda: not service.addresses_of(made.id), what="its addresses being given back")
    with made.at(address) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    assert made.event_names()[-2:] == ["Cluster Delete", "Cluster Delete Complete"]
    assert LiveSet.ordered(service, version, 1, instanceSetName=name).status != "Failed"


def test_a_set_in_the_making_can_be_deleted(service: ServiceProcess, version: str) -> None:
    """Whoever changes their mind at once gets rid of the set as cleanly as of one that runs."""
    made = LiveSet.ordered(service, version, 3)

    made.delete()
    made.await_gone()

    assert service.servers() == {}
    assert service.node_folders() == set()
    wait_for(lambda: not service.held_addresses(), what="its addresses being given back")


def test_a_name_belongs_to_one_set_until_that_is_gone(service: ServiceProcess) -> None:
    """A name in use is refused with 409 and starts nothing."""
    made = LiveSet.running(service, NEWEST, 1)
    name = made.show()["instanceSetName"]

    with pytest.raises(ApiFault) as refusal:
        service.client.post("/v1/instance-sets", order(service, NEWEST, 2, instanceSetName=name))

    assert (refusal.value.status, refusal.value.code) == (409, "name_in_use")
    assert len(service.sets()) == 1
    assert len(service.servers()) == 1


def test_sets_on_one_port_do_not_see_each_other(service: ServiceProcess, version: str) -> None:
    """Two sets share the port and nothing else: each has addresses and data of its own."""
    one, other = LiveSet.ordered(service, version, 2), LiveSet.ordered(service, version, 2)
    one.await_whole(2)
    other.await_whole(2)

    with one.at(one.address()) as client:
        client.set("colour", "green")

    with other.at(other.address()) as client:
        assert client.get("colour") is None
    addresses = [*service.addresses_of(one.id), *service.addresses_of(other.id)]
    assert len(set(addresses)) == 4


def test_operations_and_events_tell_how_a_set_was_made(service: ServiceProcess) -> None:
    """The operation has all steps done in order; the events run from the order to its completion."""
    made = LiveSet.running(service, NEWEST, 2)

    creation = made.operations()[0]

    assert (creation["kind"], creation["state"], creation["percent"]) == ("create", "succeeded", 100)
    times = [time for step in creation["steps"] for time in (step["startedAt"], step["finishedAt"])]
    assert times == sorted(times)
    asked, complete = made.events()
    assert [asked["name"], complete["name"]] == ["Cluster Create", "Cluster Create Complete"]
    assert complete["causeId"] == asked["id"]
    assert (asked["actor"], complete["actor"]) == ("admin", "memstored")
    assert asked["requestId"]
