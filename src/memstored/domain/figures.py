"""What a node says of itself in `INFO`, and the figures that are shown of it (API.md 11).

Pure. `redis.link` keeps the last answer as it came (`Info`); it is read only when somebody wants to see it,
so that hundreds of nodes cost next to nothing while nobody does.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from memstored.domain.model import Node
from memstored.domain.words import Role

__all__ = ["FIGURES", "Figure", "Info", "InfoFields", "Kind", "keys_of", "replication_lag"]

InfoFields = Mapping[str, str]
"""The `name:value` lines of `INFO`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """The whole answer to `INFO`, and what the node's own `maxclients` is.

    `read_at` is in monotonic seconds: when it was asked for.
    """

    text: bytes
    maxclients: int | None
    read_at: float

    def fields(self) -> dict[str, str]:
        """Every line by its name, with `maxclients` also of engines that do not tell it there."""
        pairs = (line.partition(":") for line in self.text.decode(errors="replace").splitlines())
        found = {name: value for name, colon, value in pairs if colon}
        if self.maxclients is not None:
            found.setdefault("maxclients", str(self.maxclients))
        return found


class Kind(StrEnum):
    """How a figure moves, in Prometheus's words: a counter only grows while the node lives."""

    COUNTER = "counter"
    GAUGE = "gauge"


