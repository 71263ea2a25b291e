"""What the platform team sets, from the chart's values: one YAML document that the operator reads at its start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from moorage_api.base import AnyMapping, ApiModel, Decimal, MemoryQuantity, Name
from moorage_api.errors import InvalidInput
from moorage_api.problems import problems_of

PullPolicy = Literal["Always", "IfNotPresent", "Never"]


class NodePool(ApiModel):
    """Nodes of one sort, by the name that users give in `nodePool`."""

    node_selector: dict[str, str] = {}
    """Labels of the pool's nodes."""
    tolerations: list[AnyMapping] = []
    """What the pool's nodes are tainted with."""
    gpu_resource_name: str | None = None
    """The extended resource of a GPU, e.g. `nvidia.com/gpu`. Default: the pool has no GPUs."""
    hourly_price: Decimal | None = None
    """What one GPU (in a pool without GPUs: one core) costs the platform an hour; for the infrastructure cost metric."""
    cpu_request_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the asked cores that a pod requests of the scheduler; below 1 the pool is overcommitted. Limits and bills stay whole."""
    runtime_class_name: str | None = None
    """The RuntimeClass of GPU pods where the cluster wants one named."""


class Images(ApiModel):
    """Container images of the workloads."""

    runtime: str
    """Ray, training and serving."""
    pull_policy: PullPolicy = "IfNotPresent"
    """When it is pulled."""
    pull_secrets: list[str] = []
    """Names of image pull Secrets in the workloads' namespaces."""


class Storage(ApiModel):
    """The volume of each namespace: run folders, artifacts, outboxes of pods that had to go while the ledger was out."""

    claim: Name = "moorage"
    """The PersistentVolumeClaim's name; one that exists already is used as it is."""
    storage_class_name: str | None = None
    """The StorageClass. Default: the cluster's."""
    access_modes: list[str] = ["ReadWriteMany"]
    """Workers on several nodes need ReadWriteMany."""
    size: str = "100Gi"
    """How much is asked for."""


class HeadResources(ApiModel):
    """What the head pod of each Ray cluster holds, beside the workers."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    """Cores."""
    memory: MemoryQuantity = "4Gi"
    """Memory."""


class Ledger(ApiModel):
    """The ledger's service."""

    url: str
    """E.g. `http://moorage-ledger.moorage.svc:8080`."""
    audience: str = "moorage-ledger"
    """The audience of the tokens that it takes."""


class OperatorSettings(ApiModel):
    """Everything that the operator is told."""

    namespace: str
    """The operator's own."""
    watch_namespaces: list[str] = []
    """Namespaces to watch; none: all."""
    kuberay_namespace: str = "kuberay-system"
    """Where KubeRay's operator runs: it alone submits to Ray's dashboards."""
    monitoring_namespace: str | None = None
    """The only namespace from which Prometheus may scrape the workloads. Default: any."""
    ledger: Ledger
    """The ledger's service."""
    images: Images
    """The workloads' images."""
    ray_version: str = "2.60.0"
    """The Ray of the runtime image; KubeRay wants it named."""
    storage: Storage = Storage()
    """The namespaces' volumes."""
    node_pools: dict[Name, NodePool] = {"default": NodePool()}
    """By name; `default` must be there."""
    head: HeadResources = HeadResources()
    """Of every Ray cluster's head."""
    worker_memory: MemoryQuantity = "4Gi"
    """Of a worker or replica that asks for none."""
    queue_system: Literal["Kueue", "Volcano"] = "Kueue"
    """Whose queue a TrainingJob's `resources.queue` names."""
    rollout_deadline_seconds: Annotated[int, Field(ge=1)] = 600
    """How long a new revision of a ModelService may take to get healthy before it is rolled back."""
    pod_monitors: bool = True
    """Make PodMonitors where their CRD exists."""
    pod_monitor_labels: dict[str, str] = {}
    """Labels by which Prometheus finds them."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Objects that are reconciled at the same time."""
    drift_seconds: Annotated[float, Field(gt=0)] = 600.0
    """How often everything is looked at though nothing is known to have changed."""
    metering_seconds: Annotated[float, Field(gt=0)] = 15.0
    """How often running pods are billed."""
    http_port: int = 8080
    """Of liveness, readiness and metrics."""


def read_settings(path: Path) -> OperatorSettings:
    """Raises InvalidInput with every problem found."""
    try:
        content: Any = yaml.safe_load(path.read_text())
        return OperatorSettings.from_wire(content)
    except ValidationError as error:
        raise InvalidInput(*problems_of(error, str(path))) from None
