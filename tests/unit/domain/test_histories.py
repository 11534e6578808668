"""The decision under random histories: faults, requests and controller deaths in any order."""

import os
from dataclasses import replace

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import READER, VIP, World, operation

from memstored.domain.words import NodeId, NodeState, OperationKind, SetState
from memstored.runtime.simulated import CONTROLLER
from memstored.runtime.simulated_node import Condition, SimulatedNode

PICK = st.integers(min_value=0, max_value=5)
ENDED = (SetState.FAILED, SetState.TERMINATED)


class Histories(RuleBasedStateMachine):
    """A set, its world, and whatever may befall it."""

    world: World

    @initialize(replicas=st.integers(1, 4), recovery=st.booleans())
    def begin(self, replicas: int, recovery: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """A set in use."""
        self.world = World.running(replicas=replicas, recovery_enabled=recovery and replicas > 1)
        self.counter = 0
        self.primary = self.world.set.lineage and self.world.set.lineage.primary

    def pick(self, index: int) -> SimulatedNode | None:
        """One of the servers of the set that still run."""
        known = {n.id for n in self.world.set.nodes}
        living = [
            n for n in self.world.fleet.nodes.values() if n.condition is not Condition.GONE and n.id in known
        ]
        return living[index % len(living)] if living else None

    # Tenants

    @rule()
    def write(self) -> None:
        """A tenant writes."""
        self.counter += 1
        self.world.write(f"w{self.counter}")

    # Fate

    @rule(index=PICK)
    def crash(self, index: int) -> None:
        """A server is killed."""
        node = self.pick(index)
        if node:
            self.world.fleet.crash(node.id)

    @rule(index=PICK)
    def hang(self, index: int) -> None:
        """A server stops answering."""
        node = self.pick(index)
        if node:
            self.world.fleet.hang(node.id)

    @rule(index=PICK)
    def wake(self, index: int) -> None:
        """It goes on."""
        node = self.pick(index)
        if node:
            self.world.fleet.wake(node.id)

    @rule(index=PICK)
    def restart_empty(self, index: int) -> None:
        """A server is killed and something starts it again at its address."""
        node = self.pick(index)
        if node:
            self.world.fleet.crash(node.id)
            self.world.fleet.restart_empty(node.id)

    @rule(one=PICK, other=PICK)
    def partition(self, one: int, other: int) -> None:
        """Two servers lose each other."""
        a, b = self.pick(one), self.pick(other)
        if a and b and a is not b:
            self.world.fleet.partition(a.id, b.id)

    @rule(index=PICK)
    def cut_off(self, index: int) -> None:
        """The controller loses a server."""
        node = self.pick(index)
        if node:
            self.world.fleet.partition(CONTROLLER, node.id)

    @rule(index=PICK)
    def sever(self, index: int) -> None:
        """A replica's stream breaks."""
        node = self.pick(index)
        if node:
            self.world.fleet.sever(node.id)

    @rule()
    def heal(self) -> None:
        """The network is whole again."""
        self.world.fleet.heal()

    @rule(count=st.integers(1, 3))
    def refuse_launches(self, count: int) -> None:
        """The next launches fail."""
        self.world.refuse_launches = count

    # The controller

    @rule(count=st.integers(1, 40))
    def turns(self, count: int) -> None:
        """It does some turns."""
        for _ in range(count):
            self.world.turn()
            self.check_succession()

    @rule(acts=st.integers(0, 3))
    def die_in_a_turn(self, acts: int) -> None:
        """It records a decision, does a few of its acts, and dies; another takes over."""
        self.world.turn(acts=acts, forget=True)
        self.check_succession()

    # Requests

    def free(self) -> bool:
        """Whether a request may change the set now."""
        return self.world.set.status is SetState.RUNNING and self.world.set.operation is None

    @precondition(lambda self: self.free() and self.world.set.replicas < 6)
    @rule()
    def add_replica(self) -> None:
        """Its owner adds a replica."""
        world = self.world
        planned = replace(
            world.set.nodes[0],
            id=NodeId(f"00000000-0000-0000-0000-{world.set.next_number:012}"),
            number=world.set.next_number,
            name=f"orders-{world.set.next_number}",
            launched=False,
            address=None,
            run_id=None,
            whole=False,
            status=NodeState.INIT,
        )
        self.ask(OperationKind.ADD_REPLICA, ("provision", "replicate", "open"), planned.id)
        world.set = replace(
            world.set.with_nodes([*world.set.nodes, planned]),
            replicas=world.set.replicas + 1,
            next_number=world.set.next_number + 1,
        )

    @precondition(lambda self: self.free() and self.world.set.replicas > 2)
    @rule(index=PICK)
    def delete_replica(self, index: int) -> None:
        """Its owner removes a replica."""
        world = self.world
        replicas = [n for n in world.set.nodes if n.id != self.primary]
        node = replicas[index % len(replicas)]
        self.ask(OperationKind.DELETE_NODE, ("withdraw", "remove"), node.id)
        world.set = replace(
            world.set.with_node(replace(node, removing=True, status=NodeState.TERMINATING)),
            replicas=world.set.replicas - 1,
        )

    @precondition(lambda self: self.free() and self.world.set.replicas > 1)
    @rule(index=PICK)
    def promote(self, index: int) -> None:
        """Its owner asks for another primary."""
        replicas = [n for n in self.world.set.nodes if n.id != self.primary]
        steps = ("stop_writes", "catch_up", "promote", "move_address")
        self.ask(OperationKind.PROMOTE, steps, replicas[index % len(replicas)].id)

    @precondition(lambda self: self.free() and self.world.set.replicas > 1)
    @rule(on=st.booleans())
    def recovery(self, on: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Its owner switches high availability."""
        self.world.set = replace(self.world.set, recovery_enabled=on)

    def ask(self, kind: OperationKind, steps: tuple[str, ...], node: NodeId) -> None:
        """Record a request as the service does."""
        world = self.world
        world.set = replace(world.set, operation=operation(kind, steps, node, world.now))

    # What must hold

    def check_succession(self) -> None:
        """A new primary holds all that any whole, answering node of the set held (S4)."""
        lineage = self.world.set.lineage
        if lineage is None or lineage.primary == self.primary:
            return
        self.primary = lineage.primary
        heir = self.world.fleet.nodes.get(lineage.primary)
        if heir is None or heir.condition is Condition.GONE:
            return
        for node in self.world.set.nodes:
            server = self.world.fleet.nodes.get(node.id)
            same = server is not None and server.run_id == node.run_id
            if (
                server is not None
                and same
                and node.whole
                and server.resumable
                and self.world.fleet.answers(node.id)
            ):
                missing = set(server.writes) - set(heir.writes)
                assert not missing, f"{node.name} held {missing}, the new primary does not"

    @invariant()
    def one_master_takes_writes(self) -> None:
        """Never do two servers take tenants' writes (S3, S7)."""
        masters = [
            n.id
            for n in self.world.fleet.nodes.values()
            if n.condition is Condition.ALIVE and n.is_master and n.admitted
        ]
        assert len(masters) <= 1, masters

    @invariant()
    def addresses_have_one_holder(self) -> None:
        """An address is never bound twice, and only by a node of the set (S8)."""
        for address in (VIP, READER):
            holders = [
                n
                for n in self.world.fleet.nodes.values()
                if n.condition is Condition.ALIVE and address in n.bound
            ]
            assert len(holders) <= 1

    def teardown(self) -> None:
        """Once the faults stop, every history ends well, and then nothing is done any more."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.fleet.heal()
        world.refuse_launches = 0
        for node in list(world.fleet.nodes.values()):
            world.fleet.wake(node.id)
        quiet = 0
        for _ in range(4000):
            commits = world.commits
            quiet = 0 if world.turn() or world.commits != commits else quiet + 1
            self.check_succession()
            if quiet > 2 and self.ended_well():
                break
        assert self.ended_well(), (world.set.status, world.set.reason, world.set.operation, world.set.nodes)
        assert quiet > 2, "a turn on a set at rest does nothing"

    def ended_well(self) -> bool:
        """The state that was asked for, or the worst that its owner must mend, or a proven total loss."""
        present = self.world.set
        lost = [n for n in present.nodes if n.lost]
        if present.status in ENDED:
            return True
        if present.operation is not None:
            return False
        if present.status is SetState.RUNNING:
            return len(present.nodes) == present.replicas and not lost
        return present.status is SetState.WARNING and not present.recovery_enabled and bool(lost)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "150")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
