"""A set, its simulated nodes and the decision, turned by hand: no loop, no task, no waiting.

Acts are carried out at once and in the order decided, but `late` ones; `turn` may be told to crash the
controller after some of them. What the store would keep is `World.set`; all else is forgotten by `restart`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from memstored.control.act import lane
from memstored.domain import actions as do
from memstored.domain.applying import birth_values
from memstored.domain.engine import capabilities_of
from memstored.domain.facts import (
    CarrierFacts,
    EndpointFacts,
    Life,
    LoadFacts,
    LoadFault,
    NodeFacts,
    RenewalFacts,
    SetFacts,
    Trust,
)
from memstored.domain.gap import eviction
from memstored.domain.model import (
    Certificate,
    Configuration,
    EventDraft,
    GroupValues,
    InstanceSet,
    Node,
    Operation,
    Setting,
    Source,
    Step,
)
from memstored.domain.naming import node_id, node_name
from memstored.domain.parameter_group import configured, on_nodes
from memstored.domain.parameters import MAXMEMORY
from memstored.domain.plan import decide
from memstored.domain.ports import FENCE, TENANTS, Identity, LinkTrouble, SettingRefused
from memstored.domain.sequence import begin_apply
from memstored.domain.settings import FailoverSettings
from memstored.domain.words import (
    AuthorityId,
    NodeId,
    NodeState,
    OperationKind,
    OperationState,
    Role,
    SetId,
    SetState,
)
from memstored.runtime.simulated import SimulatedFleet
from memstored.runtime.simulated_door import SimulatedDoor
from memstored.runtime.simulated_node import Condition, Reply, SimulatedNode

PORT = 6379
SET = SetId("6f9d7a52-5d0d-4c0e-9a69-0d0b1f7e7a11")
VIP, READER = "127.20.255.1", "127.20.255.2"
REPLICATION = Identity(user="memstored-replication", secret="s")
NO_USERS = {name: Identity(user=name, secret=f"{name} password") for name in (FENCE, TENANTS)}
RULES = FailoverSettings(brake_count=1000)
STEP_SECONDS = 0.025
SAVED = ("saved one", "saved two", "saved three")
SOURCE = Source(key="backups/p/b.rdb", name="orders-backup", size=40, keys=len(SAVED))
STEPS_TO_REST = 8
"""How many records may follow from one another while nothing new is seen."""
CHUNK = 10
"""Bytes of saved data that are handed over in a turn."""
LOAD_DEADLINE = 15.0
"""Seconds that a node may take for all of it."""
FIRST_AUTHORITY = AuthorityId("authority 1")
YEAR = 365 * 86400.0
RENEWAL_PAUSE = 60.0
"""Seconds before a renewal that failed is begun again by itself."""


def planned_set(
    *,
    replicas: int,
    recovery_enabled: bool = True,
    source: Source | None = None,
    version: str = "7.0.15",
    tls: bool = False,
) -> InstanceSet:
    """A set as the request to create it leaves it."""
    steps = (
        ("provision", "replicate", "open") if source is None else ("provision", "load", "replicate", "open")
    )
    nodes = tuple(
        Node(
            id=node_id(SET, number),
            number=number,
            name=node_name("orders", number),
            subnet_id="subnet",
            role=Role.PRIMARY if number == 1 else Role.REPLICA,
            status=NodeState.INIT,
            created_at=0.0,
        )
        for number in range(1, replicas + 1)
    )
    return InstanceSet(
        id=SET,
        project_id="p" * 32,
        name="orders",
        description=None,
        replicas=replicas,
        flavor_id="f",
        memory=4,
        recovery_enabled=recovery_enabled,
        tls_enabled=tls,
        subnets=("subnet",),
        security_groups=("group",),
        backup_schedule=None,
        user=None,
        parameter_group_id="g",
        port=PORT,
        version=version,
        creator="admin",
        created_at=0.0,
        updated_at=0.0,
        status=SetState.INIT,
        reason=None,
        next_number=replicas + 1,
        nodes=nodes,
        operation=operation(OperationKind.CREATE, steps),
        source=source,
    )


def operation(
    kind: OperationKind, steps: tuple[str, ...], node: NodeId | None = None, at: float = 0.0
) -> Operation:
    """An operation as a request leaves it."""
    return Operation(
        id=f"operation {kind}",
        kind=kind,
        state=OperationState.RUNNING,
        steps=tuple(Step(name=name) for name in steps),
        started_at=at,
        actor="admin",
        node=node,
    )


def ask_replica(world: "World") -> None:
    """The request for one more replica."""
    number = world.set.next_number
    fresh = Node(
        id=node_id(SET, number),
        number=number,
        name=node_name("orders", number),
        subnet_id="subnet",
        role=Role.REPLICA,
        status=NodeState.INIT,
        created_at=world.now,
    )
    steps = ("provision", "replicate", "open")
    world.set = replace(
        world.set.with_nodes([*world.set.nodes, fresh]),
        replicas=world.set.replicas + 1,
        next_number=number + 1,
        operation=operation(OperationKind.ADD_REPLICA, steps, fresh.id, world.now),
    )


def ask_values(world: "World", **values: str) -> None:
    """What the sequence begins: an apply of another version of the set's group; `_` stands for `-`."""
    known = configured(world.set)
    settings = tuple(Setting(name=name.replace("_", "-"), value=value) for name, value in values.items())
    latest = known.wanted or known.values
    wanted = GroupValues(group_id="g", version=latest.version + 1, settings=settings)
    begun = begin_apply(world.set, wanted, world.now)
    world.set = replace(begun, revision=world.set.revision + 1)


