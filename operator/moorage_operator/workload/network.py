"""Who reaches a workload's pods. An open Ray dashboard is remote code execution, so nobody else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moorage_api.meta import Resource
from moorage_operator import names
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings

DASHBOARD_PORT = 8265
SERVE_PORT = 8000
AGENT_METRICS_PORT = 9095
RAY_METRICS_PORT = 8080
_NAMESPACE = "kubernetes.io/metadata.name"


def training_network(owner: Resource, tenant: str, settings: OperatorSettings) -> Manifest:
    """Only the job's own pods reach each other; KubeRay and the operator the dashboard; Prometheus Ray's metrics."""
    rules = [*_own_pods_and_dashboard(owner, settings), _from_monitoring(settings, [RAY_METRICS_PORT])]
    return _policy(owner, tenant, names.training_account(owner.metadata.name), rules)


def serving_network(owner: Resource, tenant: str, settings: OperatorSettings) -> Manifest:
    """As for training; besides, everyone reaches the serving port, and Prometheus the agent's metrics as well."""
    rules = [
        *_own_pods_and_dashboard(owner, settings),
        {"ports": _ports([SERVE_PORT])},
        _from_monitoring(settings, [AGENT_METRICS_PORT, RAY_METRICS_PORT]),
    ]
    return _policy(owner, tenant, names.serving_account(owner.metadata.name), rules)


def _own_pods_and_dashboard(owner: Resource, settings: OperatorSettings) -> list[dict[str, Any]]:
    trusted = sorted({settings.kuberay_namespace, settings.namespace})
    return [
        {"from": [{"podSelector": {"matchLabels": names.pod_selector(owner)}}]},
        {"from": [_namespace(name) for name in trusted], "ports": _ports([DASHBOARD_PORT])},
    ]


def _from_monitoring(settings: OperatorSettings, ports: Sequence[int]) -> dict[str, Any]:
    rule: dict[str, Any] = {"ports": _ports(ports)}
    return rule if settings.monitoring_namespace is None else {"from": [_namespace(settings.monitoring_namespace)], **rule}


def _namespace(name: str) -> dict[str, Any]:
    # Kubernetes itself sets this label, and nobody can give it to a namespace of another name.
    return {"namespaceSelector": {"matchLabels": {_NAMESPACE: name}}}


def _ports(ports: Sequence[int]) -> list[dict[str, Any]]:
    return [{"port": port, "protocol": "TCP"} for port in ports]


def _policy(owner: Resource, tenant: str, name: str, rules: list[dict[str, Any]]) -> Manifest:
    metadata = {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": names.labels_of(owner, tenant),
        "ownerReferences": [names.owner_reference(owner)],
    }
    spec = {"podSelector": {"matchLabels": names.pod_selector(owner)}, "policyTypes": ["Ingress"], "ingress": rules}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
