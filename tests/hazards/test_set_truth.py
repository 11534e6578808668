"""Who holds the truth: a whole set walks through traps H1 to H6 and is whole afterwards."""

from bare import all_sent
from control import controlled
from explained import explained
from live_set import LiveSet
from service_process import ServiceProcess, kill, stopped, wait_for
from traffic import fill, masters, missing

from writers import Writers


def test_h01_the_other_replica_continues_without_a_full_copy(service: ServiceProcess, version: str) -> None:
    """With keys expiring all the while, only the node that takes the dead one's place copies everything."""
    made = LiveSet.running(service, version, 3)
    lasting = fill(made, "lasting", 100)
    fill(made, "passing", 500, copies=2, px=300)

    lost = made.kill_primary()
    made.await_replaced(lost)

    with made.at(made.address()) as client:
        stats = client.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == (1, 1)
    assert missing(made, lasting) == 0


def test_h02_a_node_in_the_middle_of_its_copy_does_not_inherit(service: ServiceProcess, version: str) -> None:
    """The primary dies while a new node is being filled: the one that was whole takes over with all."""
    made = LiveSet.running(service, version, 3)
    keys = fill(made, "key", 200, copies=2)
    doomed, whole = made.replicas()
    lost = made.primary()
    with controlled(made, lost) as control:
        control.config_set("rdb-key-save-delay", 20_000)
        kill(made.server_of(doomed))
        wait_for(lambda: "send_bulk" in _replica_states(control), what="a copy under way")

        kill(made.server_of(lost))
    made.await_replaced(lost, doomed)

    assert made.primary()["objectId"] == whole["objectId"]
    assert missing(made, keys) == 0


def _replica_states(control: object) -> set[str]:
    rows = control.info("replication")  # type: ignore[attr-defined]
    states = {rows[f"slave{n}"]["state"] for n in range(rows["connected_slaves"])}
    return {"send_bulk" if state == "wait_bgsave" else state for state in states}


def test_h03_what_waits_in_the_replicas_socket_is_read_before_it_is_promoted(
    service: ServiceProcess, version: str
) -> None:
    """A replica that stood still when its primary died takes over with all that was sent to it."""
    made = LiveSet.running(service, version, 2)
    server = made.server_of(made.replicas()[0])

    with stopped(server):
        keys = fill(made, "acknowledged", 600, size=60)
        with made.at(made.address()) as client:
            wait_for(lambda: all_sent(client), what="everything being handed to the kernel")
        lost = made.kill_primary()
    made.await_replaced(lost)

    assert missing(made, keys) == 0
    assert made.server_of(made.primary()) == server


def test_h04_a_set_that_grew_from_one_node_knows_its_history(service: ServiceProcess, version: str) -> None:
    """The id that changed with the first replica is recorded: that replica may inherit, and does."""
    made = LiveSet.running(service, version, 1)
    keys = fill(made, "key", 100)
    made.add_replica()
    made.await_whole(2)
    made.patch("/recovery", enabled=True)
    made.await_whole(2)
    heir = made.replicas()[0]["objectId"]

    lost = made.kill_primary()
    made.await_replaced(lost)

    assert made.primary()["objectId"] == heir
    assert missing(made, keys) == 0


def test_h05_a_replica_that_is_shown_running_has_everything(service: ServiceProcess, version: str) -> None:
    """The primary dies the moment its only replica counts: nothing that was written before is missing."""
    made = LiveSet.running(service, version, 2)
    doomed = made.replicas()[0]
    with Writers(made) as writers:
        kill(made.server_of(doomed))
        made.await_replaced(doomed)
    lost = made.primary()

    kill(made.server_of(lost))
    made.await_replaced(lost)

    assert writers.missing() == []


def test_h06_a_set_without_primary_gets_its_own_back(service: ServiceProcess, version: str) -> None:
    """A primary that somebody sent nowhere takes writes again, explained, and nobody else is promoted."""
    made = LiveSet.running(service, version, 3)
    before = made.primary()["objectId"]

    with Writers(made) as writers, explained(made):
        with controlled(made, made.primary()) as control:
            control.replicaof("127.0.0.1", 1)
        made.await_writable()
        writers.await_more()
        made.await_whole(3)

    assert writers.missing() == []
    assert masters(made) == [before] == [made.primary()["objectId"]]


def test_h06_what_a_controller_left_without_primary_is_found(service: ServiceProcess, version: str) -> None:
    """Everyone a replica when the service starts: the recorded primary is primary again."""
    made = LiveSet.running(service, version, 2)
    keys = fill(made, "key", 100)
    before = made.primary()
    with controlled(made, before) as control:
        service.kill()
        control.replicaof("127.0.0.1", 1)
        assert control.role()[0] == "slave"

        service.start()
    made.await_writable()
    made.await_whole(2)

    assert masters(made) == [before["objectId"]]
    assert missing(made, keys) == 0
