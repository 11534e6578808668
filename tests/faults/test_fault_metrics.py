"""A real Prometheus watches a set of real servers that fails over (API.md 11).

There is one comparison before it and one after. `SCRAPED_FOR=60` goes on comparing for so many seconds,
half of them before, and lets no scrape be lost, which is too much to ask of a machine that is busy:

    SCRAPED_FOR=60 make test TEST_WORKERS=1 PYTEST_ARGS=tests/faults/test_fault_metrics.py
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from live_set import LiveSet
from prometheus import PROGRAM, Prometheus, scraping
from service_process import NEWEST, ServiceProcess, wait_for

from memstored.domain.figures import FIGURES, Figure, Info, Kind

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no prometheus here")

SETTINGS = "[metrics]\ninterval = 1\n"
ROOT = Path(__file__).parents[2]
SCRAPED_FOR = float(os.environ.get("SCRAPED_FOR", "0"))
STILL = ("memstore_maxclients", "memstore_maxmemory", "memstore_connected_slaves", "memstore_pubsub_channels")
"""Figures that do not move on a set that nobody uses."""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that looks at figures once a second."""
    service = ServiceProcess(tmp_path / "service", SETTINGS)
    service.start()
    yield service
    service.purge()


@pytest.fixture
def prometheus(watched: ServiceProcess, tmp_path: Path) -> Iterator[Prometheus]:
    """Scrapes it."""
    with scraping(watched.url, tmp_path / "prometheus") as prometheus:
        yield prometheus


def _words() -> list[str]:
    """MemStore's words: the rows of the first table of the page of metrics."""
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(memstore_\w+)` \|", page, re.MULTILINE)


def _info(made: LiveSet, row: dict[str, str]) -> dict[str, str]:
    """What the node itself says, to its tenant."""
    with redis.Redis(row["endpoint"], int(row["port"]), socket_timeout=10) as client:
        client.set_response_callback("INFO", lambda reply, **_: reply)
        text: bytes = client.execute_command("INFO")
    return Info(text=text, maxclients=None, read_at=0.0).fields()


def _told(prometheus: Prometheus, figure: Figure, node: str) -> float:
    value = prometheus.value(f'{figure.name}{{instance_id="{node}"}}')
    assert value is not None, f"{figure.name} of {node} is not there"
    return value


def _counters() -> list[Figure]:
    return [figure for figure in FIGURES if figure.kind is Kind.COUNTER]


def _sets_of(prometheus: Prometheus, name: str) -> dict[str, dict[str, str]]:
    """The labels of each series of that name, by node."""
    ours = ("project_id", "cluster_name", "cluster_id", "instance_id", "role")
    return {str(r["instance_id"]): {k: str(r[k]) for k in ours} for r in prometheus.query(name)}


def _expected(made: LiveSet) -> dict[str, dict[str, str]]:
    shown = made.show()
    return {
        row["objectId"]: {
            "project_id": shown["projectId"],
            "cluster_name": shown["instanceSetName"],
            "cluster_id": made.id,
            "instance_id": row["objectId"],
            "role": row["role"],
        }
        for row in made.rows()
    }


def test_prometheus_sees_a_set_fail_over(watched: ServiceProcess, prometheus: Prometheus) -> None:
    """Every word of every node under its labels, values as `INFO` tells them, before and after its primary
    died; the series of the dead node end, and the failover is counted.
    """
    began = time.monotonic()
    made = LiveSet.running(watched, NEWEST, 3)
    names = _words()
    assert len(names) == 26
    _compare_until(began + SCRAPED_FOR / 2, prometheus, made, names)

    lost = made.kill_primary()
    made.await_replaced(lost)
    _compare_until(began + SCRAPED_FOR, prometheus, made, names)
    _nothing_was_missed(prometheus, began)

    counted = 'memstored_events_total{name="Cluster Failover Complete", outcome="success"}'
    wait_for(lambda: prometheus.value(counted) == 1, what="the failover being counted")
    wait_for(lambda: prometheus.value("memstored_failover_seconds_count") == 1, what="its duration")
    wait_for(lambda: "MemstoredFailover" in prometheus.firing(), what="its alert")
    whole = f'memstored_set_whole_replicas{{cluster_id="{made.id}"}}'
    wait_for(lambda: prometheus.value(whole) == 2, what="two whole replicas")
    assert prometheus.value("memstored_ready") == 1
    assert prometheus.value('memstored_links{state="connected"}') == 3
    assert prometheus.value('count({__name__=~"memstored?_.*"})') < 2000  # type: ignore[operator]


def _compare_until(end: float, prometheus: Prometheus, made: LiveSet, names: list[str]) -> None:
    """Once at least, and again until `end`."""
    while True:
        _await_labels(prometheus, made, names)
        _compare(prometheus, made)
        if time.monotonic() >= end:
            return


def _nothing_was_missed(prometheus: Prometheus, began: float) -> None:
    """Since then each scrape showed each node once and one primary at most, and no counter fell."""
    past = f"{time.monotonic() - began:.0f}s"
    assert not SCRAPED_FOR or prometheus.value(f"min_over_time(up[{past}])") == 1
    for most, of in (
        (1, "count by (instance_id) (memstore_uptime)"),
        (1, 'count(memstore_uptime{role="primary"})'),
        (3, "count(memstore_uptime)"),
    ):
        assert prometheus.value(f"max(max_over_time(({of})[{past}:1s]))") == most, of
    fell = [f.name for f in _counters() if prometheus.value(f"max(resets({f.name}[{past}]))") != 0]
    assert fell == []


def _await_labels(prometheus: Prometheus, made: LiveSet, names: list[str]) -> None:
    """Every word has exactly the series of the nodes that are there."""
    wanted = _expected(made)
    for name in names:
        wait_for(
            lambda name=name: _sets_of(prometheus, name) == wanted,
            what=f"{name} of every node",
            instead=lambda name=name: str(_sets_of(prometheus, name)),
        )


def _compare(prometheus: Prometheus, made: LiveSet) -> None:
    """What Prometheus has lies between what the node says before and after it was asked."""
    counters = _counters()
    still = [f for f in FIGURES if f.name in STILL]
    for row in made.rows():
        before = _info(made, row)
        asked = float(before["uptime_in_seconds"])
        uptime = next(f for f in FIGURES if f.name == "memstore_uptime")
        wait_for(
            lambda row=row, asked=asked, uptime=uptime: _told(prometheus, uptime, row["objectId"]) > asked,
            what="a look at the node after ours",
        )
        told = {f.name: _told(prometheus, f, row["objectId"]) for f in [*counters, *still]}
        after = _info(made, row)
        for figure in counters:
            low, high = figure.read(before), figure.read(after)
            assert low is not None
            assert high is not None
            assert low <= told[figure.name] <= high, figure.name
        assert {f.name: told[f.name] for f in still} == {f.name: f.read(after) for f in still}
