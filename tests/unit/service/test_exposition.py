"""The page that Prometheus reads, over sets that are only described."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from memstored.domain.figures import FIGURES, Info
from memstored.domain.model import InstanceSet, Node
from memstored.domain.survey import LinkState, NodeSurvey, SetSurvey
from memstored.domain.webhook import Verdict, WebhookSurvey
from memstored.domain.words import NodeId, NodeState, Role, SetId, SetState
from memstored.service.exposition import Exposition
from memstored.service.readiness import Unready
from memstored.store.errors import StoreTrouble
from memstored.telemetry.measures import Measures

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
WHOSE = {"project_id": "project", "cluster_name": 'a "name"', "cluster_id": "set"}
PRIMARY = Node(
    id=NodeId("one"),
    number=1,
    name="cache-1",
    subnet_id="subnet",
    role=Role.PRIMARY,
    status=NodeState.RUNNING,
    created_at=0.0,
    address="127.20.0.1",
    whole=True,
)
REPLICA = replace(PRIMARY, id=NodeId("two"), number=2, role=Role.REPLICA, address="127.20.0.2")
CACHE = InstanceSet(
    id=SetId("set"),
    project_id="project",
    name='a "name"',
    description=None,
    replicas=2,
    flavor_id="flavor",
    memory=2,
    recovery_enabled=True,
    tls_enabled=False,
    subnets=("subnet",),
    security_groups=("group",),
    backup_schedule=None,
    user=None,
    parameter_group_id="group",
    port=6379,
    version="7.0.15",
    creator="ada",
    created_at=0.0,
    updated_at=0.0,
    status=SetState.RUNNING,
    reason=None,
    next_number=3,
    nodes=(PRIMARY, REPLICA),
)
TOLD = "used_memory:250\r\nmaxmemory:1000\r\nkeyspace_hits:3\r\nkeyspace_misses:1\r\n"
ABOVE = TOLD + "connected_slaves:1\r\nslave0:ip=127.20.0.2,port=6379,state=online,offset=1,lag=1\r\n"


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall(self) -> float:
        """Seconds since 1970, not those of the other reading."""
        return self.now + 1000.0

    def monotonic(self) -> float:
        """What it was set to."""
        return self.now


class Events:
    """Stands in for the repository: what was written since the last look."""

    def __init__(self) -> None:
        self.fresh: dict[tuple[str, str], int] = {}
        self.away = False

    async def last_sequence(self) -> int:
        """Where counting begins."""
        return 7

    async def tally(self, after: int) -> tuple[int, dict[tuple[str, str], int]]:
        """What is new, once."""
        if self.away:
            raise StoreTrouble("The disk is gone.")
        found, self.fresh = self.fresh, {}
        return after + sum(found.values()), found


class Ground:
    """An exposition over what a test puts here."""

    def __init__(self) -> None:
        self.clock, self.events, self.measures = Clock(), Events(), Measures()
        self.surveys: list[SetSurvey] = []
        self.why: Unready | None = None
        self.neglected = 0
        self.webhooks = WebhookSurvey(by_state={"working": 2, "failing": 1}, waiting_since=None)
        self.page = Exposition(
            measures=self.measures,
            survey=lambda: self.surveys,
            events=self.events,  # type: ignore[arg-type]  # the two methods that are used
            unready=self._unready,
            neglected=lambda: self.neglected,
            notifier=self,  # type: ignore[arg-type]  # the one method that is used
            clock=self.clock,
        )

    def survey(self) -> WebhookSurvey:
        """What is seen of webhooks."""
        return self.webhooks

    async def _unready(self) -> Unready | None:
        return self.why

    async def samples(self) -> Samples:
        """The page as Prometheus's own parser understands it, a moment after the last."""
        self.clock.now += 10
        text = (await self.page.text()).decode()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
async def ground() -> Ground:
    """An exposition that counts events already."""
    ground = Ground()
    await ground.page.begin()
    return ground


def _labels(**further: str) -> frozenset[tuple[str, str]]:
    return frozenset({**WHOSE, **further}.items())


def _node(node: Node, text: str | None, link: LinkState = LinkState.CONNECTED) -> NodeSurvey:
    info = None if text is None else Info(text=text.encode(), maxclients=10_000, read_at=99.0)
    return NodeSurvey(node=node, link=link, info=info)


def _set(*nodes: NodeSurvey, status: SetState = SetState.RUNNING) -> SetSurvey:
    return SetSurvey(set=replace(CACHE, status=status), nodes=nodes)


async def test_a_node_has_its_figures_with_its_labels(ground: Ground) -> None:
    """Whose it is, which one and in which role; a name can hold what it wants."""
    ground.surveys = [_set(_node(PRIMARY, ABOVE), _node(REPLICA, TOLD))]

    samples = await ground.samples()

    above, below = _labels(instance_id="one", role="primary"), _labels(instance_id="two", role="replica")
    assert samples["memstore_used_memory", above] == 250
    assert samples["memstore_memory_usage", below] == 25
    assert samples["memstore_maxclients", below] == 10_000
    assert samples["memstore_replication_lag", above] == 0
    assert samples["memstore_replication_lag", below] == 1


async def test_what_an_engine_does_not_tell_has_no_series(ground: Ground) -> None:
    """Rather than a number that is not true."""
    ground.surveys = [_set(_node(PRIMARY, TOLD))]

    samples = await ground.samples()

    assert not [name for name, _ in samples if name == "memstore_uptime"]


