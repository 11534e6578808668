"""What can be under way when the service dies, and what must have come of it in the end.

An `Operation` brings a `Stage` into the state before, asks for something or breaks something, and tells what
that must have come to, once and only once.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from live_set import order
from service_process import kill
from step_stage import KEYS, Stage

__all__ = ["OPERATIONS", "Operation", "lose_primary"]


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


def lose_primary(stage: Stage) -> None:
    """The set has lost its primary, and a replica is chosen to be promoted."""
    _choose_target(stage)
    stage.write()
    stage.lost = stage.made.kill_primary()
    stage.made.await_status("Warning")
    stage.target = stage.made.freshest_survivor()


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
        before=lose_primary,
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
