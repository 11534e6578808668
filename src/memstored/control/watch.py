"""What is seen of one set: its links, how long each node has been silent, what was stamped.

Memory only: everything here is seen anew by the next controller. `Watch.look` turns it into the facts
that `domain.plan.decide` judges.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace

from memstored.control.authorities import Authorities
from memstored.control.carrier import CARRIER, CarrierSight
from memstored.control.identities import replication_of
from memstored.domain.clock import Clock
from memstored.domain.engine import capabilities_of
from memstored.domain.facts import (
    EndpointFacts,
    Life,
    LoadFacts,
    NodeFacts,
    RenewalFacts,
    ReplicationFacts,
    SetFacts,
)
from memstored.domain.model import Configuration, InstanceSet, Node
from memstored.domain.ports import Doors, Link, SettingRefused, Target, Wire
from memstored.domain.settings import FailoverSettings
from memstored.domain.survey import LinkState, NodeSurvey
from memstored.domain.words import NodeId, SetId
from memstored.objects.storage import Objects
from memstored.runtime.protocol import Endpoints, Placement, Runtime
from memstored.store.sets import Identities

__all__ = ["Place", "Watch"]

SILENT = 1.0
"""Seconds of silence that make a node one of the silent when the whole fleet is judged."""
COPY_PAUSES = (0.0, 15.0, 30.0, 60.0, 300.0)
"""Seconds before the next full sync of a replica whose last ones failed; the first may fail by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The surroundings that all sets of a service share.

    `doors` opens a master for a node that loads, at `door_host` (IPv4), where every node can come to.
    `authorities` sign what nodes and doors show over TLS.
    """

    runtime: Runtime
    endpoints: Endpoints
    wire: Wire
    objects: Objects
    doors: Doors
    door_host: str
    authorities: Authorities
    clock: Clock
    rules: FailoverSettings


@dataclass(slots=True)
class _Sight:
    """What is remembered of one node between two looks. `silent` is in seconds; `heard`: it was not at the
    last tick.
    """

    link: Link | None = None
    silent: float = 0.0
    heard: bool = True
    burning: bool = False
    life: Life = Life.UNKNOWN
    since: float = 0.0
    stamp: int | None = None
    error: str | None = None
    launching: bool = False
    copying: bool = False
    copies_failed: int = 0
    copy_at: float = 0.0
    reached: int = 0
    load: LoadFacts | None = None
    renewal: RenewalFacts = field(default_factory=RenewalFacts)
    apart_since: float | None = None
    refused: dict[str, str] = field(default_factory=dict)

    def follow_copy(self, seen: ReplicationFacts, now: float) -> None:
        """Count full syncs that began and ended without the link being up (H28)."""
        if seen.link_up:
            self.copies_failed = 0
        elif self.copying and not seen.syncing and not seen.loading:
            self.copies_failed += 1
            self.copy_at = now + COPY_PAUSES[min(self.copies_failed, len(COPY_PAUSES)) - 1]
        self.copying = seen.syncing or (self.copying and seen.loading)

    def follow_link(self, seen: ReplicationFacts, now: float) -> None:
        """Remember since when a replica that follows somebody has been apart from him."""
        joined = seen.is_master or seen.nowhere or seen.link_up or seen.syncing or seen.loading
        if joined:
            self.apart_since = None
        elif self.apart_since is None:
            self.apart_since = now


@dataclass(slots=True)
class _Spell:
    """For how long something recorded has been seen unchanged, in seconds of the monotonic clock."""

    what: Hashable = None
    since: float = 0.0

    def lasts(self, what: Hashable, now: float) -> float:
        """The seconds since `what` was first seen; 0 when it is new."""
        if what != self.what:
            self.what, self.since = what, now
        return now - self.since


@dataclass(slots=True)
class Watch:
    """The eyes on one set. `changed` is called when there may be something new to see.

    `held` tells whether most of the fleet is silent at once: then nobody's silence says anything.
    """

    place: Place
    identities: Identities
    changed: Callable[[NodeId], None]
    held: Callable[[], bool]
    _operation: _Spell = field(default_factory=_Spell)
    _promotion: _Spell = field(default_factory=_Spell)
    _standing: _Spell = field(default_factory=_Spell)
    _configuration: Configuration | None = None
    _carrier: CarrierSight = field(default_factory=CarrierSight)
    _sights: dict[NodeId, _Sight] = field(default_factory=dict)

    def links(self) -> Mapping[NodeId, Link]:
        """The links that are connected to the server that was launched."""
        return {node: link for node in self._sights if (link := self.link(node)) is not None}

    def link(self, node: NodeId) -> Link | None:
        """The link of one node, if it is connected to the server that was launched."""
        sight = self._sights.get(node)
        if sight is None or sight.link is None or not sight.link.connected:
            return None
        return None if self._stranger(node, sight.link) else sight.link

    def look(self, instance_set: InstanceSet) -> SetFacts:
        """All that is seen of the set now; opens links to nodes that have come, closes those that left."""
        self._attend(instance_set)
        self._forget_refusals(instance_set)
        now = self.place.clock.monotonic()
        operation, lineage = instance_set.operation, instance_set.lineage
        code = instance_set.reason.code if instance_set.reason else None
        return SetFacts(
            now=now,
            wall=self.place.clock.wall(),
            nodes={n.id: self._facts(instance_set, n, now) for n in instance_set.nodes},
            endpoints=self._endpoints(instance_set.id),
            operation_for=self._operation.lasts(operation.id if operation else None, now),
            promotion_for=self._promotion.lasts(lineage.promotion if lineage else None, now),
            standing_for=self._standing.lasts((instance_set.status, code), now),
            trust=self.place.authorities.trust if instance_set.tls_enabled else None,
        )

    def _endpoints(self, set_id: SetId) -> EndpointFacts:
        endpoints = self.place.endpoints
        carrier = self._carrier.look(endpoints.carrier(set_id), held=self.held())
        seen = endpoints.seen(set_id, self.links())
        return seen if carrier is None else replace(seen, carrier=carrier)

    def _attend(self, instance_set: InstanceSet) -> None:
        present = {n.id for n in instance_set.nodes}
        for gone in [n for n in self._sights if n not in present]:
            self._drop(gone)
        for node in instance_set.nodes:
            sight = self._sights.setdefault(node.id, _Sight(since=self.place.clock.monotonic()))
            placement = self.place.runtime.placement(node.id)
            if placement is None or placement.gone or placement.address is None:
                self._close(sight)
            elif placement.process_id is None:
                # Nobody can tell whose server answers there, so nothing is asked of it (S3).
                self._close(sight)
            elif sight.link is None:
                sight.link = self._open(instance_set, node, placement.address)

    def _open(self, instance_set: InstanceSet, node: Node, address: str) -> Link:
        target = Target(
            node=node.id,
            host=address,
            port=instance_set.port,
            version=instance_set.version,
            control=self.identities.control,
            password=self.identities.password,
            tls=self.place.authorities if instance_set.tls_enabled else None,
        )
        return self.place.wire.open(target, self.changed)

    def _facts(self, instance_set: InstanceSet, node: Node, now: float) -> NodeFacts:
        sight = self._sights[node.id]
        placement = self.place.runtime.placement(node.id)
        life = self._life(node, sight, placement)
        if life is not sight.life:
            sight.life, sight.since = life, now
        if life is Life.GONE and sight.load is not None and not sight.load.error:
            sight.load = replace(sight.load, error=self.place.runtime.last_words(node.id))
        link = self.link(node.id)
        if link is None:
            return NodeFacts(
                life=life,
                life_since=sight.since,
                address=placement.address if placement else None,
                reached=sight.reached,
                load=sight.load,
                renewal=sight.renewal,
                refusal=sight.link.refusal if sight.link is not None else None,
                in_doubt=placement is not None and placement.in_doubt,
                launching=sight.launching,
                remains=placement is not None,
                error=sight.error,
            )
        leaves_copies = not capabilities_of(instance_set.version).diskless_load
        if link.replication is not None:
            sight.follow_copy(link.replication, now)
            sight.follow_link(link.replication, now)
            sight.stamp = sight.stamp if link.replication.link_up else None
            sight.reached = link.replication.offset if link.replication.is_master else 0
        return NodeFacts(
            life=life,
            life_since=sight.since,
            address=placement.address if placement else None,
            run_id=link.run_id,
            replication=link.replication,
            read_at=link.read_at,
            equipped=link.equipped_as(replication_of(instance_set, self.identities)),
            admitted=link.admitted,
            paused=link.paused,
            bound=link.bound,
            stamp=sight.stamp,
            copies_failed=sight.copies_failed,
            copy_at=sight.copy_at,
            reached=sight.reached,
            load=sight.load,
            certificate=link.certificate,
            renewal=sight.renewal,
            settings=link.settings,
            refused=dict(sight.refused),
            clients=link.clients,
            counted_at=link.counted_at,
            keeps_copy=leaves_copies and self.place.runtime.keeps_copy(node.id),
            apart_since=sight.apart_since,
            launching=sight.launching,
            remains=placement is not None,
            error=sight.error,
        )

    def _life(self, node: Node, sight: _Sight, placement: Placement | None) -> Life:
        if placement is None:
            return Life.GONE if node.address is not None else Life.UNKNOWN
        if placement.gone:
            return Life.GONE
        if sight.silent >= self.place.rules.failure_detection:
            return self._silence(sight)
        link = self.link(node.id)
        if link is None:
            return Life.UNKNOWN
        if link.loading:
            return Life.LOADING
        return Life.BUSY if link.busy else Life.UP

    def _silence(self, sight: _Sight) -> Life:
        """What a long silence means; nothing when most are silent, for then the fault is ours."""
        if self.held():
            return Life.UNKNOWN
        busy = sight.burning and sight.silent < self.place.rules.busy_detection
        return Life.BUSY if busy else Life.SILENT

    def _stranger(self, node: NodeId, link: Link) -> bool:
        """Whether somebody else's server answers at the node's address."""
        placement = self.place.runtime.placement(node)
        known = placement.process_id if placement else None
        return known is not None and link.process_id is not None and link.process_id != known

    def probe(self) -> None:
        """Ask every node how it is, and who carries the addresses, without waiting."""
        self._carrier.probe()
        for sight in self._sights.values():
            if sight.link is not None:
                sight.link.probe()

    def ask_info(self) -> None:
        """Ask every node for all that it says of itself, without waiting."""
        for link in self.links().values():
            link.ask_info()

    def survey(self, instance_set: InstanceSet, *, fresh: float) -> tuple[NodeSurvey, ...]:
        """The set's nodes for who only looks; what one said more than `fresh` seconds ago is left out."""
        oldest = self.place.clock.monotonic() - fresh
        return tuple(self._surveyed(node, oldest) for node in instance_set.nodes)

    def _surveyed(self, node: Node, oldest: float) -> NodeSurvey:
        link = self.link(node.id)
        info = link.info if link is not None else None
        if info is not None and info.read_at < oldest:
            info = None
        return NodeSurvey(node=node, link=self._link_state(node.id), info=info)

    def _link_state(self, node: NodeId) -> LinkState:
        sight = self._sights.get(node)
        if sight is None or sight.link is None:
            return LinkState.NONE
        if sight.silent >= SILENT:
            return LinkState.SILENT
        link = self.link(node)
        if link is None:
            return LinkState.CONNECTING
        if link.loading:
            return LinkState.LOADING
        return LinkState.BUSY if link.busy else LinkState.CONNECTED

    def tick(self, seconds: float) -> None:
        """Count the silence of nodes, and of who carries the addresses, whose last probe is unanswered.

        A refusal is not silence, and neither is an error, as at `maxclients` (H15).

        Called by a ticker that was itself awake for the time (a stall of ours is never counted, DESIGN's
        "silence"); `seconds` is the ticker's interval.
        """
        if self._carrier.tick(seconds):
            self.changed(CARRIER)
        for node_id, sight in self._sights.items():
            link = sight.link
            if link is None or not link.unanswered:
                sight.silent, sight.heard = 0.0, True
                continue
            before = sight.silent
            if sight.heard:
                sight.heard = False
                sight.silent = self._silent_already(link, seconds)
                # What it burns is counted from now on, so that a hung one is known at the first look.
                self.place.runtime.burning(node_id)
            else:
                sight.silent += seconds
            limit = self.place.rules.failure_detection
            if sight.silent >= limit:
                sight.burning = self.place.runtime.burning(node_id)
                if before < limit or not sight.burning:
                    self.changed(node_id)

    def _silent_already(self, link: Link, seconds: float) -> float:
        """How long a node has been silent that is seen to be for the first time.

        A probe is missed only when the next one is due, so its age counts; and one tick on top, since the
        node stood still before the probe came. A stall of ours adds no more than one interval, and enough is
        left for the others to be compared with. It is in whole ticks as what follows is: with a millisecond
        less, a tick more would be waited for.
        """
        rules = self.place.rules
        age = self.place.clock.monotonic() - link.read_at - rules.probe_interval
        already = min(max(round(age / seconds) - 1, 0) * seconds, rules.probe_interval) + seconds
        return seconds + min(already, rules.failure_detection - SILENT)

    def forgive(self) -> None:
        """Begin to count everyone's silence anew: what was counted may have been a fault of ours."""
        for sight in self._sights.values():
            sight.silent = 0.0
        self._carrier.silent = 0.0

    @property
    def suspects(self) -> int:
        """How many nodes did not answer the last probe in time."""
        return sum(s.link is not None and s.link.unanswered > 0 for s in self._sights.values())

    @property
    def silent_nodes(self) -> int:
        """How many nodes have not answered for a second or more."""
        return sum(s.silent >= SILENT for s in self._sights.values())

    def launching(self, node: NodeId, *, under_way: bool, error: str | None = None) -> None:
        """Remember that a launch began or ended, and the engine's words if it failed."""
        sight = self._sights.setdefault(node, _Sight())
        sight.launching, sight.error = under_way, error

    def renewal(self, node: NodeId) -> RenewalFacts:
        """What was done about the node's certificate."""
        sight = self._sights.get(node)
        return sight.renewal if sight is not None else RenewalFacts()

    def renewed(self, node: NodeId, renewal: RenewalFacts) -> None:
        """Remember it."""
        self._sights.setdefault(node, _Sight()).renewal = renewal

    def stamped(self, replicas: tuple[NodeId, ...], offset: int) -> None:
        """Remember the stream offset (bytes) that proves the copies of these replicas once reached."""
        for node in replicas:
            if node in self._sights:
                self._sights[node].stamp = offset

    def load(self, node: NodeId) -> LoadFacts | None:
        """How the load of saved data into the node goes; None when none was begun."""
        sight = self._sights.get(node)
        return sight.load if sight is not None else None

    def loads(self, node: NodeId, load: LoadFacts) -> None:
        """Remember how it goes."""
        if node in self._sights:
            self._sights[node].load = load

    def turned_down(self, instance_set: InstanceSet, node: NodeId, refusal: SettingRefused) -> None:
        """Remember what the node said to a value, for as long as the set's configuration stays as it was."""
        if node in self._sights and instance_set.configuration == self._configuration:
            self._sights[node].refused[refusal.name] = refusal.words

    def _forget_refusals(self, instance_set: InstanceSet) -> None:
        """What is wanted now was not refused yet."""
        if instance_set.configuration == self._configuration:
            return
        self._configuration = instance_set.configuration
        for sight in self._sights.values():
            sight.refused.clear()

    def _drop(self, node: NodeId) -> None:
        self._close(self._sights.pop(node))

    def _close(self, sight: _Sight) -> None:
        if sight.link is not None:
            sight.link.close()
            sight.link = None

    def close(self) -> None:
        """End all links."""
        for node in list(self._sights):
            self._drop(node)
