"""What the figures of idle nodes cost the service: asking for them every 15 s, and a scrape every 15 s."""

import time

import httpx

import idle
from memstored.cli.throwaway import throwaway_service
from plan import Plan
from sets import many

INTERVAL = 15.0
"""Seconds between two looks at a node, as by default, and between two scrapes."""
NEVER = 100_000.0
ROUNDS = 4
"""Intervals that each load is measured for."""


def measure(plan: Plan) -> dict[str, object]:
    """Per cent of one core of the service's process without figures, with them, and with scrapes as well."""
    rounds = 1 if plan.idle < Plan().idle else ROUNDS
    without, _, _ = _loads(plan, NEVER, rounds)
    asked, scraped, size = _loads(plan, INTERVAL, rounds)
    return {
        "sets": plan.sets,
        "nodes": plan.sets * idle.NODES,
        "seconds_each": rounds * INTERVAL,
        "cpu_percent_of_a_core_without": round(without, 2),
        "cpu_percent_of_a_core_asked": round(asked, 2),
        "cpu_percent_of_a_core_asked_and_scraped": round(scraped, 2),
        "page_kib": round(size / 1024),
    }


def _loads(plan: Plan, interval: float, rounds: int) -> tuple[float, float, int]:
    """The load by itself, with scrapes, and the bytes of a page."""
    settings = f"{idle.SETTINGS}[metrics]\ninterval = {interval}\n"
    with throwaway_service(settings=settings) as service, httpx.Client(base_url=service.url) as http:
        many(service, plan.sets, nodes=idle.NODES, version=plan.version)
        time.sleep(idle.REST + INTERVAL)
        alone = idle.load(service.pid, rounds * INTERVAL)
        scraped = idle.load(service.pid, rounds * INTERVAL, lambda seconds: _scrape(http, seconds))
        return alone, scraped, len(http.get("/metrics").content)


def _scrape(http: httpx.Client, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        http.get("/metrics").raise_for_status()
        time.sleep(INTERVAL)
