"""How a set stands, in the API's words, with the reason (API.md 9, S10). Reads alone; it decides no act."""

from dataclasses import dataclass

from memstored.domain.applying import apply_under_way, awaited
from memstored.domain.carrying import carrier_suspected
from memstored.domain.facts import Life, LoadFacts, LoadFault, NodeFacts
from memstored.domain.failover import (
    braked,
    busy_for,
    primary_hangs,
    primary_is_displaced,
    primary_is_lost,
    promotion_wanted,
)
from memstored.domain.loading import awaited_source, first_node, loaded_bytes
from memstored.domain.members import launch_pause, resting
from memstored.domain.model import InstanceSet, Node, Operation, Reason, Source
from memstored.domain.pointing import point_trouble
from memstored.domain.room import without_room
from memstored.domain.turn import Turn
from memstored.domain.words import NodeState, OperationKind, SetState

__all__ = ["DELETING", "FRESH", "UNREADABLE", "Standing", "failed", "in_doubt", "reason_of", "standing_of"]

OUT_OF_STEP = 5
"""Seconds that a replica's link may be down before the set is shown as degraded."""
FRESH = 10.0
"""Seconds for which a state that is not to last is looked at closely."""

_UNITS = ((10 << 20, 20, "MiB"), (10 << 10, 10, "KiB"), (0, 0, "bytes"))
"""From which size on (bytes) sizes are told in units of how many bits, and the name of the unit."""

_STATES = {
    OperationKind.ADD_REPLICA: SetState.SCALING_HORIZONTAL,
    OperationKind.DELETE_NODE: SetState.SCALING_HORIZONTAL,
    OperationKind.PROMOTE: SetState.SWITCHING_OVER,
    OperationKind.MODIFY: SetState.MODIFYING,
}
_WITH_PROMOTION = (OperationKind.PROMOTE, OperationKind.APPLY_PARAMETERS)


@dataclass(frozen=True, slots=True)
class Standing:
    """A state and why: `code` is empty exactly for `Running`."""

    state: SetState
    code: str = ""
    message: str = ""
    trying: str = ""
    next: str = ""


RUNNING = Standing(SetState.RUNNING)
UNREADABLE = Standing(
    SetState.WARNING,
    "secrets_unreadable",
    "Nobody looks after the set, for the service can not read the secrets that it keeps of it.",
    "nothing; its nodes are left as they are, and are not replaced",
    "Put the service's state back as it was, with its key file, and start it again.",
)
"""A set that nobody looks after."""
DELETING = Standing(
    SetState.TERMINATING,
    OperationKind.DELETE.value,
    "The set is being deleted, as its owner asked.",
    "ending its nodes",
    "Its name is free again when it is Terminated.",
)


def reason_of(before: InstanceSet, standing: Standing, now: float) -> Reason:
    """The standing as a reason: since the set is as it is, if it was so before for the same reason.

    `now` is in seconds since 1970.
    """
    known = before.reason
    same = known is not None and known.code == standing.code and before.status is standing.state
    return Reason(
        code=standing.code,
        message=standing.message,
        since=known.since if same and known is not None else now,
        trying=standing.trying,
        next=standing.next,
    )


def standing_of(turn: Turn) -> Standing:
    """The state after what the turn decided, and why."""
    if turn.set.status is SetState.FAILED:
        return failed(turn)
    if not turn.set.opened:
        return in_doubt(turn) or _standing_in_making(turn)
    operation = turn.under_way
    standing = _primary_trouble(turn) or _carrier_trouble(turn) or in_doubt(turn) or _closed_door(turn)
    if standing is None and operation is not None:
        making = operation.kind is OperationKind.CREATE
        standing = _standing_in_making(turn) if making else _under_operation(turn, operation)
    standing = standing or _members_trouble(turn) or _last_of_healing(turn) or _values_wait(turn)
    return _named_want(turn, standing or RUNNING)


