"""One turn of the control loop while it is being decided: the set as it will be, what to tell, what to do.

`plan.decide` makes one, hands it from rule to rule and returns its `Decision`. Nothing here acts.
"""

from dataclasses import dataclass, replace
from typing import Any

from memstored.domain.actions import Action, Destroy, Fence
from memstored.domain.facts import Life, NodeFacts, SetFacts
from memstored.domain.model import EventDraft, InstanceSet, Lineage, Node, Operation
from memstored.domain.settings import FailoverSettings
from memstored.domain.words import EventName, NodeId, OperationState, Outcome, Role

__all__ = ["AT_ONCE", "LATER", "SOON", "Decision", "Turn"]

AT_ONCE = 0.005
"""Seconds to the next look while writes wait for us."""
SOON = 0.025
"""Seconds to the next look while a change is under way."""
LATER = 0.25
"""Seconds to the next look while something has taken long already."""
PATIENCE = (1.0, 10.0)
"""For so many seconds it is looked at once, then soon; whatever takes longer is looked at later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to record, then do, then when to look again.

    `after` and `events` are committed first, in one transaction and only if the set is still as it was
    (S7); then the actions are begun that are `due`. With `defer` nothing of it is an intent, only an account
    of what was seen: it may be left to the next look, which finds the same, so that a failover waits for the
    store as seldom as is safe. `urgent`: tenants' writes wait for what comes of it. `look_in` is in seconds;
    None: when something wakes us.
    """

    after: InstanceSet
    events: tuple[EventDraft, ...] = ()
    actions: tuple[Action, ...] = ()
    look_in: float | None = None
    defer: bool = False
    urgent: bool = False

    def due(self, *, recorded: bool) -> tuple[Action, ...]:
        """What to begin now, after this decision was `recorded` or when there was nothing to record.

        What ends a node comes first, for whatever else is to be done to it may fail again and again, as
        ending a script that can not be ended. But to record takes time, in which a node that was silent may
        have answered and the one that was to inherit died: then what ends a node is left to the next look,
        which is at once (S6).
        """
        ending = tuple(a for a in self.actions if isinstance(a, Fence | Destroy))
        others = tuple(a for a in self.actions if not isinstance(a, Fence | Destroy))
        return others if recorded else (*ending, *others)


class Turn:
    """A decision in the making."""

    def __init__(self, instance_set: InstanceSet, facts: SetFacts, rules: FailoverSettings) -> None:
        self.set = instance_set
        self.facts = facts
        self.rules = rules
        self.events: list[EventDraft] = []
        self.actions: list[Action] = []
        self.look_in: float | None = None
        self.defer = False
        self.urgent = False

    @property
    def lineage(self) -> Lineage:
        """The lineage of a set that has one."""
        assert self.set.lineage is not None, "asked for the lineage of a set that has none yet"
        return self.set.lineage

    @property
    def under_way(self) -> Operation | None:
        """The operation that is under way; one that this turn ended is not."""
        operation = self.set.operation
        running = operation is not None and operation.state is OperationState.RUNNING
        return operation if running else None

    def seen(self, node: Node) -> NodeFacts:
        """What is seen of a node."""
        return self.facts.of(node.id)

    def up(self, node: Node) -> bool:
        """Whether a node answers and is still the server it was."""
        seen = self.seen(node)
        alive = seen.life is Life.UP and seen.replication is not None and seen.run_id is not None
        return alive and not node.lost and node.run_id in (None, seen.run_id)

    def replicas(self) -> list[Node]:
        """Every node but the lineage's primary that is not known to be dead, by number."""
        primary = self.set.lineage.primary if self.set.lineage else None
        return [n for n in self.set.nodes if n.id != primary and not n.lost]

    def amend(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of InstanceSet, checked by replace
        """Change fields of the set."""
        self.set = replace(self.set, **changes)

    def amend_lineage(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Lineage
        """Change fields of the lineage."""
        self.set = replace(self.set, lineage=replace(self.lineage, **changes))

    def amend_node(self, node_id: NodeId, **changes: Any) -> None:  # noqa: ANN401 - the fields of Node
        """Change fields of one node."""
        node = self.set.node(node_id)
        if node is not None:
            self.set = self.set.with_node(replace(node, **changes))

    def name_primary(self, node_id: NodeId) -> None:
        """Show this node, and no other, in the role of primary."""
        for node in self.set.nodes:
            role = Role.PRIMARY if node.id == node_id else Role.REPLICA
            if node.role is not role:
                self.amend_node(node.id, role=role)

    def do(self, action: Action) -> None:
        """Have this done after what is recorded is recorded."""
        self.actions.append(action)

    def tell(
        self,
        name: EventName,
        message: str,
        *,
        node: NodeId | None = None,
        cause: EventName | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        """Write an audit line with the change."""
        self.events.append(EventDraft(name=name, message=message, outcome=outcome, node=node, cause=cause))

    def look(self, seconds: float) -> None:
        """Look again in so many seconds at the latest."""
        self.look_in = seconds if self.look_in is None else min(self.look_in, seconds)

    def wait(self, waited: float) -> None:
        """Look again at once while it is a matter of moments, less often the longer it has been waited for.

        What is waited for wakes us in most cases; a look makes sure that it does.
        """
        moments, while_ = PATIENCE
        self.look(AT_ONCE if waited < moments else SOON if waited < while_ else LATER)

    def decision(self) -> Decision:
        """The finished decision."""
        return Decision(
            after=self.set,
            events=tuple(self.events),
            actions=tuple(self.actions),
            look_in=self.look_in,
            defer=self.defer,
            urgent=self.urgent,
        )