async def test_a_replica_without_a_link_lags_since_it_went_down(ground: Ground) -> None:
    """The primary does not know it any more; itself it does."""
    alone = TOLD + "master_link_down_since_seconds:12\r\n"
    ground.surveys = [_set(_node(PRIMARY, TOLD), _node(REPLICA, alone))]

    samples = await ground.samples()

    assert samples["memstore_replication_lag", _labels(instance_id="two", role="replica")] == 12


async def test_series_of_a_node_end_with_it(ground: Ground) -> None:
    """Neither a node that is gone nor one that says nothing has series any more."""
    ground.surveys = [_set(_node(PRIMARY, ABOVE), _node(REPLICA, TOLD))]
    await ground.samples()
    ground.surveys = [_set(_node(REPLICA, None, LinkState.SILENT))]

    samples = await ground.samples()

    assert not [name for name, _ in samples if name in {figure.name for figure in FIGURES}]


async def test_sets_are_told_by_state(ground: Ground) -> None:
    """How many are in each, and which one is in which."""
    ground.surveys = [_set(status=SetState.WARNING)]

    samples = await ground.samples()

    assert samples["memstored_sets", frozenset({("status", "Warning")})] == 1
    assert samples["memstored_sets", frozenset({("status", "Running")})] == 0
    assert samples["memstored_set_status", _labels(status="Warning")] == 1


async def test_only_replicas_that_could_take_over_are_whole(ground: Ground) -> None:
    """A primary is none, nor a replica that does not answer or holds no copy."""
    fresh = replace(REPLICA, id=NodeId("three"), whole=False)
    ground.surveys = [
        _set(
            _node(PRIMARY, ABOVE),
            _node(REPLICA, TOLD),
            _node(replace(REPLICA, id=NodeId("four")), None, LinkState.SILENT),
            _node(fresh, TOLD),
        )
    ]

    samples = await ground.samples()

    assert samples["memstored_set_whole_replicas", _labels()] == 1
    assert samples["memstored_set_replicas", _labels()] == 1
    assert samples["memstored_links", frozenset({("state", "silent")})] == 1


async def test_events_are_counted_from_the_start_on(ground: Ground) -> None:
    """Each once; before there is one it is 0, so that the first is seen as a rise."""
    word = frozenset({("name", "Cluster Failover"), ("outcome", "success")})
    none = (await ground.samples())["memstored_events_total", word]
    ground.events.fresh = {("Cluster Failover", "success"): 2}

    two, still_two = [(await ground.samples())["memstored_events_total", word] for _ in range(2)]

    assert (none, two, still_two) == (0, 2, 2)


async def test_a_store_that_is_away_keeps_nobody_from_looking(ground: Ground) -> None:
    """The page tells that the service is not ready; what was missed is counted later."""
    ground.events.away, ground.events.fresh = True, {("Cluster Failover", "success"): 1}
    ground.why = Unready(reason="store_unavailable", message="")
    word = frozenset({("name", "Cluster Failover"), ("outcome", "success")})

    away = await ground.samples()
    ground.events.away = False
    back = await ground.samples()

    assert (away["memstored_ready", frozenset()], away["memstored_events_total", word]) == (0, 0)
    assert back["memstored_events_total", word] == 1


async def test_how_many_sets_are_neglected_is_told(ground: Ground) -> None:
    """Those that nobody watches are in no other figure."""
    ground.neglected = 3

    samples = await ground.samples()

    assert samples["memstored_sets_neglected", frozenset()] == 3


async def test_webhooks_are_told_by_state_with_what_waits_longest(ground: Ground) -> None:
    """Of all projects together, so that there are never more series."""
    none = await ground.samples()
    ground.webhooks = replace(ground.webhooks, waiting_since=ground.clock.wall() - 50)

    samples = await ground.samples()

    assert samples["memstored_webhooks", frozenset({("state", "failing")})] == 1
    assert none["memstored_webhook_lag_seconds", frozenset()] == 0
    assert samples["memstored_webhook_lag_seconds", frozenset()] == 60


async def test_many_who_ask_at_once_cost_one_page(ground: Ground) -> None:
    """It is made anew after a second at the earliest."""
    first = await ground.page.text()
    ground.surveys = [_set(_node(PRIMARY, ABOVE))]

    again = await ground.page.text()
    ground.clock.now += 1
    later = await ground.page.text()

    assert again is first
    assert b"memstore_used_memory{" in later


async def test_what_the_service_measures_is_there(ground: Ground) -> None:
    """Durations as histograms, by nothing whose values have no end."""
    ground.measures.failed_over(0.02)
    ground.measures.transacted("write", 0.003, True)
    ground.measures.answered("GET", None, 404, 0.001)
    ground.measures.backed_up(1024, 2.0)
    ground.measures.notified(Verdict.REFUSED, 0.2)

    samples = await ground.samples()

    unrouted = frozenset({("method", "GET"), ("route", "(none)"), ("status", "404")})
    assert samples["memstored_failover_seconds_count", frozenset()] == 1
    assert samples["memstored_store_seconds_count", frozenset({("kind", "write")})] == 1
    assert samples["memstored_store_troubles_total", frozenset()] == 1
    assert samples["memstored_http_request_seconds_count", unrouted] == 1
    refused = frozenset({("outcome", "refused")})
    assert samples["memstored_webhook_delivery_seconds_count", refused] == 1
    assert samples["memstored_backup_bytes_total", frozenset()] == 1024
    assert not [name for name, _ in samples if name.endswith("_created")]