def _named_want(turn: Turn, standing: Standing) -> Standing:
    """The same state, where a replica waits for nothing but a place among the tenants' connections."""
    primary = without_room(turn)
    if primary is None or standing.code not in ("replacing_node", "replica_out_of_step", "add_replica"):
        return standing
    return Standing(
        standing.state,
        "connections_exhausted",
        f"Tenants have all connections of {primary.name} (`maxclients`), so no replica can connect to it.",
        "ending the youngest connections beyond `maxclients`",
        "It connects when it finds a place; end connections that nobody needs, or raise `maxclients`.",
    )


def in_doubt(turn: Turn) -> Standing | None:
    """A node that may live or not, for all that can be told: nobody may act as if either were so (S3)."""
    doubted = (node for node in turn.set.nodes if turn.seen(node).in_doubt)
    node = min(doubted, key=lambda node: node.lost, default=None)
    if node is None:
        return None
    if node.lost:
        return Standing(
            SetState.WARNING,
            "node_in_doubt",
            f"What is left of {node.name} stays, for it can not be told whether its server is gone; "
            "the log says why.",
            "looking for its server again, every few seconds",
            "It is removed as soon as its server is proven gone.",
        )
    return Standing(
        SetState.WARNING,
        "node_in_doubt",
        f"Nobody looks after {node.name}, for it can not be told whether it lives; the log says why.",
        "looking for its server again, every few seconds",
        "It is looked after as soon as its server is found, and lost once that is proven gone.",
    )


def _closed_door(turn: Turn) -> Standing | None:
    """A node that answers, but not to us: nobody looks after it, though it may serve its tenants."""
    for node in turn.set.nodes:
        seen = turn.seen(node)
        out = seen.life is Life.UNKNOWN and turn.facts.now - seen.life_since > OUT_OF_STEP
        if out and seen.refusal is not None and not node.lost:
            return Standing(
                SetState.WARNING,
                "node_refuses_service",
                f"{node.name} answers, but does not let the service in: {seen.refusal}",
                "connecting again",
                "It is looked after as soon as it does; at `maxclients`, end connections that nobody needs.",
            )
    return None


def failed(turn: Turn) -> Standing:
    """Why nothing can be done for the set any more."""
    source = turn.set.source
    if source is not None and not turn.set.opened:
        return Standing(
            SetState.FAILED,
            "restore_failed",
            f"{source.name} could not be loaded: {source.refusals[-1]}",
            "nothing: the same data would be refused again",
            "Delete the set; what it was to be made from is as it was.",
        )
    return Standing(
        SetState.FAILED,
        "all_copies_lost",
        "No node with the data is left; memory was the only place it was.",
        "nothing: what was lost can not be brought back",
        "Delete the set and make a new one.",
    )


def _standing_in_making(turn: Turn) -> Standing:
    launches = turn.set.launches
    if launches.failures:
        return _launch_trouble(turn)
    if turn.facts.endpoints.error:
        return _endpoint_trouble(turn)
    if turn.set.lineage is None:
        source = awaited_source(turn)
        return _provisioning() if source is None else _loading(turn, source)
    return Standing(
        SetState.REPLICATING,
        "replicating",
        "The replicas are being attached to the primary.",
        "attaching replicas",
        "The set takes writes as soon as every replica holds a copy.",
    )


def _provisioning() -> Standing:
    return Standing(
        SetState.PROVISIONING,
        "provisioning",
        "The nodes are being started.",
        "starting nodes",
        "They will be joined by replication.",
    )


def _loading(turn: Turn, source: Source) -> Standing:
    first = first_node(turn)
    load = turn.seen(first).load if first is not None else None
    if load is not None and load.fault is LoadFault.STORAGE:
        return Standing(
            SetState.PROVISIONING,
            "object_storage_unavailable",
            f"{source.name} can not be read: {load.error}",
            "reading it again, with growing pauses of up to a minute",
            "It is loaded as soon as object storage gives it.",
        )
    how_far = "all of it" if first is not None and first.whole else _how_far(load)
    before = _failed_before(source, load)
    return Standing(
        SetState.PROVISIONING,
        "loading",
        f"The set is loading {source.name}: {how_far}.{before}",
        "loading the data into the first node",
        "It is compared with what was saved; then the replicas are attached.",
    )


