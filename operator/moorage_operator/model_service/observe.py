"""What there is of one ModelService, taken from the cache."""

from __future__ import annotations

from dataclasses import dataclass

from moorage_api.model_service import ModelService
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob
from moorage_operator import names
from moorage_operator.cache import Body, Cache
from moorage_operator.settings import OperatorSettings


@dataclass(frozen=True)
class ObservedModelService:
    """One ModelService and all that its decision depends on, except settings and the time."""

    service: ModelService
    deleting: bool = False
    job: TrainingJob | None = None
    """The TrainingJob that it names, if there is one."""
    tenants: tuple[Tenant, ...] = ()
    """Every tenant of the cluster."""
    ray_service: Body | None = None
    """Metadata and status."""
    pods: tuple[Body, ...] = ()
    """Of all its Ray clusters."""
    ray_clusters: tuple[Body, ...] = ()
    """With the sizes of their worker groups."""
    revisions: tuple[Body, ...] = ()
    """ControllerRevisions with `revision` and `data`."""


def observe_model_service(cache: Cache, service: ModelService, settings: OperatorSettings) -> ObservedModelService:  # noqa: ARG001
    """Nothing is asked of the API server: what the watches have brought is what is decided on."""
    namespace, uid = service.metadata.namespace, service.metadata.uid or ""
    name = service.spec.model.training_job
    job = cache.resource("TrainingJob", namespace, name) if name is not None else None
    body = cache.get("ModelService", namespace, service.metadata.name) or {"metadata": {}}
    ray_service = cache.get("RayService", namespace, service.metadata.name)
    return ObservedModelService(
        service=service,
        deleting="deletionTimestamp" in body["metadata"],
        job=job if isinstance(job, TrainingJob) else None,
        tenants=tuple(sorted((one for one in cache.resources("Tenant") if isinstance(one, Tenant)), key=lambda t: t.metadata.name)),
        ray_service=ray_service if _belongs(ray_service, uid) else None,
        pods=tuple(cache.owned("Pod", uid)),
        ray_clusters=tuple(cache.owned("RayCluster", uid)),
        revisions=tuple(cache.owned("ControllerRevision", uid)),
    )


def _belongs(body: Body | None, uid: str) -> bool:
    """A RayService of an earlier ModelService of the same name is on its way out."""
    return body is not None and (body["metadata"].get("labels") or {}).get(names.UID) == uid
