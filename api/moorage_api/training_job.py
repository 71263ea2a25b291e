"""TrainingJob: one model trained once, privately and robustly where asked, evaluated and held against its gates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import AnyMapping, ApiModel, Count, Decimal, Digest, MemoryQuantity, Name, Rule, Text, Timestamp, Uri
from moorage_api.data_source import Augmentation, Columns, Deidentification, Format, Split, private_table_rule
from moorage_api.gates import Gate, GateResult
from moorage_api.meta import Resource, Status, workload_name_rules
from moorage_api.privacy import Privacy, PrivacySpend
from moorage_api.robustness import Adversarial, Evaluation
from moorage_api.task import Optimization, Task


class DatasetReference(ApiModel):
    """The training records: a Dataset by name, or inline."""

    rules = (
        Rule(
            ".name",
            "has(self.name) != has(self.uri)",
            lambda d: (d.name is None) != (d.uri is None),
            "give exactly one of name (a Dataset) and uri (inline)",
        ),
        Rule(
            ".format",
            "has(self.uri) == has(self.format)",
            lambda d: (d.uri is None) == (d.format is None),
            "format goes with uri: an inline data set names it, a Dataset has its own",
        ),
        Rule(
            ".columns",
            "!has(self.columns) || has(self.uri)",
            lambda d: d.columns is None or d.uri is not None,
            "columns goes with uri: a Dataset has its own",
        ),
        Rule(
            ".columns",
            "!has(self.format) || !(self.format in ['CSV', 'Parquet']) || has(self.columns)",
            lambda d: d.format not in ("CSV", "Parquet") or d.columns is not None,
            "a CSV or Parquet data set names its columns: columns.label at least",
        ),
        Rule(
            ".columns",
            "!has(self.columns) || !has(self.format) || self.format != 'ImageFolder'",
            lambda d: d.columns is None or d.format != "ImageFolder",
            "an ImageFolder has no columns: its labels are the names of its folders",
        ),
        Rule.not_yet("deidentification"),
    )

    name: Name | None = None
    """A Dataset of the same namespace."""
    uri: Uri | None = None
    """Inline: where the records lie."""
    format: Format | None = None
    """Inline: how the records are stored."""
    columns: Columns | None = None
    """Inline: what the columns of a table mean."""
    split: Split = Split()
    """How records are held out for evaluation."""
    augmentation: Augmentation | None = None
    """Random changes to training images."""
    deidentification: Deidentification | None = None
    """What is removed before anything is stored."""


class Export(ApiModel):
    """The form of the artifact."""

    rules = (Rule.not_yet("quantization"), Rule.not_yet("distillation"))

    format: Literal["ONNX"] = "ONNX"
    """The model's format."""
    quantization: AnyMapping | None = None
    """Smaller weights."""
    distillation: AnyMapping | None = None
    """A smaller model taught by this one."""


class TrainingResources(ApiModel):
    """What the job holds, and pays for, while it runs."""

    workers: Annotated[int, Field(ge=1, le=1000)] = 1
    """Ray Train workers, each with a share of the records."""
    cpus_per_worker: Annotated[int, Field(ge=1, le=256)] = 1
    """Cores of each worker."""
    gpus_per_worker: Annotated[int, Field(ge=0, le=16)] = 0
    """GPUs of each worker."""
    memory_per_worker: MemoryQuantity | None = None
    """Memory of each worker, e.g. `2Gi`."""
    node_pool: Name = "default"
    """A pool of nodes by the platform team's name for it; the local engine has `default` only."""
    queue: Name | None = None
    """A queue of Kueue (a LocalQueue of the namespace) or Volcano, whichever the platform team set; clusters only."""


