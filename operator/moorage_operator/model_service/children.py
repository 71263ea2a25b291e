"""What a RayService needs around it."""

from __future__ import annotations

import json
from typing import Any

from moorage_api.model_service import ModelService
from moorage_operator import names
from moorage_operator.model_service.agent import CONFIG_FILE, METRICS_PORT_NAME, agent_config
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.network import serving_network


def needs(service: ModelService, tenant: str, settings: OperatorSettings) -> tuple[Manifest, ...]:
    """What has to stand before the RayService."""
    return (
        _service_account(service, tenant),
        _agent_config_map(service, tenant, settings),
        serving_network(service, tenant, settings),
    )


def pod_monitor(service: ModelService, tenant: str, settings: OperatorSettings) -> Manifest:
    """Has Prometheus scrape the agents (and Ray itself, whose port has the same name)."""
    metadata = _metadata(service, tenant, names.serving_account(service.metadata.name))
    metadata["labels"] = {**settings.pod_monitor_labels, **metadata["labels"]}
    spec = {
        "selector": {"matchLabels": names.pod_selector(service)},
        "podMetricsEndpoints": [{"port": METRICS_PORT_NAME, "path": "/metrics"}],
    }
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": metadata, "spec": spec}


def _service_account(service: ModelService, tenant: str) -> Manifest:
    metadata = _metadata(service, tenant, names.serving_account(service.metadata.name))
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}


def _agent_config_map(service: ModelService, tenant: str, settings: OperatorSettings) -> Manifest:
    text = json.dumps(agent_config(service, settings).to_wire(), indent=2, sort_keys=True) + "\n"
    metadata = _metadata(service, tenant, names.agent_config_map(service.metadata.name))
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {CONFIG_FILE: text}}


def _metadata(service: ModelService, tenant: str, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": service.metadata.namespace,
        "labels": names.labels_of(service, tenant),
        "ownerReferences": [names.owner_reference(service)],
    }
