"""The one document that a training run is started with; the only contract between whoever starts it and the workload.

`python -m moorage_training RUN.json` reads it. Paths are absolute. The run owns `folder` and writes there:

    report.json      RunReport, replaced atomically at every change
    checkpoints/     model, optimizer, accountant's history
    steps.journal    one record per executed private step, durable before the step (charged even if the step is lost)
    artifact/        the exported model, before it is moved to `output`
and reads there, if `admission_required`:
    admission.json   Admission, written by whoever owns the privacy ledger once the report carries a plan

On a cluster the driver exchanges the two small documents through ConfigMaps (`cluster`): report.json goes out, admission.json comes in.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Text, Uri
from moorage_api.data_source import Augmentation, Columns, Format, Split
from moorage_api.gates import Gate
from moorage_api.privacy import Privacy, PrivacyMechanism
from moorage_api.robustness import Adversarial, Evaluation
from moorage_api.task import Optimization, Task
from moorage_api.training_job import TrainingJob, TrainingResources


class JobIdentity(ApiModel):
    """Which TrainingJob this run is of, and who pays."""

    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    uid: str
    """Of this object; another of the same name has another."""
    generation: int
    """The generation of spec that is run."""
    tenant: str
    """Who pays."""


class ResolvedDataset(ApiModel):
    """The records after the Dataset's name was looked up."""

    dataset: str | None = None
    """The Dataset's name, or nothing for inline records."""
    uri: Uri
    """`sklearn://NAME` or an absolute path."""
    format: Format
    """How the records are stored."""
    columns: Columns | None = None
    """What the columns of a table mean."""
    split: Split = Split()
    """How records are held out."""
    augmentation: Augmentation | None = None
    """Random changes to training images."""


class ClusterObjects(ApiModel):
    """Where the run's driver meets the operator: two ConfigMaps, by the driver's own ServiceAccount."""

    namespace: Text
    """Of both."""
    report: Text
    """The ConfigMap whose key `report.json` the driver keeps equal to the run's report, without `workers`."""
    admission: Text
    """The ConfigMap whose key `admission.json` the driver waits for, if `admissionRequired`."""


class RunConfig(ApiModel):
    """Everything that a run needs to know."""

    version: Literal["moorage.dev/run.v1"] = "moorage.dev/run.v1"
    """Of this document."""
    job: JobIdentity
    """Which TrainingJob."""
    dataset: ResolvedDataset
    """The training records."""
    task: Task
    """What is learnt."""
    optimization: Optimization
    """How it is trained."""
    privacy: Privacy | None = None
    """Differential privacy."""
    adversarial: Adversarial | None = None
    """Adversarial training."""
    evaluation: Evaluation = Evaluation()
    """What is measured."""
    gates: list[Gate] = []
    """What the model must be worth."""
    resources: TrainingResources = TrainingResources()
    """What the run holds."""
    max_failures: Annotated[int, Field(ge=0)] = 3
    """Lost workers that are made up for within one run."""
    folder: Text
    """The run's own folder."""
    output: Text
    """The folder that the artifact is put into, under its digest's name."""
    admission_required: bool = False
    """Wait for `admission.json` before the first private step."""
    attempt: Annotated[int, Field(ge=1)] = 1
    """Which attempt at the run this is; the report carries it, and an answer to another attempt's plan is none to this one's."""
    executed_steps_at_least: Annotated[int, Field(ge=0)] = 0
    """Private steps that an earlier attempt reported. A folder that knows of fewer has lost its journal, and the run is refused."""
    cluster: ClusterObjects | None = None
    """The ConfigMaps of a run on a cluster; nothing on one machine."""


class Admission(ApiModel):
    """The privacy ledger's answer to a plan."""

    granted: bool
    """Whether the run may start."""
    message: str = ""
    """Why not, and what would fit."""
    attempt: Annotated[int, Field(ge=1)] | None = None
    """Whose plan it answers. Default: that of whichever attempt reads it."""
    mechanism: PrivacyMechanism | None = None
    """The plan that it answers; another plan has to be asked for again. Default: whichever is planned."""


def run_config_for(
    job: TrainingJob, *, uid: str, tenant: str, dataset: ResolvedDataset, folder: str, output: str, admission_required: bool
) -> RunConfig:
    """Render a validated TrainingJob; pure."""
    spec = job.spec
    return RunConfig(
        job=JobIdentity(
            namespace=job.metadata.namespace or "default",
            name=job.metadata.name,
            uid=uid,
            generation=job.metadata.generation or 1,
            tenant=tenant,
        ),
        dataset=dataset,
        task=spec.task,
        optimization=spec.optimization,
        privacy=spec.privacy,
        adversarial=spec.adversarial,
        evaluation=spec.evaluation,
        gates=spec.gates,
        resources=spec.resources,
        max_failures=spec.run_policy.backoff_limit,
        folder=folder,
        output=output,
        admission_required=admission_required,
    )
