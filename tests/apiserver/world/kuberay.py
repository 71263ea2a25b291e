"""KubeRay's part (1.6): the status of RayJobs and RayServices, and the Ray clusters with their pods that come of them.

Each function looks at one object as it is stored and moves it one step, as a controller does; played again it goes on where it stood.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apiserver.api import Api, ApiError, ref_of
from apiserver.world import kubelet

Body = dict[str, Any]
RAY = "ray.io/v1"
FINALIZER = "ray.io/rayjob-finalizer"
WORKLOAD_HASH = "ray.io/hash-without-replicas-and-workers-to-delete"


@dataclass
class Seen:
    """What one look at the API server found, of all namespaces."""

    ray_jobs: list[Body]
    ray_services: list[Body]
    ray_clusters: list[Body]
    pods: list[Body]

    def cluster(self, namespace: str, name: str) -> Body | None:
        """A RayCluster."""
        return next((c for c in self.ray_clusters if (c["metadata"]["namespace"], c["metadata"]["name"]) == (namespace, name)), None)

    def pods_of(self, cluster: Body) -> list[Body]:
        """The pods of a RayCluster."""
        return [pod for pod in self.pods if _owner(pod) == cluster["metadata"]["uid"]]


def move_job(api: Api, job: Body, seen: Seen, result: str | None) -> None:
    """result: how the Ray job ended, or None while it runs."""
    metadata, status = job["metadata"], job.get("status") or {}
    finalizers = metadata.get("finalizers") or []
    if "deletionTimestamp" in metadata:
        if FINALIZER in finalizers:
            _patch(api, job, {"metadata": {"finalizers": [f for f in finalizers if f != FINALIZER]}})
        return
    if FINALIZER not in finalizers:
        _patch(api, job, {"metadata": {"finalizers": [*finalizers, FINALIZER]}})
        return
    state = status.get("jobDeploymentStatus", "")
    if state in ("Initializing", "Running") and job["spec"].get("suspend"):
        change = {"jobDeploymentStatus": "Suspending"}
    elif state in ("Complete", "Failed"):
        change = _shut_down(api, job, seen)
    else:
        change = {
            "": lambda: _begun(metadata["name"]),
            "Initializing": lambda: _started(api, job, seen),
            "Running": lambda: _followed(status, result),
            "Suspending": lambda: _suspended(api, job, seen),
            "Suspended": lambda: {} if job["spec"].get("suspend") else {"jobDeploymentStatus": None},
        }[state]()
    if change:
        _status(api, job, change)


def _begun(name: str) -> Body:
    names = {"jobId": f"{name}-{secrets.token_hex(3)}", "rayClusterName": f"{name}-{secrets.token_hex(3)[:5]}"}
    return {**names, "jobDeploymentStatus": "Initializing", "startTime": kubelet.timestamp()}


def _started(api: Api, job: Body, seen: Seen) -> Body:
    name = job["status"]["rayClusterName"]
    cluster = seen.cluster(job["metadata"]["namespace"], name)
    if cluster is None:
        _create_cluster(api, job, name, job["spec"]["rayClusterSpec"])
    elif _all_ready(seen, cluster):
        return {"jobDeploymentStatus": "Running", "dashboardURL": f"{name}-head-svc:8265"}
    return {}


def _followed(status: Body, result: str | None) -> Body:
    if result is None:
        running = {"jobStatus": "RUNNING", "rayJobInfo": {"startTime": kubelet.timestamp()}}
        return {} if status.get("jobStatus") == "RUNNING" else running
    ended = {"jobStatus": result, "endTime": kubelet.timestamp()}
    if result == "FAILED":
        return {
            **ended,
            "jobDeploymentStatus": "Failed",
            "reason": "AppFailed",
            "message": "Job entrypoint command failed with exit code 1",
        }
    return {**ended, "jobDeploymentStatus": "Complete"}


def _suspended(api: Api, job: Body, seen: Seen) -> Body:
    if not _cluster_is_gone(api, job, seen):
        return {}
    return {"jobDeploymentStatus": "Suspended", "jobStatus": None, "jobId": None, "rayClusterName": None}


def _shut_down(api: Api, job: Body, seen: Seen) -> Body:
    if job["spec"].get("shutdownAfterJobFinishes"):
        _cluster_is_gone(api, job, seen)
    return {}


def move_service(api: Api, service: Body, seen: Seen) -> None:
    """A new cluster for a new spec; the traffic goes there once its pods are ready, and then the old cluster goes."""
    metadata, status = service["metadata"], service.get("status") or {}
    if "deletionTimestamp" in metadata:
        return
    active, pending = (status.get(f"{which}ServiceStatus") or {} for which in ("active", "pending"))
    wanted = _hash(service["spec"]["rayClusterConfig"])
    newest = pending or active
    cluster = seen.cluster(metadata["namespace"], newest.get("rayClusterName", ""))
    if not newest or (cluster is not None and cluster["metadata"]["annotations"].get(WORKLOAD_HASH) != wanted):
        name = f"{metadata['name']}-{secrets.token_hex(3)[:5]}"
        _create_cluster(api, service, name, service["spec"]["rayClusterConfig"])
        upgrade = _condition(
            "UpgradeInProgress", "True" if active else "False", "BothActivePendingClustersExist" if active else "Initializing"
        )
        ready = [] if active else [_condition("Ready", "False", "Initializing")]
        _status(api, service, {"pendingServiceStatus": {"rayClusterName": name}, "conditions": [*ready, upgrade]})
        return
    if pending and cluster is not None and _all_ready(seen, cluster):
        applications = {"moorage": {"status": "RUNNING", "serveDeploymentStatuses": {"Replica": {"status": "HEALTHY"}}}}
        serving = sum(_is_worker(pod) for pod in seen.pods_of(cluster)) or 1
        _status(
            api,
            service,
            {
                "activeServiceStatus": {"rayClusterName": pending["rayClusterName"], "applicationStatuses": applications},
                "pendingServiceStatus": None,
                "numServeEndpoints": serving,
                "serviceStatus": "Running",
                "observedGeneration": metadata["generation"],
                "conditions": [
                    _condition("Ready", "True", "NonZeroServeEndpoints"),
                    _condition("UpgradeInProgress", "False", "NoPendingCluster"),
                ],
            },
        )
        return
    for one in seen.ray_clusters:
        if _owner(one) == metadata["uid"] and one["metadata"]["name"] not in (active.get("rayClusterName"), pending.get("rayClusterName")):
            api.delete(ref_of(one))


def move_cluster(api: Api, cluster: Body, seen: Seen) -> None:
    """Its pods, as many of each group as the spec says; those of a finished cluster are not made again."""
    metadata, pods = cluster["metadata"], seen.pods_of(cluster)
    if "deletionTimestamp" in metadata:
        return
    present = {pod["metadata"]["name"] for pod in pods}
    for pod in _wanted_pods(cluster):
        if pod["metadata"]["name"] not in present:
            _create(api, pod)
    if pods and _all_ready(seen, cluster) and (cluster.get("status") or {}).get("state") != "ready":
        _status(api, cluster, {"state": "ready", "observedGeneration": metadata["generation"]})


def collect_garbage(api: Api, seen: Seen) -> None:
    """The garbage collector's part, at once: clusters whose RayJob or RayService, and pods whose cluster is gone."""
    owners = {one["metadata"]["uid"] for one in (*seen.ray_jobs, *seen.ray_services)}
    clusters = {one["metadata"]["uid"] for one in seen.ray_clusters}
    for cluster in seen.ray_clusters:
        if _owner(cluster) not in owners and "deletionTimestamp" not in cluster["metadata"]:
            api.delete(ref_of(cluster))
    for pod in seen.pods:
        if _owner(pod) not in clusters and "deletionTimestamp" not in pod["metadata"]:
            api.delete(ref_of(pod))


