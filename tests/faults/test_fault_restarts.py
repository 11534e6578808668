"""The crash-restart trap: something starts a dead primary again, empty, at its old address, at once.

Elsewhere its replicas copy the emptiness and everything is gone. Here a server is born fenced (S1).
"""

import pytest
import redis
from live_set import LiveSet
from returned import restarted
from service_process import ServiceProcess, living

from writers import Writers


def test_s01_an_empty_primary_at_the_old_address_wipes_nobody(service: ServiceProcess, version: str) -> None:
    """Three primaries in a row die and are back empty at once; every confirmed write stays (S1, S4, H2)."""
    made = LiveSet.running(service, version, 3)

    with Writers(made, copies=1) as writers:
        for _ in range(3):
            lost = made.primary()
            with restarted(service, lost["objectId"]):
                writers.await_more(20)
                made.await_replaced(lost)
        writers.await_more()

    assert writers.missing() == []
    assert made.addresses_lead_home()


def test_s01_an_empty_primary_is_not_copied_while_nobody_takes_over(
    service: ServiceProcess, version: str
) -> None:
    """HA off: the replicas of a restarted empty primary keep their data for as long as their owner waits."""
    made = LiveSet.running(service, version, 3, recoveryEnabled=False)
    with Writers(made, copies=2) as writers:
        writers.await_more(200)
    keys, lost = writers.count(), made.primary()
    replicas = made.replicas()

    with restarted(service, lost["objectId"]) as stranger:
        made.await_status("Warning")
        _assert_refused(made, lost["endpoint"], stranger)
        writers.pause(2.5)
        for row in replicas:
            with made.at(row["endpoint"]) as client:
                assert client.dbsize() >= keys
        made.promote(replicas[0]["objectId"])
        made.await_writable()

    assert writers.missing() == []


def _assert_refused(made: LiveSet, host: str, stranger: int) -> None:
    """The restarted server runs where the dead one did, and lets no tenant in."""
    assert living(stranger)
    with (
        made.at(host) as client,
        pytest.raises(redis.RedisError, match=r"NOAUTH|NOPERM|HELLO|Authentication"),
    ):
        client.ping()


def test_s01_s08_an_empty_replica_at_the_old_address_serves_nobody(
    service: ServiceProcess, version: str
) -> None:
    """A restarted replica is a stranger: it is replaced, no address leads to it, no tenant gets in."""
    made = LiveSet.running(service, version, 3)
    doomed = next(r for r in made.replicas() if made.server_of(r) == made.server_at(made.reader_address()))

    with Writers(made) as writers, restarted(service, doomed["objectId"]) as stranger:
        made.await_replaced(doomed)
        writers.await_more()
        assert made.server_at(made.reader_address()) != stranger
        _assert_refused(made, doomed["endpoint"], stranger)

    assert writers.missing() == []
