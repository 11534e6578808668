"""Stopping a primary: a whole set walks through traps H7 to H13 and is whole afterwards."""

from contextlib import closing

from bare import heard, raw, silent
from control import controlled
from explained import explained
from live_set import LiveSet
from service_process import ServiceProcess, kill, stopped, wait_for
from traffic import fill, masters, missing

from writers import Writers

CHILD = 60.0
"""Seconds that a fork child of these tests would live."""


def test_h07_a_fork_child_does_not_delay_the_failover(alert_service: ServiceProcess, version: str) -> None:
    """The primary is killed while its child saves: the child goes too, and writes go on at once."""
    made = LiveSet.running(alert_service, version, 3)
    keys = fill(made, "key", int(CHILD), copies=2)
    lost = made.primary()
    with controlled(made, lost) as control:
        control.config_set("rdb-key-save-delay", 1_000_000)
        control.bgsave()
        wait_for(lambda: control.info("persistence")["rdb_bgsave_in_progress"], what="the child")

        kill(made.server_of(lost))
        gap = made.await_writable()
    made.await_replaced(lost)

    assert gap < CHILD / 4
    assert missing(made, keys) == 0
    wait_for(lambda: lost["objectId"] not in {at for _, at in alert_service.inhabitants()}, what="nobody")


def test_h08_s09_a_target_that_stands_still_is_not_promoted(
    alert_service: ServiceProcess, version: str
) -> None:
    """The request fails with its reason, the primary goes on, and no acknowledged write is lost."""
    made = LiveSet.running(alert_service, version, 3, recoveryEnabled=False)
    primary, target = made.primary()["objectId"], made.replicas()[0]

    with Writers(made) as writers, explained(made):
        with stopped(made.server_of(target)):
            made.promote(target["objectId"])
            refused = made.await_operation("promote")
        writers.await_more()
        made.await_whole(3)

    assert (refused["state"], bool(refused["error"])) == ("failed", True)
    assert writers.missing() == []
    assert masters(made) == [primary] == [made.primary()["objectId"]]


def test_h10_a_promotion_does_not_use_the_failover_command(service: ServiceProcess, version: str) -> None:
    """On an idle set, where that command waits for an ACK, the service goes its own way."""
    made = LiveSet.running(service, version, 2, recoveryEnabled=False)
    target = made.replicas()[0]["objectId"]

    made.promote(target)
    promoted = made.await_operation("promote")
    made.await_whole(2)

    assert promoted["state"] == "succeeded"
    for row in made.rows():
        with made.at(row["endpoint"]) as client:
            assert "cmdstat_failover" not in client.info("commandstats")


def test_h11_a_hanging_primary_never_acknowledges_what_waited(
    alert_service: ServiceProcess, version: str
) -> None:
    """It is ended before another takes over, so the write that waited at it is answered by nobody.

    Two nodes: the one that is left takes writes before there is another.
    """
    made = LiveSet.running(alert_service, version, 2)
    lost, address = made.primary(), made.address()
    with closing(raw(address, 6379)) as writer:
        assert heard(writer) == b"+PONG\r\n"
        with stopped(made.server_of(lost)):
            writer.sendall(b"SET waiting 1\r\n")
            wait_for(lambda: made.primary()["objectId"] != lost["objectId"], what="the failover")
            made.await_writable()

        assert heard(writer) == b""
    made.await_replaced(lost)

    assert missing(made, ["waiting"]) == 1


def test_h12_s09_a_promotion_needs_no_full_copy(service: ServiceProcess, version: str) -> None:
    """Whether the engine drops its replicas on demotion or not, all of them continue where they were."""
    made = LiveSet.running(service, version, 3, recoveryEnabled=False)
    target = made.replicas()[0]["objectId"]

    with Writers(made) as writers:
        made.promote(target)
        promoted = made.await_operation("promote")
        made.await_whole(3)
        writers.await_more()

    assert promoted["state"] == "succeeded", promoted["error"]
    with made.at(made.address()) as client:
        stats = client.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == (0, 2)
    assert writers.missing() == []


def test_h13_s08_connections_through_a_moved_address_are_ended(service: ServiceProcess, version: str) -> None:
    """A promotion ends clients and subscribers that came through the address, and nobody at the own one."""
    made = LiveSet.running(service, version, 2, recoveryEnabled=False)
    address, own = made.address(), made.primary()["endpoint"]
    with (
        closing(raw(address, 6379)) as client,
        closing(raw(address, 6379, "SUBSCRIBE news")) as subscriber,
        closing(raw(own, 6379, "SUBSCRIBE news")) as neighbour,
    ):
        assert all(heard(sock) for sock in (client, subscriber, neighbour))

        made.promote(made.replicas()[0]["objectId"])
        made.await_operation("promote")

        assert heard(client) == b""
        assert heard(subscriber) == b""
        assert silent(neighbour)
    assert made.addresses_lead_home()