def _failed_before(source: Source, load: LoadFacts | None) -> str:
    if load is not None and load.fault is LoadFault.DELIVERY:
        return f" The last try failed: {load.error}"
    return f" The first try failed: {source.refusals[-1]}" if source.refusals else ""


def _how_far(load: LoadFacts | None) -> str:
    if load is None:
        return "as soon as its turn comes, for only a few load at once"
    done = loaded_bytes(load)
    _, bits, unit = next(each for each in _UNITS if load.total >= each[0])
    return f"{done >> bits} of {load.total >> bits} {unit} ({100 * done // max(1, load.total)} %)"


def _launch_trouble(turn: Turn) -> Standing:
    launches = turn.set.launches
    wait = round(launch_pause(turn))
    return Standing(
        SetState.WARNING,
        "launch_failed",
        f"A node could not be started ({launches.failures} times in a row): {launches.error}",
        "starting another node, with growing pauses",
        f"The next try is in about {wait} s." if wait else "The next try is under way.",
    )


def _copy_trouble(turn: Turn, failing: list[Node]) -> Standing:
    node = failing[0]
    seen = turn.seen(node)
    wait = max(0, round(seen.copy_at - turn.facts.now))
    return Standing(
        SetState.WARNING,
        "replica_cannot_copy",
        f"{node.name} could not finish its copy of the data {seen.copies_failed} times in a row.",
        "nothing, so that the primary is not burdened with copies that fail",
        f"The next copy is tried in about {wait} s; fewer writes meanwhile help it to finish.",
    )


def _endpoint_trouble(turn: Turn) -> Standing:
    return Standing(
        SetState.WARNING,
        "endpoint_unavailable",
        f"An address could not be given to its node: {turn.facts.endpoints.error}",
        "giving it again",
        "The address leads to the node as soon as it is free.",
    )


def _primary_trouble(turn: Turn) -> Standing | None:
    if turn.set.lineage is None:
        return None
    promotion = turn.lineage.promotion
    operation = turn.under_way
    planned = operation is not None and operation.kind in _WITH_PROMOTION
    source = turn.set.node(promotion.source) if promotion is not None else None
    if promotion is not None and not (planned and source is not None and not source.lost):
        return _recovering("promoting a replica")
    if primary_is_lost(turn):
        return _lost_primary(turn)
    if primary_hangs(turn):
        return _silent_primary(turn)
    primary = turn.set.primary
    return _living_primary(turn, primary) if primary is not None else None


def _living_primary(turn: Turn, primary: Node) -> Standing | None:
    if turn.lineage.promotion is None and primary_is_displaced(turn, primary):
        return _displaced_primary(primary)
    if busy_for(turn, primary) > turn.rules.failure_detection:
        return _busy_primary(turn)
    return None


def _carrier_trouble(turn: Turn) -> Standing | None:
    """Whoever carries the addresses does not, so nobody can connect, though every node is well."""
    ends, vips = turn.facts.endpoints, turn.set.vips
    if ends.carrier is None or vips is None:
        return None
    who = f"{ends.carrier.name}, which carries the set's addresses,"
    if vips.down_since is not None:
        why = f" {ends.error}" if ends.error else ""
        return Standing(
            SetState.WARNING,
            "endpoint_down",
            f"{who} is gone or hangs: nobody can connect.{why}",
            "ending what is left of it and starting another",
            "The addresses lead to their nodes as soon as it runs; the nodes are not touched.",
        )
    if carrier_suspected(turn):
        return Standing(
            SetState.WARNING,
            "endpoint_silent",
            f"{who} does not answer, or takes nobody: nobody can connect.",
            "asking it again",
            f"After {turn.rules.failure_detection:g} s of silence it is ended, and another is started.",
        )
    return None


