"""What is concluded from answers, silence and time; the clock stands still until it is moved."""

from dataclasses import replace
from pathlib import Path

from drawer import Drawer
from fleet_ground import SET, planned

from memstored.control.authorities import Authorities
from memstored.control.fleet import TICK
from memstored.control.watch import Place, Watch
from memstored.domain.facts import CarrierFacts, Life
from memstored.domain.naming import node_id
from memstored.domain.ports import Identity
from memstored.domain.settings import FailoverSettings, ObjectSettings, TlsSettings
from memstored.domain.words import NodeId, SetState
from memstored.objects.storage import Objects
from memstored.runtime.fake import FakeDoors, FakeEndpoints, FakeRuntime, FakeWire, ManualClock
from memstored.runtime.protocol import LaunchOrder
from memstored.store.sets import Identities

FIRST, SECOND = node_id(SET, 1), node_id(SET, 2)
DETECTION = 5.0


class Ground:
    """Two nodes that run, and the eyes on them. `all_silent` stands for the judgement of the whole fleet."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.runtime = FakeRuntime(self.clock)
        self.all_silent = False
        self.ticks = 0
        self.set = planned(2)
        self.endpoints = FakeEndpoints(self.runtime)
        place = Place(
            runtime=self.runtime,
            endpoints=self.endpoints,
            wire=FakeWire(self.runtime),
            objects=Objects.open(ObjectSettings(), default=Path("/nowhere")),
            doors=FakeDoors(self.runtime),
            door_host="127.0.0.1",
            authorities=Authorities(Drawer(), self.clock, TlsSettings()),
            clock=self.clock,
            rules=FailoverSettings(failure_detection=DETECTION),
        )
        identities = Identities(
            control=Identity(user="memstored-control", secret="c"),
            replication=Identity(user="memstored-replication", secret="r"),
        )
        self.watch = Watch(place, identities, changed=lambda _: None, held=lambda: self.all_silent)

    async def launch(self) -> None:
        """Start the servers and look once, so that there are links."""
        for node in self.set.nodes:
            order = LaunchOrder(
                node=node.id, set_id=SET, subnet_id="s", version="7.0.15", port=6379, directives=()
            )
            placement = await self.runtime.launch(order)
            self.set = self.set.with_node(replace(node, launched=True, address=placement.address))
        self.watch.look(self.set)

    def pass_seconds(self, seconds: float, *, probed_after: float = 0.0) -> None:
        """Let time pass with four ticks and a probe a second, as the ticker does; a probe goes out so many
        seconds after its tick.
        """
        for _ in range(int(4 * seconds)):
            self.clock.advance(TICK - probed_after)
            self.watch.tick(TICK)
            self.clock.advance(probed_after)
            self.ticks += 1
            if self.ticks % 4 == 0:
                self.watch.probe()

    def carrier(self) -> CarrierFacts:
        """What is seen now of who carries the addresses."""
        carrier = self.watch.look(self.set).endpoints.carrier
        assert carrier is not None
        return carrier

    def life(self, node: NodeId) -> Life:
        """What is concluded of a node now."""
        return self.watch.look(self.set).of(node).life


async def test_who_carries_the_addresses_is_watched_as_a_node_is() -> None:
    """Its silence is counted from the probe on, and says nothing while most are silent."""
    ground = Ground()
    await ground.endpoints.reserve(SET, "s", 6379, version="5.0.6", with_reader=True)
    carrier = ground.endpoints.carrier(SET)
    assert carrier is not None
    await ground.endpoints.point(SET, 6379, {}, primary=None, reader=None)
    await ground.launch()
    ground.pass_seconds(2)
    spoke = ground.carrier()
    carrier.hangs = True
    ground.pass_seconds(3)
    hung = ground.carrier()
    ground.all_silent = True
    held = ground.carrier()
    ground.all_silent, carrier.hangs, carrier.unanswered = False, False, False
    ground.pass_seconds(1)

    assert (spoke.running, spoke.silent) == (True, 0.0)
    assert 2.0 <= hung.silent <= 3.0
    assert held.silent == 0.0
    assert ground.carrier().silent == 0.0


async def test_a_node_that_answers_busy_is_busy_and_one_that_loads_is_loading() -> None:
    """They are different troubles: only a script can be ended (H16)."""
    ground = Ground()
    await ground.launch()
    ground.runtime.fleet.keep_busy(FIRST)
    follower, source = ground.runtime.fleet.node(SECOND), ground.runtime.fleet.node(FIRST)
    source.identity = follower.identity = Identity(user="memstored-replication", secret="r")
    ground.pass_seconds(1)
    assert ground.life(FIRST) is Life.BUSY

    ground.runtime.fleet.wake(FIRST)
    follower.follow(source.host, 6379)
    seen = set()
    for _ in range(6):
        ground.pass_seconds(1)
        seen.add(ground.life(SECOND))

    assert Life.LOADING in seen
    assert ground.life(SECOND) is Life.UP


async def test_nothing_is_asked_of_a_server_that_nobody_can_tell_whose_it_is() -> None:
    """As on a copy of the data folder: what answers there belongs to another service (S3)."""
    ground = Ground()
    await ground.launch()
    known = ground.runtime.placement(FIRST)
    assert known is not None

    ground.runtime.doubt(FIRST)
    seen = ground.watch.look(ground.set).of(FIRST)

    assert (seen.life, seen.replication) == (Life.UNKNOWN, None)
    assert ground.watch.link(FIRST) is None
    assert ground.watch.link(SECOND) is not None


async def test_a_node_is_silent_after_failure_detection_and_not_before() -> None:
    """Counted from the probe that was not answered, which comes up to a second after the node stood still."""
    ground = Ground()
    await ground.launch()
    ground.runtime.fleet.hang(FIRST)

    ground.pass_seconds(DETECTION + 0.5)
    before = ground.life(FIRST)
    ground.pass_seconds(0.25)

    assert (before, ground.life(FIRST)) == (Life.UP, Life.SILENT)


async def test_the_time_that_asking_takes_costs_no_tick() -> None:
    """Silence that lacks a millisecond of `failure_detection` is found now, not a quarter second later."""
    ground = Ground()
    await ground.launch()
    ground.pass_seconds(1, probed_after=0.002)
    ground.runtime.fleet.hang(FIRST)

    ground.pass_seconds(DETECTION + 0.5, probed_after=0.002)
    before = ground.life(FIRST)
    ground.pass_seconds(0.25, probed_after=0.002)

    assert (before, ground.life(FIRST)) == (Life.UP, Life.SILENT)


async def test_a_stall_of_ours_counts_as_one_interval_at_most() -> None:
    """What went by while nobody ticked says nothing about the node."""
    ground = Ground()
    await ground.launch()
    ground.pass_seconds(1)
    ground.runtime.fleet.hang(FIRST)
    ground.pass_seconds(1)

    ground.clock.advance(10 * DETECTION)
    ground.pass_seconds(DETECTION - 1.5)

    assert ground.life(FIRST) is Life.UP


async def test_silence_proves_nothing_while_most_of_the_fleet_is_silent() -> None:
    """A proven death is still seen; afterwards every silent node gets the whole time again."""
    ground = Ground()
    await ground.launch()
    ground.runtime.fleet.hang(FIRST)
    ground.all_silent = True
    ground.runtime.fleet.crash(SECOND)
    ground.pass_seconds(3 * DETECTION)
    assert (ground.life(FIRST), ground.life(SECOND)) == (Life.UNKNOWN, Life.GONE)

    ground.all_silent = False
    ground.watch.forgive()

    assert ground.life(FIRST) is Life.UP
    ground.pass_seconds(DETECTION - 0.25)
    assert ground.life(FIRST) is Life.UP
    ground.pass_seconds(0.25)
    assert ground.life(FIRST) is Life.SILENT


async def test_what_a_dead_master_was_seen_to_have_is_remembered() -> None:
    """So that a failover can tell how much no copy has."""
    ground = Ground()
    await ground.launch()
    ground.runtime.fleet.node(FIRST).offset = 4711
    ground.pass_seconds(1)
    ground.watch.look(ground.set)

    ground.runtime.fleet.crash(FIRST)

    assert ground.watch.look(ground.set).of(FIRST).reached == 4711


async def test_how_long_a_state_lasts_is_counted_from_when_it_was_first_seen() -> None:
    """Another state, and another controller, begin anew."""
    ground = Ground()
    await ground.launch()
    ground.watch.look(ground.set)
    ground.clock.advance(30.0)
    assert ground.watch.look(ground.set).standing_for == 30.0
    assert ground.watch.look(ground.set).operation_for == 30.0

    changed = replace(ground.set, status=SetState.PROVISIONING)

    assert ground.watch.look(changed).standing_for == 0.0
    assert ground.watch.look(changed).operation_for == 30.0