def _create_cluster(api: Api, owner: Body, name: str, spec: Body) -> None:
    metadata = owner["metadata"]
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {key: metadata[key] for key in ("name", "uid")}
    annotations = {**(metadata.get("annotations") or {}), WORKLOAD_HASH: _hash(spec)}
    origin = {"ray.io/originated-from-cr-name": metadata["name"], "ray.io/originated-from-crd": owner["kind"]}
    _create(
        api,
        {
            "apiVersion": RAY,
            "kind": "RayCluster",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": {**(metadata.get("labels") or {}), **origin},
                "annotations": annotations,
                "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": spec,
        },
    )


def _wanted_pods(cluster: Body) -> Iterator[Body]:
    spec = cluster["spec"]
    yield _pod(cluster, "head", "headgroup", 0, spec["headGroupSpec"]["template"])
    for group in spec.get("workerGroupSpecs") or []:
        for index in range(group.get("replicas") or group.get("minReplicas") or 0):
            yield _pod(cluster, "worker", group["groupName"], index, group["template"])


def _pod(cluster: Body, node_type: str, group: str, index: int, template: Body) -> Body:
    metadata = cluster["metadata"]
    suffix = "head" if node_type == "head" else f"{group}-worker-{index}"
    labels = {
        "ray.io/cluster": metadata["name"],
        "ray.io/node-type": node_type,
        "ray.io/group": group,
        "ray.io/is-ray-node": "yes",
        "ray.io/identifier": f"{metadata['name']}-{node_type}",
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
    }
    given = template.get("metadata") or {}
    reference = {"apiVersion": RAY, "kind": "RayCluster", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-{suffix}"[:63],
            "namespace": metadata["namespace"],
            "labels": {**labels, **(given.get("labels") or {})},
            "annotations": given.get("annotations") or {},
            "finalizers": given.get("finalizers") or [],
            "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {**template["spec"], "nodeName": kubelet.NODE},
    }


