"""What can be under way when the service dies, and what must be so when the next one has taken over.

A `Stage` is a service with one set; an `Operation` brings it into the state before, asks for something or
breaks something, and tells what that must have come to, once and only once.
"""

import sqlite3
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import redis
from live_group import LiveGroup, values_of
from live_set import SETS, LiveSet, Row, order
from service_process import kill, wait_for
from stepping_service import SteppingService
from steps import Step

from memstored.client import Unreachable

__all__ = ["OPERATIONS", "Operation", "Stage"]

DEADLINE = 40.0
KEYS = 40
MARK = "write node/started"
"""Comes twice for each node: the mark before its server is started, and then which process it became."""
TAKE_OVER = frozenset({MARK, "write node/redis.log", "spawn in node"})
"""Dying at one of these leaves a node that may have been started: it is replaced, never tried again (S2)."""


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
            made.promote(made.freshest_replica())
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`told`: the events that tell of it, each as often as it must be; the first comes with the request.

    `nodes`: how many serve afterwards (0: the set is gone); `new`: how many node numbers it takes; `epochs`:
    how many promotions; `asked`: it is an API call, which may go unanswered. `also`: what may be told
    besides, where the next service makes up for what was not recorded. `tls`: it needs a Redis with TLS.
    """

    before: Callable[[Stage], None]
    begin: Callable[[Stage], None]
    told: dict[str, int]
    nodes: int
    new: int = 0
    epochs: int = 0
    asked: bool = True
    also: frozenset[str] = frozenset()
    done: Callable[[Stage], bool] = lambda _stage: True
    tls: bool = False


def _ready_to_order(nodes: int) -> Callable[[Stage], None]:
    def ready(stage: Stage) -> None:
        stage.have_none()
        stage.body = order(stage.service, stage.version, nodes)

    return ready


def _ready_to_restore(stage: Stage) -> None:
    """A file with some keys in a bucket of the project, and an order of a set that begins with it."""
    stage.have_none()
    body = order(stage.service, stage.version, 2)
    bucket = stage.service.data_dir / "objects" / "buckets" / str(body["projectId"]) / "mine"
    bucket.mkdir(parents=True, exist_ok=True)
    (bucket / "saved.rdb").write_bytes(_rdb({f"saved:{number}": str(number) for number in range(KEYS)}))
    stage.body = body | {"restoreSource": {"files": ["mine/saved.rdb"]}}


def _rdb(keys: dict[str, str]) -> bytes:
    """The strings as an RDB without auxiliary fields and without a checksum."""
    pairs = b"".join(b"\x00" + _short(key) + _short(value) for key, value in keys.items())
    return b"REDIS0009\xfe\x00" + pairs + b"\xff" + bytes(8)


def _short(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 64, "its length must fit into six bits"
    return bytes([len(data)]) + data


def _holds_what_was_saved(stage: Stage) -> bool:
    with stage.made.at(stage.made.address()) as client:
        found = client.mget([f"saved:{number}" for number in range(KEYS)])
    return found == [str(number) for number in range(KEYS)]


def _ready(nodes: int, *, recovery: bool = False) -> Callable[[Stage], None]:
    return lambda stage: stage.have(nodes, recovery=recovery)


def _ready_secured(stage: Stage) -> None:
    stage.have(3, tls=True)
    stage.shown = _shown(stage)


def _shown(stage: Stage) -> dict[str, str]:
    """The certificate that each node shows, by its id."""
    return {
        row["objectId"]: ssl.get_server_certificate((row["endpoint"], row["port"]))
        for row in stage.made.rows()
    }


def _renew_certificates(stage: Stage) -> None:
    stage.service.client.post(f"{stage.made.path}/certificates/renew", {})


def _renewed(stage: Stage) -> bool:
    return not set(_shown(stage).values()) & set(stage.shown.values())


def _ready_to_apply(nodes: int) -> Callable[[Stage], None]:
    def ready(stage: Stage) -> None:
        stage.have(nodes)
        stage.have_group()

    return ready


def _choose_target(stage: Stage) -> None:
    stage.have(3)
    stage.target = stage.made.replicas()[-1]["objectId"]


def _lose_primary(stage: Stage) -> None:
    _choose_target(stage)
    stage.write()
    stage.lost = stage.made.kill_primary()
    stage.made.await_status("Warning")
    stage.target = stage.made.freshest_replica()


def _kill_primary(stage: Stage) -> None:
    stage.lost = stage.made.kill_primary()


def _kill_replica(stage: Stage) -> None:
    stage.lost = stage.made.replicas()[0]
    kill(stage.made.server_of(stage.lost))


def _replaced(stage: Stage) -> bool:
    assert stage.lost is not None
    return stage.lost["objectId"] not in stage.made.ids()


def _promoted(stage: Stage) -> bool:
    return bool(stage.made.primary()["objectId"] == stage.target)


def _delete_replica(stage: Stage) -> None:
    stage.target = stage.made.replicas()[0]["objectId"]
    stage.made.delete_node(stage.target)


def _deleted(stage: Stage) -> bool:
    return stage.target not in stage.made.ids()


def _patch(stage: Stage, **change: Any) -> None:  # noqa: ANN401 - any JSON
    stage.made.patch(**change)


def _other_security_group(stage: Stage) -> None:
    has = {group["id"] for group in stage.made.show()["securityGroups"]}
    groups = stage.service.client.get("/v1/redis/security-groups")["securityGroups"]
    wanted = next((group["id"] for group in groups if group["id"] not in has), None)
    _patch(stage, securityGroups=[{"id": wanted or groups[0]["id"]}], description=f"{stage.written}")


OPERATIONS = {
    "create one node": Operation(
        before=_ready_to_order(1),
        begin=lambda stage: stage.order(1),
        told={"Cluster Create": 1, "Cluster Create Complete": 1},
        nodes=1,
        new=1,
        epochs=1,
    ),
    "create three nodes": Operation(
        before=_ready_to_order(3),
        begin=lambda stage: stage.order(3),
        told={"Cluster Create": 1, "Cluster Create Complete": 1},
        nodes=3,
        new=3,
        epochs=1,
    ),
    "restore two nodes": Operation(
        before=_ready_to_restore,
        begin=lambda stage: stage.order(2),
        told={"Cluster Create": 1, "Cluster Create Complete": 1},
        nodes=2,
        new=2,
        epochs=1,
        done=_holds_what_was_saved,
    ),
    "add a replica": Operation(
        before=_ready(2),
        begin=lambda stage: stage.made.add_replica(),
        told={"Cluster Node Add": 1},
        nodes=3,
        new=1,
        done=lambda stage: len(stage.made.rows()) == 3,
    ),
    "delete a replica": Operation(
        before=_ready(3),
        begin=_delete_replica,
        told={"Cluster Node Delete": 1},
        nodes=2,
        done=_deleted,
    ),
    "promote": Operation(
        before=_choose_target,
        begin=lambda stage: stage.made.promote(stage.target),
        told={"Cluster Switchover": 2},
        nodes=3,
        epochs=1,
        done=_promoted,
    ),
    "promote after the primary died": Operation(
        before=_lose_primary,
        begin=lambda stage: stage.made.promote(stage.target),
        told={"Cluster Switchover": 2, "Cluster Failover": 1},
        nodes=2,
        epochs=1,
        done=_promoted,
    ),
    "fail over": Operation(
        before=_ready(3, recovery=True),
        begin=_kill_primary,
        told={
            "Cluster Node Down": 1,
            "Cluster Failover": 1,
            "Cluster Failover Complete": 1,
            "Node Recovery": 1,
            "Cluster Recovery Complete": 1,
        },
        nodes=3,
        new=1,
        epochs=1,
        asked=False,
        done=_replaced,
    ),
    "heal": Operation(
        before=_ready(3, recovery=True),
        begin=_kill_replica,
        told={"Cluster Node Down": 1, "Node Recovery": 1, "Cluster Recovery Complete": 1},
        nodes=3,
        new=1,
        asked=False,
        done=_replaced,
    ),
    "switch HA on": Operation(
        before=_ready(3),
        begin=lambda stage: stage.made.patch("/recovery", enabled=True),
        told={"Cluster High Availability Update": 1},
        nodes=3,
        done=lambda stage: stage.made.show()["recoveryEnabled"] is True,
    ),
    "switch HA off": Operation(
        before=_ready(3, recovery=True),
        begin=lambda stage: stage.made.patch("/recovery", enabled=False),
        told={"Cluster High Availability Update": 1},
        nodes=3,
        done=lambda stage: stage.made.show()["recoveryEnabled"] is False,
    ),
    "change the description": Operation(
        before=_ready(3),
        begin=lambda stage: _patch(stage, description=f"of trial {stage.written}"),
        told={"Cluster Update": 1},
        nodes=3,
        done=lambda stage: stage.made.show()["description"] == f"of trial {stage.written}",
    ),
    "change the security groups": Operation(
        before=_ready(3), begin=_other_security_group, told={"Cluster Update": 1}, nodes=3
    ),
    "change the backup schedule": Operation(
        before=_ready(3),
        begin=lambda stage: _patch(
            stage, backupSchedule={"cron": f"* {stage.written % 24} * * *", "retentionLimit": 3}
        ),
        told={"Cluster Backup Schedule Update": 1},
        nodes=3,
    ),
    "create two nodes over TLS": Operation(
        before=_ready_to_order(2),
        begin=lambda stage: stage.order(2, tlsEnabled=True),
        told={"Cluster Create": 1, "Cluster Create Complete": 1},
        also=frozenset({"Cluster Certificates Renew", "Cluster Certificates Renew Complete"}),
        nodes=2,
        new=2,
        epochs=1,
        tls=True,
    ),
    "renew certificates": Operation(
        before=_ready_secured,
        begin=_renew_certificates,
        told={"Cluster Certificates Renew": 1, "Cluster Certificates Renew Complete": 1},
        nodes=3,
        done=_renewed,
        tls=True,
    ),
    "apply live": Operation(
        before=_ready_to_apply(3),
        begin=lambda stage: stage.change_group("timeout", 100),
        told={"Parameters Update": 1, "Parameter Group Apply Complete": 1},
        nodes=3,
        done=Stage.has_values,
    ),
    "apply by replacing": Operation(
        before=_ready_to_apply(2),
        begin=lambda stage: stage.change_group("tcp-backlog", 1000),
        told={
            "Parameters Update": 1,
            "Cluster Node Add": 2,
            "Cluster Node Delete": 2,
            "Cluster Switchover": 1,
            "Parameter Group Apply Complete": 1,
        },
        nodes=2,
        new=2,
        epochs=1,
        done=Stage.has_values,
    ),
    "delete the set": Operation(
        before=_ready(3),
        begin=lambda stage: stage.made.delete(),
        told={"Cluster Delete": 1, "Cluster Delete Complete": 1},
        nodes=0,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a trial went: whether the service died by itself at the chosen step, and whom it had answered."""

    reached: bool
    answered: bool


