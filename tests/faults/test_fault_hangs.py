"""Servers that stop answering but live (SIGSTOP): only what is proven gone is replaced."""

from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, living, stopped, wait_for

from writers import Writers


def test_s03_a_hanging_primary_is_ended_before_another_takes_over(
    alert_service: ServiceProcess, version: str
) -> None:
    """After `failure_detection` a stopped primary is killed, proven gone, replaced; nothing is lost (S3)."""
    made = LiveSet.running(alert_service, version, 3)
    hanging = made.primary()
    server = made.server_of(hanging)

    with Writers(made, copies=1) as writers, stopped(server):
        wait_for(lambda: made.primary()["objectId"] != hanging["objectId"], what="the failover")
        alive = living(server)
        made.await_replaced(hanging)
        writers.await_more()

    assert not alive
    assert writers.missing() == []
    assert made.addresses_lead_home()


def test_a_hanging_replica_is_replaced_and_no_write_waits(
    alert_service: ServiceProcess, version: str
) -> None:
    """A stopped replica is ended and replaced; the primary stays and takes writes all the while."""
    made = LiveSet.running(alert_service, version, 3)
    primary, hanging = made.primary()["objectId"], made.replicas()[0]
    server = made.server_of(hanging)

    with Writers(made) as writers, stopped(server):
        made.await_replaced(hanging)
        writers.await_more()

    assert not living(server)
    assert writers.missing() == []
    assert made.primary()["objectId"] == primary
    assert "Cluster Failover" not in made.event_names()


def test_s06_a_hanging_last_copy_is_left_alone(alert_service: ServiceProcess) -> None:
    """The only node of a set is never ended for its silence: it says so, and is itself again after (S6)."""
    made = LiveSet.running(alert_service, NEWEST, 1)
    server = made.server_of(made.primary())
    with made.at(made.address()) as client:
        client.set("colour", "green")

    with stopped(server):
        warned = made.await_status("Warning")
    made.await_whole(1)

    assert warned["reason"]["code"] == "primary_silent"
    with made.at(made.address()) as client:
        assert client.get("colour") == "green"
    assert made.server_at(made.address()) == server


def test_without_ha_a_hanging_primary_is_waited_for(alert_service: ServiceProcess, version: str) -> None:
    """HA off: silence is shown, nobody is ended or promoted, and the primary goes on where it was."""
    made = LiveSet.running(alert_service, version, 2, recoveryEnabled=False)
    servers, primary = made.servers(), made.primary()["objectId"]

    with Writers(made) as writers:
        with stopped(servers[primary]):
            warned = made.await_status("Warning")
        made.await_whole(2)
        writers.await_more()

    assert warned["reason"]["code"] == "primary_silent"
    assert writers.missing() == []
    assert (made.servers(), made.primary()["objectId"]) == (servers, primary)


def test_a_short_hang_is_nobodys_death(service: ServiceProcess, version: str) -> None:
    """Less than `failure_detection` is no silence: the writers wait, and nothing else happens."""
    made = LiveSet.running(service, version, 2)
    servers = made.servers()

    with Writers(made) as writers:
        with stopped(servers[made.primary()["objectId"]]):
            writers.pause(0.5)
        writers.await_more()

    assert writers.missing() == []
    assert made.servers() == servers
    assert "Cluster Node Down" not in made.event_names()
