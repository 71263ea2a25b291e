"""What Prometheus sees of the service. Labels are bounded: routes of the table and HTTP codes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
"""The route of whatever is on no route."""


class ServiceMetrics:
    """Counters of one service; a registry of its own, so that tests may have several."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ["method", "route"]
        self._requests = Counter("moorage_ledger_requests_total", "Requests answered.", [*labels, "code"], registry=self._registry)
        self._seconds = Histogram(
            "moorage_ledger_request_seconds", "From request to answer.", labels, buckets=_SECONDS, registry=self._registry
        )
        self.in_work = Gauge("moorage_ledger_requests_in_work", "Requests that are not answered yet.", labels, registry=self._registry)
        self.appended = Counter("moorage_ledger_events_appended_total", "Usage events that were new.", registry=self._registry)
        self.set_aside = Counter(
            "moorage_ledger_events_set_aside_total", "Usage events that conflict with the ledger; not billed.", registry=self._registry
        )
        self.authentication_errors = Counter(
            "moorage_ledger_authentication_errors_total", "Requests of which nobody could say whose they are.", registry=self._registry
        )
        self.database_errors = Counter(
            "moorage_ledger_database_errors_total", "Requests that the database failed.", registry=self._registry
        )

    def answered(self, method: str, route: str, code: int, seconds: float) -> None:
        """Count one answer. `route`: as in the table, or OTHER."""
        self._requests.labels(method if route != OTHER else OTHER, route, str(code)).inc()
        self._seconds.labels(method if route != OTHER else OTHER, route).observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