@dataclass(slots=True)
class Memory:
    """What a controller remembers of a node between two looks and forgets when it ends."""

    stamp: int | None = None
    silent: float = 0.0
    linked: bool = False
    life: Life = Life.UNKNOWN
    since: float = 0.0
    error: str | None = None
    copies_failed: int = 0
    copy_at: float = 0.0
    reached: int = 0
    stale: NodeFacts | None = None
    load: LoadFacts | None = None
    renewal: RenewalFacts = field(default_factory=RenewalFacts)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Storage:
    """Where the saved data lies: `away` now, or `gone` for good. `complaint`: what engines say of the data
    when they can not load it; `missing`: so many of its keys are not in it, whatever was counted.
    """

    away: bool = False
    gone: bool = False
    complaint: str | None = None
    missing: int = 0


@dataclass(slots=True)
class World:
    """One set in its world.

    `lose_replies`: so many commands from now on are carried out without the controller learning of it;
    `slow` nodes show the controller what they were a turn ago; `late`: so many turns pass before an act is
    done that was begun, but for those that end a node; `between` befalls the world while the next decision is
    recorded; `clock_error`: seconds by which the wall clock is wrong. `refuse_renewals`: so many certificates
    are refused by nodes from now on; `trust`: whose certificates count; `sign` makes one for a node of that
    name and address, which else is only said to be.
    """

    set: InstanceSet
    rules: FailoverSettings = RULES
    fleet: SimulatedFleet = field(default_factory=SimulatedFleet)
    now: float = 0.0
    events: list[EventDraft] = field(default_factory=list)
    reserved: bool = False
    memory: dict[NodeId, Memory] = field(default_factory=dict)
    spells: dict[str, tuple[object, float]] = field(default_factory=dict)
    refuse_launches: int = 0
    lose_replies: int = 0
    slow: frozenset[NodeId] = frozenset()
    late: int = 0
    begun: dict[NodeId, tuple[do.Action, int]] = field(default_factory=dict)
    taken: list[NodeId] = field(default_factory=list)
    between: Callable[[], None] | None = None
    clock_error: float = 0.0
    looks_in: float | None = None
    commits: int = 0
    acts: list[do.Action] = field(default_factory=list)
    storage: Storage = field(default_factory=Storage)
    doors: dict[NodeId, tuple[SimulatedDoor, float]] = field(default_factory=dict)
    refuse_renewals: int = 0
    trust: Trust = field(default_factory=lambda: Trust(signer=FIRST_AUTHORITY, trusted=(FIRST_AUTHORITY,)))
    sign: Callable[[str, str], Certificate] | None = None
    signed: int = 0
    complaints: dict[str, str] = field(default_factory=dict)
    proxy_stuck: bool = False
    proxy_runs: bool = False
    proxy_silent: float = 0.0
    configuration: Configuration | None = None

    @classmethod
    def of(
        cls,
        *,
        replicas: int = 3,
        recovery_enabled: bool = True,
        source: Source | None = None,
        version: str = "7.0.15",
        tls: bool = False,
    ) -> "World":
        """A world in which a set was just asked for."""
        return cls(
            planned_set(
                replicas=replicas, recovery_enabled=recovery_enabled, source=source, version=version, tls=tls
            )
        )

    @classmethod
    def running(
        cls,
        *,
        replicas: int = 3,
        recovery_enabled: bool = True,
        version: str = "7.0.15",
        tls: bool = False,
    ) -> "World":
        """A world whose set is `Running` and has taken a write."""
        world = cls.of(replicas=replicas, recovery_enabled=recovery_enabled, version=version, tls=tls)
        world.turns()
        assert world.set.status is SetState.RUNNING, world.set
        assert world.write("first") is Reply.OK
        world.fleet.settle()
        return world

    # Tenants and fate

    def write(self, value: str) -> Reply:
        """A tenant writes through the primary address."""
        return self.fleet.client_write(VIP, value)

    def server(self, number: int) -> SimulatedNode:
        """The server of the node of that number."""
        return self.fleet.node(node_id(SET, number))

    def kill(self, number: int) -> None:
        """End the server as by kill -9; the runtime proves it."""
        self.fleet.crash(node_id(SET, number))

    @property
    def lost_writes(self) -> list[str]:
        """Acknowledged writes that the lineage's primary does not hold."""
        primary = self.set.primary
        assert primary is not None
        held = set(self.fleet.node(primary.id).writes)
        return [write for write in self.fleet.acknowledged if write not in held]

    def shown(self) -> dict[int, str | None]:
        """The fingerprints that the servers show, by the numbers of their nodes; None without TLS."""
        return {n.number: self.fleet.node(n.id).certificate for n in self.set.nodes}

    def recorded(self) -> dict[int, str | None]:
        """The fingerprints of the certificates that are recorded of the nodes."""
        return {n.number: n.certificate and n.certificate.fingerprint for n in self.set.nodes}

    def replid_of_load(self) -> str | None:
        """The history that the load under way begins, None when none is under way."""
        return next((door.replid for door, _ in self.doors.values()), None)

    # The controller

    def turns(self, count: int = 120) -> None:
        """So many turns, with the world moving between them."""
        for _ in range(count):
            self.turn()

    def turns_until(self, holds: Callable[[], bool], most: int = 1000) -> None:
        """As many turns as it takes; fails when it takes too many."""
        for _ in range(most):
            if holds():
                return
            self.turn()
        raise AssertionError("it never came to that")

    def turn(self, *, acts: int | None = None, forget: bool = False) -> int:
        """Look, decide, record, act; at most `acts` acts. Returns how many acts were due."""
        self.now += STEP_SECONDS
        self.fleet.step()
        asked, seen = self.set, self.look()
        decision = decide(asked, seen, self.rules)
        self.looks_in, opened = decision.look_in, self.set.opened
        before = self.commits
        if decision.defer:
            assert all(
                isinstance(act, do.Detach | do.Fence | do.Equip | do.Configure | do.KillScript | do.Pause)
                or (isinstance(act, do.Point) and act.primary is None)
                for act in decision.actions
            )
        elif decision.after != self.set:
            self.set = replace(decision.after, revision=self.set.revision + 1)
            if decision.after.opened and not opened and decision.after.source is not None:
                self.fleet.acknowledged.extend(SAVED)
            self.events.extend(decision.events)
            self.commits += 1
            self._check_at_rest()
            self._check_comes_to_rest(asked, seen)
            self._be_struck()
        self._go_on_with_late_acts()
        self.taken.clear()
        due = decision.due(recorded=self.commits != before)
        for action in due[:acts]:
            self._begin(action)
        self._go_on_loading(decision.actions)
        if forget:
            self.restart()
        return len(due)

    def _check_comes_to_rest(self, asked: InstanceSet, seen: SetFacts) -> None:
        """What is decided anew on the same facts is soon recorded: else the loop would never pause, and what
        ends a node, which is begun only when there was nothing to record, would never be.
        """
        present = self.set
        for _ in range(STEPS_TO_REST):
            decision = decide(present, _as_young(present, asked, seen), self.rules)
            if decision.defer or decision.after == present:
                return
            present = replace(decision.after, revision=present.revision + 1)
        raise AssertionError("it records without end")

    def _be_struck(self) -> None:
        """Recording took a while: whatever happened meanwhile is not in the facts that were decided on."""
        strike, self.between = self.between, None
        if strike is not None:
            strike()

    def _begin(self, action: do.Action) -> None:
        """As a worker: one act a lane, and what ends a node is done on what was just seen."""
        where = lane(action)
        if where in self.begun or where in self.taken:
            return
        self.taken.append(where)
        if self.late and not isinstance(action, do.Fence | do.Destroy | do.Load):
            self.begun[where] = (action, self.late)
            return
        self.acts.append(action)
        self._attempt(action)

    def _go_on_with_late_acts(self) -> None:
        for where, (action, turns) in list(self.begun.items()):
            if turns > 1:
                self.begun[where] = (action, turns - 1)
            else:
                del self.begun[where]
                self.acts.append(action)
                self._attempt(action)

    def _check_at_rest(self) -> None:
        """Who sees `Running` may ask for anything: nothing is under way (API.md 2.9), but for an apply of
        parameters and a renewal of certificates, of which the operation tells alone (API.md 2.3, 6).
        """
        operation = self.set.operation
        if self.set.status is not SetState.RUNNING or operation is None:
            return
        if operation.kind not in (OperationKind.APPLY_PARAMETERS, OperationKind.RENEW_CERTIFICATES):
            assert operation.state is not OperationState.RUNNING, f"{operation.kind} goes on in a Running set"

    def _attempt(self, action: do.Action) -> None:
        """Carry an act out; whether it worked is seen in the next look. An answer may be lost on its way."""
        self._check_last_copy(action)
        try:
            self.act(action)
        except LinkTrouble:
            return
        if self.lose_replies and isinstance(action, do.Stamp):
            self.lose_replies -= 1
            for replica in action.replicas:
                self.memory[replica].stamp = None

    def _check_last_copy(self, action: do.Action) -> None:
        """Whatever history led here: nothing ends or overwrites the last server that holds the data (S6)."""
        if not self.set.opened or self.set.deleting:
            return
        match action:
            case do.Fence(node) | do.Destroy(node):
                server = self.fleet.nodes.get(node)
                if server is not None and server in self.holders():
                    assert len(self.holders()) > 1, f"{action} would end the last copy"
            case do.Follow(node, primary):
                held = set(self.fleet.node(node).writes) if node in self.fleet.nodes else set()
                held -= self.fleet.lapsed
                source = self.fleet.nodes.get(primary)
                assert source is not None
                assert source.condition is Condition.GONE or held <= set(source.writes), (
                    f"{action} loses data"
                )
            case _:
                return

    def holders(self) -> list[SimulatedNode]:
        """The living servers, still those that were launched, that hold what tenants wrote."""
        known = {n.id: n.run_id for n in self.set.nodes}
        servers = [s for s in self.fleet.nodes.values() if known.get(s.id) == s.run_id]
        written = set(self.fleet.acknowledged)
        return [s for s in servers if s.condition is not Condition.GONE and written & set(s.writes)]

    def restart(self) -> None:
        """The controller dies and another starts: only the store is remembered."""
        for node in list(self.doors):
            self._close_door(node)
        self.memory.clear()
        self.spells.clear()
        self.begun.clear()

    def _lasts(self, what: str, value: object) -> float:
        """For how many seconds this controller has seen something recorded as it is."""
        known = self.spells.get(what)
        if known is None or known[0] != value:
            known = self.spells[what] = (value, self.now)
        return self.now - known[1]

    def look(self) -> SetFacts:
        """What a controller sees now."""
        present = self.set
        if present.configuration != self.configuration:
            self.configuration = present.configuration
            for memory in self.memory.values():
                memory.refused.clear()
        reason = present.reason.code if present.reason else None
        return SetFacts(
            now=self.now,
            wall=self.now + self.clock_error,
            operation_for=self._lasts("operation", present.operation and present.operation.id),
            promotion_for=self._lasts("promotion", present.lineage and present.lineage.promotion),
            standing_for=self._lasts("standing", (present.status, reason)),
            trust=self.trust if present.tls_enabled else None,
            nodes={n.id: self._facts(n) for n in present.nodes},
            endpoints=EndpointFacts(
                primary=VIP if self.reserved else None,
                reader=READER if self.reserved and self.set.replicas > 1 else None,
                reserved=self.reserved,
                primary_at=self._holder(VIP),
                reader_at=self._holder(READER) if self.set.vips and self.set.vips.reader else None,
                error="it can not be started" if self.proxy_stuck and not self.proxy_runs else None,
                carrier=self._carrier(),
            ),
        )

    def _carrier(self) -> CarrierFacts | None:
        if self.floating or not self.reserved:
            return None
        return CarrierFacts(name="the proxy", running=self.proxy_runs, silent=self.proxy_silent)

    def kill_proxy(self) -> None:
        """End who carries the addresses."""
        self.proxy_runs, self.proxy_silent = False, 0.0
        for address in (VIP, READER):
            self.fleet.lead(address, None)

    def _holder(self, address: str) -> NodeId | None:
        if not self.floating:
            return self.fleet.led(address)
        node = self.fleet.listening(address, PORT)
        known = self.memory.get(node.id) if node is not None else None
        return node.id if node is not None and known is not None and known.linked else None

    @property
    def floating(self) -> bool:
        """Whether the nodes hold the addresses themselves."""
        return capabilities_of(self.set.version).floating

    @property
    def replication(self) -> Identity:
        """By which identity replicas follow now."""
        if capabilities_of(self.set.version).acl:
            return REPLICATION
        return NO_USERS[TENANTS if self.set.opened else FENCE]

    def _facts(self, node: Node) -> NodeFacts:
        memory = self.memory.setdefault(node.id, Memory(since=self.now))
        fresh = self._fresh_facts(node, memory)
        known, memory.stale = memory.stale, fresh
        late = node.id in self.slow and known is not None and {known.life, fresh.life} == {Life.UP}
        return known if late and known is not None and known.run_id == fresh.run_id else fresh

    def _fresh_facts(self, node: Node, memory: Memory) -> NodeFacts:
        server = self.fleet.nodes.get(node.id)
        life = self._life(node, server, memory)
        if life is not memory.life:
            memory.life, memory.since = life, self.now
        if server is None or life not in (Life.UP, Life.LOADING):
            address = server.host if server else None
            return NodeFacts(
                life=life,
                life_since=memory.since,
                address=address,
                reached=memory.reached,
                load=memory.load,
                renewal=memory.renewal,
                remains=server is not None,
                error=memory.error,
            )
        seen = server.facts()
        if not seen.link_up:
            memory.stamp = None
        memory.reached = seen.offset if seen.is_master else 0
        return NodeFacts(
            life=life,
            life_since=memory.since,
            address=server.host,
            run_id=server.run_id,
            replication=seen,
            read_at=self.now,
            equipped=server.equipped_as(self.replication),
            admitted=server.admitted,
            paused=server.paused,
            bound=server.bound,
            stamp=memory.stamp,
            copies_failed=memory.copies_failed,
            copy_at=memory.copy_at,
            reached=memory.reached,
            load=memory.load,
            certificate=server.certificate,
            renewal=memory.renewal,
            settings=tuple(sorted(server.settings.items())),
            refused=dict(memory.refused),
            remains=True,
        )

    def _life(self, node: Node, server: SimulatedNode | None, memory: Memory) -> Life:
        if server is None:
            return Life.GONE if node.address is not None else Life.UNKNOWN
        if server.ended:
            return Life.GONE
        # A connection to one that hangs stands for a while.
        memory.linked = self.fleet.answers(node.id) or (memory.linked and server.condition is Condition.HUNG)
        if self.fleet.answers(node.id):
            memory.silent = 0.0
            if server.condition is Condition.BUSY:
                return Life.BUSY
            return Life.LOADING if server.loading else Life.UP
        memory.silent += STEP_SECONDS
        return Life.SILENT if memory.silent >= self.rules.failure_detection else Life.UNKNOWN

    def act(self, action: do.Action) -> None:
        """Carry out one act on the simulated servers."""
        match action:
            case do.Reserve() | do.Release():
                self.reserved = isinstance(action, do.Reserve)
            case do.Launch(node):
                self._launch(node)
            case do.Fence(node):
                self.fleet.crash(node)
            case do.Destroy(node):
                self.fleet.remove(node)
            case do.Stamp(primary, replicas):
                self._stamp(primary, replicas)
            case do.Point() | do.FenceCarrier():
                self._lead(action)
            case do.Load(node, number):
                self._begin_load(node, number)
            case do.Renew(node, renewal):
                self._renew(node, renewal)
            case do.Configure(node, settings):
                self._configure(node, settings)
            case _:
                self._command(action)

    def _stamp(self, primary: NodeId, replicas: tuple[NodeId, ...]) -> None:
        offset = self.fleet.command(primary, SimulatedNode.stamp)
        for replica in replicas:
            self.memory[replica].stamp = offset

    def _launch(self, node: NodeId) -> None:
        if self.refuse_launches:
            self.refuse_launches -= 1
            self.memory.setdefault(node, Memory()).error = "no memory left"
        elif node not in self.fleet.nodes:
            number = len(self.fleet.acknowledged) + 7 * len(self.acts)
            host = f"127.20.{number // 250 % 250}.{number % 250 + 1}"
            server = self.fleet.launch(
                node,
                host=host,
                set_id=SET,
                version=self.set.version,
                fence=None if capabilities_of(self.set.version).acl else NO_USERS[FENCE],
            )
            if self.set.tls_enabled:
                issued = self._issue(node, host)
                server.certificate = issued.fingerprint
                self.memory.setdefault(node, Memory()).renewal = RenewalFacts(issued=issued)
            server.settings.update(on_nodes(self.set, birth_values(self.set, node)))

    # Certificates

    def _issue(self, node: NodeId, host: str) -> Certificate:
        assert self.set.vips is not None, "a certificate names the addresses of the set"
        named = self.set.node(node)
        assert named is not None
        if self.sign is not None:
            return self.sign(named.name, host)
        self.signed += 1
        wall = self.now + self.clock_error
        return Certificate(
            fingerprint=f"{self.signed:064x}",
            authority=self.trust.signer,
            not_before=wall - 3600.0,
            not_after=wall + YEAR,
            trusts=self.trust.trusted,
        )

    def _renew(self, node: NodeId, renewal: str) -> None:
        """As `control.act` does it; one that is refused leaves the node as it was."""
        memory = self.memory[node]
        issued = self._issue(node, self.fleet.node(node).host)
        try:
            self._take_certificate(node, issued)
        except LinkTrouble as trouble:
            memory.renewal = RenewalFacts(
                issued=memory.renewal.issued,
                operation=renewal,
                error=str(trouble),
                failures=memory.renewal.failures + 1,
                retry_at=self.now + RENEWAL_PAUSE,
            )
            return
        memory.renewal = RenewalFacts(issued=issued, operation=renewal)

    def _take_certificate(self, node: NodeId, issued: Certificate) -> None:
        if self.refuse_renewals:
            self.refuse_renewals -= 1
            raise LinkTrouble("CONFIG SET: the certificate is refused")
        if (words := self.fleet.node(node).complaints.get("tls-cert-file")) is not None:
            raise LinkTrouble(f"CONFIG SET: {words}")
        self.fleet.command(node, lambda server: setattr(server, "certificate", issued.fingerprint))
        if self.lose_replies:
            self.lose_replies -= 1
            raise LinkTrouble("CONFIG SET: no answer")

    # Loading, as `control.loading` does it, a chunk a turn

    def _begin_load(self, node: NodeId, number: int) -> None:
        if node in self.doors:
            return
        memory = self.memory[node]
        before = memory.load or LoadFacts(total=SOURCE.size)
        if number != before.number + 1:
            return
        before = replace(before, number=number)
        if self.storage.gone:
            memory.load = replace(before, fault=LoadFault.OBJECT, error="there is no such object any more")
            return
        identity = Identity(user="memstored-load", secret=f"once {len(self.acts)}")
        door = self.fleet.open_door("127.0.0.1", identity, SAVED[self.storage.missing :])
        door.complaint = self.storage.complaint
        self.doors[node] = (door, self.now)
        memory.load = replace(before, done=0, under_way=True, verified=False)
        try:
            self.fleet.command(node, lambda server: server.take_in(door.host, door.port, identity))
        except LinkTrouble:
            self._break_off(node)
            raise

    def _go_on_loading(self, actions: tuple[do.Action, ...]) -> None:
        for node in list(self.doors):
            if do.Load(node, self._load(node).number) not in actions:
                self._break_off(node)
            else:
                self._hand_over(node)

    def _break_off(self, node: NodeId) -> None:
        self._close_door(node)
        self.memory[node].load = LoadFacts(total=SOURCE.size, number=self._load(node).number)

    def _load(self, node: NodeId) -> LoadFacts:
        load = self.memory[node].load
        assert load is not None
        return load

    def _hand_over(self, node: NodeId) -> None:
        door, since = self.doors[node]
        memory = self.memory[node]
        assert memory.load is not None
        if self.storage.away:
            self._end_load(node, LoadFault.STORAGE, "object storage does not answer")
        elif memory.load.done < memory.load.total:
            memory.load = replace(memory.load, done=memory.load.done + CHUNK, fault=None)
        elif door.failed:
            fault = LoadFault.DATA if door.complaint else LoadFault.DELIVERY
            self._end_load(node, fault, door.complaint or "the node went away")
        elif self.now - since > LOAD_DEADLINE:
            self._end_load(node, LoadFault.DELIVERY, "it took too long")
        else:
            door.given = True
            if door.taken:
                self._verify(node)

    def _end_load(self, node: NodeId, fault: LoadFault, error: str) -> None:
        self._close_door(node)
        with suppress(LinkTrouble):
            self._release(node)
        load = self._load(node)
        self.memory[node].load = replace(
            load,
            under_way=False,
            fault=fault,
            error=error,
            tries=load.tries + 1,
            undelivered=load.undelivered + (fault is LoadFault.DELIVERY),
            retry_at=self.now + 1.0,
        )

    def _verify(self, node: NodeId) -> None:
        try:
            held = self.fleet.command(node, SimulatedNode.holdings)
            if held.keys != SOURCE.keys:
                self._end_load(node, LoadFault.DATA, f"it holds {held.keys} keys")
                return
            self._release(node)
        except LinkTrouble:
            self._break_off(node)
            return
        self._close_door(node)
        self.memory[node].load = replace(self._load(node), under_way=False, verified=True)

    def _release(self, node: NodeId) -> None:
        self.fleet.command(node, SimulatedNode.detach)
        self.fleet.command(node, lambda server, identity=self.replication: server.equip(identity))

    def _close_door(self, node: NodeId) -> None:
        door, _ = self.doors.pop(node)
        self.fleet.close_door(door)

    def _command(self, action: do.Action) -> None:
        match action:
            case do.Equip(node):
                self.fleet.command(node, lambda server, identity=self.replication: server.equip(identity))
            case do.Follow(node, primary):
                host = self.fleet.node(primary).host
                self.fleet.command(node, lambda server: server.follow(host, PORT))
            case do.Detach(node):
                self.fleet.command(node, SimulatedNode.detach)
            case do.Promote(node):
                self.fleet.command(node, SimulatedNode.promote)
            case do.Pause(node):
                self.fleet.command(node, SimulatedNode.pause)
            case do.Unpause(node):
                self.fleet.command(node, lambda server: setattr(server, "paused", False))
            case do.Admit(node):
                self.fleet.command(node, lambda server: server.admit(None, NO_USERS[TENANTS]))
            case do.Shut(node):
                self.fleet.command(node, SimulatedNode.shut)
            case do.KillScript(node):
                self.fleet.kill_script(node)
            case _:
                raise AssertionError(action)

    def _configure(self, node: NodeId, settings: tuple[Setting, ...]) -> None:
        """As `control.act` does it: one value after the other, until one is refused."""
        try:
            for setting in settings:
                self.fleet.command(node, partial(self._set, setting=setting))
        except SettingRefused as refusal:
            self.memory[node].refused[refusal.name] = refusal.words

    def _set(self, server: SimulatedNode, setting: Setting) -> None:
        why = self.complaints.get(setting.name)
        if setting.name == MAXMEMORY:
            why = eviction(setting, server.holdings()) or why
        if why is not None:
            raise SettingRefused(setting.name, why)
        server.configure(setting)

    def _lead(self, action: do.Point | do.FenceCarrier) -> None:
        match action:
            case do.Point(primary, reader):
                self._point(primary, reader)
            case do.FenceCarrier():
                self.kill_proxy()

    def _point(self, primary: NodeId | None, reader: NodeId | None) -> None:
        wanted = {VIP: primary, READER: reader if self.set.vips and self.set.vips.reader else None}
        if not self.floating:
            if self.proxy_stuck:
                raise LinkTrouble("the proxy does not answer")
            self.proxy_runs = True
            for address, holder in wanted.items():
                self.fleet.lead(address, holder)
            return
        living = [n for n in self.fleet.nodes.values() if n.condition is not Condition.GONE]
        for node in living:
            kept = {a for a in node.bound if a == node.host or wanted.get(a) == node.id}
            if kept != node.bound and self.fleet.answers(node.id):
                taken = node.bound - kept
                self.fleet.bind(node, tuple(kept))
                for address in taken:
                    node.end_through(address)
        for node in living:
            given = {a for a, to in wanted.items() if to == node.id}
            if given - node.bound and self.fleet.answers(node.id):
                self.fleet.bind(node, (*node.bound, *given))


def _as_young(present: InstanceSet, asked: InstanceSet, seen: SetFacts) -> SetFacts:
    """What was seen when `asked` was recorded; what has been recorded since then is new."""

    def promotion(one: InstanceSet) -> object:
        return one.lineage and one.lineage.promotion

    def standing(one: InstanceSet) -> object:
        return one.status, one.reason and one.reason.code

    def operation(one: InstanceSet) -> object:
        return one.operation and one.operation.id

    return replace(
        seen,
        promotion_for=seen.promotion_for if promotion(present) == promotion(asked) else 0.0,
        standing_for=seen.standing_for if standing(present) == standing(asked) else 0.0,
        operation_for=seen.operation_for if operation(present) == operation(asked) else 0.0,
    )
