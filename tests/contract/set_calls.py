"""Orders, and sets put into the states that the control loop would bring them to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness import OTHER_PROJECT, Api
from httpx import Response

from memstored.domain.catalogue import default_catalogue
from memstored.domain.facts import Life, NodeFacts, ReplicationFacts, SetFacts
from memstored.domain.model import InstanceSet, Lineage, Node, Vips
from memstored.domain.words import NodeState, Role, SetState

SETS = "/v1/instance-sets"
CATALOGUE = default_catalogue()
FLAVOR = "3830ebad-ea2f-4822-8a7d-9e301c86a58d"
SUBNET, OTHER_SUBNET, THIRD_SUBNET = (subnet.id for subnet in CATALOGUE.subnets)
SECURITY_GROUP = CATALOGUE.security_groups[0].id
PARAMETERS = {group.family: group.id for group in CATALOGUE.parameter_groups}
HASH = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"
REPLID = "c" * 40
ABSENT: Any = object()
"""As the value of a field: leave the field out."""

LONGEST_LABEL = 60

Pairs = set[tuple[str, str]]


def label(value: object) -> str:
    """The name of a case in the test report: short, and the same in every run."""
    text = str(sorted(value) if isinstance(value, set) else value)
    return text if len(text) <= LONGEST_LABEL else f"{text[:LONGEST_LABEL]}..."


def order(api: Api, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON, often wrong on purpose
    """A good order of one primary and two replicas, with some fields changed or `ABSENT`."""
    good = {
        "instanceSetName": "orders",
        "replicas": 3,
        "flavorId": FLAVOR,
        "recoveryEnabled": False,
        "subnets": _references(SUBNET, OTHER_SUBNET),
        "subnetAssignments": [assignment(SUBNET, OTHER_SUBNET, SUBNET)],
        "securityGroups": _references(SECURITY_GROUP),
        "parameterGroupId": PARAMETERS["7.0"],
        "port": 6379,
        "projectId": api.project,
        "version": "7.0.15",
    }
    return {name: value for name, value in (good | changes).items() if value is not ABSENT}


def _references(*ids: str) -> list[dict[str, str]]:
    return [{"id": one} for one in ids]


def assignment(primary: str, *replicas: str) -> dict[str, Any]:
    """One element of `subnetAssignments`."""
    return {"primary": {"id": primary}, "replicas": _references(*replicas)}


def sized(nodes: int) -> dict[str, Any]:
    """The fields of an order that say how many nodes there are."""
    return {"replicas": nodes, "subnetAssignments": [assignment(SUBNET, *[SUBNET] * (nodes - 1))]}


async def post(api: Api, body: object) -> Response:
    """Order a set."""
    return await api.request("POST", SETS, json=body)


async def created(api: Api, **changes: Any) -> str:  # noqa: ANN401 - see order
    """The id of a set that was just ordered."""
    answer = await post(api, order(api, **changes))
    assert answer.status_code == 201, answer.text
    set_id: str = answer.json()["objectId"]
    return set_id


async def running_elsewhere(api: Api) -> str:
    """The id of a `Running` set of the other project."""
    wanted = order(api, projectId=OTHER_PROJECT)
    answer = await api.request("POST", SETS, token=api.tokens["other_project"], json=wanted)
    set_id: str = answer.json()["objectId"]
    await put(api, set_id, _brought_up)
    return set_id


async def running(api: Api, **changes: Any) -> str:  # noqa: ANN401 - see order
    """The id of a set that the control loop has brought to `Running`."""
    set_id = await created(api, **changes)
    await put(api, set_id, _brought_up)
    return set_id


def _brought_up(ordered: InstanceSet) -> InstanceSet:
    vips = Vips(primary="127.20.255.1", reader="127.20.255.2" if ordered.replicas > 1 else None)
    return replace(
        ordered.with_nodes(_serving(node) for node in ordered.nodes),
        status=SetState.RUNNING,
        reason=None,
        operation=None,
        opened=True,
        vips=vips,
        lineage=Lineage(epoch=1, primary=ordered.nodes[0].id, replid=REPLID),
    )


def _serving(node: Node) -> Node:
    return replace(
        node,
        status=NodeState.RUNNING,
        launched=True,
        address=f"127.20.0.{node.number}",
        run_id=f"run-{node.number}",
        whole=node.role is Role.REPLICA,
    )


async def stored(api: Api, set_id: str) -> InstanceSet:
    """The set as it is recorded."""
    found = await api.sets.load(set_id)
    assert found is not None
    return found


async def put(api: Api, set_id: str, change: Callable[[InstanceSet], InstanceSet]) -> InstanceSet:
    """Record a change of the set, as the control loop would."""
    before = await stored(api, set_id)
    return await api.sets.commit(before, change(before))


async def put_state(api: Api, set_id: str, status: SetState) -> None:
    """Bring the set into a state, with whatever else as it was."""
    await put(api, set_id, lambda it: replace(it, status=status))


async def kill(api: Api, set_id: str, *numbers: int) -> None:
    """Record that these nodes are dead and that the set is degraded."""

    def degraded(it: InstanceSet) -> InstanceSet:
        nodes = (replace(n, status=NodeState.FAILED) if n.number in numbers else n for n in it.nodes)
        return replace(it.with_nodes(nodes), status=SetState.WARNING)

    await put(api, set_id, degraded)


def seen(instance_set: InstanceSet, offsets: Mapping[int, int]) -> SetFacts:
    """What is seen of nodes that have reached these offsets (bytes, by number)."""
    nodes = {n.id: _facts(n, offsets[n.number]) for n in instance_set.nodes if n.number in offsets}
    return SetFacts(now=1.0, wall=1.0, nodes=nodes)


def _facts(node: Node, offset: int) -> NodeFacts:
    is_master = node.role is Role.PRIMARY
    replication = ReplicationFacts(is_master=is_master, replid=REPLID, offset=offset, link_up=not is_master)
    return NodeFacts(life=Life.UP, run_id=node.run_id, replication=replication)


async def patch(api: Api, path: str, body: object) -> Response:
    """PATCH something of a set: `path` begins with the set's id."""
    return await api.request("PATCH", f"{SETS}/{path}", json=body)


async def delete(api: Api, path: str) -> Response:
    """DELETE a set or something of it."""
    return await api.request("DELETE", f"{SETS}/{path}")


async def node_ids(api: Api, set_id: str) -> list[str]:
    """The ids of the set's nodes by number."""
    return [node.id for node in (await stored(api, set_id)).nodes]


def faults(answer: Response) -> Pairs:
    """Field and code of every fault that a refusal names."""
    return {(d["field"], d["code"]) for d in answer.json()["error"]["details"]}
