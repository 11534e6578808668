"""Making and waiting for sets of a throwaway service."""

import time
from collections.abc import Callable, Container, Sequence
from datetime import datetime
from typing import Any, Self

from redis import Redis

from memstored.cli.throwaway import ThrowawayService
from memstored.client import ApiFault

LIMIT = 60.0
"""Seconds after which a set counts as stuck."""
LOOK = 0.005
"""Seconds between two looks: the resolution of what is timed by looking."""
NOT_FOUND = 404


class Stuck(Exception):
    """A set did not become what it should."""


class BenchSet:
    """A set of a throwaway service."""

    def __init__(self, service: ThrowawayService, set_id: str) -> None:
        self.service = service
        self.id = set_id
        self.limit = LIMIT

    @classmethod
    def made(
        cls,
        service: ThrowawayService,
        name: str,
        *,
        nodes: int,
        version: str,
        recovery: bool,
        memory: int = 0,
    ) -> Self:
        """A new set, its nodes of at least `memory` GiB; it is not `Running` yet."""
        order = {"nodes": nodes, "version": version, "recovery": recovery, "memory": memory}
        return cls(service, service.create(name, **order))

    @property
    def endpoint(self) -> tuple[str, int]:
        """Where writes go."""
        primary = self.service.set(self.id)["endpoints"]["primary"]
        return str(primary["host"]), int(primary["port"])

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes, the primary first."""
        return self.service.nodes(self.id)

    def server(self) -> int:
        """The process that answers at the primary address."""
        return self._info("server", *self.endpoint)["process_id"]

    def servers(self) -> dict[str, int]:
        """The process of each node, by the node's id."""
        rows = self.nodes()
        return {r["objectId"]: self._info("server", r["endpoint"], r["port"])["process_id"] for r in rows}

    def full_syncs(self) -> int:
        """How often the nodes that are there now were copied as a whole."""
        rows = self.nodes()
        return sum(self._info("stats", row["endpoint"], row["port"])["sync_full"] for row in rows)

    def _info(self, section: str, host: str, port: int) -> dict[str, Any]:
        with Redis(host=host, port=port) as node:
            return dict(node.info(section))

    def await_running(self) -> None:
        """Return once the set is `Running`."""
        self._await(lambda: self.service.set(self.id)["status"] == "Running")

    def await_healed(self, lost: Container[str], count: int, look: float = LOOK) -> None:
        """Return once so many nodes run, none of them one that was lost."""
        self._await(lambda: self._whole(lost, count), look)

    def _whole(self, lost: Container[str], count: int) -> bool:
        nodes = self.nodes()
        running = [n for n in nodes if n["status"] == "Running" and n["objectId"] not in lost]
        whole = len(running) == len(nodes) == count
        return whole and self.service.set(self.id)["status"] == "Running"

    def events_after(self, wall: float) -> dict[str, float]:
        """When each event was recorded since, in seconds after `wall` (seconds since 1970)."""
        path = f"/v1/instance-sets/{self.id}/events"
        rows = self.service.client.get(path)["data"]
        after = {
            row["name"]: datetime.fromisoformat(row["time"]).timestamp() - wall for row in reversed(rows)
        }
        return {name: round(seconds, 3) for name, seconds in after.items() if seconds >= 0}

    def promote(self, node: str) -> None:
        """Ask for another primary."""
        self.service.client.patch(f"/v1/instance-sets/{self.id}/primary", {"primaryId": node})

    def add_replica(self) -> None:
        """Ask for one more replica, where the primary is."""
        subnet = self.nodes()[0]["subnet"]
        self.service.client.patch(f"/v1/instance-sets/{self.id}/replicas", {"subnet": subnet})

    def delete_node(self, node: str) -> None:
        """Ask for the end of a node."""
        self.service.client.delete(f"/v1/instance-sets/{self.id}/instances/{node}")

    def shrink_to(self, count: int) -> None:
        """Delete replicas until there are so many nodes; returns once the set is whole."""
        while len(rows := self.nodes()) > count:
            self.delete_node(rows[-1]["objectId"])
            self.await_healed({rows[-1]["objectId"]}, len(rows) - 1)

    def ask_deletion(self) -> None:
        """Ask for the end of the set."""
        self.service.client.delete(f"/v1/instance-sets/{self.id}")

    def delete(self) -> None:
        """Delete the set and return once it is gone."""
        self.ask_deletion()
        self.await_gone()

    def await_gone(self) -> None:
        """Return once there is no such set."""
        self._await(self._gone)

    def _gone(self) -> bool:
        try:
            self.service.set(self.id)
        except ApiFault as fault:
            if fault.status == NOT_FOUND:
                return True
            raise
        return False

    def _await(self, reached: Callable[[], bool], look: float = LOOK) -> None:
        deadline = time.monotonic() + self.limit
        while not reached():
            if time.monotonic() > deadline:
                seen = self.service.set(self.id)
                raise Stuck(f"{seen['instanceSetName']} is {seen['status']}: {seen['reason']}")
            time.sleep(look)


def many(service: ThrowawayService, count: int, *, nodes: int, version: str) -> Sequence[BenchSet]:
    """So many sets, all `Running`."""
    made = [
        BenchSet.made(service, f"bench-{i}", nodes=nodes, version=version, recovery=nodes > 1)
        for i in range(count)
    ]
    for one in made:
        one.await_running()
    return made