def run(stage: Stage, operation: Operation, fatal: Step | None) -> Outcome:
    """Let the service die at the step, start the next one, and see that all is well; None: let it live."""
    operation.before(stage)
    if operation.before is not _lose_primary:
        stage.write()
    before, heard = stage.record(), stage.events()
    stage.service.arm(fatal)
    answered = _begin(stage, operation)
    _await_end(stage, operation)
    reached = not stage.service.running
    if fatal is not None:
        if not reached:
            stage.service.kill()
        stage.service.start()
    if not before.next_number:
        stage.find()
    check(stage, operation, before, heard, fatal, answered=answered)
    return Outcome(reached=reached, answered=answered)


def _begin(stage: Stage, operation: Operation) -> bool:
    try:
        operation.begin(stage)
    except Unreachable:
        return False
    return True


def _await_end(stage: Stage, operation: Operation) -> None:
    """Return when the service has died, or nothing is left to do."""

    def over() -> bool:
        if not stage.service.running:
            return True
        try:
            return _settled(stage, operation)
        except (Unreachable, StopIteration):
            return False

    wait_for(over, deadline=DEADLINE, what="the end of the operation", instead=stage.service.counted)
    stage.service.await_quiet()


def _settled(stage: Stage, operation: Operation) -> bool:
    rows = stage.service.sets()
    if not operation.nodes or not rows:
        return not rows and not operation.nodes
    calm = rows[0]["status"] in ("Running", "Warning") and stage.made.show()["operation"] is None
    return calm and operation.done(stage) and _serving(stage) == operation.nodes


