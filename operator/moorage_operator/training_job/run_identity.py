"""Which run of a job is meant: by what is trained, not by when it may run."""

from __future__ import annotations

from moorage_api.conditions import condition
from moorage_api.training_job import TrainingJob, TrainingJobSpec
from moorage_operator import names
from moorage_operator.workload.canonical import digest_of

SUPERSEDED = "Superseded"
"""The reason of Running while a run is given up for that of a changed spec: it stays given up, though the spec be edited back."""
_DIGITS = 16


def spec_digest(spec: TrainingJobSpec) -> str:
    """Of the spec without runPolicy. Defaults are left out, so that a new field in a newer API does not make another run of an old spec."""
    return digest_of(spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"run_policy"}))[:_DIGITS]


def run_of(job: TrainingJob) -> str:
    """The run that the job's present spec asks for: `<generation it began with>-<digest>`.

    An edit back to an earlier spec is yet another run: the earlier one's folder, answers and privacy are settled.
    """
    digest = spec_digest(job.spec)
    known, running = job.status.run if job.status is not None else None, condition(job.status, "Running")
    is_given_up = running is not None and running.reason == SUPERSEDED
    if known is not None and known.partition("-")[2] == digest and not is_given_up:
        return known
    return f"{job.metadata.generation or 1}-{digest}"


def generation_of(run: str) -> int:
    """The generation that a run began with."""
    number = run.partition("-")[0]
    return int(number) if number.isdigit() and int(number) > 0 else 1


def run_in_status(job: TrainingJob) -> str:
    """The run that the job's status and children are of: it has to be over before that of a changed spec begins."""
    known = job.status.run if job.status is not None else None
    return known or run_of(job)


def holder_of(job: TrainingJob) -> str:
    """What the privacy ledger calls that run."""
    return f"{job.metadata.uid or ''}/{run_in_status(job)}"


def run_folder(job: TrainingJob) -> str:
    """The run's own folder on the namespace's volume."""
    return f"{names.VOLUME_PATH}/runs/{holder_of(job)}"
