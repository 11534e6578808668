"""The page that Prometheus reads (API.md 11): figures of all nodes, states of all sets, the service's own.

Made from what the control loop has seen already: nothing is asked of a node, however often it is read. Only
what exists has series, so those of a node end with it. Values of tenants, and the names of their keys and
users, are nowhere in it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

from memstored.domain.clock import Clock
from memstored.domain.figures import FIGURES, InfoFields, replication_lag
from memstored.domain.model import Node
from memstored.domain.survey import LinkState, SetSurvey
from memstored.domain.webhook import WebhookSurvey
from memstored.domain.words import EventName, Outcome, Role, SetState
from memstored.service.ports import Notifier
from memstored.service.readiness import Unready
from memstored.store.errors import StoreTrouble
from memstored.store.events import EventRepository
from memstored.telemetry.measures import Measures

__all__ = ["Exposition"]

FRESH = 1.0
"""Seconds that a page is given to everybody who asks: making it for 600 nodes takes a good part of one."""
REPLICATION_LAG = "memstore_replication_lag"
_LAG_HELP = (
    "Seconds since the primary last heard from the replica how far it is, or since their link is down; "
    "0 of a primary."
)


class Exposition:
    """Writes the page, at most once a second however many ask."""

    def __init__(
        self,
        *,
        measures: Measures,
        survey: Callable[[], Sequence[SetSurvey]],
        events: EventRepository,
        unready: Callable[[], Awaitable[Unready | None]],
        neglected: Callable[[], int],
        notifier: Notifier,
        clock: Clock,
    ) -> None:
        """`neglected`: how many sets are not looked after, or not all of their nodes."""
        self._measures = measures
        self._survey = survey
        self._events = _EventCounts(events)
        self._unready = unready
        self._neglected = neglected
        self._notifier = notifier
        self._clock = clock
        self._writing: asyncio.Task[bytes] | None = None
        self._begun_at = 0.0

    async def begin(self) -> None:
        """Count events from now on."""
        await self._events.begin()

    async def text(self) -> bytes:
        """The page in Prometheus's text format, version 0.0.4."""
        writing = self._writing
        if writing is None or (writing.done() and self._clock.monotonic() >= self._begun_at + FRESH):
            self._begun_at = self._clock.monotonic()
            writing = self._writing = asyncio.create_task(self._written(), name="metrics page")
        return await asyncio.shield(writing)

    async def _written(self) -> bytes:
        ready = await self._unready() is None
        events = await self._events.upto_now()
        surveys, webhooks = self._survey(), self._notifier.survey()
        page = partial(self._page, surveys, events, webhooks, ready=ready, neglected=self._neglected())
        # In a thread: hundreds of nodes take a while, and a failover does not wait for them.
        return await asyncio.to_thread(page)

    def _page(
        self,
        surveys: Sequence[SetSurvey],
        events: "EventTally",
        webhooks: WebhookSurvey,
        *,
        ready: bool,
        neglected: int,
    ) -> bytes:
        page = _Page()
        _write_nodes(page, surveys)
        _write_sets(page, surveys)
        _write_links(page, surveys)
        _write_events(page, events)
        _write_webhooks(page, webhooks, self._clock.wall())
        page.family("memstored_ready", "1 while the service can work, as /readyz says.", "gauge")
        page.sample("memstored_ready", "", float(ready))
        page.family("memstored_sets_neglected", "Sets of which not all nodes are looked after.", "gauge")
        page.sample("memstored_sets_neglected", "", neglected)
        page.family("memstored_build_info", "The version of the service.", "gauge")
        page.sample("memstored_build_info", _labels(version=version("memstored")), 1)
        return page.text() + self._measures.text()


EventTally = Mapping[tuple[str, str], int]
"""How many events there were, by name and outcome."""


class _EventCounts:
    """Counts the events that were written since the service began, by their sequence in the store."""

    def __init__(self, events: EventRepository) -> None:
        self._events = events
        self._last: int | None = None
        self._counts: Counter[tuple[str, str]] = Counter(
            {(name.value, outcome.value): 0 for name in EventName for outcome in Outcome}
        )

    async def begin(self) -> None:
        self._last = await self._events.last_sequence()

    async def upto_now(self) -> EventTally:
        """While the store is away, what was counted before."""
        try:
            if self._last is None:
                await self.begin()
            else:
                self._last, found = await self._events.tally(self._last)
                self._counts.update(found)
        except StoreTrouble:
            # It shows in memstored_ready and memstored_store_troubles_total; what is missed comes next time.
            return dict(self._counts)
        return dict(self._counts)


