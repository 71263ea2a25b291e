"""The agent beside the replicas of each worker pod: a native sidecar, which starts before Ray and ends after it."""

from __future__ import annotations

from typing import Any

from moorage_api.agent_config import METRICS_PORT, POD_VARIABLE, AgentConfig
from moorage_api.model_service import ModelService
from moorage_api.serving_environment import POD_METRICS_FOLDER
from moorage_api.usage import Subject
from moorage_operator import names
from moorage_operator.model_service.serve_config import ACCESS_POLICY, OUTBOX, SPILL
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.pod_template import RUNTIME, TEMPORARY, TEMPORARY_FOLDER, VOLUME

CONTAINER = "agent"
CONFIG_FILE = "agent.json"
METRICS_PORT_NAME = "metrics"
LEDGER_TOKEN_VARIABLE = "MOORAGE_LEDGER_TOKEN_FILE"  # noqa: S105 (a variable's name)
TOKEN_FILE = "token"  # noqa: S105 (a file's name)
TOKEN_SECONDS = 3600
"""Kubernetes renews the token when four fifths of its life are over."""
CONFIG_VOLUME, TOKEN_VOLUME = "moorage-agent", "moorage-ledger-token"
DRAIN = ("python", "-m", "moorage_serving.cluster.drain")
"""Run in the Ray container before it is ended: its replicas finish what they work on, and nothing new comes."""
OUTLIVE = ("python", "-m", "moorage_serving.cluster.outlive")
"""Run in the head's before that is ended: what runs on the workers would end with it."""


def agent_volumes(config_map: str, settings: OperatorSettings) -> list[Manifest]:
    """The agent's configuration, and a token that opens the ledger and nothing else."""
    token = {"audience": settings.ledger.audience, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_FILE}
    return [
        {"name": CONFIG_VOLUME, "configMap": {"name": config_map}},
        {"name": TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def agent_container(image: str, settings: OperatorSettings) -> Manifest:
    """A container for `initContainers`; restartPolicy Always makes a sidecar of it."""
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": settings.images.pull_policy,
        "restartPolicy": "Always",
        "command": ["python", "-m", "moorage_serving.cluster.agent", "--config", f"{names.SETTINGS_PATH}/{CONFIG_FILE}"],
        "env": [
            {"name": "HOME", "value": TEMPORARY_FOLDER},
            {"name": LEDGER_TOKEN_VARIABLE, "value": f"{names.LEDGER_TOKEN_FOLDER}/{TOKEN_FILE}"},
            {"name": POD_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        ],
        "ports": [{"name": METRICS_PORT_NAME, "containerPort": METRICS_PORT, "protocol": "TCP"}],
        # No limit of cores, for limits are what the tenant pays for: of the agent only what is set aside for it.
        "resources": {"requests": {"cpu": "20m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}},
        # Kubernetes starts what comes after the agent only once this has succeeded: no replica without an access policy.
        "startupProbe": {**_get("/readyz"), "periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": 120},
        # No readiness probe: while the agent is away its replicas answer and meter as before.
        "livenessProbe": {**_get("/healthz"), "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "volumeMounts": [
            {"name": VOLUME, "mountPath": names.VOLUME_PATH},
            {"name": RUNTIME, "mountPath": names.RUNTIME_FOLDER},
            {"name": TEMPORARY, "mountPath": TEMPORARY_FOLDER},
            {"name": CONFIG_VOLUME, "mountPath": names.SETTINGS_PATH, "readOnly": True},
            {"name": TOKEN_VOLUME, "mountPath": names.LEDGER_TOKEN_FOLDER, "readOnly": True},
        ],
    }


def _get(path: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": METRICS_PORT_NAME}}


def agent_config(service: ModelService, settings: OperatorSettings) -> AgentConfig:
    """What the agents of all the service's pods are told; they follow the tenants when the mounted file changes."""
    meta = service.metadata
    return AgentConfig(
        subject=Subject(kind="ModelService", namespace=meta.namespace or "default", name=meta.name, uid=meta.uid or ""),
        tenants=sorted(service.spec.access.tenants),
        ledger=settings.ledger.url,
        access_policy=ACCESS_POLICY,
        outbox=OUTBOX,
        spill=SPILL,
        metrics=POD_METRICS_FOLDER,
    )
