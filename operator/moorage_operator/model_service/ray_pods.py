"""The head's and the workers' pod templates of a RayService's Ray clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from moorage_api.model_service import ModelService
from moorage_operator import names
from moorage_operator.model_service.agent import DRAIN, OUTLIVE, agent_container, agent_volumes
from moorage_operator.model_service.revisions import Revision, Served
from moorage_operator.model_service.serve_config import PORT
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.pod_template import TEMPORARY, TEMPORARY_FOLDER, ray_pod_template

HEAD_POOL = "default"
"""A head computes nothing: it goes where no GPU lies idle beside it."""
GRACE_SECONDS = 90
"""How long a pod may take to end: up to 40 s for its replica's last requests, then Ray, then 20 s in which the agent ships their events."""
OBJECT_STORE_BYTES = 128 * 2**20
"""Requests and answers never pass through Ray's object store."""
API_TOKEN_VOLUME = "moorage-api-token"  # noqa: S105 (a volume's name)
API_TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a folder, not a secret)
_HEAD_PORTS = {"gcs-server": 6379, "dashboard": 8265, "metrics": 8080}
_WORKER_PORTS = {"serve": PORT, "metrics": 8080}


@dataclass(frozen=True)
class PodContext:
    """What both templates of one revision are rendered from."""

    service: ModelService
    revision: Revision
    served: Served
    settings: OperatorSettings
    env: dict[str, str]
    annotations: dict[str, str]


def head_template(context: PodContext) -> Manifest:
    """The head hosts no replica. With autoscaling, KubeRay puts an autoscaler beside Ray, with a ServiceAccount of its making."""
    settings, served = context.settings, context.served
    template = ray_pod_template(
        owner=context.service,
        tenant=served.tenant,
        settings=settings,
        pool_name=HEAD_POOL,
        role="head",
        image=served.image,
        cpus=settings.head.cpus,
        gpus=0,
        memory=settings.head.memory,
        service_account=names.serving_account(context.service.metadata.name),
        volumes=[_api_token()] if served.autoscaled else [],
        env=_env(context.env),
        ports=_ports(_HEAD_PORTS),
        pre_stop=OUTLIVE,
        annotations=context.annotations,
        grace_seconds=GRACE_SECONDS,
    )
    if served.autoscaled:
        # Left out, KubeRay makes one for each Ray cluster that may scale this Ray cluster; only the autoscaler gets its token.
        del template["spec"]["serviceAccountName"]
    return _named_once(template)


def worker_template(context: PodContext) -> Manifest:
    """One pod holds one replica, its HAProxy, and the agent."""
    settings, served, name = context.settings, context.served, context.service.metadata.name
    template = ray_pod_template(
        owner=context.service,
        tenant=served.tenant,
        settings=settings,
        pool_name=served.resources.node_pool,
        role="worker",
        image=served.image,
        cpus=served.resources.cpus_per_replica,
        gpus=served.resources.gpus_per_replica,
        memory=served.resources.memory_per_replica or settings.worker_memory,
        service_account=names.serving_account(name),
        volumes=agent_volumes(names.agent_config_map(name), settings),
        env=_env(context.env),
        ports=_ports(_WORKER_PORTS),
        init_containers=[agent_container(served.image, settings)],
        pre_stop=DRAIN,
        annotations=context.annotations,
        grace_seconds=GRACE_SECONDS,
    )
    template["spec"]["containers"][0]["readinessProbe"] = _answers()
    return _named_once(template)


def head_start_parameters() -> dict[str, str]:
    """`ray start` options of the head: no cores, so that no replica goes there."""
    return {"num-cpus": "0", "dashboard-host": "0.0.0.0", "object-store-memory": str(OBJECT_STORE_BYTES)}  # noqa: S104 (the pod's)


def worker_start_parameters(served: Served) -> dict[str, str]:
    """`ray start` options of a worker. Ray counts whole cores only."""
    found = {
        "num-cpus": str(math.ceil(served.resources.cpus_per_replica)),
        "object-store-memory": str(OBJECT_STORE_BYTES),
    }
    if served.resources.gpus_per_replica:
        found["num-gpus"] = str(served.resources.gpus_per_replica)
    return found


def autoscaler_options(settings: OperatorSettings, image: str, container_security: Manifest) -> Manifest:
    """KubeRay's autoscaler beside the head's Ray."""
    # No limit of cores, for limits are what the tenant pays for.
    resources = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}}
    return {
        "version": "v2",
        "image": image,
        "imagePullPolicy": settings.images.pull_policy,
        "idleTimeoutSeconds": 60,
        "resources": resources,
        "securityContext": container_security,
        "env": [{"name": "HOME", "value": TEMPORARY_FOLDER}],
        "volumeMounts": [
            {"name": TEMPORARY, "mountPath": TEMPORARY_FOLDER},
            {"name": API_TOKEN_VOLUME, "mountPath": API_TOKEN_FOLDER, "readOnly": True},
        ],
    }


def _answers() -> dict[str, Any]:
    """HAProxy answers its health check once a replica is up behind it.

    KubeRay would probe with wget, of which the image need not have any, and only every five seconds: for so long a new revision
    would have the traffic and no endpoint.
    """
    return {
        "httpGet": {"path": "/-/healthz", "port": PORT},
        "periodSeconds": 1,
        "timeoutSeconds": 2,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def _api_token() -> Manifest:
    """What Kubernetes itself would mount into every container: here for the autoscaler only."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": API_TOKEN_VOLUME, "projected": {"sources": sources}}


def _named_once(template: Manifest) -> Manifest:
    """Server-side apply takes no variable twice. What is said last of one stands."""
    container = template["spec"]["containers"][0]
    container["env"] = list({variable["name"]: variable for variable in container["env"]}.values())
    return template


def _env(values: dict[str, str]) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _ports(ports: dict[str, int]) -> list[Manifest]:
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()]
