"""What applications may do at the nodes of the service, and what they may not (API.md 5)."""

import hashlib
from collections.abc import Iterator

import pytest
import redis
from live_set import LiveSet
from service_process import ServiceProcess

pytestmark = pytest.mark.able("acl")

PASSWORD = "correct horse battery staple"
USER = {"name": "orders-app", "password": hashlib.sha256(PASSWORD.encode()).hexdigest().upper()}
LOGIN = {"username": "orders-app", "password": PASSWORD}

REFUSED = [
    "ACL LIST",
    "ACL SETUSER me on nopass +@all",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLIENT KILL TYPE normal",
    "CLIENT NO-EVICT on",
    "CLIENT PAUSE 1000",
    "CLIENT UNPAUSE",
    "CLUSTER INFO",
    "CONFIG GET masterauth",
    "CONFIG RESETSTAT",
    "CONFIG REWRITE",
    "CONFIG SET maxmemory 1",
    "DEBUG SLEEP 0",
    "FAILOVER",
    "MIGRATE 127.0.0.1 1 key 0 1",
    "MODULE LIST",
    "MONITOR",
    "PSYNC ? -1",
    "REPLCONF ack 999999999999",
    "REPLICAOF NO ONE",
    "SAVE",
    "SCRIPT DEBUG SYNC",
    "SHUTDOWN NOSAVE",
    "SLAVEOF NO ONE",
    "SYNC",
]
ALLOWED = [
    "ACL WHOAMI",
    "CLIENT GETNAME",
    "CLIENT ID",
    "CLIENT LIST",
    "EVAL return(1) 0",
    "FLUSHALL",
    "INFO",
    "KEYS *",
    "LATENCY LATEST",
    "MEMORY USAGE key",
    "SLOWLOG GET",
    "SORT key",
    "WAIT 0 10",
]


@pytest.fixture
def guarded(service: ServiceProcess, version: str) -> LiveSet:
    """A set whose applications log in as a user of their own."""
    return LiveSet.running(service, version, 2, user=USER)


@pytest.fixture
def open_client(service: ServiceProcess, version: str) -> Iterator[redis.Redis]:
    """An application of a set without a user."""
    made = LiveSet.running(service, version, 2)
    with made.at(made.address()) as client:
        yield client


def test_only_the_set_s_user_gets_in_everywhere(guarded: LiveSet) -> None:
    """At both addresses and at every node the right password opens, and nothing else does."""
    hosts = [guarded.address(), guarded.reader_address(), *(row["endpoint"] for row in guarded.rows())]

    for host in hosts:
        with guarded.at(host, **LOGIN) as client:
            assert client.acl_whoami() == USER["name"]
        with guarded.at(host) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        for login in ({"username": USER["name"], "password": "wrong"}, {"password": PASSWORD}):
            with guarded.at(host, **login) as client, pytest.raises(redis.AuthenticationError):
                client.ping()


def test_another_set_s_user_does_not_get_in(service: ServiceProcess, version: str, guarded: LiveSet) -> None:
    """Of two sets whose users have the same name each takes its own password, and nobody else's."""
    other = LiveSet.running(service, version, 1, user=USER | {"password": "ab" * 32})

    for host in (other.address(), other.rows()[0]["endpoint"]):
        for name in (USER["name"], "default", "memstored-control", "memstored-replication"):
            login = {"username": name, "password": PASSWORD}
            with other.at(host, **login) as client, pytest.raises(redis.AuthenticationError):
                client.ping()
    with guarded.at(guarded.address(), **LOGIN) as client:
        assert client.ping()


def test_the_user_of_a_set_can_not_break_the_service(guarded: LiveSet) -> None:
    """What would stop, steer or copy a node is refused; the ordinary and the curious are not."""
    with guarded.at(guarded.address(), **LOGIN) as client:
        _assert_refused(client)
        _assert_allowed(client)
    assert guarded.status == "Running"


def test_tenants_of_an_open_set_can_not_break_the_service(open_client: redis.Redis) -> None:
    """Without a user the same things are refused to everyone."""
    _assert_refused(open_client)
    _assert_allowed(open_client)


def test_a_new_primary_and_a_new_node_know_the_user(guarded: LiveSet) -> None:
    """The user works at whatever takes the place of a lost primary, and with the data (healing, S1)."""
    with guarded.at(guarded.address(), **LOGIN) as client:
        client.set("colour", "green")
        assert client.wait(1, 5000) == 1

    lost = guarded.kill_primary()
    guarded.await_replaced(lost)

    for host in [guarded.address(), *(row["endpoint"] for row in guarded.rows())]:
        with guarded.at(host, **LOGIN) as client:
            assert client.get("colour") == "green"


def _assert_refused(client: redis.Redis) -> None:
    for words in REFUSED:
        with pytest.raises(redis.ResponseError, match=r"no permissions|not allowed|[Uu]nknown"):
            client.execute_command(*words.split())
    assert client.ping()


def _assert_allowed(client: redis.Redis) -> None:
    client.rpush("key", "2", "1")
    for words in ALLOWED:
        client.execute_command(*words.split())
