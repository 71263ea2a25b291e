"""Where a job's records and artifacts lie, as its pods see it, and whose privacy budget the records are under. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moorage_api.dataset import Dataset
from moorage_api.errors import Problem
from moorage_api.training_job import TrainingJob
from moorage_operator import names
from moorage_operator.accounts.account import BUNDLED_SCHEME, absolute_uri, account_uri, overlapping
from moorage_operator.workload.container_refusals import mapping
from moorage_operator.workload.pod_template import RAY_CONTAINER


@dataclass(frozen=True)
class Records:
    """dataset: the one that the job names. uri: what the pods are told to read. account: in the privacy ledger. budget: the Dataset whose
    budget governs. missing: what may come yet; invalid: what will not get better by waiting.
    """

    dataset: Dataset | None = None
    uri: str = ""
    account: str = ""
    budget: Dataset | None = None
    missing: tuple[Problem, ...] = ()
    invalid: tuple[Problem, ...] = ()


NO_RECORDS = Records()


def records_of(job: TrainingJob, datasets: Sequence[Dataset]) -> Records:
    """The job's records among the Datasets of its namespace."""
    reference, namespace = job.spec.dataset, job.metadata.namespace or "default"
    dataset = next((d for d in datasets if d.metadata.name == reference.name), None)
    if reference.name is not None and dataset is None:
        known = ", ".join(sorted(d.metadata.name for d in datasets))
        remedy = f"known: {known}" if known else "there is no Dataset yet: add one"
        return Records(
            missing=(Problem(f"no such Dataset in namespace {namespace}", job.ref, "spec.dataset.name", reference.name, remedy),)
        )
    uri = dataset.spec.uri if dataset is not None else reference.uri or ""
    account = account_uri(uri, namespace)
    budgeted = [d for d in datasets if d.spec.privacy_budget is not None]
    # Two Datasets with a budget over the same records: the older one's holds, as it did before the younger came.
    ours = sorted((d for d in budgeted if account_uri(d.spec.uri, namespace) == account), key=_age)
    around = [d for d in budgeted if overlapping(account_uri(d.spec.uri, namespace), account)]
    budget = ours[0] if ours else None
    invalid = [*_outside(job, uri, dataset, budget), *(_overlap(job, uri, d) for d in around), *_output_outside(job)]
    return Records(dataset, absolute_uri(uri), account, budget, (), tuple(invalid))


def output_folder(job: TrainingJob) -> str:
    """The folder that the job's artifact is put into, under its digest's name."""
    if job.spec.output is None:
        return f"{names.VOLUME_PATH}/artifacts/{job.metadata.name}"
    return absolute_uri(job.spec.output.uri)


def _age(dataset: Dataset) -> tuple[str, str]:
    return dataset.metadata.creation_timestamp or "", dataset.metadata.name


def _outside(job: TrainingJob, uri: str, dataset: Dataset | None, budget: Dataset | None) -> Iterator[Problem]:
    where, field = (dataset.ref, "spec.uri") if dataset is not None else (job.ref, "spec.dataset.uri")
    path = absolute_uri(uri)
    if path.startswith(f"{BUNDLED_SCHEME}://"):
        return
    if budget is not None and not _is_inside(path, [names.VOLUME_PATH]):
        remedy = f"put them below {names.VOLUME_PATH}"
        yield Problem("records with a privacy budget lie on the namespace's volume, where they have one name", where, field, uri, remedy)
    elif not _is_inside(path, _places(job)):
        yield Problem("the job's pods cannot read it", where, field, uri, _readable(job, f"{BUNDLED_SCHEME}://NAME, or a path"))


def _output_outside(job: TrainingJob) -> Iterator[Problem]:
    if job.spec.output is not None and not _is_inside(output_folder(job), _places(job)):
        yield Problem("the job's pods cannot write there", job.ref, "spec.output.uri", job.spec.output.uri, _readable(job, "a folder"))


def _overlap(job: TrainingJob, uri: str, dataset: Dataset) -> Problem:
    return Problem(
        f"these records overlap those of {dataset.ref}, which has a privacy budget",
        job.ref,
        "spec.dataset",
        uri,
        f"use the whole Dataset: dataset: {{name: {dataset.metadata.name}}}",
    )


def _readable(job: TrainingJob, what: str) -> str:
    return f"give {what} below {' or '.join(_places(job))}"


def _places(job: TrainingJob) -> list[str]:
    """The namespace's volume, and where the job's podTemplate mounts others."""
    containers = mapping(mapping(job.spec.pod_template).get("spec")).get("containers")
    found = [names.VOLUME_PATH]
    for container in containers if isinstance(containers, list) else []:
        mounts = mapping(container).get("volumeMounts")
        if mapping(container).get("name") == RAY_CONTAINER and isinstance(mounts, list):
            found += [m["mountPath"] for m in map(mapping, mounts) if isinstance(m.get("mountPath"), str)]
    return found


def _is_inside(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in (posixpath.normpath(p) for p in places))
