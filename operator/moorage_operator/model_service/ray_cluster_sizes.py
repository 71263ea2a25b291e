"""The sizes of a Ray cluster's worker group, and changing them in place.

KubeRay (1.6) gives a RayService's sizes to the Ray clusters that it makes, and never again: what changes later has to be patched into the
Ray cluster itself. Where the autoscaler is on, `replicas` is its own.
"""

from __future__ import annotations

from typing import Any

from moorage_api.model_service import Replicas
from moorage_operator.cache import Body
from moorage_operator.model_service.clusters import RayServiceSeen
from moorage_operator.model_service.observe import ObservedModelService
from moorage_operator.model_service.revisions import Revision, Served
from moorage_operator.plan import ObjectRef, Patch


def worker_sizes(replicas: Replicas, served: Served, starting: int | None = None) -> dict[str, int]:
    """minReplicas, maxReplicas and, for a new cluster, replicas: one pod is one replica."""
    most = max(replicas.min, replicas.max or replicas.min) if served.autoscaled else replicas.min
    return {"replicas": starting or replicas.min, "minReplicas": replicas.min, "maxReplicas": most}


def starting_size(replicas: Replicas, served: Served, ray_service: RayServiceSeen, target: int) -> int | None:
    """With how many replicas an autoscaled cluster begins that is to take the traffic over: as many as have it now. None: the fewest."""
    active = ray_service.active
    if not served.autoscaled or active is None or (ray_service.pending is None and active.revision == target):
        return None
    size = min(active.ready_workers, replicas.max or replicas.min)
    return size if size > replicas.min else None


def resize(seen: ObservedModelService, ray_service: RayServiceSeen, target: Revision) -> tuple[Patch, ...]:
    """Patches for the target's Ray clusters whose worker group has other sizes than the spec."""
    served = target.served
    if served is None:
        return ()
    current = {one.name for one in (ray_service.active, ray_service.pending) if one is not None and one.revision == target.number}
    wanted = worker_sizes(seen.service.spec.replicas, served)
    if served.autoscaled:
        wanted = {field: number for field, number in wanted.items() if field != "replicas"}
    patches = (_patch(body, wanted) for body in seen.ray_clusters if body["metadata"]["name"] in current)
    return tuple(patch for patch in patches if patch is not None)


def _patch(body: Body, wanted: dict[str, int]) -> Patch | None:
    groups = (body.get("spec") or {}).get("workerGroupSpecs") or []
    if len(groups) != 1 or "deletionTimestamp" in body["metadata"]:
        return None
    changed: tuple[dict[str, Any], ...] = tuple(
        {"op": "add", "path": f"/spec/workerGroupSpecs/0/{field}", "value": number}
        for field, number in wanted.items()
        if groups[0].get(field) != number
    )
    if not changed:
        return None
    metadata = body["metadata"]
    ref = ObjectRef(body["apiVersion"], body["kind"], metadata["name"], metadata.get("namespace"))
    return Patch(ref, metadata["uid"], changed)