Reader = Callable[[InfoFields], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a node: its metric name, what it tells, and how it is read (None: it can not be told)."""

    name: str
    help: str
    kind: Kind
    read: Reader


def _number(name: str) -> Reader:
    def read(info: InfoFields) -> float | None:
        value = info.get(name)
        return None if value is None else float(value.rstrip("%"))

    return read


def _memory_usage(info: InfoFields) -> float | None:
    """Of no maxmemory there is no part."""
    maxmemory = float(info.get("maxmemory", "0"))
    return 100 * float(info["used_memory"]) / maxmemory if maxmemory else None


def _hitrate(info: InfoFields) -> float:
    """Of all lookups since the node began; 0 before the first."""
    hits, misses = float(info["keyspace_hits"]), float(info["keyspace_misses"])
    return 100 * hits / (hits + misses) if hits + misses else 0.0


def keys_of(info: InfoFields) -> int:
    """The keys of all databases, from rows like `db0:keys=3,expires=1,avg_ttl=0`."""
    rows = (row for name, row in info.items() if name.startswith("db") and name[2:].isdigit())
    return sum(int(row.split(",")[0].removeprefix("keys=")) for row in rows)


def replication_lag(node: Node, port: int, own: InfoFields, primary: InfoFields) -> float | None:
    """Seconds since the primary last heard how far a replica is, or since their link is down.

    0 of a primary. `own` is what the node says of itself, `primary` what its primary says, empty when that
    says nothing. None when neither knows, as of a replica that never had a link.
    """
    if node.role is Role.PRIMARY:
        return 0.0
    heard = _lag_behind(primary, node.address or "", port)
    if heard is not None:
        return heard
    down = float(own.get("master_link_down_since_seconds", "-1"))
    return down if down >= 0 else None


def _lag_behind(primary: InfoFields, host: str, port: int) -> float | None:
    """As the primary knows it; None when the replica is not connected, or has no whole copy yet."""
    for row in _replicas(primary):
        if (row.get("ip"), row.get("port"), row.get("state")) == (host, str(port), "online"):
            return float(row["lag"])
    return None


def _replicas(primary: InfoFields) -> Iterator[dict[str, str]]:
    """Lines like `slave0:ip=127.20.0.2,port=6379,state=online,offset=14,lag=1`."""
    for number in range(int(primary.get("connected_slaves", "0"))):
        row = primary.get(f"slave{number}", "")
        yield {name: value for name, _, value in (part.partition("=") for part in row.split(","))}


def _gauge(name: str, text: str, info_name: str | None = None) -> Figure:
    return Figure(name=f"memstore_{name}", help=text, kind=Kind.GAUGE, read=_number(info_name or name))


def _counter(name: str, text: str) -> Figure:
    return Figure(name=f"memstore_{name}", help=text, kind=Kind.COUNTER, read=_number(name))


def _derived(name: str, text: str, read: Reader) -> Figure:
    return Figure(name=f"memstore_{name}", help=text, kind=Kind.GAUGE, read=read)


FIGURES: tuple[Figure, ...] = (
    # MemStore's words, in the order of API.md 11; `memstore_replication_lag` takes two nodes to tell.
    _counter("used_cpu_sys", "Seconds of system CPU that the node used."),
    _counter("used_cpu_user", "Seconds of user CPU that the node used."),
    _derived("memory_usage", "Used memory in per cent of maxmemory.", _memory_usage),
    _gauge("used_memory", "Bytes that Redis allocated."),
    _gauge("used_memory_peak", "The most bytes that Redis ever had allocated."),
    _gauge("used_memory_dataset", "Bytes of used_memory that are data."),
    _gauge("mem_fragmentation_ratio", "Resident memory over used memory."),
    _gauge("instantaneous_ops_per_sec", "Commands per second at the moment."),
    _gauge("instantaneous_input_kbps", "KiB per second read from the network at the moment."),
    _gauge("instantaneous_output_kbps", "KiB per second written to the network at the moment."),
    _counter("total_net_input_bytes", "Bytes read from the network."),
    _counter("total_net_output_bytes", "Bytes written to the network."),
    _counter("total_commands_processed", "Commands processed."),
    _gauge("connected_slaves", "Replicas that are connected to the node."),
    _gauge("clients", "Client connections, those of replicas not counted.", "connected_clients"),
    _gauge("maxclients", "The most client connections that the node takes."),
    _gauge("blocked_clients", "Clients that wait in a blocking command."),
    _counter("keyspace_hits", "Lookups that found their key."),
    _counter("keyspace_misses", "Lookups that did not find their key."),
    _derived("keyspace_hitrate_percent", "Hits in per cent of all lookups since the node began.", _hitrate),
    _counter("evicted_keys", "Keys evicted because of maxmemory."),
    _counter("expired_keys", "Keys that expired."),
    _gauge("uptime", "Seconds since the node began.", "uptime_in_seconds"),
    _gauge("pubsub_channels", "Channels with subscribers."),
    _gauge("lazyfree_pending_objects", "Objects that wait to be freed."),
    # Further figures, under their INFO names.
    _gauge("maxmemory", "Bytes of data from which on keys are evicted or writes refused."),
    _gauge("used_memory_rss", "Bytes that are resident."),
    _gauge("used_memory_overhead", "Bytes of used_memory that are not data."),
    _gauge("used_memory_lua", "Bytes that scripts use."),
    _gauge("mem_clients_normal", "Bytes that clients' connections use."),
    _gauge("mem_clients_slaves", "Bytes that replicas' connections use."),
    _gauge("mem_not_counted_for_evict", "Bytes that maxmemory does not count."),
    _gauge("allocator_frag_ratio", "Fragmentation inside the allocator."),
    _counter("total_connections_received", "Connections accepted."),
    _counter("rejected_connections", "Connections refused because of maxclients."),
    _counter("total_error_replies", "Commands answered with an error."),
    _counter("evicted_clients", "Clients ended because of maxmemory-clients."),
    _counter("sync_full", "Full copies given to replicas."),
    _counter("sync_partial_ok", "Resynchronisations of replicas that needed no full copy."),
    _counter("sync_partial_err", "Resynchronisations of replicas that were refused."),
    _gauge("expired_stale_perc", "Per cent of keys that are expired and still there, estimated."),
    _gauge("latest_fork_usec", "Microseconds that the latest fork took."),
    _gauge("pubsub_patterns", "Patterns with subscribers."),
    _gauge("tracking_clients", "Clients with client-side caching."),
    _gauge("loading", "1 while a copy of the data is loaded."),
    _gauge("master_repl_offset", "Bytes of the replication stream that the node produced or received."),
    _gauge("slave_repl_offset", "Bytes of the replication stream that a replica processed."),
    _gauge("repl_backlog_histlen", "Bytes in the replication backlog."),
    _derived("keys", "Keys of all databases.", keys_of),
)