def _serving(stage: Stage) -> int:
    return sum(row["status"] == "Running" for row in stage.made.rows())


def check(
    stage: Stage,
    operation: Operation,
    before: Record,
    heard: Counter[str],
    fatal: Step | None,
    *,
    answered: bool,
) -> None:
    """The set is what was asked for, or, where nobody was answered and nothing recorded, what it was."""
    first = next(iter(operation.told))
    taken = not operation.asked or stage.events()[first] > heard[first]
    assert taken or not answered, "answered, and not done"
    if taken:
        wait_for(
            lambda: _settled(stage, operation),
            deadline=DEADLINE,
            what="what was asked for",
            instead=lambda: stage.made.account() if stage.set_ is not None else stage.service.sets(),
        )
    if not operation.nodes and taken:
        stage.set_ = None
    _check_servers(stage)
    assert stage.missing() == [], "written before, and gone"
    told = Counter({n: c for n, c in (stage.events() - heard).items() if n not in operation.also})
    assert told == Counter(operation.told if taken else {}) or _spare(stage, fatal), f"told {dict(told)}"
    _check_once(stage, operation, before, fatal, taken=taken)


def _spare(stage: Stage, fatal: Step | None) -> bool:
    """Whether a node was between its mark and the note of its process, perhaps not the one of the step."""
    steps = stage.service.counted()
    between = steps.count(MARK) % 2 == 1 or steps[-1] in TAKE_OVER
    return fatal is not None and between


