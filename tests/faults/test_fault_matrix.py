"""Everything that can be asked of a set, of each engine, with TLS and a user where it has those.

One journey a combination, all on one set: clients log in as it is ordered and look whose certificate they are
shown; writers confirm every write by `WAIT` meanwhile, and lose none.
"""

import time

import pytest
import redis
from combination import Combination, combinations
from live_backup import LiveBackup
from live_group import LiveGroup, values_of
from live_set import LiveSet
from service_process import ServiceProcess, living

from memstored.client import ApiFault
from writers import Writers, unknown

pytestmark = pytest.mark.timeout(180)
FROM_KST = 9
TRIES = 5
"""Promotions that are asked for where the engine has no write pause: one that did not catch up is undone."""


@pytest.mark.parametrize("combination", combinations(), ids=str)
def test_a_set_goes_through_everything(old_service: ServiceProcess, combination: Combination) -> None:
    """What is asked for is done and told, and what two nodes had confirmed is there in the end."""
    group = LiveGroup.made(old_service, combination.version)
    group.change(timeout="300")
    made = combination.running(old_service, 3)
    read_all(made, combination)

    with Writers(made, copies=1) as writers:
        add_replica(made)
        writers.await_more()
        delete_replica(made)
        writers.await_more()
        describe_and_schedule(made)
        set_security_groups(made)
        link_group(made, group)
        writers.await_more()
        promote(made, tries=TRIES)
        writers.await_more()
        lose_primary(made)
        writers.await_more()
        confirmed = writers.keys()
        backup = back_up(made)
        writers.await_more()

    assert writers.missing() == []
    assert values_of(made, "timeout") == {"300"}
    log_in_everywhere(made, combination)
    restored = combination.running(old_service, 2, restoreSource={"backupName": backup})
    log_in_everywhere(restored, combination)
    for row in restored.rows():
        assert unknown(restored, row["endpoint"], confirmed) == []
    delete(restored)
    delete(made)


def read_all(made: LiveSet, combination: Combination) -> None:
    """The set, its nodes and who would take over are told as they are."""
    shown, rows = made.show(), made.rows()
    check = made.service.client.get(f"{made.path}/failover-check")

    assert made.id in {row["objectId"] for row in made.service.sets()}
    assert (shown["version"], shown["tlsEnabled"]) == (combination.version, combination.tls)
    assert bool(shown["user"]) == combination.user
    assert [row["role"] for row in rows] == ["primary", "replica", "replica"]
    assert (check["ready"], check["reasons"]) == (True, [])
    assert check["candidate"] in {row["objectId"] for row in made.replicas()}
    assert "Cluster Create Complete" in made.event_names()
    log_in_everywhere(made, combination)


def log_in_everywhere(made: LiveSet, combination: Combination) -> None:
    """At every address the set's login opens, and another password does not."""
    for host in [made.address(), made.reader_address(), *(row["endpoint"] for row in made.rows())]:
        with made.at(host) as client:
            assert client.ping()
        if combination.user:
            with made.at(host, password="wrong") as client, pytest.raises(redis.AuthenticationError):
                client.ping()


def add_replica(made: LiveSet) -> None:
    """It holds the data and counts."""
    nodes = len(made.rows())

    made.add_replica()
    assert made.await_operation("add_replica")["state"] == "succeeded"
    made.await_whole(nodes + 1)

    assert made.show()["replicas"] == nodes + 1
    added = max(made.replicas(), key=lambda row: int(row["instanceName"].rsplit("-", 1)[1]))
    with made.at(added["endpoint"]) as client:
        assert client.get("writer:0:1") == "writer:0:1"


def delete_replica(made: LiveSet) -> None:
    """It is gone with its process, and the primary is refused."""
    nodes, doomed = len(made.rows()), made.replicas()[0]
    server = made.server_of(doomed)

    with pytest.raises(ApiFault, match="primary"):
        made.delete_node(made.primary()["objectId"])
    made.delete_node(doomed["objectId"])
    assert made.await_operation("delete_node")["state"] == "succeeded"
    made.await_whole(nodes - 1)

    assert doomed["objectId"] not in made.ids()
    assert not living(server)


def describe_and_schedule(made: LiveSet) -> None:
    """At once, without leaving `Running`; the hour is half a day away, so that no backup begins by itself."""
    hour = int(time.time() // 3600 + FROM_KST + 12) % 24

    made.patch(description="orders of the shop", backupSchedule={"cron": f"* {hour} * * *"})
    shown = made.show()
    made.patch(backupSchedule={"cron": ""})

    assert (shown["status"], shown["description"]) == ("Running", "orders of the shop")
    assert shown["backupSchedule"] == {"cron": f"* {hour} * * *", "retentionLimit": 7}
    assert made.show()["backupSchedule"] is None


def set_security_groups(made: LiveSet) -> None:
    """Through `Modifying`."""
    groups = made.show()["securityGroups"]

    made.patch(securityGroups=groups)
    assert made.await_operation("modify")["state"] == "succeeded"
    made.await_status("Running")

    assert made.show()["securityGroups"] == groups


def link_group(made: LiveSet, group: LiveGroup) -> None:
    """Its values come to every node."""
    made.patch(parameterGroupId=group.id)
    group.await_status(made, "In-Sync")

    assert made.show()["parameterGroup"]["id"] == group.id
    assert values_of(made, "timeout") == {"300"}


def promote(made: LiveSet, *, tries: int) -> None:
    """With HA off, by at most so many tries; HA is on again afterwards."""
    nodes, address, before = len(made.rows()), made.address(), made.primary()["objectId"]

    made.patch("/recovery", enabled=False)
    for _ in range(tries):
        made.promote(made.freshest_replica())
        made.await_operation("promote")
        made.await_whole(nodes)
        if made.primary()["objectId"] != before:
            break
    made.patch("/recovery", enabled=True)

    assert made.primary()["objectId"] != before, made.operations()[-1]["error"]
    assert "Cluster Switchover" in made.event_names()
    assert (made.address(), made.show()["recoveryEnabled"]) == (address, True)
    assert made.addresses_lead_home()


def lose_primary(made: LiveSet) -> None:
    """Another takes over at the same address, and a new node takes its place."""
    nodes, address = len(made.rows()), made.address()

    made.await_replaced(made.kill_primary())

    assert (len(made.rows()), made.address()) == (nodes, address)
    assert made.addresses_lead_home()
    assert {"Cluster Failover Complete", "Cluster Recovery Complete"} <= set(made.event_names())


def back_up(made: LiveSet) -> str:
    """Whole, under the name that is returned."""
    row = LiveBackup.asked(made).await_status("Available", "Error")

    assert row["reason"] is None
    return str(row["name"])


def delete(made: LiveSet) -> None:
    """Nothing of it is left but its story."""
    servers = made.servers().values()

    made.delete()
    made.await_gone()

    assert not any(living(server) for server in servers)
    assert made.event_names()[-2:] == ["Cluster Delete", "Cluster Delete Complete"]
