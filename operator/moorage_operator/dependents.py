"""Whom a change concerns: from one object to the keys that have to be looked at. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moorage_api.conditions import condition
from moorage_api.manifest import KINDS
from moorage_api.model_service import ModelService
from moorage_api.training_job import TrainingJob
from moorage_operator import names
from moorage_operator.cache import Body, Cache


@dataclass(frozen=True)
class WorkKey:
    """One thing to reconcile: an object by kind, or one of the operator's own tasks (CATALOGUE, METERING)."""

    kind: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


CATALOGUE = WorkKey("Catalogue")
METERING = WorkKey("Metering")


def concerned(cache: Cache, body: Body) -> Iterator[WorkKey]:
    """Every key that a change of `body` (one that came, changed or went) may make a difference to."""
    kind, metadata = body["kind"], body["metadata"]
    namespace, name = metadata.get("namespace") or "", metadata["name"]
    if kind in KINDS:
        yield WorkKey(kind, namespace, name)
    labels = metadata.get("labels") or {}
    if names.KIND in labels and names.NAME in labels:
        yield WorkKey(labels[names.KIND], namespace, labels[names.NAME])
    if kind == "Pod" and _ends(body):
        yield METERING
    if kind == "TrainingJob":
        yield from _services_of(cache, namespace, name)
        yield from _named_dataset(body, namespace)
    elif kind in ("Dataset", "Tenant", "PricePlan"):
        yield from _waiting(cache, namespace if kind == "Dataset" else None)
        if kind != "Dataset":
            yield CATALOGUE
            others = "PricePlan" if kind == "Tenant" else "Tenant"
            yield from (WorkKey(others, "", one["metadata"]["name"]) for one in cache.all(others))


def _ends(pod: Body) -> bool:
    return "deletionTimestamp" in pod["metadata"] or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _services_of(cache: Cache, namespace: str, job: str) -> Iterator[WorkKey]:
    for service in cache.all("ModelService"):
        model = (service.get("spec") or {}).get("model") or {}
        if service["metadata"].get("namespace") == namespace and model.get("trainingJob") == job:
            yield WorkKey("ModelService", namespace, service["metadata"]["name"])


def _named_dataset(job: Body, namespace: str) -> Iterator[WorkKey]:
    dataset = ((job.get("spec") or {}).get("dataset") or {}).get("name")
    if dataset:
        yield WorkKey("Dataset", namespace, dataset)


def _waiting(cache: Cache, namespace: str | None) -> Iterator[WorkKey]:
    """Jobs and services that something may have been missing for; those under way are not disturbed."""
    for kind, type_ in (("TrainingJob", "Accepted"), ("ModelService", "Ready")):
        for resource in cache.resources(kind):
            if not isinstance(resource, TrainingJob | ModelService):
                continue
            found = condition(resource.status, type_)
            inside = namespace is None or resource.metadata.namespace == namespace
            if inside and (found is None or found.status != "True"):
                yield WorkKey(kind, resource.metadata.namespace or "", resource.metadata.name)