def _recovering(trying: str) -> Standing:
    return Standing(
        SetState.RECOVERING,
        "primary_lost",
        "The primary is gone; writes are refused until a replica has taken over.",
        trying,
        "The primary address leads to the new primary; then a new node restores the count.",
    )


def _lost_primary(turn: Turn) -> Standing:
    if promotion_wanted(turn):
        if braked(turn):
            return Standing(
                SetState.WARNING,
                "poison",
                "The set lost too many primaries in a short time: something it holds or is asked ends them.",
                "nothing, so that the remaining copies stay alive",
                "Failover goes on by itself once the time of the last ones has passed.",
            )
        return _comparing(turn)
    return Standing(
        SetState.WARNING,
        "primary_failed",
        "The primary is gone and high availability is off, so nothing takes its place by itself.",
        "nothing: this is left to you",
        "Promote a replica (PATCH .../primary) to take writes again.",
    )


def _comparing(turn: Turn) -> Standing:
    """A set without primary whose heir is not chosen yet; in the end it says whom it waits for (S5, S6)."""
    seen = [(n.name, _absence(turn.seen(n))) for n in turn.replicas() if n.run_id is not None]
    words = [f"{name} {why}" for name, why in seen if why is not None]
    if turn.facts.standing_for < FRESH or not words:
        return _recovering("comparing the replicas")
    return Standing(
        SetState.RECOVERING,
        "primary_lost",
        f"The primary is gone; {', '.join(words)}, and it may hold data that no other has.",
        "waiting for it",
        "The one that holds the most data takes over as soon as it answers or is proven gone.",
    )


def _absence(seen: NodeFacts) -> str | None:
    """Why a node can not be compared now, in words that follow its name; None when it can be."""
    if seen.life is Life.UNKNOWN and seen.refusal is not None:
        return f"does not let the service in ({seen.refusal})"
    words = {
        Life.UNKNOWN: "does not answer",
        Life.SILENT: "hangs",
        Life.LOADING: "takes in a copy",
        Life.BUSY: "is busy",
    }
    return words.get(seen.life)


def _silent_primary(turn: Turn) -> Standing:
    if promotion_wanted(turn):
        return Standing(
            SetState.RECOVERING,
            "primary_silent",
            "The primary lives but has not answered for too long.",
            "ending it, once a whole replica stands ready",
            "A replica takes over.",
        )
    return Standing(
        SetState.WARNING,
        "primary_silent",
        "The primary lives but has not answered for too long; high availability is off.",
        "asking it again",
        "It may come back; or promote a replica.",
    )


def _displaced_primary(primary: Node) -> Standing:
    return Standing(
        SetState.WARNING,
        "primary_displaced",
        f"{primary.name}, the primary, was made a replica of another server and has not the set's data.",
        "nothing, until a replica that has the data answers",
        "Then it is ended, and the replica takes over; where there is none, restore a backup into a new set.",
    )


def _busy_primary(turn: Turn) -> Standing:
    if promotion_wanted(turn):
        most = turn.rules.busy_detection
        return Standing(
            SetState.WARNING,
            "primary_busy",
            "The primary lives but a command or script has kept it from serving for too long.",
            "ending the script, where it has written nothing",
            f"The set is Running when it answers; after {most:g} s a replica takes over.",
        )
    return Standing(
        SetState.WARNING,
        "primary_busy",
        "A command or script has kept the primary from serving for too long; high availability is off.",
        "ending the script, where it has written nothing",
        "The set is Running when it answers; if it never does, promote a replica.",
    )


def _under_operation(turn: Turn, operation: Operation) -> Standing | None:
    state = _STATES.get(operation.kind)
    if state is None:
        return None
    if turn.set.launches.failures:
        return _launch_trouble(turn)
    failing = [n for n in turn.replicas() if resting(turn, n)]
    if failing:
        return _copy_trouble(turn, failing)
    why = turn.set.reason
    if why is not None and turn.set.status is state:
        return Standing(state, why.code, why.message, why.trying, why.next)
    return Standing(
        state,
        operation.kind.value,
        f"The operation {operation.kind.value} is under way.",
        operation.step,
        "The set is Running when it is done.",
    )


