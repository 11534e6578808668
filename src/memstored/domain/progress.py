"""How a set stands and how far its operation is, in the API's words, with the reason (API.md 9, S10).

The last rule of every turn: it reads what the turn decided and what is seen, and writes state, reason
and operation; it decides no act.
"""

from dataclasses import dataclass, replace

from memstored.domain.applying import apply_under_way, awaited
from memstored.domain.carrying import carrier_suspected
from memstored.domain.certificates import renewal_step
from memstored.domain.facts import Life, LoadFacts, LoadFault
from memstored.domain.failover import any_hope, braked, busy_for, primary_is_lost, promotion_wanted
from memstored.domain.loading import first_node, loaded_bytes
from memstored.domain.members import launch_pause, resting
from memstored.domain.model import InstanceSet, Node, Operation, Reason, Source, Step
from memstored.domain.naming import operation_id
from memstored.domain.pointing import choose_reader, point_trouble, pointed
from memstored.domain.room import without_room
from memstored.domain.turn import LATER, SOON, Turn
from memstored.domain.words import EventName, NodeState, OperationKind, OperationState, Outcome, SetState

__all__ = ["drop_ended", "judge", "unreadable"]

OUT_OF_STEP = 5
"""Seconds that a replica's link may be down before the set is shown as degraded."""

FRESH, OLD = 10.0, 60.0
"""Seconds for which a state that is not to last is looked at closely, and after which hardly any more."""
RARELY = 1.0
"""Seconds to the next look at what has lasted long: whatever ends it wakes us in most cases."""

_LOAD = "load"
"""The step of a creation in which the set's saved data is loaded."""
_UNITS = ((10 << 20, 20, "MiB"), (10 << 10, 10, "KiB"), (0, 0, "bytes"))
"""From which size on (bytes) sizes are told in units of how many bits, and the name of the unit."""

