"""What to do next for a set: the one decision of the control loop.

`decide` is pure: the same set, facts and rules give the same decision. Asked anew at every turn, it looks
at everything that is, so a crash between any two steps only means that the next turn goes on from there.
For a healthy set it decides nothing.
"""

from memstored.domain.actions import Fence, Promote, Release, Reserve, Unpause
from memstored.domain.advancing import drop_ended
from memstored.domain.applying import await_primary, halt_apply
from memstored.domain.carrying import nobody_carries, tend_carrier
from memstored.domain.certificates import record_certificates, renew_certificates, stop_renewal
from memstored.domain.configuring import bring_values, introduce_members
from memstored.domain.facts import Life, SetFacts
from memstored.domain.failover import (
    begin_promotion,
    may_inherit,
    primary_is_displaced,
    primary_is_lost,
    promotion_wanted,
    succeed,
    watch_silent_primary,
)
from memstored.domain.loading import end_nodes, first_node, holds_source, judge_load
from memstored.domain.members import (
    admit_members,
    attach_replicas,
    clear_copies,
    equip_members,
    launch_members,
    record_members,
    tidy_members,
)
from memstored.domain.model import InstanceSet, Lineage, Node, Promotion, Vips
from memstored.domain.pointing import address_moves, keep_pointed
from memstored.domain.progress import judge
from memstored.domain.promotion import begin_switchover, carry_promotion
from memstored.domain.replacing import renew_members
from memstored.domain.room import make_room
from memstored.domain.settings import FailoverSettings
from memstored.domain.turn import LATER, SOON, Decision, Turn
from memstored.domain.words import EventName, SetState

__all__ = ["decide"]


def decide(instance_set: InstanceSet, facts: SetFacts, rules: FailoverSettings) -> Decision:
    """Decide the next step of a set from what is recorded and what is seen."""
    turn = Turn(instance_set, facts, rules)
    drop_ended(turn)
    if instance_set.status is SetState.TERMINATED:
        return turn.decision()
    if instance_set.deleting:
        _dissolve(turn)
    else:
        judge_load(turn)
        _go_on(turn)
    judge(turn)
    turn.urgent = _writes_wait(turn)
    return turn.decision()


def _go_on(turn: Turn) -> None:
    if turn.set.status is not SetState.FAILED:
        _advance(turn)
    elif not turn.set.opened:
        end_nodes(turn)


def _writes_wait(turn: Turn) -> bool:
    """Whether tenants can not write until we go on: a primary is being replaced, or its address moved."""
    stuck = turn.set.status in (SetState.FAILED, SetState.WARNING)
    if not turn.set.opened or turn.set.lineage is None or (stuck and not nobody_carries(turn)):
        return False
    lost = primary_is_lost(turn) and promotion_wanted(turn)
    return lost or turn.lineage.promotion is not None or address_moves(turn)


def _advance(turn: Turn) -> None:
    record_members(turn)
    record_certificates(turn)
    equip_members(turn)
    introduce_members(turn)
    tend_carrier(turn)
    clear_copies(turn)
    if turn.set.lineage is None:
        _begin_history(turn)
    elif turn.lineage.promotion is not None:
        stop_renewal(turn)
        carry_promotion(turn, turn.lineage.promotion)
    elif primary_is_lost(turn):
        _without_primary(turn)
    else:
        _keep(turn)
    if not turn.defer and (turn.set.lineage is None or turn.lineage.promotion is None):
        tidy_members(turn)
        launch_members(turn)


def _without_primary(turn: Turn) -> None:
    if promotion_wanted(turn):
        stop_renewal(turn)
    else:
        halt_apply(turn, "The primary was lost before every node had the values.")
    succeed(turn)
    if turn.set.opened and not promotion_wanted(turn):
        admit_members(turn)
        keep_pointed(turn)
        renew_certificates(turn)


def _dissolve(turn: Turn) -> None:
    """End every node, then give the addresses back, then the set is gone."""
    if not end_nodes(turn):
        return
    if turn.facts.endpoints.reserved:
        turn.do(Release())
        return
    turn.amend(status=SetState.TERMINATED, nodes=())
    turn.tell(EventName.DELETE_COMPLETE, "The set is gone.", cause=EventName.DELETE)


