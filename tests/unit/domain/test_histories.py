"""The decision under random histories: faults, requests and controller deaths in any order."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import READER, SAVED, SOURCE, VIP, World

from memstored.domain.catalogue import default_catalogue
from memstored.domain.errors import InvalidRequest
from memstored.domain.facts import Trust
from memstored.domain.model import GroupValues, InstanceSet, Node, Setting
from memstored.domain.parameter_group import configured, on_nodes
from memstored.domain.requests.certificates import renew_certificates
from memstored.domain.requests.change import Call, Change
from memstored.domain.requests.deletion import delete
from memstored.domain.requests.growth import add_replica
from memstored.domain.requests.promotion import promote
from memstored.domain.requests.recovery import set_recovery
from memstored.domain.requests.removal import delete_node
from memstored.domain.sequence import next_moves
from memstored.domain.settings import Quotas
from memstored.domain.words import ApplyStatus, AuthorityId, NodeId, SetState
from memstored.runtime.simulated import CONTROLLER
from memstored.runtime.simulated_node import Condition, Reply, SimulatedNode

PICK = st.integers(min_value=0, max_value=5)
CATALOGUE = default_catalogue()
LATE = 10.0
"""Seconds into a history from which on the set may be deleted, so that most of it is about one that lives."""
VALUES = (
    (),
    (("timeout", "300"),),
    (("timeout", "600"), ("hz", "50")),
    (("maxmemory", "220000000"),),
    (("maxmemory", "4000000000"),),
    (("io-threads", "4"),),
    (("io-threads", "2"), ("timeout", "300")),
)
"""What a group may set: nothing, what can be set live, what may evict, what does not fit the
flavor, what only a start can give."""
ENDED = (SetState.FAILED, SetState.TERMINATED)


class Histories(RuleBasedStateMachine):
    """A set, its world, and whatever may befall it."""

    world: World

    @initialize(
        replicas=st.integers(1, 4),
        recovery=st.booleans(),
        saved=st.sampled_from((False, False, True)),
        engine=st.sampled_from((("7.0.15", False), ("7.0.15", True), ("6.2.5", False), ("5.0.6", False))),
    )
    def begin(self, replicas: int, recovery: bool, saved: bool, engine: tuple[str, bool]) -> None:  # noqa: FBT001 - drawn by hypothesis
        """A set in use, or one that is just being made of saved data."""
        recovery = recovery and replicas > 1
        version, tls = engine
        if saved:
            self.world = World.of(
                replicas=replicas, recovery_enabled=recovery, source=SOURCE, version=version, tls=tls
            )
        else:
            self.world = World.running(replicas=replicas, recovery_enabled=recovery, version=version, tls=tls)
        self.counter = 0
        self.group = GroupValues(group_id="g")
        self.most = replicas
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

    @rule(index=PICK, wrote=st.booleans())
    def keep_busy(self, index: int, wrote: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """A script that does not end keeps a server busy; it can be killed unless it wrote."""
        node = self.pick(index)
        if node:
            self.world.fleet.keep_busy(node.id, wrote=wrote)

    @rule(index=PICK)
    def slow_down(self, index: int) -> None:
        """What the controller sees of a server is a turn old, or is not any more."""
        node = self.pick(index)
        if node:
            self.world.slow ^= {node.id}

    @rule(count=st.integers(1, 4))
    def lose_replies(self, count: int) -> None:
        """What is done next is done without the controller learning of it."""
        self.world.lose_replies = count

    @rule(seconds=st.integers(-7200, 7200))
    def set_clock(self, seconds: int) -> None:
        """Somebody sets the machine's clock."""
        self.world.clock_error += seconds

    @rule(count=st.integers(1, 3))
    def refuse_renewals(self, count: int) -> None:
        """Nodes refuse the next certificates."""
        self.world.refuse_renewals = count

    @rule()
    def change_authority(self) -> None:
        """Another authority signs, and all that went before are trusted still."""
        trusted = self.world.trust.trusted
        fresh = AuthorityId(f"authority {len(trusted) + 1}")
        self.world.trust = Trust(signer=fresh, trusted=(fresh, *trusted))

    @rule(count=st.integers(1, 3))
    def refuse_launches(self, count: int) -> None:
        """The next launches fail."""
        self.world.refuse_launches = count

    @rule()
    def storage_comes_and_goes(self) -> None:
        """Object storage can not be read for a while."""
        self.world.storage.away = not self.world.storage.away

    @rule(words=st.sampled_from((None, "Bad data format")))
    def spoil_data(self, words: str | None) -> None:
        """Engines refuse what is saved, or no more."""
        self.world.storage.complaint = words

    @rule()
    def expire(self) -> None:
        """The time of a saved key is over."""
        self.world.fleet.expire(SAVED[0])

    # The controller

    @rule(turns=st.integers(0, 3))
    def do_later(self, turns: int) -> None:
        """From now on what the controller begins takes so many turns to be done."""
        self.world.late = turns

    @rule(index=PICK, fate=st.sampled_from(("crash", "wake", "hang")))
    def strike_while_recording(self, index: int, fate: str) -> None:
        """While its next decision is recorded, a server dies, hangs, or goes on after it hung."""
        node, fleet = self.pick(index), self.world.fleet

        def strike(node_id: NodeId) -> None:
            if node_id in fleet.nodes:
                getattr(fleet, fate)(node_id)

        if node:
            self.world.between = partial(strike, node.id)

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

    # Requests, at any moment: whatever may not run now is refused and changes nothing

    def ask(self, request: Callable[[InstanceSet, Call], Change]) -> None:
        """Let the rules of a request judge it, and record what they answer, as the service does."""
        world = self.world
        call = Call(actor="owner", request_id=None, at=world.now + world.clock_error)
        before = world.set
        try:
            change = request(before, call)
        except InvalidRequest:
            return
        if change.after != before:
            world.set = replace(change.after, revision=before.revision + 1)
            self.most = max(self.most, change.after.replicas)
            world.events.extend(change.events)

    def node(self, index: int) -> Node:
        """One of the set's nodes."""
        nodes = self.world.set.nodes
        return nodes[index % len(nodes)]

    @precondition(lambda self: bool(self.world.set.nodes))
    @rule()
    def add_replica(self) -> None:
        """Its owner adds a replica."""
        subnet = CATALOGUE.subnets[0].id
        self.ask(lambda present, call: add_replica(present, subnet, call, CATALOGUE, Quotas()))

    @precondition(lambda self: bool(self.world.set.nodes))
    @rule(index=PICK)
    def delete_node(self, index: int) -> None:
        """Its owner removes a node."""
        node = self.node(index)
        self.ask(lambda present, call: delete_node(present, node, call))

    @precondition(lambda self: bool(self.world.set.nodes))
    @rule(index=PICK)
    def promote(self, index: int) -> None:
        """Its owner asks for another primary, of a living set or of one whose primary is dead."""
        node, facts = self.node(index), self.world.look()
        self.ask(lambda present, call: promote(present, node.id, call, facts))

    @rule(on=st.booleans())
    def recovery(self, on: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Its owner switches high availability."""
        self.ask(lambda present, call: set_recovery(present, call, enabled=on))

    @rule()
    def renew_certificates(self) -> None:
        """Its owner asks for new certificates."""
        self.ask(renew_certificates)

    @precondition(lambda self: self.world.now > LATE)
    @rule()
    def delete_set(self) -> None:
        """Its owner deletes it, late in its history."""
        self.ask(lambda present, call: delete(present, call, [], keep_automatic=None))

    @rule(values=st.sampled_from(VALUES))
    def change_group(self, values: tuple[tuple[str, str], ...]) -> None:
        """The set's parameter group gets another version."""
        settings = tuple(Setting(name=name, value=value) for name, value in values)
        self.group = GroupValues(group_id="g", version=self.group.version + 1, settings=settings)
        self.sequence()

    @rule()
    def sequence(self) -> None:
        """The sequence looks at the set."""
        world = self.world
        for move in next_moves([world.set], self.group, world.now + world.clock_error):
            world.set = replace(move.after, revision=world.set.revision + 1)

    @rule()
    def retry(self) -> None:
        """Its owner has it tried again."""
        present = configured(self.world.set)
        if present.status is ApplyStatus.ERROR_SYNC and self.world.set.operation is None:
            again = replace(present, status=ApplyStatus.APPLYING, error=None)
            revision = self.world.set.revision + 1
            self.world.set = replace(self.world.set, configuration=again, revision=revision)
            self.sequence()

    @rule(name=st.sampled_from((None, "timeout", "hz")))
    def take_against(self, name: str | None) -> None:
        """From now on engines refuse every change of this parameter, or none."""
        self.world.complaints = {} if name is None else {name: "ERR Invalid argument"}

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
                missing = set(server.writes) - set(heir.writes) - self.world.fleet.lapsed
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
    def the_truth_begins_with_what_was_saved(self) -> None:
        """Whoever is the recorded primary holds the saved data, but for what expired (S4)."""
        world = self.world
        primary = world.set.primary
        server = world.fleet.nodes.get(primary.id) if primary is not None else None
        if (
            world.set.source is None
            or primary is None
            or server is None
            or server.condition is Condition.GONE
        ):
            return
        if server.run_id == primary.run_id:
            assert set(SAVED[1:]) <= set(server.writes), server.writes

    @invariant()
    def nothing_is_given_up_too_early(self) -> None:
        """Lost is only said of a set of which no living server holds anything (S6)."""
        world = self.world
        if world.set.status is SetState.FAILED:
            assert not world.holders(), [n.id for n in world.holders()]

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
        world.refuse_launches = world.refuse_renewals = world.lose_replies = 0
        world.slow = frozenset()
        world.late, world.between = 0, None
        world.storage.away, world.storage.complaint = False, None
        world.complaints = {}
        for node in list(world.fleet.nodes.values()):
            world.fleet.wake(node.id)
        quiet = 0
        for _ in range(4000):
            commits = world.commits
            self.sequence()
            quiet = 0 if world.turn() or world.commits != commits else quiet + 1
            self.check_succession()
            if quiet > 2 and self.ended_well():
                break
        assert self.ended_well(), (world.set.status, world.set.reason, world.set.operation, world.set.nodes)
        assert quiet > 2, "a turn on a set at rest does nothing"
        if world.set.status is SetState.RUNNING:
            assert world.write("last") is Reply.OK
            self.check_values()
            assert world.shown() == world.recorded(), "a certificate that is not recorded"
        if world.set.status is SetState.FAILED and not world.set.opened:
            assert not world.fleet.nodes, "nothing is left running of a restore that failed"
            assert world.set.source is not None
            assert len(world.set.source.refusals) > 1

    def check_values(self) -> None:
        """Every node runs with what is recorded, whatever came of applies."""
        present = configured(self.world.set)
        assert present.status in (ApplyStatus.IN_SYNC, ApplyStatus.ERROR_SYNC)
        recorded = on_nodes(self.world.set)
        for node in self.world.set.nodes:
            has = self.world.fleet.node(node.id).settings
            live = {name for name in recorded if name != "io-threads"}
            assert {name: has[name] for name in live} == {name: recorded[name] for name in live}
            if present.status is ApplyStatus.IN_SYNC:
                assert has.get("io-threads") == recorded.get("io-threads")

    def ended_well(self) -> bool:
        """The state that was asked for, or the worst that its owner must mend, or a proven total loss."""
        present = self.world.set
        lost = [n for n in present.nodes if n.lost]
        if present.status in ENDED:
            return True
        applying = configured(present).status in (ApplyStatus.APPLYING, ApplyStatus.PENDING)
        if present.operation is not None or (applying and present.status is SetState.RUNNING):
            return False
        if present.status is SetState.RUNNING:
            complete = len(present.nodes) == present.replicas <= self.most and not lost
            # A renewal that failed is begun again after a pause.
            return complete and self.world.shown() == self.world.recorded()
        incomplete = bool(lost) or present.primary is None
        return present.status is SetState.WARNING and not present.recovery_enabled and incomplete


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "150")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Who planted a bug wants to know whether one fails, not the shortest of those that do.
    phases=(Phase.generate,) if "HISTORIES_AS_FOUND" in os.environ else (Phase.generate, Phase.shrink),
)