def _check_servers(stage: Stage) -> None:
    """No server without a row, no row without a server, and addresses that lead home."""
    service, made = stage.service, stage.set_
    rows = [row for row in made.rows() if row["status"] != "Failed"] if made is not None else []
    nodes = {row["objectId"] for row in rows}
    dead = {row["objectId"] for row in made.rows()} - nodes if made is not None else set()
    wait_for(
        lambda: sorted(service.servers().values()) == sorted(nodes),
        what="servers being the rows' and no others",
        instead=lambda: (service.servers(), nodes),
    )
    wait_for(lambda: service.node_folders() - dead == nodes, what="folders being the rows'")
    purposes = (
        ("primary", "reader") if made is not None and made.show()["endpoints"]["reader"] else ("primary",)
    )
    owners = {f"node/{node}" for node in nodes}
    owners |= {f"set/{made.id}/{purpose}" for purpose in purposes} if made is not None else set()
    held = {f"node/{node}" for node in dead}
    wait_for(
        lambda: set(service.held_addresses()) - held == owners,
        what="addresses being the rows' and sets'",
        instead=lambda: (service.held_addresses(), owners),
    )
    if made is not None:
        wait_for(lambda: _leads_home(made), what="addresses leading home", instead=made.account)


def _leads_home(made: LiveSet) -> bool:
    replicas = {made.server_of(row) for row in made.replicas() if row["status"] == "Running"}
    try:
        primary = made.primary()["status"] == "Failed" or made.addresses_lead_home()
        return primary and (not replicas or made.server_at(made.reader_address()) in replicas)
    except redis.RedisError:
        return False


def _check_once(
    stage: Stage, operation: Operation, before: Record, fatal: Step | None, *, taken: bool
) -> None:
    """Nothing was done twice: no number, no promotion, no copy of the data, no event, no start of a node."""
    if stage.set_ is None:
        return
    after = stage.record()
    new = after.next_number - (before.next_number or 1)
    wanted = operation.new if taken else 0
    assert wanted <= new <= wanted + _spare(stage, fatal), f"{new} node numbers were used"
    assert after.epoch - before.epoch == (operation.epochs if taken else 0), "epochs"
    for node in before.run_ids.keys() & after.run_ids.keys():
        assert before.run_ids[node] in (None, after.run_ids[node]), f"node {node} is another server now"
    for node in before.servers.keys() & after.servers.keys():
        assert before.servers[node] == after.servers[node], f"node {node} was started again"
    copies = sum(after.full_syncs.values()) - sum(
        copies for node, copies in before.full_syncs.items() if node in after.full_syncs
    )
    joined = new if before.next_number else new - 1
    assert copies <= joined, f"{copies} full copies of the data for {joined} new nodes"
