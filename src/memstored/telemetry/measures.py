"""What the service measures of itself (API.md 11, prefix `memstored_`).

Counters and histograms of prometheus-client in a registry of their own, filled where something happens. What
can be asked for when somebody looks (states of sets, figures of nodes) is not kept here.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Measures"]

_MOMENTS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_FAILOVER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BACKUP = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
NO_ROUTE = "(none)"
"""The route of a request whose path names none: paths are the caller's and would have no end."""


class Measures:
    """The instruments of one service. Every method is cheap, and safe in any thread."""

    def __init__(self) -> None:
        # When a counter was made would be a series beside each; the process has one start, which is shown.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it takes nothing and returns nothing
        self._registry = CollectorRegistry()
        ProcessCollector(namespace="memstored", registry=self._registry)
        self._failover = self._histogram(
            "failover_seconds",
            "From seeing a primary dead to recording its heir as primary.",
            _FAILOVER,
        )
        self._turn = self._histogram("reconcile_seconds", "Looking at a set and deciding.", _MOMENTS)
        self._lag = self._histogram(
            "reconcile_lag_seconds", "From a set being woken to the turn that looks at it.", _MOMENTS
        )
        self._stall = self._histogram(
            "loop_late_seconds",
            "How late the loop is that counts silence each quarter of a second.",
            _MOMENTS,
        )
        self._store = self._histogram(
            "store_seconds", "Transactions of the store, the wait for their turn included.", _MOMENTS, "kind"
        )
        self._store_troubles = Counter(
            "memstored_store_troubles", "Transactions that the store refused.", registry=self._registry
        )
        self._requests = self._histogram(
            "http_request_seconds", "Requests, by route.", _MOMENTS, "method", "route", "status"
        )
        self._backup_bytes = Counter(
            "memstored_backup_bytes", "Bytes of backups that were made.", registry=self._registry
        )
        self._backup = self._histogram("backup_seconds", "Making a backup.", _BACKUP)
        self._notification = self._histogram(
            "webhook_delivery_seconds",
            "Attempts to send events to a webhook, by how they ended.",
            _MOMENTS,
            "outcome",
        )

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"memstored_{name}", text, labels, buckets=buckets, registry=self._registry)

    def failed_over(self, seconds: float) -> None:
        """A set has another primary, so long after its former one was seen dead."""
        self._failover.observe(seconds)

    def turned(self, seconds: float) -> None:
        """The loop looked at a set and decided."""
        self._turn.observe(seconds)

    def woken(self, seconds: float) -> None:
        """A set that was woken so long ago is looked at."""
        self._lag.observe(seconds)

    def ticked(self, late: float) -> None:
        """The ticker was so many seconds late."""
        self._stall.observe(late)

    def transacted(self, kind: str, seconds: float, refused: bool) -> None:  # noqa: FBT001 - as the store tells it
        """A transaction of a `kind` (`read` or `write`) ended, well or not."""
        self._store.labels(kind).observe(seconds)
        if refused:
            self._store_troubles.inc()

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template of its path, None when there is none."""
        self._requests.labels(method, route or NO_ROUTE, str(status)).observe(seconds)

    def backed_up(self, size: int, seconds: float) -> None:
        """A backup of `size` bytes was made."""
        self._backup_bytes.inc(size)
        self._backup.observe(seconds)

    def notified(self, outcome: str, seconds: float) -> None:
        """An attempt to send events to a webhook ended so (a word of `domain.webhook.Verdict`)."""
        self._notification.labels(outcome).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)
