"""run.json of a job on a cluster."""

from __future__ import annotations

from pydantic import ValidationError

from moorage_api.data_source import Format
from moorage_api.errors import InvalidInput
from moorage_api.problems import problems_of
from moorage_api.run_config import ClusterObjects, ResolvedDataset, RunConfig, run_config_for
from moorage_operator import names
from moorage_operator.training_job.observe import ObservedTrainingJob
from moorage_operator.training_job.records import output_folder
from moorage_operator.training_job.run_identity import generation_of, run_folder, run_in_status


def run_config_of(seen: ObservedTrainingJob) -> RunConfig:
    """The document that the present attempt at the run in status is started with. Raises InvalidInput for a path that is too long."""
    job, records = seen.job, seen.records
    namespace, name = job.metadata.namespace or "default", job.metadata.name
    source = records.dataset.spec if records.dataset is not None else job.spec.dataset
    data_format: Format = source.format or "Bundled"
    try:
        dataset = ResolvedDataset(
            dataset=records.dataset.metadata.name if records.dataset is not None else None,
            uri=records.uri,
            format=data_format,
            columns=source.columns,
            split=job.spec.dataset.split,
            augmentation=job.spec.dataset.augmentation,
        )
        config = run_config_for(
            job,
            uid=job.metadata.uid or "",
            tenant=seen.tenant,
            dataset=dataset,
            folder=run_folder(job),
            output=output_folder(job),
            admission_required=seen.is_private,
        )
    except ValidationError as error:
        raise InvalidInput(*problems_of(error, job.ref)) from None
    update = {
        # Editing runPolicy makes a new generation of the job, and no other run.
        "job": config.job.model_copy(update={"generation": generation_of(run_in_status(job))}),
        "attempt": seen.attempt,
        "executed_steps_at_least": executed_steps(seen),
        "cluster": ClusterObjects(namespace=namespace, report=names.report_config_map(name), admission=names.admission_config_map(name)),
    }
    return config.model_copy(update=update)


def executed_steps(seen: ObservedTrainingJob) -> int:
    """Private steps of the run that were ever reported."""
    spends = (seen.status.privacy, seen.report.privacy if seen.report is not None else None)
    return max((s.mechanism.steps for s in spends if s is not None and s.mechanism is not None), default=0)
