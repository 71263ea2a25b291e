"""From what was observed of a ModelService to what is done about it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from moorage_api.base import API_VERSION
from moorage_api.model_choice import Deployed, choose_model
from moorage_api.model_service import ModelService, ModelServiceStatus
from moorage_api.training_job import ModelReference
from moorage_operator import names
from moorage_operator.cache import Body
from moorage_operator.model_service.children import needs, pod_monitor
from moorage_operator.model_service.clusters import RayServiceSeen, ray_service_seen
from moorage_operator.model_service.events import blocked_events, rollout_events
from moorage_operator.model_service.observe import ObservedModelService
from moorage_operator.model_service.ray_cluster_sizes import resize, starting_size
from moorage_operator.model_service.ray_service import ray_service
from moorage_operator.model_service.refusal import Refusal, check
from moorage_operator.model_service.revisions import Revision, Served, revision_manifest, stored_revisions, surplus
from moorage_operator.model_service.rollout import Rollout, roll_out
from moorage_operator.model_service.serve_config import autoscaled
from moorage_operator.model_service.status import Verdict, blocked_status, rolled_status
from moorage_operator.plan import Action, Apply, Delete, ObjectRef, Plan, SetStatus
from moorage_operator.settings import OperatorSettings
from moorage_operator.workload.canonical import applied_digest, digest_of, with_digest
from moorage_operator.workload.volume import volume_claim


def decide_model_service(seen: ObservedModelService, settings: OperatorSettings, now: datetime) -> Plan:
    """Equal observations give equal plans, and applying one again changes nothing more.

    A service that is going needs nothing: its children have it as their owner, and its pods stay until they are billed.
    """
    if seen.deleting:
        return Plan()
    service, stored = seen.service, stored_revisions(seen.revisions)
    kuberay = ray_service_seen(seen, stored)
    choice = choose_model(service, seen.job, _deployed(seen, stored))
    try:
        tenant, model = check(seen, choice, settings)
    except Refusal as refusal:
        ready = Verdict("False", refusal.reason, refusal.message)
        status = blocked_status(service, kuberay, stored, ready, now)
        return Plan((*blocked_events(service, status), *_set_status(service, status)))
    rollout = roll_out(stored, _served(service, tenant, model, settings), kuberay, settings.rollout_deadline_seconds, now)
    status = rolled_status(service, kuberay, rollout, choice, now)
    actions = (
        *rollout_events(service, kuberay, stored, rollout, status),
        *_revision_writes(service, tenant, stored, rollout),
        *_render(seen, kuberay, rollout.target, settings),
        *resize(seen, kuberay, rollout.target),
        *_prune(seen, rollout, kuberay),
        *_set_status(service, status),
    )
    return Plan(actions, rollout.look_again_seconds)


def _deployed(seen: ObservedModelService, stored: Sequence[Revision]) -> Deployed | None:
    """The model that was given to Ray Serve last: what stays while a newer one is not good enough."""
    readable = [one for one in stored if one.served is not None]
    annotations = (seen.ray_service or {}).get("metadata", {}).get("annotations") or {}
    rendered = [one for one in readable if str(one.number) == annotations.get(names.REVISION)]
    for revision in (*rendered, *reversed(readable)):
        if revision.served is not None:
            model = revision.served.model
            return Deployed(uri=model.uri, digest=model.digest, revision=revision.number, generation=0)
    return None


def _served(service: ModelService, tenant: str, model: ModelReference, settings: OperatorSettings) -> Served:
    return Served(
        model=model,
        tenant=tenant,
        batching=service.spec.batching,
        resources=service.spec.resources,
        autoscaled=autoscaled(service.spec.replicas),
        image=settings.images.runtime,
        ray_version=settings.ray_version,
    )


def _revision_writes(service: ModelService, tenant: str, stored: Sequence[Revision], rollout: Rollout) -> list[Action]:
    """Before the RayService changes: what is remembered of a rollout is written before the rollout is."""
    changed = [one for one in rollout.revisions if one not in stored]
    return [Apply(tuple(revision_manifest(service, tenant, one) for one in changed))] if changed else []


def _render(seen: ObservedModelService, kuberay: RayServiceSeen, target: Revision, settings: OperatorSettings) -> list[Action]:
    """The RayService of the target and what it needs, if any of it differs from what was applied."""
    service = seen.service
    if target.served is None:
        return []
    tenant = target.served.tenant
    claim, around = volume_claim(service.metadata.namespace or "default", settings), needs(service, tenant, settings)
    monitors = (pod_monitor(service, tenant, settings),) if settings.pod_monitors else ()
    starting = starting_size(service.spec.replicas, target.served, kuberay, target.number)
    rendered = ray_service(service, target, target.served, settings, starting)
    rendered["metadata"]["annotations"][names.NEEDS] = digest_of([claim, around, monitors])[:16]
    manifest = with_digest(rendered)
    if applied_digest(manifest) == applied_digest(seen.ray_service):
        return []
    optional = [Apply(monitors, optional=True)] if monitors else []
    return [Apply((claim,), existing_stays=True), Apply(around), *optional, Apply((manifest,))]


def _prune(seen: ObservedModelService, rollout: Rollout, kuberay: RayServiceSeen) -> list[Action]:
    clusters = [one.revision for one in (kuberay.active, kuberay.pending) if one is not None and one.revision is not None]
    old = {one.number for one in surplus(rollout.revisions, (rollout.desired.number, rollout.target.number, *clusters))}
    return [_delete(body) for body in seen.revisions if body.get("revision") in old]


def _delete(revision: Body) -> Delete:
    metadata = revision["metadata"]
    return Delete(ObjectRef("apps/v1", "ControllerRevision", metadata["name"], metadata.get("namespace")), metadata["uid"])


def _set_status(service: ModelService, status: ModelServiceStatus) -> list[Action]:
    if status == service.status:
        return []
    ref = ObjectRef(API_VERSION, "ModelService", service.metadata.name, service.metadata.namespace)
    return [SetStatus(ref, status.to_wire())]
