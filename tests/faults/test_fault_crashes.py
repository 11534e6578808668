"""Servers that die at once: what takes over, what is kept, what is told, and what heals."""

import pytest
from live_set import HEAL_DEADLINE, LiveSet
from service_process import NEWEST, ServiceProcess, kill, living, wait_for

from memstored.client import ApiFault
from writers import Writers


def test_a_killed_primary_is_replaced_by_a_node_that_had_the_data(
    service: ServiceProcess, version: str
) -> None:
    """Under writers the same address takes writes again, every write that a replica confirmed is there,
    and the set heals to its size.
    """
    made = LiveSet.running(service, version, 3)
    address, before = made.address(), made.ids()

    with Writers(made, copies=1) as writers:
        lost = made.kill_primary()
        writers.await_more()
        healed = made.await_replaced(lost)
        writers.await_more()

    assert writers.missing() == []
    assert made.address() == address
    assert made.primary()["objectId"] in before - {lost["objectId"]}
    assert made.addresses_lead_home()
    assert made.server_at(made.reader_address()) in {made.server_of(row) for row in made.replicas()}
    print(f"{version}: gap {writers.longest_gap() * 1000:.0f} ms, whole again after {healed:.1f} s")  # noqa: T201 - figures for whoever reads the report


def test_a_failover_is_told_from_the_death_to_the_recovery(service: ServiceProcess) -> None:
    """Each event names the one that led to it: node down, failover, its completion, recovery, the end."""
    made = LiveSet.running(service, NEWEST, 3)

    lost = made.kill_primary()
    made.await_replaced(lost)
    chain = {event["name"]: event for event in made.events()}
    repair = made.await_operation("failover")

    causes = {
        "Cluster Failover": "Cluster Node Down",
        "Cluster Failover Complete": "Cluster Failover",
        "Node Recovery": "Cluster Node Down",
        "Cluster Recovery Complete": "Cluster Node Down",
    }
    assert made.event_names()[2:] == ["Cluster Node Down", *causes]
    assert {name: chain[name]["causeId"] for name in causes} == {
        name: chain[cause]["id"] for name, cause in causes.items()
    }
    assert lost["instanceName"] in chain["Cluster Node Down"]["message"]
    assert (repair["state"], repair["percent"]) == ("succeeded", 100)


def test_a_killed_replica_is_replaced_while_writes_go_on(service: ServiceProcess, version: str) -> None:
    """A replica's death costs no write and moves no primary; the reader leads to one that lives."""
    made = LiveSet.running(service, version, 3)
    primary = made.primary()["objectId"]
    doomed = next(r for r in made.replicas() if made.server_of(r) == made.server_at(made.reader_address()))

    with Writers(made) as writers:
        kill(made.server_of(doomed))
        made.await_replaced(doomed)
        writers.await_more()

    assert writers.missing() == []
    assert made.primary()["objectId"] == primary
    assert made.server_at(made.reader_address()) in {made.server_of(row) for row in made.replicas()}
    assert "Cluster Failover" not in made.event_names()
    assert made.event_names()[-3:] == ["Cluster Node Down", "Node Recovery", "Cluster Recovery Complete"]


def test_s05_primary_and_one_replica_die_together(service: ServiceProcess, version: str) -> None:
    """What two replicas confirmed survives the loss of the primary and of either of them (S5)."""
    made = LiveSet.running(service, version, 3)
    survivor = made.replicas()[1]["objectId"]
    dead = [made.primary(), made.replicas()[0]]

    with Writers(made, copies=2) as writers:
        kill(*(made.server_of(row) for row in dead))
        made.await_replaced(*dead)
        writers.await_more()

    assert writers.missing() == []
    assert made.primary()["objectId"] == survivor