HEALING = (SetState.RECOVERING, SetState.SCALING_OUT)
STATES = {
    OperationKind.ADD_REPLICA: SetState.SCALING_HORIZONTAL,
    OperationKind.DELETE_NODE: SetState.SCALING_HORIZONTAL,
    OperationKind.PROMOTE: SetState.SWITCHING_OVER,
    OperationKind.MODIFY: SetState.MODIFYING,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A state and why: `code` is empty exactly for `Running`."""

    state: SetState
    code: str = ""
    message: str = ""
    trying: str = ""
    next: str = ""


RUNNING = Standing(SetState.RUNNING)


def judge(turn: Turn) -> None:
    """Write the set's state, reason and operation as they are after this turn."""
    if turn.set.status is SetState.TERMINATED:
        return
    if turn.set.deleting:
        _advance_deletion(turn)
        return
    _advance_operation(turn)
    standing = _standing(turn)
    _record(turn, standing)
    _record_healing(turn)
    if standing.state not in (SetState.RUNNING, SetState.FAILED):
        turn.look(_next_look(turn, standing.state))


def _next_look(turn: Turn, state: SetState) -> float:
    lasts = turn.facts.standing_for
    if lasts > OLD:
        return RARELY
    return LATER if state is SetState.WARNING or lasts > FRESH else SOON


def _advance_deletion(turn: Turn) -> None:
    operation = turn.set.operation
    if operation is not None and operation.kind is OperationKind.DELETE:
        remains = any(turn.seen(n).remains for n in turn.set.nodes)
        turn.amend(operation=operation.at("withdraw" if remains else "remove", turn.facts.wall))
    doubt = _in_doubt(turn)
    if doubt is not None:
        standing = replace(doubt, state=turn.set.status)
        turn.amend(reason=_reason(turn.set, standing, turn.facts.wall))
    turn.look(SOON if doubt is None else LATER)


# How far the operation is


def drop_ended(turn: Turn) -> None:
    """Begin without an operation that an earlier turn ended: it was recorded with how it ended."""
    if turn.under_way is None and turn.set.operation is not None:
        turn.amend(operation=None)


def _advance_operation(turn: Turn) -> None:
    operation = turn.under_way
    if operation is None:
        return
    spoiled = _spoiled(turn, operation)
    if spoiled is not None:
        turn.amend(operation=operation.ended(turn.facts.wall, error=spoiled))
        turn.tell(EventName.CREATE_FAILED, spoiled, cause=EventName.CREATE, outcome=Outcome.FAILURE)
        return
    step = _STEPS[operation.kind](turn, operation)
    if step is None:
        turn.amend(operation=operation.ended(turn.facts.wall))
        _tell_complete(turn, operation)
    else:
        turn.amend(operation=_with_bytes(turn, operation.at(step, turn.facts.wall)))


def _tell_complete(turn: Turn, operation: Operation) -> None:
    if operation.kind is OperationKind.CREATE:
        turn.tell(EventName.CREATE_COMPLETE, "The set takes writes.", cause=EventName.CREATE)
    elif operation.kind is OperationKind.RENEW_CERTIFICATES:
        message = "Every node shows its new certificate."
        turn.tell(EventName.CERTIFICATES_RENEW_COMPLETE, message, cause=EventName.CERTIFICATES_RENEW)


def _spoiled(turn: Turn, operation: Operation) -> str | None:
    """Why a creation can not end as it should: a node died when tenants had been let in, and nobody replaces
    it. What to do about it is its owner's to decide, and nothing may be in the way of that.
    """
    lost = next((n for n in turn.set.nodes if n.lost), None)
    if operation.kind is not OperationKind.CREATE or lost is None:
        return None
    if not turn.set.opened or turn.set.recovery_enabled:
        return None
    return f"{lost.name} ended as soon as the set was opened; with high availability off nobody replaces it."


def _with_bytes(turn: Turn, operation: Operation) -> Operation:
    """The operation with how much of the saved data is loaded."""
    first = first_node(turn)
    load = turn.seen(first).load if first is not None else None
    if operation.step != _LOAD or load is None:
        return operation
    return operation.moving(_LOAD, done=loaded_bytes(load), total=load.total)


def _creation(turn: Turn, _operation: Operation) -> str | None:
    if turn.set.lineage is None:
        return "provision" if _awaited_source(turn) is None else _LOAD
    if not turn.set.opened:
        return "replicate"
    return None if _served(turn) else "open"


def _served(turn: Turn) -> bool:
    """Whether every node serves and the addresses lead where they should."""
    running = all(n.status is NodeState.RUNNING for n in turn.set.nodes)
    primary = turn.set.primary
    return running and primary is not None and pointed(turn, primary.id, choose_reader(turn))


def _growth(turn: Turn, operation: Operation) -> str | None:
    node = turn.set.node(operation.node) if operation.node else None
    if node is None or node.status is NodeState.RUNNING:
        return None
    if node.run_id is None:
        return "provision"
    return "open" if node.whole else "replicate"


def _removal(turn: Turn, operation: Operation) -> str | None:
    node = turn.set.node(operation.node) if operation.node else None
    if node is None:
        return None
    ends = turn.facts.endpoints
    return "withdraw" if node.id in (ends.primary_at, ends.reader_at) else "remove"


def _switchover(turn: Turn, operation: Operation) -> str | None:
    lineage, primary = turn.set.lineage, turn.set.primary
    if lineage is None or primary is None:
        return "promote"
    if lineage.promotion is None:
        moved = primary.id == operation.node
        done = moved and pointed(turn, primary.id, choose_reader(turn))
        return None if done else ("move_address" if moved else "stop_writes")
    if lineage.promotion.sent:
        return "promote"
    seen = turn.seen(primary).replication
    return "catch_up" if seen is not None and not seen.is_master else "stop_writes"


def _modification(_turn: Turn, _operation: Operation) -> str | None:
    return None


def _application(_turn: Turn, operation: Operation) -> str | None:
    """Its steps are recorded where they are decided, in `domain.configuring` and `domain.replacing`."""
    return operation.step


def _failover(turn: Turn, _operation: Operation) -> str | None:
    if turn.set.lineage is None:
        return "fence"
    if turn.lineage.promotion is not None:
        return "promote"
    if primary_is_lost(turn):
        return "compare"
    return None if _whole_again(turn) or not turn.set.recovery_enabled else "restore"


def _healing(turn: Turn, _operation: Operation) -> str | None:
    if _whole_again(turn) or not turn.set.recovery_enabled:
        return None
    coming = [n for n in turn.set.nodes if not n.lost and n.status is not NodeState.RUNNING]
    return "replicate" if coming and all(n.run_id for n in coming) else "provision"


def _whole_again(turn: Turn) -> bool:
    return len(turn.set.nodes) >= turn.set.replicas and _served(turn)


_STEPS = {
    OperationKind.CREATE: _creation,
    OperationKind.ADD_REPLICA: _growth,
    OperationKind.DELETE_NODE: _removal,
    OperationKind.PROMOTE: _switchover,
    OperationKind.MODIFY: _modification,
    OperationKind.RENEW_CERTIFICATES: renewal_step,
    OperationKind.APPLY_PARAMETERS: _application,
    OperationKind.FAILOVER: _failover,
    OperationKind.HEAL: _healing,
    OperationKind.DELETE: _removal,
}


# How the set stands


def _standing(turn: Turn) -> Standing:
    if turn.set.status is SetState.FAILED:
        return _failed(turn)
    if not turn.set.opened:
        return _in_doubt(turn) or _standing_in_making(turn)
    operation = turn.under_way
    standing = _primary_trouble(turn) or _carrier_trouble(turn) or _in_doubt(turn) or _closed_door(turn)
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


def _in_doubt(turn: Turn) -> Standing | None:
    """A node that may live or not, for all that can be told: nobody may act as if either were so (S3)."""
    for node in turn.set.nodes:
        doubt = turn.seen(node).doubt
        if doubt is not None and not node.lost:
            return Standing(
                SetState.WARNING,
                "node_in_doubt",
                f"Nobody looks after {node.name}, for it can not be told whether it lives: {doubt}.",
                "looking for its server again, every few seconds",
                "It is looked after as soon as its server is found, and lost once that is proven gone.",
            )
    return None


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


def _failed(turn: Turn) -> Standing:
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
        source = _awaited_source(turn)
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


def _awaited_source(turn: Turn) -> Source | None:
    """The saved data, once the first node is there to take it in."""
    first = first_node(turn)
    return turn.set.source if first is not None and first.run_id is not None else None


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
    before = f" The first try failed: {source.refusals[-1]}" if source.refusals else ""
    return Standing(
        SetState.PROVISIONING,
        "loading",
        f"The set is loading {source.name}: {how_far}.{before}",
        "loading the data into the first node",
        "It is compared with what was saved; then the replicas are attached.",
    )


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
    primary = turn.set.primary
    if primary is not None and turn.seen(primary).life is Life.SILENT:
        return _silent_primary(turn)
    if primary is not None and busy_for(turn, primary) > turn.rules.failure_detection:
        return _busy_primary()
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


_WITH_PROMOTION = (OperationKind.PROMOTE, OperationKind.APPLY_PARAMETERS)


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
    awaited = {Life.UNKNOWN: "does not answer", Life.SILENT: "hangs", Life.LOADING: "takes in a copy"}
    awaited[Life.BUSY] = "is busy"
    words = [
        f"{n.name} {awaited[turn.seen(n).life]}"
        for n in turn.replicas()
        if n.run_id is not None and turn.seen(n).life in awaited
    ]
    if turn.facts.standing_for < FRESH or not words:
        return _recovering("comparing the replicas")
    return Standing(
        SetState.RECOVERING,
        "primary_lost",
        f"The primary is gone; {', '.join(words)}, and it may hold data that no other has.",
        "waiting for it",
        "The one that holds the most data takes over as soon as it answers or is proven gone.",
    )


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


def _busy_primary() -> Standing:
    return Standing(
        SetState.WARNING,
        "primary_busy",
        "The primary lives but a command or script has kept it from serving for too long.",
        "ending the script, where it has written nothing",
        "The set is Running when the primary answers; if it never does, a replica takes over (HA on).",
    )


def _under_operation(turn: Turn, operation: Operation) -> Standing | None:
    state = STATES.get(operation.kind)
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
        f"{', '.join(names)} does not serve, and high availability is off.",
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


def unreadable(instance_set: InstanceSet, now: float) -> InstanceSet:
    """A set as one that nobody looks after, for what the service keeps in secret of it can not be read.

    `now` is in seconds since 1970. Its nodes may serve on; whoever can read it judges it anew.
    """
    if instance_set.deleting or instance_set.status in (SetState.FAILED, SetState.TERMINATED):
        return instance_set
    standing = Standing(
        SetState.WARNING,
        "secrets_unreadable",
        "Nobody looks after the set, for the service can not read the secrets that it keeps of it.",
        "nothing; its nodes are left as they are, and are not replaced",
        "Put the service's state back as it was, with its key file, and start it again.",
    )
    reason = _reason(instance_set, standing, now)
    if (instance_set.status, instance_set.reason) == (standing.state, reason):
        return instance_set
    return replace(instance_set, status=standing.state, reason=reason, updated_at=now)


def _reason(before: InstanceSet, standing: Standing, now: float) -> Reason:
    """Since the set is as it is, if it was so before for the same reason."""
    known = before.reason
    same = known is not None and known.code == standing.code and before.status is standing.state
    return Reason(
        code=standing.code,
        message=standing.message,
        since=known.since if same and known is not None else now,
        trying=standing.trying,
        next=standing.next,
    )


def _record(turn: Turn, standing: Standing) -> None:
    before = turn.set.reason
    state = standing.state
    if state is SetState.WARNING and _nothing_left(turn):
        turn.amend(status=SetState.FAILED)
        standing, state = _failed(turn), SetState.FAILED
    if state is SetState.FAILED and turn.under_way is not None:
        turn.amend(operation=turn.under_way.ended(turn.facts.wall, standing.message))
    reason = _reason(turn.set, standing, turn.facts.wall) if standing.code else None
    if state is not turn.set.status:
        turn.amend(updated_at=turn.facts.wall)
    if (state, reason) != (turn.set.status, before):
        turn.amend(status=state, reason=reason)


def _nothing_left(turn: Turn) -> bool:
    """HA off: whether the last node that held the data is gone (API.md 9)."""
    if not turn.set.opened or not primary_is_lost(turn):
        return False
    return not any(n.whole for n in turn.replicas()) and not any_hope(turn)


def _record_healing(turn: Turn) -> None:
    """Give the service's own repair an operation, so that it too shows its progress and its length."""
    if turn.set.operation is None and turn.set.status in HEALING:
        failover = primary_is_lost(turn) or turn.lineage.promotion is not None
        kind = OperationKind.FAILOVER if failover else OperationKind.HEAL
        names = ("fence", "compare", "promote", "restore") if failover else ("provision", "replicate")
        operation = Operation(
            id=operation_id(turn.set.id, turn.set.revision),
            kind=kind,
            state=OperationState.RUNNING,
            steps=tuple(Step(name=n) for n in names),
            started_at=turn.facts.wall,
            actor="memstored",
        )
        turn.amend(operation=operation)
        step = _STEPS[kind](turn, operation)
        turn.amend(operation=operation.at(step or names[-1], turn.facts.wall))
    elif _just_healed(turn):
        turn.tell(
            EventName.RECOVERY_COMPLETE,
            "Every node serves again.",
            cause=EventName.NODE_DOWN,
            outcome=Outcome.SUCCESS,
        )


def _just_healed(turn: Turn) -> bool:
    operation = turn.set.operation
    if operation is None or turn.set.status is not SetState.RUNNING:
        return False
    ended = operation.state is not OperationState.RUNNING
    return ended and operation.kind in (OperationKind.FAILOVER, OperationKind.HEAL)
