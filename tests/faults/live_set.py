"""A set of a running service, as its owner sees it: over the API, and over its addresses."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

import redis
from observer import OBSERVER, let_observe
from redis.backoff import NoBackoff
from redis.retry import Retry
from service_process import ServiceProcess, chance, kill, wait_for

from memstored.domain.ports import Identity

SETS = "/v1/instance-sets"
FLAVOR = "3830ebad-ea2f-4822-8a7d-9e301c86a58d"
HEAL_DEADLINE = 30.0
"""Seconds until a set is whole again, on a machine that many tests share; 5 on an idle one."""

Row = dict[str, Any]


def _left_behind(client: redis.Redis) -> bool:
    """Whether a replica has no link to its primary; until it has read all of it, it has one."""
    return bool(client.info("replication")["master_link_status"] == "down")


def order(service: ServiceProcess, version: str, nodes: int, **changes: Any) -> Row:  # noqa: ANN401 - any JSON
    """A good order of so many nodes; HA is on where there are two."""
    client = service.client
    subnets = [subnet["id"] for subnet in client.get("/v1/redis/subnets")["subnets"]]
    groups = client.get("/v1/parameter-groups")["parameterGroups"]
    family = version.rsplit(".", 1)[0]
    replicas = [{"id": subnets[number % len(subnets)]} for number in range(1, nodes)]
    return {
        "instanceSetName": f"set-{chance.randrange(10**9)}",
        "replicas": nodes,
        "flavorId": FLAVOR,
        "recoveryEnabled": nodes > 1,
        "subnets": [{"id": subnet} for subnet in subnets],
        "subnetAssignments": [{"primary": {"id": subnets[0]}, "replicas": replicas}],
        "securityGroups": [{"id": client.get("/v1/redis/security-groups")["securityGroups"][0]["id"]}],
        "parameterGroupId": next(group["id"] for group in groups if group["engineFamily"] == family),
        "port": 6379,
        "projectId": client.get("/v1/credentials")["credentials"][0]["projectId"],
        "version": version,
    } | changes


class LiveSet:
    """A set by its id."""

    def __init__(self, service: ServiceProcess, set_id: str) -> None:
        self.service = service
        self.id = set_id
        self.path = f"{SETS}/{set_id}"
        self.tls = bool(self.show()["tlsEnabled"])
        self.login: dict[str, str] = {}

    @classmethod
    def ordered(cls, service: ServiceProcess, version: str, nodes: int, **changes: Any) -> Self:  # noqa: ANN401 - any JSON
        """A set that was ordered just now."""
        answer = service.client.post(SETS, order(service, version, nodes, **changes))
        return cls(service, answer["objectId"])

    @classmethod
    def running(cls, service: ServiceProcess, version: str, nodes: int, **changes: Any) -> Self:  # noqa: ANN401 - any JSON
        """A set that is `Running`."""
        made = cls.ordered(service, version, nodes, **changes)
        made.await_whole(nodes)
        return made

    # What the API says

    def show(self) -> Row:
        """The set."""
        row: Row = self.service.client.get(self.path)
        return row

    @property
    def status(self) -> str:
        """The set's state."""
        return str(self.show()["status"])

    def rows(self) -> list[Row]:
        """The nodes, the primary first."""
        rows: list[Row] = self.service.client.get(f"{self.path}/instances")["data"]
        return rows

    def ids(self) -> set[str]:
        """The nodes' ids."""
        return {row["objectId"] for row in self.rows()}

    def primary(self) -> Row:
        """The row of the primary."""
        return next(row for row in self.rows() if row["role"] == "primary")

    def replicas(self) -> list[Row]:
        """The rows of the replicas, by number."""
        return [row for row in self.rows() if row["role"] == "replica"]

    def events(self, name: str | None = None) -> list[Row]:
        """The set's events, the oldest first; of one name, if given."""
        query = {"resourceId": self.id, "limit": "500"} | ({"name": name} if name else {})
        rows: list[Row] = self.service.client.get("/v1/events", **query)["data"]
        return rows[::-1]

    def event_names(self) -> list[str]:
        """The names of the set's events, the oldest first."""
        return [event["name"] for event in self.events()]

    def operations(self) -> list[Row]:
        """The set's operations, the oldest first."""
        rows: list[Row] = self.service.client.get(f"{self.path}/operations")["data"]
        return rows[::-1]

    def account(self) -> str:
        """How the set stands, for the message of a test that fails."""
        row, nodes = self.show(), self.rows()
        state = {name: row[name] for name in ("status", "reason", "operation")}
        return f"{state} {[(n['instanceName'], n['role'], n['status']) for n in nodes]} {self.event_names()}"

    # What is asked of it

    def patch(self, part: str = "", **body: Any) -> Row:  # noqa: ANN401 - any JSON
        """PATCH the set, or something of it."""
        answer: Row = self.service.client.patch(f"{self.path}{part}", body)
        return answer

    def promote(self, node: str) -> None:
        """Ask for another primary."""
        self.patch("/primary", primaryId=node)

    def freshest_replica(self) -> str:
        """The id of the replica that received most of its primary's stream."""
        received = {}
        for row in self.replicas():
            with self.at(row["endpoint"]) as client:
                received[row["objectId"]] = int(client.info("replication")["slave_repl_offset"])
        return max(received, key=lambda node: received[node])

    def freshest_survivor(self) -> str:
        """The same after the primary's death, once every replica has read what it had sent."""
        for row in self.replicas():
            with self.at(row["endpoint"]) as client:
                wait_for(partial(_left_behind, client), what=f"the end of what {row['instanceName']} reads")
        return self.freshest_replica()

    def add_replica(self) -> None:
        """Ask for one more replica, where the primary is."""
        self.patch("/replicas", subnet=self.primary()["subnet"])

    def delete_node(self, node: str) -> None:
        """Ask for the end of a node."""
        self.service.client.delete(f"{self.path}/instances/{node}")

    def delete(self) -> None:
        """Ask for the end of the set."""
        self.service.client.delete(self.path)

    # What is waited for

    def await_status(self, *states: str, deadline: float = HEAL_DEADLINE) -> Row:
        """The set, once it is in one of these states."""

        def look() -> Row | None:
            row = self.show()
            return row if row["status"] in states else None

        return wait_for(look, deadline=deadline, what=f"{self.id} being {' or '.join(states)}")

    def await_whole(self, nodes: int, deadline: float = HEAL_DEADLINE) -> None:
        """Return when the set is `Running` with so many nodes, all of them `Running`, one the primary."""
        wait_for(
            lambda: self._whole(nodes),
            deadline=deadline,
            what=f"{self.id} being whole again",
            instead=self.account,
        )

    def _whole(self, nodes: int) -> bool:
        if self.status != "Running":
            return False
        rows = self.rows()
        primaries = sum(row["role"] == "primary" for row in rows)
        return len(rows) == nodes and primaries == 1 and all(row["status"] == "Running" for row in rows)

    def await_replaced(self, *lost: Row, deadline: float = HEAL_DEADLINE) -> float:
        """The seconds until none of these nodes is in the set any more and it is whole with as many."""
        began, nodes = time.monotonic(), self.show()["replicas"]
        gone = {row["objectId"] for row in lost}
        wait_for(
            lambda: not gone & self.ids(),
            deadline=deadline,
            what=f"{self.id} without its dead",
            instead=self.account,
        )
        self.await_whole(nodes, deadline)
        return time.monotonic() - began

    def await_gone(self) -> None:
        """Return when the project has no such set any more."""
        wait_for(
            lambda: self.id not in {row["objectId"] for row in self.service.sets()},
            what=f"the end of {self.id}",
        )

    def await_operation(self, kind: str) -> Row:
        """The newest operation of a kind, once it has ended."""

        def look() -> Row | None:
            mine = [operation for operation in self.operations() if operation["kind"] == kind]
            return mine[-1] if mine and mine[-1]["state"] != "running" else None

        return wait_for(look, what=f"the end of {kind}", instead=self.account)

    # Its servers

    def client_at(self, host: str, *, patience: float = 10.0, **login: str) -> redis.Redis:
        """A plain client of whoever answers there, which tries nothing twice.

        `patience` is how long it waits for an answer, in seconds.
        """
        return redis.Redis(
            host,
            6379,
            decode_responses=True,
            socket_timeout=patience,
            socket_connect_timeout=5,
            retry=Retry(NoBackoff(), 0),
            **self._security(),
            **self.login | login,
        )

    def control_client(self, host: str, control: Identity) -> redis.Redis:
        """A client that may do everything."""
        with self.client_at(host, username=control.user, password=control.secret) as client:
            let_observe(client)
        return self.client_at(host, username=OBSERVER.user, password=OBSERVER.secret)

    def _security(self) -> dict[str, Any]:
        """What a client needs for TLS: whom to trust now, and to look whose certificate it is shown."""
        if not self.tls:
            return {}
        return {
            "ssl": True,
            "ssl_ca_data": self.service.authorities(),
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
        }

    @contextmanager
    def at(self, host: str, *, patience: float = 10.0, **login: str) -> Iterator[redis.Redis]:
        """A client of whoever answers there, for a while."""
        client = self.client_at(host, patience=patience, **login)
        try:
            yield client
        finally:
            client.close()

    def address(self) -> str:
        """The primary address, which stays for the set's life."""
        return str(self.show()["endpoints"]["primary"]["host"])

    def reader_address(self) -> str:
        """The reader address, which stays for the set's life."""
        return str(self.show()["endpoints"]["reader"]["host"])

    def server_at(self, host: str) -> int:
        """The process that answers there."""
        with self.at(host) as client:
            return int(client.info("server")["process_id"])

    def server_of(self, row: Row) -> int:
        """The process of a node."""
        return self.service.server_of(row["objectId"])

    def servers(self) -> dict[str, int]:
        """The process of every node."""
        return {row["objectId"]: self.server_of(row) for row in self.rows()}

    def kill_primary(self) -> Row:
        """SIGKILL the primary's server and return the row it had."""
        row = self.primary()
        kill(self.server_of(row))
        return row

    def addresses_lead_home(self) -> bool:
        """Whether the primary address leads to the primary's own server."""
        return self.server_at(self.address()) == self.server_of(self.primary())

    def await_writable(self, deadline: float = HEAL_DEADLINE) -> float:
        """The seconds until the primary address takes a write."""
        began, address = time.monotonic(), self.address()

        def look() -> bool:
            try:
                with self.at(address) as client:
                    return bool(client.set("probe", "1"))
            except redis.RedisError:
                return False

        wait_for(look, deadline=deadline, what="a write at the primary address")
        return time.monotonic() - began