class RunPolicy(ApiModel):
    """When the job runs, how often it is retried, and when it is cleared away."""

    suspend: bool = False
    """Do not start, or stop at the last checkpoint; resumed when set back."""
    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a lost worker or a failed run is retried, from the last checkpoint."""
    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """The longest that the job may run, retries included."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """When a finished job is cleared away: locally its run folder (checkpoint, log), on a cluster its RayJob. Artifact and ledger stay."""


class Output(ApiModel):
    """Where the artifact goes."""

    uri: Uri
    """A folder: `file:///PATH`, or a path relative to the manifest."""


class TrainingJobSpec(ApiModel):
    """What is trained, on what, how, and what it must be worth."""

    rules = (
        Rule(
            ".optimization.earlyStopping",
            "!has(self.privacy) || !has(self.optimization.earlyStopping)",
            lambda s: s.privacy is None or s.optimization.early_stopping is None,
            "early stopping looks at private records unaccounted; remove earlyStopping or privacy",
        ),
        Rule(
            ".optimization.classWeights",
            "!has(self.privacy) || self.optimization.classWeights == 'None'",
            lambda s: s.privacy is None or s.optimization.class_weights == "None",
            "class frequencies of private records are not accounted; remove classWeights or privacy",
        ),
        Rule(
            ".dataset.augmentation",
            "!has(self.dataset.augmentation) || self.task.type == 'ImageClassification'",
            lambda s: s.dataset.augmentation is None or s.task.type == "ImageClassification",
            "augmentation is for ImageClassification",
        ),
        Rule(
            ".dataset.format",
            "!has(self.dataset.format) || self.dataset.format != 'ImageFolder' || self.task.type == 'ImageClassification'",
            lambda s: s.dataset.format != "ImageFolder" or s.task.type == "ImageClassification",
            "an ImageFolder is for ImageClassification",
        ),
        Rule(
            ".dataset.format",
            "!has(self.dataset.format) || !(self.dataset.format in ['CSV', 'Parquet']) || self.task.type != 'ImageClassification'",
            lambda s: s.dataset.format not in ("CSV", "Parquet") or s.task.type != "ImageClassification",
            "a table is not for ImageClassification; use ImageFolder or Bundled",
        ),
        private_table_rule("privacy", source="dataset."),
        Rule(
            ".gates",
            "has(self.privacy) || !self.gates.exists(g, g.metric == 'epsilonSpent')",
            lambda s: s.privacy is not None or all(g.metric != "epsilonSpent" for g in s.gates),
            "a gate on epsilonSpent needs privacy",
        ),
        Rule(
            ".gates",
            "has(self.adversarial) || has(self.evaluation.robustness) || !self.gates.exists(g, g.metric == 'robustAccuracy')",
            lambda s: (
                s.adversarial is not None or s.evaluation.robustness is not None or all(g.metric != "robustAccuracy" for g in s.gates)
            ),
            "a gate on robustAccuracy needs adversarial or evaluation.robustness: nothing else measures it",
        ),
    )

    tenant: Name | None = None
    """Who pays. Default: the tenant of the namespace."""
    dataset: DatasetReference
    """The training records."""
    task: Task
    """What is learnt."""
    optimization: Optimization
    """How it is trained."""
    privacy: Privacy | None = None
    """Differential privacy. Needed where the Dataset has a budget."""
    adversarial: Adversarial | None = None
    """Adversarial training."""
    evaluation: Evaluation = Evaluation()
    """What is measured."""
    gates: Annotated[list[Gate], Field(max_length=32)] = []
    """What the model must be worth before a ModelService takes it."""
    export: Export = Export()
    """The form of the artifact."""
    resources: TrainingResources = TrainingResources()
    """What the job holds while it runs."""
    run_policy: RunPolicy = RunPolicy()
    """When and how often it runs."""
    output: Output | None = None
    """Where the artifact goes. Default: the engine's own store."""
    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """The container image of the job's pods; clusters only."""
    pod_template: AnyMapping | None = None
    """A pod template's metadata and spec, merged into the job's pods; clusters only. Ray's container is named `ray`."""


class Progress(ApiModel):
    """How far the training is."""

    step: Count
    """Steps taken."""
    total: Count
    """Steps planned."""
    percent: Annotated[float, Field(ge=0, le=100)]
    """step / total."""
    eta_seconds: Annotated[float, Field(ge=0)] | None = None
    """Estimated seconds until the last step."""
    loss: float | None = None
    """The latest training loss, averaged over the step's records of all workers. Under `privacy`, not covered by epsilon."""


class ModelReference(ApiModel):
    """The artifact."""

    uri: Uri
    """The artifact's folder."""
    digest: Digest
    """The artifact's digest."""


class TrainingJobStatus(Status):
    """What Moorage reports."""

    progress: Progress | None = None
    """How far the training is."""
    metrics: Annotated[dict[str, float], Field(max_length=256)] = {}
    """Metrics of the finished model by name."""
    privacy: PrivacySpend | None = None
    """What was spent."""
    gates: Annotated[list[GateResult], Field(max_length=32)] = []
    """How the model stood at each gate."""
    model: ModelReference | None = None
    """The artifact."""
    ray_job_name: Text | None = None
    """The RayJob, on a cluster."""
    run: Annotated[str, Field(max_length=63)] | None = None
    """Which run the figures are of, on a cluster: the generation it began with, and a digest of the spec without runPolicy."""
    attempts: Count = 0
    """Attempts of this run that ended badly, on a cluster; held against runPolicy.backoffLimit."""
    failed_at: Timestamp | None = None
    """When the latest of them did; the next attempt begins after a pause."""
    active_since: Timestamp | None = None
    """From when on the run's present stretch counts against activeDeadlineSeconds, on a cluster."""
    active_seconds: Annotated[float, Field(ge=0)] = 0.0
    """How long the run was active before that, on a cluster: suspended time does not count."""
    cost: Decimal | None = None
    """The cost so far, in the currency of the tenant's plan."""


class TrainingJob(Resource):
    """One model trained once, privately and robustly where asked, evaluated and held against its gates."""

    rules = workload_name_rules("TrainingJob", "RayJob")

    kind: Literal["TrainingJob"] = "TrainingJob"
    """The kind."""
    spec: TrainingJobSpec
    """What the user asks for."""
    status: TrainingJobStatus | None = None
    """What Moorage reports. Conditions: Accepted, BudgetReserved, Running, Succeeded, GatesPassed."""
