"""What only a cluster has: refused here by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from moorage_api.dataset import Dataset
from moorage_api.errors import Problem
from moorage_api.manifest import AnyResource
from moorage_api.model_service import ModelService
from moorage_api.training_job import TrainingJob
from moorage_cli.engine.record_location import has_foreign_scheme

REMEDY = "remove it here; a cluster has it"


def local_limits(resource: AnyResource, where: str) -> Iterator[Problem]:
    """Every field that the embedded engine cannot honour."""
    if isinstance(resource, TrainingJob):
        spec, resources = resource.spec, resource.spec.resources
        if spec.image is not None:
            yield Problem("a local run has no container image", where, "spec.image", spec.image, REMEDY)
        if spec.pod_template is not None:
            yield Problem("a local run has no pods", where, "spec.podTemplate", remedy=REMEDY)
        if resources.queue is not None:
            yield Problem("a local run waits in no queue", where, "spec.resources.queue", resources.queue, REMEDY)
        yield from _pool(resources.node_pool, where)
        yield from _memory(resources.memory_per_worker, "memoryPerWorker", where)
    elif isinstance(resource, ModelService):
        yield from _pool(resource.spec.resources.node_pool, where)
        yield from _memory(resource.spec.resources.memory_per_replica, "memoryPerReplica", where)
    for field, uri in uris_of(resource):
        if has_foreign_scheme(uri):
            yield Problem("a local run reads files and sklearn:// only", where, field, uri, "give a path, or file:///PATH")


def uris_of(resource: AnyResource) -> Iterator[tuple[str, str]]:
    """The uris that a resource names, by the path of their field."""
    if isinstance(resource, Dataset):
        yield "spec.uri", resource.spec.uri
    elif isinstance(resource, TrainingJob):
        if resource.spec.dataset.uri is not None:
            yield "spec.dataset.uri", resource.spec.dataset.uri
        if resource.spec.output is not None:
            yield "spec.output.uri", resource.spec.output.uri
    elif isinstance(resource, ModelService) and resource.spec.model.uri is not None:
        yield "spec.model.uri", resource.spec.model.uri


def _pool(name: str, where: str) -> Iterator[Problem]:
    if name != "default":
        yield Problem("the local engine has the node pool `default` only", where, "spec.resources.nodePool", name, REMEDY)


def _memory(amount: str | None, field: str, where: str) -> Iterator[Problem]:
    if amount is not None:
        yield Problem("the local engine cannot hold a process to a memory limit", where, f"spec.resources.{field}", amount, REMEDY)
