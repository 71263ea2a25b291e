"""The operator's metrics for Prometheus: a view, never the truth. Labels are bounded: kinds, conditions, tenants, pools, Datasets.

Gauges about objects are read from the cache at each scrape, so that they go when the object goes. `page` must be called on
the operator's event loop, which alone changes the cache.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from moorage_api.ledger_api import TenantCost
from moorage_billing.money import NANO_PLACES
from moorage_operator.cache import Cache
from moorage_operator.metering.infrastructure_cost import InfrastructureCost

RECONCILE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0)
CONDITIONS = {
    "TrainingJob": ("Accepted", "BudgetReserved", "Running", "Succeeded", "GatesPassed"),
    "ModelService": ("Ready",),
}
"""The types that are counted: a status may hold others, written by whoever may write it."""
TRUTHS = ("True", "False", "Unknown")


class OperatorMetrics:
    """What the operator did, and what it sees.

    queue_depth: keys. queue_oldest_seconds: the age of the oldest. wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        cache: Cache,
        queue_depth: Callable[[], float],
        queue_oldest_seconds: Callable[[], float],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = wall_clock
        self._registry = registry = CollectorRegistry()
        self._reconciles = Histogram(
            "moorage_reconcile_seconds", "Seconds that a look at an object took", ["kind"], buckets=RECONCILE_SECONDS, registry=registry
        )
        self._errors = Counter("moorage_reconcile_errors", "Looks at an object that failed", ["kind"], registry=registry)
        Gauge("moorage_queue_depth", "Keys that wait or are worked on", registry=registry).set_function(queue_depth)
        oldest = Gauge("moorage_queue_oldest_seconds", "Age of the oldest key in the queue", registry=registry)
        oldest.set_function(queue_oldest_seconds)
        self._last_reconcile = Gauge(
            "moorage_last_reconcile_timestamp_seconds", "When a look at an object last ended, well or not", registry=registry
        )
        self._last_event = Gauge(
            "moorage_watch_last_event_timestamp_seconds", "When the watch of a kind last brought something", ["kind"], registry=registry
        )
        self._infrastructure = Counter(
            "moorage_infrastructure_cost", "What pods cost the platform, by their pools' prices", ["tenant", "node_pool"], registry=registry
        )
        self._tenant_cost = Gauge(
            "moorage_tenant_cost", "What a tenant owes for the current month so far", ["tenant", "currency"], registry=registry
        )
        registry.register(_Objects(cache))

    def reconciled(self, kind: str, seconds: float) -> None:
        """A look at an object of `kind` has ended, well or not, after so long."""
        self._reconciles.labels(kind).observe(seconds)
        self._last_reconcile.set(self._clock())

    def failed(self, kind: str) -> None:
        """A look at an object of `kind` failed."""
        self._errors.labels(kind).inc()

    def event(self, kind: str) -> None:
        """The watch of `kind` brought something."""
        self._last_event.labels(kind).set(self._clock())

    def infrastructure(self, costs: Iterable[InfrastructureCost]) -> None:
        """Pods have cost this much more."""
        for cost in costs:
            self._infrastructure.labels(cost.tenant, cost.node_pool).inc(max(0, cost.nano) / 10**NANO_PLACES)

    def tenant_costs(self, costs: Iterable[TenantCost]) -> None:
        """The current month so far, of all tenants; one that is not there any more goes."""
        self._tenant_cost.clear()
        for cost in costs:
            self._tenant_cost.labels(cost.tenant, cost.currency).set(float(cost.amount))

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _Objects(Collector):
    """Gauges of the objects in the cache, from their bodies as the API server gave them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        yield self._by_condition("moorage_trainingjobs", "TrainingJob")
        yield self._by_condition("moorage_modelservices", "ModelService")
        yield from self._epsilons()

    def _by_condition(self, name: str, kind: str) -> Metric:
        tally: Tally[tuple[str, str]] = Tally()
        for body in self._cache.all(kind):
            for condition in (body.get("status") or {}).get("conditions") or ():
                tally[condition.get("type", ""), condition.get("status", "")] += 1
        family = GaugeMetricFamily(name, f"{kind}s by condition and its status", labels=["condition", "status"])
        for type_ in CONDITIONS[kind]:
            for truth in TRUTHS:
                family.add_metric([type_, truth], tally[type_, truth])
        return family

    def _epsilons(self) -> Iterator[Metric]:
        labels, name = ["namespace", "dataset"], "moorage_dataset_epsilon"
        budget = GaugeMetricFamily(f"{name}_budget", "The epsilon that may be spent on a Dataset", labels=labels)
        spent = GaugeMetricFamily(f"{name}_spent", "The epsilon that was spent on a Dataset", labels=labels)
        reserved = GaugeMetricFamily(f"{name}_reserved", "The epsilon spent on a Dataset or held by running jobs", labels=labels)
        for body in self._cache.all("Dataset"):
            where = [body["metadata"].get("namespace") or "", body["metadata"]["name"]]
            status = body.get("status") or {}
            _add(budget, where, (body.get("spec") or {}).get("privacyBudget"))
            _add(spent, where, status.get("spent"))
            _add(reserved, where, status.get("reserved"))
        yield from (budget, spent, reserved)


def _add(family: GaugeMetricFamily, where: list[str], part: dict[str, Any] | None) -> None:
    if part and isinstance(part.get("epsilon"), int | float):
        family.add_metric(where, part["epsilon"])
