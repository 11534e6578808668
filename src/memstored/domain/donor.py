"""The replica that a backup is taken from, or why there is none.

Pure. Asked by `control.making` before a backup begins and all the while it is being made. Never the primary:
its tenants would feel it.
"""

from memstored.domain.facts import SetFacts
from memstored.domain.model import InstanceSet, Node
from memstored.domain.succession import lineage_offset, unfitness
from memstored.domain.words import NodeState, Role, SetState

__all__ = ["choose_donor", "cut_off", "unready"]


def unready(instance_set: InstanceSet | None) -> str | None:
    """Why no backup of the set can begin as it is recorded now, as a sentence; None when one can."""
    if instance_set is None or instance_set.deleting:
        return "The set is deleted."
    if instance_set.status is not SetState.RUNNING:
        return f"The set is {instance_set.status}, not Running."
    if not any(_may_give(node) for node in instance_set.nodes):
        return "The set has no replica that a backup could be taken from."
    return None


def choose_donor(instance_set: InstanceSet, facts: SetFacts) -> Node | None:
    """The most caught-up replica that is seen to hold the recorded history, with its link up.

    Of equal ones the one with the lowest number. None while none is seen: right after a start, say.
    """
    found = [
        (-offset, node.number, node)
        for node in instance_set.nodes
        if _may_give(node) and (offset := _offset(instance_set, node, facts)) is not None
    ]
    return min(found)[-1] if found else None


def _may_give(node: Node) -> bool:
    return node.role is Role.REPLICA and node.status is NodeState.RUNNING and not node.removing


def _offset(instance_set: InstanceSet, node: Node, facts: SetFacts) -> int | None:
    """How far along the history the node is (bytes), if its data may be given out at all."""
    lineage, seen = instance_set.lineage, facts.of(node.id)
    if lineage is None or seen.replication is None or not seen.replication.link_up:
        return None
    if unfitness(lineage, node, seen) is not None:
        return None
    return lineage_offset(lineage, seen.replication)


def cut_off(begun: InstanceSet, present: InstanceSet | None, donor: Node) -> str | None:
    """What happened to the set since a backup of it began that ends it, as a sentence; None: nothing.

    A backup is of one history: after a change of primary it is given up, even if its stream goes on.
    """
    if present is None or present.deleting:
        return "The set was deleted while its backup was being made."
    if begun.lineage is None or present.lineage is None:
        return "The set lost its data while its backup was being made."
    change = (begun.lineage.epoch, begun.lineage.primary, None)
    now = (present.lineage.epoch, present.lineage.primary, present.lineage.promotion)
    if now != change:
        return "The set changed its primary while its backup was being made."
    node = present.node(donor.id)
    if node is None or node.lost or node.removing:
        return f"The replica {donor.name} that the backup was taken from is gone."
    return None
