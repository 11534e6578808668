"""What is read of `INFO`, and the words that it is shown under."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from memstored.domain.figures import FIGURES, Info, replication_lag
from memstored.domain.model import Node
from memstored.domain.words import NodeId, NodeState, Role

INFO = (
    b"# Clients\r\nconnected_clients:7\r\n"
    b"# Memory\r\nused_memory:250\r\nmaxmemory:1000\r\n"
    b"# Stats\r\nkeyspace_hits:3\r\nkeyspace_misses:1\r\nexpired_stale_perc:0.50\r\n"
    b"# Replication\r\nconnected_slaves:2\r\n"
    b"slave0:ip=127.20.0.2,port=6379,state=online,offset=14,lag=1\r\n"
    b"slave1:ip=127.20.0.3,port=6379,state=wait_bgsave,offset=0,lag=0\r\n"
    b"# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb5:keys=4,expires=0,avg_ttl=0\r\n"
)


def _replica(address: str) -> Node:
    return Node(
        id=NodeId("two"),
        number=2,
        name="cache-2",
        subnet_id="subnet",
        role=Role.REPLICA,
        status=NodeState.RUNNING,
        created_at=0.0,
        address=address,
    )


def _info(text: bytes = INFO, maxclients: int | None = None) -> dict[str, str]:
    return Info(text=text, maxclients=maxclients, read_at=0.0).fields()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memstore_clients", 7.0),
        ("memstore_memory_usage", 25.0),
        ("memstore_keyspace_hitrate_percent", 75.0),
        ("memstore_expired_stale_perc", 0.5),
        ("memstore_keys", 7.0),
        ("memstore_uptime", None),
    ],
)
def test_a_figure_is_read(name: str, value: float | None) -> None:
    """Under MemStore's word stands what the engine says under its own, or what follows from it."""
    figure = next(f for f in FIGURES if f.name == name)

    assert figure.read(_info()) == value


def test_without_a_lookup_the_hit_rate_is_0() -> None:
    """It is a part of nothing."""
    figure = next(f for f in FIGURES if f.name == "memstore_keyspace_hitrate_percent")

    assert figure.read({"keyspace_hits": "0", "keyspace_misses": "0"}) == 0


def test_without_maxmemory_there_is_no_usage() -> None:
    """Of nothing there is no part."""
    figure = next(f for f in FIGURES if f.name == "memstore_memory_usage")

    assert figure.read({"used_memory": "1", "maxmemory": "0"}) is None


def test_the_configured_bound_of_clients_stands_in() -> None:
    """An engine that does not tell `maxclients` in `INFO` has it all the same; what it tells comes first."""
    assert _info(maxclients=10)["maxclients"] == "10"
    assert _info(b"maxclients:20\r\n", maxclients=10)["maxclients"] == "20"


def test_lag_is_what_the_primary_knows_of_a_whole_replica() -> None:
    """A replica that has no whole copy yet, or is not connected, has none."""
    lags = [replication_lag(_replica(host), 6379, {}, _info()) for host in ("127.20.0.2", "127.20.0.3")]

    assert lags == [1.0, None]


def test_lag_of_a_replica_without_a_link_is_its_own_word() -> None:
    """The primary does not know it any more; -1 is that it never had one."""
    down, never = ({"master_link_down_since_seconds": word} for word in ("12", "-1"))
    replica = _replica("127.20.0.4")

    assert replication_lag(replica, 6379, down, _info()) == 12
    assert replication_lag(replica, 6379, never, _info()) is None


def test_a_primary_lags_behind_nobody() -> None:
    """Whatever it remembers of a time when it did."""
    primary = replace(_replica("127.20.0.1"), role=Role.PRIMARY)

    assert replication_lag(primary, 6379, {"master_link_down_since_seconds": "12"}, {}) == 0


def test_every_word_of_the_contract_is_exported() -> None:
    """All that API.md 11 names, exactly so named, and every further one under its own name once."""
    page = (Path(__file__).parents[3] / "docs/reference/metrics.md").read_text(encoding="utf-8")
    words = set(re.findall(r"`(memstore_\w+)`", page))
    names = [f.name for f in FIGURES] + ["memstore_replication_lag"]

    assert words == set(names)
    assert len(names) == len(set(names))
