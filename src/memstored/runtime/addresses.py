"""Which loopback addresses are in use, by whom, and which rest before another owner gets them (H22).

One ledger a data folder, shared by `runtime.process` (a node's own address) and `runtime.reservations`
(the addresses of a set). Owners are plain strings; `node_owner` and `endpoint_owner` make them.
What is changed here counts at once in memory; `save` makes it outlive the service.
"""

import asyncio
import hashlib
import json
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from memstored.domain.clock import Clock
from memstored.domain.words import NodeId, SetId
from memstored.runtime.files import DamagedFile, read_json, replace_file
from memstored.runtime.listening import bind_trouble
from memstored.runtime.protocol import LaunchFailed

__all__ = [
    "AddressLedger",
    "NoAddressFree",
    "endpoint_owner",
    "endpoint_owners",
    "node_addresses",
    "node_at",
    "node_owner",
]

TRIES = 64
"""How many addresses are tried before the port, not the address, is held to be the trouble."""
REMEMBERED = 86400.0
"""Seconds after its rest for which an address still counts as used: unused ones are preferred."""


class NoAddressFree(LaunchFailed):
    """The subnet has no address that is unused, rested and free for binding at the port."""


def node_owner(node: NodeId) -> str:
    """The name under which a node holds its own address."""
    return f"node/{node}"


def endpoint_owner(set_id: SetId, purpose: str, *, floating: bool = True) -> str:
    """The name under which a set holds its `primary` or `reader` address, `floating` or behind a proxy."""
    return f"{_carrier(floating=floating)}/{set_id}/{purpose}"


def endpoint_owners(ledger: "AddressLedger", *, floating: bool = True) -> list[SetId]:
    """Every set that holds an address of that kind."""
    names = (owner.split("/") for owner in ledger.owners())
    carrier = _carrier(floating=floating)
    return list(dict.fromkeys(SetId(name[1]) for name in names if name[0] == carrier))


def _carrier(*, floating: bool) -> str:
    return "set" if floating else "proxied"


def node_at(ledger: "AddressLedger", address: str) -> NodeId | None:
    """The node whose own address it is, or was until it was removed, as long as that is remembered."""
    kind, _, node = (ledger.owner(address) or "").partition("/")
    return NodeId(node) if kind == "node" else None


