"""A service with one set, on which operations are tried while it dies."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import redis
from live_group import LiveGroup, values_of
from live_set import SETS, LiveSet, Row
from stepping_service import SteppingService

__all__ = ["KEYS", "Record", "Stage"]

KEYS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What store and servers hold of a set at one moment."""

    epoch: int = 0
    next_number: int = 0
    run_ids: dict[str, str] = field(default_factory=dict)
    servers: dict[str, int] = field(default_factory=dict)
    full_syncs: dict[str, int] = field(default_factory=dict)


class Stage:
    """A service, its one set, and what was written there."""

    def __init__(self, service: SteppingService, version: str) -> None:
        self.service = service
        self.version = version
        self.set_: LiveSet | None = None
        self.body: Row = {}
        self.target = ""
        self.lost: Row | None = None
        self.group: LiveGroup | None = None
        self.wanted: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.shown: dict[str, str] = {}
        self.written = 0

    @property
    def made(self) -> LiveSet:
        """The set."""
        assert self.set_ is not None, "there is no set now"
        return self.set_

    # The state before

    def have(self, nodes: int, *, recovery: bool = False, tls: bool = False) -> None:
        """See to a set of so many nodes, all well, with HA and TLS as wished."""
        made = self.set_
        if made is not None and ((made.show()["replicas"] == 1) != (nodes == 1) or made.tls != tls):
            self.have_none()
            made = None
        if made is None:
            self.set_ = made = LiveSet.running(
                self.service, self.version, nodes, recoveryEnabled=recovery, tlsEnabled=tls
            )
        self._switch(made, recovery=False)
        if made.primary()["status"] == "Failed":
            made.promote(made.freshest_survivor())
            made.await_operation("promote")
        for row in [row for row in made.rows() if row["status"] == "Failed"]:
            made.delete_node(row["objectId"])
            made.await_whole(made.show()["replicas"])
        self._resize(made, nodes)
        self._switch(made, recovery=recovery)
        made.await_whole(nodes)

    def _resize(self, made: LiveSet, nodes: int) -> None:
        while (now := int(made.show()["replicas"])) != nodes:
            if now < nodes:
                made.add_replica()
            else:
                made.delete_node(made.replicas()[0]["objectId"])
            made.await_whole(now + 1 if now < nodes else now - 1)

    @staticmethod
    def _switch(made: LiveSet, *, recovery: bool) -> None:
        if made.show()["recoveryEnabled"] != recovery:
            made.patch("/recovery", enabled=recovery)

    def have_none(self) -> None:
        """See to there being no set, and no group."""
        self.service.clear()
        self.set_, self.group = None, None

    def order(self, nodes: int, **changes: Any) -> None:  # noqa: ANN401 - any JSON
        """Ask for a set; whether there was an answer or not, it is known by its name."""
        answer = self.service.client.post(SETS, self.body | {"replicas": nodes} | changes)
        self.set_ = LiveSet(self.service, answer["objectId"])

    def find(self) -> None:
        """Look for the set that was ordered."""
        found = [row["objectId"] for row in self.service.sets()]
        assert len(found) <= 1, "one order made two sets"
        self.set_ = LiveSet(self.service, found[0]) if found else None

    def write(self) -> None:
        """Write data that every node has."""
        self.keys = {}
        if self.set_ is None:
            return
        self.written += 1
        self.keys = {f"step:{self.written}:{n}": str(n) for n in range(KEYS)}
        copies = sum(row["status"] == "Running" for row in self.made.rows()) - 1
        with self.made.at(self.made.address()) as client:
            client.mset(self.keys)
            assert client.wait(copies, 5000) == copies

    def have_group(self) -> None:
        """See to the set having a parameter group of its own, and its values."""
        self.group = self.group or LiveGroup.made(self.service, self.version)
        if self.made.show()["parameterGroup"]["id"] != self.group.id:
            self.made.patch(parameterGroupId=self.group.id)
        self.group.await_status(self.made, "In-Sync")

    def change_group(self, name: str, least: int) -> None:
        """Give a parameter of the group a value that it never had."""
        assert self.group is not None
        self.wanted = {name: str(least + self.written)}
        self.group.change(**self.wanted)

    # What is so

    def has_values(self) -> bool:
        """Whether every server has the values that its group was given last, and that is recorded."""
        if self.made.show()["parameterGroup"]["applyStatus"] != "In-Sync":
            return False
        try:
            return all(values_of(self.made, name) == {value} for name, value in self.wanted.items())
        except redis.RedisError:
            return False

    def record(self) -> Record:
        """What store and servers hold of the set."""
        if self.set_ is None:
            return Record()
        rows = self.made.rows()
        serving = {row["objectId"]: row["endpoint"] for row in rows if row["status"] != "Failed"}
        return Record(
            epoch=self._stored("SELECT epoch FROM lineages WHERE set_id = ?")[0][0],
            next_number=self._stored("SELECT next_number FROM instance_sets WHERE id = ?")[0][0],
            run_ids=dict(self._stored("SELECT id, run_id FROM nodes WHERE set_id = ?")),
            servers={node: self.service.server_of(node) for node in serving},
            full_syncs={node: self._full_syncs(host) for node, host in serving.items()},
        )

    def _stored(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.service.data_dir / "memstored.db")) as store:
            return store.execute(query, (self.made.id,)).fetchall()

    def _full_syncs(self, host: str) -> int:
        with self.made.at(host) as client:
            return int(client.info("stats")["sync_full"])

    def events(self) -> Counter[str]:
        """The names of the events of all sets that there ever were."""
        with closing(sqlite3.connect(self.service.data_dir / "memstored.db")) as store:
            return Counter(name for (name,) in store.execute("SELECT name FROM events"))

    def missing(self) -> list[str]:
        """What was written and is not there."""
        if self.set_ is None or not self.keys:
            return []
        bereft = self.made.primary()["status"] == "Failed"
        with self.made.at(self.made.reader_address() if bereft else self.made.address()) as client:
            found = client.mget(list(self.keys))
        return [key for (key, value), seen in zip(self.keys.items(), found, strict=True) if seen != value]
