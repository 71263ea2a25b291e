"""What Prometheus reads, by its own parser."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from moorage_api.base import API_VERSION
from moorage_api.ledger_api import TenantCost
from moorage_operator.cache import Cache
from moorage_operator.metering.infrastructure_cost import InfrastructureCost
from moorage_operator.metrics import OperatorMetrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def body(kind: str, name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team-a", "uid": name, "resourceVersion": str(version)}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, **more}


def conditions(**truths: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": truth} for type_, truth in truths.items()]}


def samples(metrics: OperatorMetrics) -> Samples:
    families = text_string_to_metric_families(metrics.page().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(metrics: OperatorMetrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def made(cache: Cache | None = None) -> OperatorMetrics:
    return OperatorMetrics(cache or Cache(), lambda: 3, lambda: 1.5, wall_clock=lambda: 1000.0)


def test_what_the_operator_did() -> None:
    metrics = made()
    metrics.reconciled("TrainingJob", 0.2)
    metrics.reconciled("TrainingJob", 0.4)
    metrics.failed("TrainingJob")
    metrics.event("Pod")
    assert value(metrics, "moorage_reconcile_seconds_count", kind="TrainingJob") == 2
    assert value(metrics, "moorage_reconcile_errors_total", kind="TrainingJob") == 1
    assert value(metrics, "moorage_last_reconcile_timestamp_seconds") == 1000
    assert value(metrics, "moorage_watch_last_event_timestamp_seconds", kind="Pod") == 1000
    assert (value(metrics, "moorage_queue_depth"), value(metrics, "moorage_queue_oldest_seconds")) == (3, 1.5)


def test_objects_are_counted_by_condition_and_go() -> None:
    cache = Cache()
    metrics = made(cache)
    assert value(metrics, "moorage_trainingjobs", condition="Running", status="True") == 0
    cache.put(body("TrainingJob", "a", status=conditions(Accepted="True", Running="True", Invented="True")))
    cache.put(body("TrainingJob", "b", status=conditions(Accepted="True", Running="False")))
    cache.put(body("TrainingJob", "c"))
    cache.put(body("ModelService", "s", status=conditions(Ready="Unknown")))
    assert value(metrics, "moorage_trainingjobs", condition="Accepted", status="True") == 2
    assert value(metrics, "moorage_trainingjobs", condition="Running", status="True") == 1
    assert value(metrics, "moorage_modelservices", condition="Ready", status="Unknown") == 1
    assert value(metrics, "moorage_trainingjobs", condition="Invented", status="True") is None
    cache.remove(body("TrainingJob", "a"))
    assert value(metrics, "moorage_trainingjobs", condition="Running", status="True") == 0


def test_epsilons_of_datasets_come_and_go() -> None:
    cache = Cache()
    metrics = made(cache)
    where = {"namespace": "team-a", "dataset": "digits"}
    status = {"spent": {"epsilon": 1.25, "jobs": 1}, "reserved": {"epsilon": 2, "jobs": 2}}
    cache.put(body("Dataset", "digits", spec={"privacyBudget": {"epsilon": 3, "delta": 1e-5}}, status=status))
    cache.put(body("Dataset", "open", spec={}))
    assert value(metrics, "moorage_dataset_epsilon_budget", **where) == 3
    assert value(metrics, "moorage_dataset_epsilon_spent", **where) == 1.25
    assert value(metrics, "moorage_dataset_epsilon_reserved", **where) == 2
    assert value(metrics, "moorage_dataset_epsilon_budget", namespace="team-a", dataset="open") is None
    cache.remove(body("Dataset", "digits"))
    assert value(metrics, "moorage_dataset_epsilon_budget", **where) is None


def test_money() -> None:
    metrics = made()
    metrics.infrastructure([InfrastructureCost("acme", "gpu", 1_500_000_000)])
    metrics.infrastructure([InfrastructureCost("acme", "gpu", 500_000_000)])
    assert value(metrics, "moorage_infrastructure_cost_total", tenant="acme", node_pool="gpu") == 2
    metrics.tenant_costs([TenantCost(tenant="acme", currency="EUR", amount="12.5", period="2026-11")])
    assert value(metrics, "moorage_tenant_cost", tenant="acme", currency="EUR") == 12.5
    metrics.tenant_costs([])
    assert value(metrics, "moorage_tenant_cost", tenant="acme", currency="EUR") is None