def node_addresses(ledger: "AddressLedger") -> dict[NodeId, str]:
    """Every node that holds an address of its own, and which."""
    names = {owner: owner.split("/") for owner in ledger.owners()}
    nodes = {owner: NodeId(name[1]) for owner, name in names.items() if name[0] == "node"}
    return {node: held for owner, node in nodes.items() if (held := ledger.held(owner)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Who holds or held an address; `released_at` (seconds since 1970) is None while it is held."""

    owner: str
    released_at: float | None = None


class AddressLedger:
    """The addresses of a data folder's subnets.

    `subnets` maps ids to CIDR ranges. A released address rests for `quarantine` seconds. Unused
    addresses are given out in turn, so that one is seen again as late as possible; the first one
    depends on `path`, so that two services on one machine rarely want the same.
    """

    def __init__(
        self, *, path: Path, subnets: Mapping[str, str], clock: Clock, quarantine: float = 600.0
    ) -> None:
        self._path = path
        self._subnets = {name: IPv4Network(cidr) for name, cidr in subnets.items()}
        self._clock = clock
        self._quarantine = quarantine
        self._entries: dict[str, _Entry] = {}
        self._holdings: dict[str, str] = {}
        self._cursors: dict[str, int] = {}
        self._changes = 0
        self._written = 0
        self._document: dict[str, Any] = {}
        self._writing = threading.Lock()

    async def load(self) -> None:
        """Read what an earlier run saved. Raises `DamagedFile`."""
        document = await asyncio.to_thread(read_json, self._path)
        if document is None:
            return
        try:
            self._cursors = {str(name): int(at) for name, at in document["cursors"].items()}
            entries = document["addresses"].items()
            self._entries = {str(IPv4Address(a)): self._entry(**fields) for a, fields in entries}
            self._holdings = _holdings(self._entries)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise DamagedFile(
                f"{self._path} is not a list of addresses ({fault!r}): put back a copy of it"
            ) from fault

    def _entry(self, owner: str, released_at: float | None) -> _Entry:
        """An entry as it was saved; a release in the future means that the clock was set back since."""
        now = self._clock.wall()
        return _Entry(owner=str(owner), released_at=None if released_at is None else min(released_at, now))

    async def save(self) -> None:
        """Make all changes so far survive the service; returns when they do. Raises `OSError`.

        Many at the same time cost about as much as one.
        """
        self._forget_long_rested()
        self._changes += 1
        self._document = {
            "changes": self._changes,
            "cursors": dict(self._cursors),
            "addresses": dict(self._entries),
        }
        await asyncio.to_thread(self._write, self._changes)

    def _write(self, wanted: int) -> None:
        with self._writing:
            if self._written >= wanted:
                return
            document = self._document
            addresses = {address: asdict(entry) for address, entry in document["addresses"].items()}
            replace_file(
                self._path, json.dumps({"cursors": document["cursors"], "addresses": addresses}, indent=0)
            )
            self._written = document["changes"]

    def held(self, owner: str) -> str | None:
        """The address that the owner holds."""
        return self._holdings.get(owner)

    def owner(self, address: str) -> str | None:
        """Who holds the address, or held it last."""
        entry = self._entries.get(address)
        return entry.owner if entry is not None else None

    def owners(self) -> Collection[str]:
        """Everyone who holds an address."""
        return tuple(self._holdings)

    def rested(self, owner: str) -> bool:
        """Whether the owner gave back an address lately: then it was here once and is gone."""
        return any(e.owner == owner and e.released_at is not None for e in self._entries.values())

    def take(self, owner: str, subnet_id: str, port: int) -> str:
        """An address out of the subnet for the owner; the one it holds already, if any.

        It was tried by binding to `port`. Raises `NoAddressFree`.
        """
        held = self._holdings.get(owner)
        if held is not None:
            return held
        address = self._find(subnet_id, port)
        self.hold(owner, address)
        return address

    def hold(self, owner: str, address: str) -> None:
        """Record that the owner holds the address, whatever was recorded before of either."""
        if self._holdings.get(owner) != address:
            self.release(owner)
        before = self._entries.get(address)
        if before is not None and self._holdings.get(before.owner) == address:
            del self._holdings[before.owner]
        self._entries[address] = _Entry(owner=owner)
        self._holdings[owner] = address

    def release(self, owner: str) -> None:
        """The owner no longer needs its address: it rests from now on (H22)."""
        address = self._holdings.pop(owner, None)
        if address is not None:
            self._entries[address] = replace(self._entries[address], released_at=self._clock.wall())

    def put_back(self, owner: str) -> None:
        """The owner never used its address: it needs no rest; others come first all the same."""
        address = self._holdings.pop(owner, None)
        if address is not None:
            del self._entries[address]

    def _find(self, subnet_id: str, port: int) -> str:
        network = self._subnets.get(subnet_id)
        if network is None:
            raise NoAddressFree(f"subnet {subnet_id} has no range of addresses here")
        tried, trouble = 0, ""
        for address in self._preferred(subnet_id, network):
            why = bind_trouble(address, port)
            if why is None:
                return address
            trouble, tried = f"{address}:{port} {why}", tried + 1
            if tried == TRIES:
                break
        if tried:
            raise NoAddressFree(
                f"subnet {subnet_id}: no address of {network} can be bound at port {port}; "
                f"tried {tried}, last {trouble}"
            )
        raise NoAddressFree(
            f"subnet {subnet_id}: every address of {network} is in use or rests for {self._quarantine:g} s; "
            "delete what is not needed, or use another subnet"
        )

    def _preferred(self, subnet_id: str, network: IPv4Network) -> Iterator[str]:
        """First the unused ones in turn, then those that rested longest."""
        yield from self._unused(subnet_id, network)
        rested_by = self._clock.wall() - self._quarantine
        resting = [
            (entry.released_at, address)
            for address, entry in self._entries.items()
            if entry.released_at is not None and entry.released_at <= rested_by
        ]
        for _, address in sorted(resting):
            if IPv4Address(address) in network:
                yield address

    def _unused(self, subnet_id: str, network: IPv4Network) -> Iterator[str]:
        size = network.num_addresses
        first = self._cursors.setdefault(subnet_id, self._first(subnet_id, size)) % size
        for step in range(size):
            address = network[(first + step) % size]
            if str(address) in self._entries or not _for_hosts(address, network):
                continue
            self._cursors[subnet_id] = (first + step + 1) % size
            yield str(address)

    def _first(self, subnet_id: str, size: int) -> int:
        seed = hashlib.sha256(f"{self._path.absolute()}\0{subnet_id}".encode()).digest()
        return int.from_bytes(seed[:8], "big") % size

    def _forget_long_rested(self) -> None:
        limit = self._clock.wall() - self._quarantine - REMEMBERED
        old = [a for a, e in self._entries.items() if e.released_at is not None and e.released_at < limit]
        for address in old:
            del self._entries[address]


def _holdings(entries: Mapping[str, _Entry]) -> dict[str, str]:
    """Who holds which address. Raises `ValueError` when somebody would hold two."""
    held = [(entry.owner, address) for address, entry in entries.items() if entry.released_at is None]
    if len(dict(held)) != len(held):
        raise ValueError("an owner holds two addresses")
    return dict(held)


def _for_hosts(address: IPv4Address, network: IPv4Network) -> bool:
    """Whether a server may have it: not a network's or a broadcast's address, as people read them."""
    edge = address in (network.network_address, network.broadcast_address)
    return not edge and address.packed[3] not in (0, 255)