def _members_trouble(turn: Turn) -> Standing | None:
    if turn.set.launches.failures:
        return _launch_trouble(turn)
    failing = [n for n in turn.replicas() if resting(turn, n)]
    if failing:
        return _copy_trouble(turn, failing)
    nodes = [n for n in turn.set.nodes if not _comes_or_goes(turn, n)]
    lost = [n.name for n in nodes if n.lost]
    missing = lost or len(turn.set.nodes) < turn.set.replicas
    coming = [n.name for n in nodes if not n.lost and n.status is not NodeState.RUNNING]
    again = [n.name for n in turn.set.nodes if n.status is NodeState.WARNING]
    if again and not missing:
        return _copying_again(again)
    if turn.set.recovery_enabled and (missing or coming):
        return _healing_standing(coming)
    if missing or coming:
        return _degraded(lost or coming)
    return _out_of_step(turn)


def _comes_or_goes(turn: Turn, node: Node) -> bool:
    """Whether this node comes or goes beside as many as there are to be, as an apply of parameters has it."""
    operation = apply_under_way(turn)
    return node.removing or (operation is not None and node.id == operation.node)


def _healing_standing(coming: list[str]) -> Standing:
    if coming:
        return Standing(
            SetState.SCALING_OUT,
            "replacing_node",
            f"A node was lost; {', '.join(coming)} takes its place.",
            "copying the data to it",
            "The set is Running when it holds a copy.",
        )
    return Standing(
        SetState.RECOVERING,
        "node_lost",
        "A node was lost; another will take its place.",
        "removing what is left of it",
        "A new node is started.",
    )


def _last_of_healing(turn: Turn) -> Standing | None:
    """Every node serves, and the addresses are about to lead to the new ones; then it is `Running`."""
    operation = turn.under_way
    if operation is None or operation.kind not in (OperationKind.FAILOVER, OperationKind.HEAL):
        return None
    return Standing(
        SetState.SCALING_OUT,
        "replacing_node",
        "A node was lost; the one in its place serves already.",
        "leading the addresses to it",
        "The set is Running when they do.",
    )


def _values_wait(turn: Turn) -> Standing | None:
    """An apply of parameters can not go on, for a node can not be configured."""
    why = awaited(turn)
    if why is None:
        return None
    return Standing(
        SetState.WARNING,
        "values_wait",
        f"{why}, so the values of the parameter group can not come to it.",
        "asking it again",
        "They come as soon as it answers; after two minutes the others get the values from before again.",
    )


def _copying_again(names: list[str]) -> Standing:
    return Standing(
        SetState.WARNING,
        "replica_copies_again",
        f"{', '.join(names)} fell too far behind the primary and takes in all data anew.",
        "copying; nobody can log in there meanwhile",
        "The set is Running when it holds a whole copy.",
    )


def _degraded(names: list[str]) -> Standing:
    return Standing(
        SetState.WARNING,
        "node_failed",
        f"High availability is off, and of the nodes some do not serve: {', '.join(names)}.",
        "nothing: this is left to you",
        "Delete the failed node and add a replica.",
    )


def _out_of_step(turn: Turn) -> Standing | None:
    if point_trouble(turn):
        return _endpoint_trouble(turn)
    late = [n.name for n in turn.replicas() if _link_down_long(turn, n.id)]
    if not late:
        return None
    return Standing(
        SetState.WARNING,
        "replica_out_of_step",
        f"{', '.join(late)} does not receive the primary's stream.",
        "the replica connects again by itself",
        "The set is Running when its link is up.",
    )


def _link_down_long(turn: Turn, node_id: object) -> bool:
    seen = next((f.replication for n, f in turn.facts.nodes.items() if n == node_id), None)
    return seen is not None and not seen.link_up and seen.link_down_for > OUT_OF_STEP
