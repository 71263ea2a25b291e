"""The RayJob of one attempt at a run."""

from __future__ import annotations

import math
from typing import Any, Literal

from moorage_operator import names
from moorage_operator.plan import Manifest
from moorage_operator.settings import OperatorSettings
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.ray_job import API_VERSION, KIND
from moorage_operator.training_job.run_identity import run_in_status
from moorage_operator.workload.canonical import digest_of, with_digest
from moorage_operator.workload.pod_template import ray_pod_template

RUN_FILE = f"{names.SETTINGS_PATH}/run.json"
ENTRYPOINT = f"python -m moorage_training.cluster {RUN_FILE}"
STOP = ("python", "-m", "moorage_training.cluster.stop", RUN_FILE)
JOB_STOP = {"name": "RAY_JOB_STOP_WAIT_TIME_S", "value": "100"}
"""How long Ray's job server lets the driver end before it kills it, 3 seconds by itself: a checkpoint and the last report take longer."""
GRACE_SECONDS = 120
"""Longer than a run takes to save its checkpoint and to send its last report."""
DEADLINE_SLACK_SECONDS = 60
"""How much later than the operator KubeRay ends a job at its deadline: it does where the operator is away."""
WORKERS = "workers"
DEFAULT_POOL = "default"
NO_HEAD_RESTART = "ray.io/disable-provisioned-head-restart"
HEAD_PORTS = (("gcs-server", 6379), ("dashboard", 8265), ("metrics", 8080))


def ray_job_manifest(seen: ObservedTrainingJob, settings: OperatorSettings) -> Manifest:
    """The RayJob, to be applied after its prerequisites. Raises InvalidInput for a pool or a podTemplate that is not admitted."""
    job, policy = seen.job, seen.job.spec.run_policy
    metadata = {
        "name": job.metadata.name,
        "namespace": job.metadata.namespace,
        "labels": {**names.labels_of(job, seen.tenant), **_queue_labels(seen, settings)},
        "annotations": {
            **_attempt_annotations(seen),
            names.POLICY: policy_digest(seen),
            # A new head knows nothing of the job, and KubeRay would submit it there once more. A lost head is a lost attempt instead.
            NO_HEAD_RESTART: "true",
        },
        "ownerReferences": [names.owner_reference(job)],
    }
    spec: dict[str, Any] = {
        "entrypoint": ENTRYPOINT,
        "submissionMode": "HTTPMode",
        "backoffLimit": 0,
        "shutdownAfterJobFinishes": True,
        # Pods are billed while they are there: the last report and the run's log are on the volume by now.
        "ttlSecondsAfterFinished": 0,
        "rayClusterSpec": _cluster(seen, settings),
    }
    if policy.active_deadline_seconds is not None:
        left = max(0.0, policy.active_deadline_seconds - seen.status.active_seconds)
        spec["activeDeadlineSeconds"] = math.ceil(left) + DEADLINE_SLACK_SECONDS
    if not is_held_by_kueue(seen, settings):
        spec["suspend"] = policy.suspend
    return with_digest({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})


def is_held_by_kueue(seen: ObservedTrainingJob, settings: OperatorSettings) -> bool:
    """Whether the field `suspend` is Kueue's, which holds the job back until there is room in its queue, and lets it go whoever set it."""
    return seen.job.spec.resources.queue is not None and settings.queue_system == "Kueue"


def policy_digest(seen: ObservedTrainingJob) -> str:
    """Of what in runPolicy a RayJob that stands already takes over."""
    policy = seen.job.spec.run_policy
    return digest_of({"suspend": policy.suspend, "activeDeadlineSeconds": policy.active_deadline_seconds})[:16]


def _attempt_annotations(seen: ObservedTrainingJob) -> dict[str, str]:
    return {names.RUN: run_in_status(seen.job), names.ATTEMPT: str(seen.attempt)}


def _queue_labels(seen: ObservedTrainingJob, settings: OperatorSettings) -> dict[str, str]:
    queue = seen.job.spec.resources.queue
    if queue is None:
        return {}
    if settings.queue_system == "Kueue":
        return {"kueue.x-k8s.io/queue-name": queue}
    return {"ray.io/scheduler-name": "volcano", "volcano.sh/queue-name": queue}


def _cluster(seen: ObservedTrainingJob, settings: OperatorSettings) -> dict[str, Any]:
    resources = seen.job.spec.resources
    start = {"num-cpus": str(resources.cpus_per_worker)}
    if resources.gpus_per_worker:
        start["num-gpus"] = str(resources.gpus_per_worker)
    head = {
        # The driver needs no share of the cluster's cores: workers find theirs on the workers' pods only.
        "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104 (behind a NetworkPolicy and a token)
        "template": _template(seen, settings, "head"),
    }
    workers = {
        "groupName": WORKERS,
        "replicas": resources.workers,
        "minReplicas": resources.workers,
        "maxReplicas": resources.workers,
        "rayStartParams": start,
        "template": _template(seen, settings, "worker"),
    }
    return {
        "rayVersion": settings.ray_version,
        "authOptions": {"mode": "token"},
        "headGroupSpec": head,
        "workerGroupSpecs": [workers],
    }


def _template(seen: ObservedTrainingJob, settings: OperatorSettings, role: Literal["head", "worker"]) -> Manifest:
    job, resources, is_head = seen.job, seen.job.spec.resources, role == "head"
    gpus = 0 if is_head else resources.gpus_per_worker
    ports = HEAD_PORTS if is_head else (("metrics", 8080),)
    run = {"name": names.run_config_map(job.metadata.name)}
    return ray_pod_template(
        owner=job,
        tenant=seen.tenant,
        settings=settings,
        pool_name=head_pool(seen) if is_head else resources.node_pool,
        role=role,
        image=job.spec.image or settings.images.runtime,
        cpus=settings.head.cpus if is_head else float(resources.cpus_per_worker),
        gpus=gpus,
        memory=settings.head.memory if is_head else resources.memory_per_worker or settings.worker_memory,
        service_account=names.training_account(job.metadata.name),
        volumes=[{"name": "run", "configMap": run}],
        volume_mounts=[{"name": "run", "mountPath": names.SETTINGS_PATH, "readOnly": True}],
        env=[JOB_STOP] if is_head else [],
        ports=[{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports],
        pre_stop=STOP,
        annotations=_attempt_annotations(seen),
        grace_seconds=GRACE_SECONDS,
        automount_token=is_head,
        override=job.spec.pod_template,
    )


def head_pool(seen: ObservedTrainingJob) -> str:
    """The workers' pool, unless it is one of GPUs: those nodes are too dear for a head that has no use for them."""
    resources = seen.job.spec.resources
    return DEFAULT_POOL if resources.gpus_per_worker else resources.node_pool
