"""Prometheus metrics of one service. Its replicas share a folder, so that any of them answers for all.

Labels are bounded: tenants of the policy, the model, status codes. Never keys, users or request ids.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, Histogram, values
from prometheus_client import Counter as CounterMetric

from moorage_serving.histogram_tally import HistogramTally
from moorage_serving.metrics_page import OUTBOX_EVENTS, OUTBOX_LAG, mark_alive, metrics_page

LATENCY_BUCKETS_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BATCH_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST.encode()


class ServingMetrics:
    """Counters of this process, and the page of all processes that share `folder`."""

    def __init__(self, folder: Path, model: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        mark_alive(folder)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        # prometheus_client chooses its storage when it is first imported, which Ray may have done before the folder was known.
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        one: dict[str, Any] = {"registry": registry}
        self._model = model
        self._requests = CounterMetric("moorage_requests", "Answers, by tenant, model and code.", ["tenant", "model", "code"], **one)
        self._rows = CounterMetric("moorage_rows_predicted", "Rows of 2xx answers.", ["tenant", "model"], **one)
        latency = Histogram(
            "moorage_request_seconds", "From the request's head to its answer.", ["model"], buckets=LATENCY_BUCKETS_SECONDS, **one
        )
        batch = Histogram("moorage_batch_rows", "Rows run together.", ["model"], buckets=BATCH_BUCKETS_ROWS, **one)
        self._latency, self._batch = HistogramTally(latency.labels(model)), HistogramTally(batch.labels(model))
        self._failures = CounterMetric("moorage_metering_failures", "Answers withheld for want of metering.", ["model"], **one).labels(
            model
        )
        live: dict[str, Any] = {"registry": registry, "multiprocess_mode": "livesum"}
        self._in_flight = Gauge("moorage_requests_in_flight", "Requests in work.", ["model"], **live).labels(model)
        alive: dict[str, Any] = {"registry": registry, "multiprocess_mode": "livemax"}
        self._info = Gauge("moorage_model_info", "The artifact that answers.", ["model", "digest", "task"], **alive)
        recent: dict[str, Any] = {"registry": registry, "multiprocess_mode": "mostrecent"}
        self._depth = Gauge(*OUTBOX_EVENTS, ["model"], **recent).labels(model)
        self._lag = Gauge(*OUTBOX_LAG, ["model"], **recent).labels(model)
        self._running = 0
        self._answers: Counter[tuple[str, int]] = Counter()
        self._answered_rows: Counter[str] = Counter()

    def describe(self, digest: str, task: str) -> None:
        """Name the artifact."""
        self._info.labels(self._model, digest, task).set(1)

    def started(self) -> None:
        """A request came in."""
        self._running += 1

    def answered(self, tenant: str, code: int, rows: int, seconds: float) -> None:
        """A request was answered. tenant: empty where nobody was recognised."""
        self._running -= 1
        self._answers[tenant, code] += 1
        self._answered_rows[tenant] += rows
        self._latency.observe(seconds)

    def flush(self) -> None:
        """Publish what was counted since; counting in plain numbers meanwhile keeps the page's cost off the requests."""
        for (tenant, code), count in self._answers.items():
            self._requests.labels(tenant, self._model, str(code)).inc(count)
        for tenant, rows in self._answered_rows.items():
            if rows:
                self._rows.labels(tenant, self._model).inc(rows)
        self._answers.clear()
        self._answered_rows.clear()
        self._in_flight.set(self._running)
        self._latency.publish()
        self._batch.publish()

    def batch(self, rows: int) -> None:
        """A batch was run."""
        self._batch.observe(rows)

    def metering_failed(self) -> None:
        """An answer was withheld because it could not be metered."""
        self._failures.inc()

    def outbox(self, events: int, lag_seconds: float) -> None:
        """How far the ledger is behind, over all replicas."""
        self._depth.set(events)
        self._lag.set(lag_seconds)

    def page(self) -> bytes:
        """The exposition of every replica, those that have gone included, except for the gauges of those."""
        self.flush()
        return metrics_page(self._folder)
