"""What an owner asks of a running set, carried out on real servers while applications write."""

import pytest
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, living, stopped

from memstored.client import ApiFault
from writers import Writers


def test_an_added_replica_holds_the_data_and_is_counted(service: ServiceProcess, version: str) -> None:
    """A replica joins under writes: `Scaling(horizontal)` until it serves, then a full copy."""
    made = LiveSet.running(service, version, 1)

    with Writers(made) as writers:
        # Nobody copies from a server that stands still, so it does not serve before we have looked.
        with stopped(made.server_of(made.primary())):
            made.add_replica()
            state = made.show()
        made.await_whole(2)
        writers.await_more()

    assert state["status"] == "Scaling(horizontal)"
    assert state["operation"]["kind"] == state["reason"]["code"] == "add_replica"
    assert made.show()["replicas"] == 2
    with made.at(made.address()) as client, made.at(made.replicas()[0]["endpoint"]) as replica:
        assert client.wait(1, 5000) == 1
        assert replica.dbsize() == client.dbsize()
    assert made.await_operation("add_replica")["state"] == "succeeded"
    assert "Cluster Node Add" in made.event_names()


def test_a_set_grown_from_one_node_keeps_its_reader_at_a_node_in_step(service: ServiceProcess) -> None:
    """One-node sets have no reader address for life; what they have keeps working when they grow."""
    made = LiveSet.running(service, NEWEST, 1)

    made.add_replica()
    made.await_whole(2)

    assert made.show()["endpoints"]["reader"] is None
    assert made.addresses_lead_home()


def test_a_deleted_replica_is_gone_and_its_number_is_not_used_again(
    service: ServiceProcess, version: str
) -> None:
    """A replica leaves, the reader address with it; the next one gets the next number."""
    made = LiveSet.running(service, version, 3)
    doomed = next(r for r in made.replicas() if made.server_of(r) == made.server_at(made.reader_address()))
    server = made.server_of(doomed)

    with Writers(made) as writers:
        made.delete_node(doomed["objectId"])
        made.await_whole(2)
        made.add_replica()
        made.await_whole(3)

    assert writers.missing() == []
    assert not living(server)
    assert doomed["objectId"] not in service.node_folders()
    numbers = sorted(row["instanceName"].rsplit("-", 1)[1] for row in made.rows())
    assert numbers == sorted({"1", "2", "3", "4"} - {doomed["instanceName"].rsplit("-", 1)[1]})
    assert made.server_at(made.reader_address()) in {made.server_of(row) for row in made.replicas()}


@pytest.mark.parametrize("nodes", [2, 4])
def test_h08_s09_a_promotion_loses_nothing_under_writers(
    service: ServiceProcess, version: str, nodes: int
) -> None:
    """A chosen replica takes over at the same address, and every acknowledged write is there (S9)."""
    made = LiveSet.running(service, version, nodes, recoveryEnabled=False)
    address, servers = made.address(), made.servers()
    target = made.replicas()[-1]["objectId"]

    with Writers(made) as writers:
        made.promote(target)
        promoted = made.await_operation("promote")
        made.await_whole(nodes)
        writers.await_more()

    assert promoted["state"] == "succeeded", promoted["error"]
    assert writers.missing() == []
    assert made.primary()["objectId"] == target
    assert made.address() == address
    assert made.server_at(address) == servers[target]
    assert made.servers() == servers
    assert made.event_names()[-1] == "Cluster Switchover"
    print(f"promotion of {nodes} nodes on {version}: gap {writers.longest_gap() * 1000:.0f} ms")  # noqa: T201 - a figure for whoever reads the report


def test_a_promotion_there_and_back_again(service: ServiceProcess, version: str) -> None:
    """Primaries may change as often as their owner likes: each former primary is a whole replica (S9)."""
    made = LiveSet.running(service, version, 3, recoveryEnabled=False)
    servers = made.servers()

    with Writers(made) as writers:
        for target in [made.replicas()[0]["objectId"], made.replicas()[1]["objectId"], *made.ids()]:
            made.promote(target)
            made.await_whole(3)
            assert made.primary()["objectId"] == target, made.operations()[-1]
        writers.await_more()

    assert writers.missing() == []
    assert made.servers() == servers


def test_high_availability_goes_off_and_on_again(service: ServiceProcess, version: str) -> None:
    """Off, nobody takes over by itself and the owner may promote; on, the service chooses."""
    made = LiveSet.running(service, version, 2)
    check = f"{made.path}/failover-check"
    replica = made.replicas()[0]["objectId"]

    ready = service.client.get(check)
    with pytest.raises(ApiFault) as refusal:
        made.promote(replica)
    made.patch("/recovery", enabled=False)
    unready = service.client.get(check)
    made.promote(replica)
    made.await_whole(2)
    made.patch("/recovery", enabled=True)
    made.await_replaced(made.kill_primary())

    assert (ready["ready"], ready["candidate"], ready["reasons"]) == (True, replica, [])
    assert [(row["id"], row["reason"]) for row in ready["replicas"]] == [(replica, None)]
    assert (refusal.value.status, refusal.value.code) == (400, "ha_on")
    assert (unready["ready"], unready["reasons"]) == (False, ["ha_off"])
    assert made.event_names().count("Cluster High Availability Update") == 2
    assert "Cluster Failover Complete" in made.event_names()


def test_a_set_is_described_grouped_and_scheduled_anew(service: ServiceProcess) -> None:
    """Description and schedule change at once; security groups take the set through `Modifying`."""
    made = LiveSet.running(service, NEWEST, 2)
    groups = made.show()["securityGroups"]

    made.patch(description="orders of the shop")
    made.patch(backupSchedule={"cron": "* 1 * * *"})
    described = made.show()
    made.patch(securityGroups=groups, description="")
    changed = made.await_operation("modify")
    after = made.await_status("Running")

    assert described["status"] == "Running"
    assert described["description"] == "orders of the shop"
    assert described["backupSchedule"] == {"cron": "* 1 * * *", "retentionLimit": 7}
    assert (changed["state"], after["description"]) == ("succeeded", "")
    assert after["securityGroups"] == groups
    assert {"Cluster Update", "Cluster Backup Schedule Update"} <= set(made.event_names())


def test_one_operation_at_a_time(service: ServiceProcess) -> None:
    """While a replica is added another wish is refused and named; afterwards it is heard."""
    made = LiveSet.running(service, NEWEST, 2)

    with stopped(made.server_of(made.primary())):
        made.add_replica()
        with pytest.raises(ApiFault) as refusal:
            made.add_replica()
    made.await_whole(3)
    made.add_replica()
    made.await_whole(4)

    assert (refusal.value.status, refusal.value.code) == (400, "set_busy")
    assert made.show()["replicas"] == 4


def test_operations_that_would_hurt_are_refused_and_change_nothing(service: ServiceProcess) -> None:
    """The primary of an HA set, its last replica and an only node stay, whoever asks (S6)."""
    pair, single = LiveSet.running(service, NEWEST, 2), LiveSet.running(service, "6.2.5", 1)
    servers = service.servers()
    doomed = [
        (pair, pair.primary(), "primary_with_ha"),
        (pair, pair.replicas()[0], "last_replica_with_ha"),
        (single, single.primary(), "only_node"),
    ]

    for owner, row, code in doomed:
        with pytest.raises(ApiFault) as refusal:
            owner.delete_node(row["objectId"])
        assert (refusal.value.status, refusal.value.code) == (400, code)

    assert service.servers() == servers
    assert {pair.status, single.status} == {"Running"}