def _cluster_is_gone(api: Api, job: Body, seen: Seen) -> bool:
    """Whether it is; if not, it is deleted."""
    cluster = seen.cluster(job["metadata"]["namespace"], job["status"].get("rayClusterName", ""))
    if cluster is not None and "deletionTimestamp" not in cluster["metadata"]:
        api.delete(ref_of(cluster))
    return cluster is None


def _all_ready(seen: Seen, cluster: Body) -> bool:
    wanted = {pod["metadata"]["name"] for pod in _wanted_pods(cluster)}
    return wanted <= {pod["metadata"]["name"] for pod in seen.pods_of(cluster) if kubelet.is_running(pod)}


def _is_worker(pod: Body) -> bool:
    return bool(pod["metadata"]["labels"].get("ray.io/node-type") == "worker")


def _condition(type_: str, truth: str, reason: str) -> Body:
    return {"type": type_, "status": truth, "reason": reason, "message": "", "lastTransitionTime": kubelet.timestamp()}


def _owner(body: Body) -> str:
    return str(next((r["uid"] for r in body["metadata"].get("ownerReferences") or [] if r.get("controller")), ""))


def _hash(spec: Body) -> str:
    """Of all but the sizes of the worker groups."""
    groups = [{k: v for k, v in g.items() if "eplicas" not in k} for g in spec.get("workerGroupSpecs") or []]
    return hashlib.sha256(json.dumps({**spec, "workerGroupSpecs": groups}, sort_keys=True).encode()).hexdigest()[:32]


def _create(api: Api, manifest: Body) -> None:
    try:
        api.create(manifest)
    except ApiError as error:
        # There already, or its namespace (or owner) is going.
        if error.code not in (403, 404, 409):
            raise


def _patch(api: Api, body: Body, change: Body) -> None:
    """If nobody changed it since it was seen; else it is looked at again."""
    change["metadata"] = {**change.get("metadata", {}), "resourceVersion": body["metadata"]["resourceVersion"]}
    _unless_gone(lambda: api.patch(ref_of(body), change))


def _status(api: Api, body: Body, status: Body) -> None:
    change = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"]}, "status": status}
    _unless_gone(lambda: api.patch(ref_of(body), change, subresource="status"))


def _unless_gone(write: Any) -> None:
    try:
        write()
    except ApiError as error:
        if error.code not in (404, 409):
            raise