def test_a_replica_that_dies_during_a_failover_does_not_stop_it(
    service: ServiceProcess, version: str
) -> None:
    """The freshest of those that live takes over, also when the next dies a moment after the primary."""
    made = LiveSet.running(service, version, 4)
    dead = [made.primary(), made.replicas()[0]]

    with Writers(made, copies=2) as writers:
        for row in dead:
            kill(made.server_of(row))
        made.await_replaced(*dead)
        writers.await_more()

    assert writers.missing() == []
    assert not {row["objectId"] for row in dead} & made.ids()


def test_a_set_whose_nodes_all_die_has_failed(service: ServiceProcess, version: str) -> None:
    """With the last copy goes the set: it says so, refuses every change, and can only be deleted."""
    made = LiveSet.running(service, version, 3)

    kill(*made.servers().values())
    failed = made.await_status("Failed")

    assert failed["reason"]["code"] == "all_copies_lost"
    for change in (made.add_replica, lambda: made.patch(description="anything")):
        with pytest.raises(ApiFault) as refusal:
            change()
        assert (refusal.value.status, refusal.value.code) == (400, "wrong_state")
    made.delete()
    made.await_gone()
    assert service.servers() == {}


def test_a_node_that_dies_alone_takes_its_set_with_it(service: ServiceProcess, version: str) -> None:
    """One node is one copy: nothing is started empty in its place."""
    made = LiveSet.running(service, version, 1)

    made.kill_primary()

    assert made.await_status("Failed")["reason"]["code"] == "all_copies_lost"
    assert service.servers() == {}


def test_without_ha_a_dead_replica_stays_dead_until_its_owner_acts(
    service: ServiceProcess, version: str
) -> None:
    """HA off: a `Failed` row in a `Warning` set that goes on writing; deleting the row makes it whole."""
    made = LiveSet.running(service, version, 3, recoveryEnabled=False)
    doomed = made.replicas()[0]

    with Writers(made) as writers:
        kill(made.server_of(doomed))
        warned = made.await_status("Warning")
        rows = {row["objectId"]: row["status"] for row in made.rows()}
        made.delete_node(doomed["objectId"])
        made.await_whole(2)
        writers.await_more()

    assert writers.missing() == []
    assert warned["reason"]["code"] == "node_failed"
    assert doomed["instanceName"] in warned["reason"]["message"]
    assert rows[doomed["objectId"]] == "Failed"
    assert sorted(rows.values()) == ["Failed", "Running", "Running"]


def test_without_ha_the_owner_promotes_after_the_primary_died(service: ServiceProcess, version: str) -> None:
    """HA off: nobody takes over by itself; the owner's promotion does, at the same address."""
    made = LiveSet.running(service, version, 3, recoveryEnabled=False)
    address = made.address()

    with Writers(made, copies=2) as writers:
        lost = made.kill_primary()
        warned = made.await_status("Warning")
        target = made.freshest_survivor()
        made.promote(target)
        promoted = made.await_operation("promote")
        made.delete_node(lost["objectId"])
        made.await_whole(2)

    assert warned["reason"]["code"] == "primary_failed"
    assert (promoted["state"], made.primary()["objectId"]) == ("succeeded", target)
    assert writers.missing() == []
    assert made.await_writable() < HEAL_DEADLINE
    assert (made.address(), made.addresses_lead_home()) == (address, True)


def test_s02_a_dead_node_is_never_started_again(service: ServiceProcess, version: str) -> None:
    """What replaces a node is another: new id, name and address; of the old one nothing runs (S2)."""
    made = LiveSet.running(service, version, 2)

    lost = made.kill_primary()
    made.await_replaced(lost)

    rows = made.rows()
    assert lost["endpoint"] not in {row["endpoint"] for row in rows}
    assert lost["instanceName"] not in {row["instanceName"] for row in rows}
    wait_for(lambda: lost["objectId"] not in service.node_folders(), what="the end of the dead node's folder")
    assert all(living(server) for server in made.servers().values())
    assert set(service.servers()) == set(made.servers().values())