class _Page:
    """Lines of the text format, family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, text: str, kind: str) -> None:
        self._lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")

    def sample(self, name: str, labels: str, value: float) -> None:
        self._lines.append(f"{name}{labels} {value!r}")

    def text(self) -> bytes:
        return "\n".join([*self._lines, ""]).encode()


def _labels(**values: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _set_labels(it: SetSurvey, **further: str) -> str:
    whose = {"project_id": it.set.project_id, "cluster_name": it.set.name, "cluster_id": it.set.id}
    return _labels(**whose, **further)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """A node that said something of itself lately."""

    node: Node
    labels: str
    info: InfoFields


def _write_nodes(page: _Page, surveys: Sequence[SetSurvey]) -> None:
    told = [(it, _told(it)) for it in surveys]
    rows = [row for _, of_set in told for row in of_set]
    for figure in FIGURES:
        page.family(figure.name, figure.help, figure.kind)
        for row in rows:
            if (value := _read(figure.read, row.info)) is not None:
                page.sample(figure.name, row.labels, value)
    page.family(REPLICATION_LAG, _LAG_HELP, "gauge")
    for it, of_set in told:
        primary = next((row.info for row in of_set if row.node.role is Role.PRIMARY), {})
        for row in of_set:
            if (lag := replication_lag(row.node, it.set.port, row.info, primary)) is not None:
                page.sample(REPLICATION_LAG, row.labels, lag)


def _read(reader: Callable[[InfoFields], float | None], info: InfoFields) -> float | None:
    """What the node does not tell, as an engine that does not know it, has no series."""
    try:
        return reader(info)
    except (KeyError, ValueError):
        return None


def _told(it: SetSurvey) -> list[_Told]:
    return [
        _Told(
            node=row.node,
            labels=_set_labels(it, instance_id=row.node.id, role=row.node.role),
            info=row.info.fields(),
        )
        for row in it.nodes
        if row.info is not None
    ]


def _write_sets(page: _Page, surveys: Sequence[SetSurvey]) -> None:
    states = Counter(it.set.status for it in surveys)
    page.family("memstored_sets", "Sets by state.", "gauge")
    for state in SetState:
        if state is not SetState.TERMINATED:
            page.sample("memstored_sets", _labels(status=state), states[state])
    page.family("memstored_set_status", "1 for the state that a set is in.", "gauge")
    for it in surveys:
        page.sample("memstored_set_status", _set_labels(it, status=it.set.status), 1)
    for name, text, read in _OF_SETS:
        page.family(name, text, "gauge")
        for it in surveys:
            page.sample(name, _set_labels(it), read(it))


def _whole_replicas(it: SetSurvey) -> float:
    return sum(
        row.node.role is Role.REPLICA and row.node.whole and row.link is LinkState.CONNECTED
        for row in it.nodes
    )


_OF_SETS: tuple[tuple[str, str, Callable[[SetSurvey], float]], ...] = (
    ("memstored_set_replicas", "Replicas that a set should have.", lambda it: it.set.replicas - 1),
    ("memstored_set_whole_replicas", "Replicas that answer and hold a whole copy.", _whole_replicas),
    (
        "memstored_set_recovery_enabled",
        "1 while high availability is on.",
        lambda it: int(it.set.recovery_enabled),
    ),
)


def _write_links(page: _Page, surveys: Sequence[SetSurvey]) -> None:
    states = Counter(row.link for it in surveys for row in it.nodes)
    page.family("memstored_links", "Nodes by how the connection to them is.", "gauge")
    for state in LinkState:
        page.sample("memstored_links", _labels(state=state), states[state])


def _write_events(page: _Page, events: EventTally) -> None:
    page.family("memstored_events_total", "Events since the service began (API.md 10).", "counter")
    for (name, outcome), count in events.items():
        page.sample("memstored_events_total", _labels(name=name, outcome=outcome), count)


def _write_webhooks(page: _Page, webhooks: WebhookSurvey, now: float) -> None:
    page.family("memstored_webhooks", "Webhooks of projects by state.", "gauge")
    for state, count in webhooks.by_state.items():
        page.sample("memstored_webhooks", _labels(state=state), count)
    name = "memstored_webhook_lag_seconds"
    since = webhooks.waiting_since
    page.family(name, "Age of the oldest event that is to be sent to an enabled webhook.", "gauge")
    page.sample(name, "", 0.0 if since is None else max(now - since, 0.0))