def _begin_history(turn: Turn) -> None:
    """Reserve the addresses; then the first node's data is the truth of epoch 1: none, or what was saved."""
    ends = turn.facts.endpoints
    if turn.set.vips is None:
        if ends.reserved and ends.primary is not None:
            turn.amend(vips=Vips(primary=ends.primary, reader=ends.reader))
        else:
            turn.do(Reserve())
    first = first_node(turn)
    if first is None:
        _name_another(turn)
        return
    seen = turn.seen(first)
    if turn.set.vips is None or (turn.set.source is not None and not holds_source(turn, first)):
        return
    turn.look(SOON)
    if not turn.up(first) or not seen.equipped or seen.replication is None:
        return
    if seen.replication.is_master:
        turn.amend(lineage=Lineage(epoch=1, primary=first.id, replid=seen.replication.replid))
        turn.amend_node(first.id, whole=True)
    else:
        turn.do(Promote(first.id))


def _name_another(turn: Turn) -> None:
    """Nobody holds data yet: any other node that is not lost may be the first."""
    other = next((n for n in turn.set.nodes if not n.lost and not n.removing), None)
    if other is not None:
        turn.name_primary(other.id)


def _keep(turn: Turn) -> None:
    """Keep a set whose primary is not known to be dead as it should be."""
    primary = turn.set.primary
    assert primary is not None
    if not turn.up(primary):
        watch_silent_primary(turn, primary)
        await_primary(turn, primary)
        if not promotion_wanted(turn):
            renew_certificates(turn)
        return
    seen = turn.seen(primary).replication
    assert seen is not None
    if not seen.is_master:
        _restore_primary(turn, primary)
        return
    if seen.replid != turn.lineage.replid:
        turn.amend_lineage(replid=seen.replid)
    _keep_members(turn, primary)


def _keep_members(turn: Turn, primary: Node) -> None:
    if turn.seen(primary).equipped and not (turn.seen(primary).admitted and address_moves(turn)):
        attach_replicas(turn, primary)
    _fence_silent(turn)
    if not turn.set.opened and _complete(turn):
        turn.amend(opened=True)
    if turn.set.opened:
        admit_members(turn)
        if turn.seen(primary).admitted:
            keep_pointed(turn)
    make_room(turn, primary)
    _unpause_members(turn)
    begin_switchover(turn)
    renew_certificates(turn)
    if bring_values(turn, primary):
        renew_members(turn, primary)


def _unpause_members(turn: Turn) -> None:
    """Nobody stays paused once the address has left it: a pause would hold back a new replica's own stream,
    and re-pointing a replica that is held back costs a full sync.
    """
    for node in turn.set.nodes:
        has_address = node.id == turn.facts.endpoints.primary_at
        if turn.seen(node).paused and (node.id == turn.lineage.primary or not has_address):
            turn.do(Unpause(node.id))


def _restore_primary(turn: Turn, primary: Node) -> None:
    """Everyone is a replica: the recorded primary was stopped by somebody who then ended (H6).

    It becomes primary again while it has the set's data, at once: a full sync that is under way takes that
    away when it has come. One that was made to take in other data, or none, is ended once a replica that has
    the set's data answers (S4); until then it is left as it is, and the set says so.
    """
    if not primary_is_displaced(turn, primary):
        back = Promotion(heir=primary.id, source=primary.id, sent=True, started_at=turn.facts.wall)
        begin_promotion(turn, back)
    elif any(may_inherit(turn, n) for n in turn.replicas()):
        turn.do(Fence(primary.id))
    else:
        turn.look(LATER)


def _complete(turn: Turn) -> bool:
    """Whether every node of a set in the making holds the (empty) truth."""
    nodes = [n for n in turn.set.nodes if not n.removing]
    return all(n.id == turn.lineage.primary or n.whole for n in nodes) and all(not n.lost for n in nodes)


def _fence_silent(turn: Turn) -> None:
    """A replica that hangs while the truth is well is ended, to be replaced."""
    if not turn.set.recovery_enabled:
        return
    for node in turn.replicas():
        if turn.seen(node).life is Life.SILENT:
            turn.do(Fence(node.id))
