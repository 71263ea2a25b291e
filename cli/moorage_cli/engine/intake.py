"""Manifests on their way in: read, made absolute, checked as a whole; only then is anything stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from moorage_api.errors import InvalidInput, Problem
from moorage_api.manifest import AnyResource, load_manifests
from moorage_api.training_job import TrainingJob
from moorage_cli.engine.local_limits import local_limits
from moorage_cli.engine.record_location import absolute_uri, has_foreign_scheme, is_bundled, local_path
from moorage_cli.engine.references import Known, missing_references, records_uri


def read_manifests(path: Path) -> list[tuple[str, AnyResource]]:
    """Each resource, its relative uris resolved against its file's folder, with where it stands for messages.

    Raises InvalidInput with every problem of syntax, fields and rules.
    """
    return [
        (f"{m.file}: {m.resource.kind} {m.resource.metadata.name}", with_absolute_uris(m.resource, m.file.parent))
        for m in load_manifests(path)
    ]


def check_for_this_machine(given: Sequence[tuple[str, AnyResource]], stored: Sequence[AnyResource]) -> Known:
    """Check references, tenants and what the embedded engine lacks. Raises InvalidInput with every problem."""
    replaced = {resource.ref for _, resource in given}
    known = Known([*(r for _, r in given), *(s for s in stored if s.ref not in replaced)])
    problems: list[Problem] = []
    for where, resource in given:
        problems += local_limits(resource, where)
        problems += missing_references(resource, known, where)
        problems += missing_records(resource, known, where)
    if problems:
        raise InvalidInput(*problems)
    return known


def missing_records(resource: AnyResource, known: Known, where: str) -> Iterator[Problem]:
    """Whether the file or folder of a job's records is there."""
    uri = records_uri(resource, known) if isinstance(resource, TrainingJob) else None
    if uri is None or is_bundled(uri) or has_foreign_scheme(uri) or local_path(uri).exists():
        return
    field = "spec.dataset.uri" if resource.kind == "TrainingJob" and resource.spec.dataset.uri else "spec.dataset.name"
    yield Problem(
        "no such file or folder", where, field, uri, "correct the uri (relative ones are seen from the manifest), or put the file there"
    )


def with_absolute_uris(resource: AnyResource, folder: Path) -> AnyResource:
    """The resource with every path absolute, seen from `folder`; bundled sets and foreign schemes stay."""

    def absolute(uri: str) -> str:
        return uri if has_foreign_scheme(uri) else absolute_uri(uri, folder)

    if resource.kind == "Dataset":
        return resource.model_copy(update={"spec": resource.spec.model_copy(update={"uri": absolute(resource.spec.uri)})})
    if resource.kind == "TrainingJob":
        spec = resource.spec
        if spec.dataset.uri is not None:
            dataset = spec.dataset.model_copy(update={"uri": absolute(spec.dataset.uri)})
            spec = spec.model_copy(update={"dataset": dataset})
        if spec.output is not None:
            spec = spec.model_copy(update={"output": spec.output.model_copy(update={"uri": absolute(spec.output.uri)})})
        return resource.model_copy(update={"spec": spec})
    if resource.kind == "ModelService" and resource.spec.model.uri is not None:
        model = resource.spec.model.model_copy(update={"uri": absolute(resource.spec.model.uri)})
        return resource.model_copy(update={"spec": resource.spec.model_copy(update={"model": model})})
    return resource
