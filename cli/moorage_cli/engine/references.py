"""Whether everything that a resource refers to exists, among the manifests or in the home. Pure but for the look at files' places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moorage_api.dataset import Dataset
from moorage_api.errors import InvalidInput, Problem
from moorage_api.manifest import AnyResource
from moorage_api.model_service import ModelService
from moorage_api.price_plan import PricePlan
from moorage_api.tenancy import tenant_of
from moorage_api.tenant import Tenant
from moorage_api.training_job import TrainingJob
from moorage_cli.engine.record_location import overlapping, same_records


@dataclass(frozen=True)
class Known:
    """The resources as they will be: those of the manifests, and those of the home that no manifest replaces."""

    resources: Sequence[AnyResource]

    @property
    def datasets(self) -> list[Dataset]:
        return [r for r in self.resources if isinstance(r, Dataset)]

    @property
    def tenants(self) -> list[Tenant]:
        return [r for r in self.resources if isinstance(r, Tenant)]

    @property
    def plans(self) -> list[PricePlan]:
        return [r for r in self.resources if isinstance(r, PricePlan)]

    @property
    def jobs(self) -> list[TrainingJob]:
        return [r for r in self.resources if isinstance(r, TrainingJob)]

    def dataset(self, namespace: str | None, name: str) -> Dataset | None:
        return next((d for d in self.datasets if (d.metadata.namespace, d.metadata.name) == (namespace, name)), None)


def missing_references(resource: AnyResource, known: Known, where: str) -> Iterator[Problem]:
    """Every reference of `resource` that leads nowhere, and every tenant that cannot be told."""
    if isinstance(resource, Tenant):
        if all(p.metadata.name != resource.spec.plan for p in known.plans):
            yield Problem("no such PricePlan", where, "spec.plan", resource.spec.plan, _known("PricePlan", known.plans))
    elif isinstance(resource, TrainingJob):
        yield from _dataset(resource, known, where)
        yield from _tenant(resource, known, where)
    elif isinstance(resource, ModelService):
        yield from _model(resource, known, where)
        yield from _tenant(resource, known, where)
        names = {t.metadata.name for t in known.tenants}
        for index, name in enumerate(resource.spec.access.tenants):
            if name not in names:
                yield Problem("no such Tenant", where, f"spec.access.tenants[{index}]", name, _known("Tenant", known.tenants))
    elif isinstance(resource, Dataset):
        yield from _two_budgets(resource, known, where)


def budget_over(job: TrainingJob, known: Known) -> Dataset | None:
    """The Dataset whose privacy budget the job's records are under, however the job spells them; None if there is none.

    Raises InvalidInput if the job's records are only part of a budgeted Dataset's, or the other way round.
    """
    uri = records_uri(job, known)
    if uri is None:
        return None
    for dataset in known.datasets:
        if dataset.spec.privacy_budget is None:
            continue
        if same_records(uri, dataset.spec.uri):
            return dataset
        if overlapping(uri, dataset.spec.uri):
            raise InvalidInput(
                Problem(
                    f"these records overlap those of {dataset.ref}, which has a privacy budget",
                    job.ref,
                    "spec.dataset",
                    uri,
                    f"use the whole Dataset: dataset: {{name: {dataset.metadata.name}}}",
                )
            )
    return None


def records_uri(job: TrainingJob, known: Known) -> str | None:
    """The uri of the job's records, by name or inline; None if the Dataset does not exist."""
    reference = job.spec.dataset
    if reference.name is None:
        return reference.uri
    dataset = known.dataset(job.metadata.namespace, reference.name)
    return dataset.spec.uri if dataset else None


def _dataset(job: TrainingJob, known: Known, where: str) -> Iterator[Problem]:
    name = job.spec.dataset.name
    if name is not None and known.dataset(job.metadata.namespace, name) is None:
        here = [d for d in known.datasets if d.metadata.namespace == job.metadata.namespace]
        yield Problem(f"no such Dataset in namespace {job.metadata.namespace}", where, "spec.dataset.name", name, _known("Dataset", here))
        return
    try:
        budget_over(job, known)
    except InvalidInput as error:
        yield from (Problem(p.message, where, p.field, p.value, p.remedy) for p in error.problems)


def _model(service: ModelService, known: Known, where: str) -> Iterator[Problem]:
    name = service.spec.model.training_job
    here = [j for j in known.jobs if j.metadata.namespace == service.metadata.namespace]
    if name is not None and all(j.metadata.name != name for j in here):
        yield Problem(
            f"no such TrainingJob in namespace {service.metadata.namespace}",
            where,
            "spec.model.trainingJob",
            name,
            _known("TrainingJob", here),
        )


def _tenant(resource: TrainingJob | ModelService, known: Known, where: str) -> Iterator[Problem]:
    try:
        tenant_of(resource, known.tenants, where)
    except InvalidInput as error:
        yield from error.problems


def _two_budgets(dataset: Dataset, known: Known, where: str) -> Iterator[Problem]:
    if dataset.spec.privacy_budget is None:
        return
    for other in known.datasets:
        if other.ref == dataset.ref or other.spec.privacy_budget is None:
            continue
        if same_records(dataset.spec.uri, other.spec.uri) or overlapping(dataset.spec.uri, other.spec.uri):
            yield Problem(
                f"the same records have a privacy budget already, by {other.ref}",
                where,
                "spec.uri",
                dataset.spec.uri,
                "records have one budget: use that Dataset",
            )


def _known(kind: str, resources: Sequence[AnyResource]) -> str:
    names = sorted(r.metadata.name for r in resources)
    return f"known: {', '.join(names)}" if names else f"there is no {kind} yet: add one to the manifest"
