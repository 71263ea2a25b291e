"""The pods of a Ray cluster, whoever owns it. Pod Security's profile `restricted` admits them, and nothing in a resource weakens that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from moorage_api.meta import Resource
from moorage_operator import names
from moorage_operator.plan import Manifest
from moorage_operator.settings import NodePool, OperatorSettings
from moorage_operator.workload.container_refusals import Kept
from moorage_operator.workload.node_pools import pool_of
from moorage_operator.workload.quantity import cpu_quantity
from moorage_operator.workload.template_override import with_override

RAY_CONTAINER = "ray"
"""The first container's name, in head and workers alike: what a podTemplate calls it."""
USER_ID = 1000
TEMPORARY_FOLDER = "/tmp"  # noqa: S108 (an emptyDir of the pod's own)
VOLUME, RUNTIME, TEMPORARY = "moorage", "runtime", "tmp"
CONTAINER_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}
POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "runAsGroup": USER_ID,
    "fsGroup": USER_ID,
    # Changing the owner of every file of a volume with millions of them would take longer than the job.
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
RAY_ANSWERS: dict[str, Any] = {
    "httpGet": {"path": "/api/healthz", "port": 52365},
    "periodSeconds": 2,
    "timeoutSeconds": 5,
    "successThreshold": 1,
    "failureThreshold": 25,
}
"""Ray's agent in the pod says that Ray is well. KubeRay's own probe, with the same question and patience, first asks after ten seconds and
then every five, and no job is submitted, no application deployed before every pod is ready."""


def ray_pod_template(
    *,
    owner: Resource,
    tenant: str,
    settings: OperatorSettings,
    pool_name: str,
    role: Literal["head", "worker"],
    image: str,
    cpus: float,
    gpus: int,
    memory: str,
    service_account: str,
    volumes: Sequence[Manifest] = (),
    volume_mounts: Sequence[Manifest] = (),
    env: Sequence[Manifest] = (),
    ports: Sequence[Manifest] = (),
    init_containers: Sequence[Manifest] = (),
    pre_stop: Sequence[str] | None = None,
    annotations: Mapping[str, str] | None = None,
    grace_seconds: int = 30,
    automount_token: bool = False,
    override: Mapping[str, Any] | None = None,
) -> Manifest:
    """A pod template (metadata and spec) for KubeRay.

    cpus: cores, the limit; what is requested is the pool's share of it. memory: a quantity, request and limit. The `volumes`,
    `env`, `ports` and mounts are the Ray container's, beside those that every pod has; `init_containers` get the same
    security context. pre_stop: a command, run before the Ray container is ended, within grace_seconds. override: a user's
    podTemplate. Raises InvalidInput for an unknown pool, GPUs of a pool without, or an override that is not admitted.
    """
    pool = pool_of(settings, pool_name, gpus, owner.ref)
    container: Manifest = {
        "name": RAY_CONTAINER,
        "image": image,
        "imagePullPolicy": settings.images.pull_policy,
        "env": [*_own_env(), *env],
        "resources": _resources(pool, cpus, gpus, memory),
        "volumeMounts": [*_own_mounts(), *volume_mounts],
        "securityContext": CONTAINER_SECURITY,
        "readinessProbe": RAY_ANSWERS,
    }
    if ports:
        container["ports"] = list(ports)
    if pre_stop is not None:
        container["lifecycle"] = {"preStop": {"exec": {"command": list(pre_stop)}}}
    spec: Manifest = {
        **_pod_settings(settings, pool, gpus),
        "serviceAccountName": service_account,
        "automountServiceAccountToken": automount_token,
        "terminationGracePeriodSeconds": grace_seconds,
        "containers": [container],
        "volumes": [*_own_volumes(settings), *volumes],
    }
    if init_containers:
        spec["initContainers"] = [{**one, "securityContext": CONTAINER_SECURITY} for one in init_containers]
    metadata = {
        "labels": {**names.labels_of(owner, tenant), names.POOL: pool_name, names.ROLE: role},
        "annotations": dict(annotations or {}),
        "finalizers": [names.METERING_FINALIZER],
    }
    template = {"metadata": metadata, "spec": spec}
    if not override:
        return template
    kept = Kept(owner.ref, RAY_CONTAINER, settings.storage.claim, pool.gpu_resource_name, CONTAINER_SECURITY)
    return with_override(template, override, kept)


def _own_env() -> list[Manifest]:
    own = {
        # The root file system is read-only: whatever looks for a home or a place for scratch finds the pod's own disk.
        "HOME": TEMPORARY_FOLDER,
        "TMPDIR": TEMPORARY_FOLDER,
        "RAY_TMPDIR": TEMPORARY_FOLDER,
        "RAY_USAGE_STATS_ENABLED": "0",
        # Runs and replicas have ended with the preStop hook. Ray would wait for them again: half a minute of pods that somebody pays for.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
    }
    return [{"name": name, "value": value} for name, value in own.items()]


def _own_volumes(settings: OperatorSettings) -> list[Manifest]:
    return [
        {"name": VOLUME, "persistentVolumeClaim": {"claimName": settings.storage.claim}},
        {"name": RUNTIME, "emptyDir": {}},
        {"name": TEMPORARY, "emptyDir": {}},
    ]


def _own_mounts() -> list[Manifest]:
    return [
        {"name": VOLUME, "mountPath": names.VOLUME_PATH},
        {"name": RUNTIME, "mountPath": names.RUNTIME_FOLDER},
        {"name": TEMPORARY, "mountPath": TEMPORARY_FOLDER},
    ]


def _resources(pool: NodePool, cpus: float, gpus: int, memory: str) -> Manifest:
    same: dict[str, str] = {"memory": memory}
    if gpus > 0 and pool.gpu_resource_name is not None:
        same[pool.gpu_resource_name] = str(gpus)
    return {
        "limits": {"cpu": cpu_quantity(cpus), **same},
        "requests": {"cpu": cpu_quantity(cpus * pool.cpu_request_fraction), **same},
    }


def _pod_settings(settings: OperatorSettings, pool: NodePool, gpus: int) -> Manifest:
    found: Manifest = {
        # A container that was started anew would lose the times of its first life, by which it is billed: KubeRay makes another pod.
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
    }
    if pool.node_selector:
        found["nodeSelector"] = dict(pool.node_selector)
    if pool.tolerations:
        found["tolerations"] = [dict(one) for one in pool.tolerations]
    if gpus > 0 and pool.runtime_class_name is not None:
        found["runtimeClassName"] = pool.runtime_class_name
    if settings.images.pull_secrets:
        found["imagePullSecrets"] = [{"name": name} for name in settings.images.pull_secrets]
    return found
