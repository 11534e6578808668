"""A real Prometheus that scrapes a service, on loopback and with its data in a folder of the test."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from service_process import chance, wait_for

PROGRAM = shutil.which("prometheus")
CONFIG = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: ["{rules}"]
scrape_configs:
  - job_name: memstored
    static_configs:
      - targets: ["{target}"]
"""
RULES = Path(__file__).parents[2] / "deploy/prometheus/alerts.yml"


class Prometheus:
    """What it has scraped, by its HTTP API."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @property
    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, str | float]]:
        """The series that it finds now: their labels, and `value` and `at` (seconds since 1970)."""
        answer = self._http.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        return [
            {**row["metric"], "value": float(row["value"][1]), "at": float(row["value"][0])}
            for row in answer["data"]["result"]
        ]

    def value(self, expression: str) -> float | None:
        """The value of the one series that it finds; None when there is none."""
        rows = self.query(expression)
        return float(rows[0]["value"]) if rows else None

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = self._http.get("/api/v1/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@contextmanager
def scraping(url: str, place: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes that service once a second, ended in the end."""
    assert PROGRAM is not None
    place.mkdir()
    config = place / "prometheus.yml"
    config.write_text(CONFIG.format(target=url.removeprefix("http://"), rules=RULES))
    address = f"127.{chance.randint(100, 199)}.{chance.randint(0, 255)}.{chance.randint(1, 254)}:9090"
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={config}",
                f"--storage.tsdb.path={place / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=10) as http:
            prometheus = Prometheus(http)
            wait_for(lambda: prometheus.ready, what="Prometheus", instead=(place / "log").read_text)
            yield prometheus
    finally:
        process.terminate()
        process.wait(30)
