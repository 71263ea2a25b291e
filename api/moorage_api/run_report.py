"""What a run tells whoever started it, all in one small document that is replaced at every change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from moorage_api.base import ApiModel, Timestamp
from moorage_api.gates import GateResult
from moorage_api.privacy import PrivacyMechanism, PrivacySpend
from moorage_api.training_job import ModelReference, Progress

Phase = Literal["Starting", "Planned", "Training", "Exporting", "Evaluating", "Succeeded", "Failed"]


class Plan(ApiModel):
    """What the run is about to do, known once the records were read."""

    records: Annotated[int, Field(ge=0)]
    """Training records."""
    evaluation_records: Annotated[int, Field(ge=0)]
    """Held-out records."""
    steps: Annotated[int, Field(ge=0)]
    """Steps from the first to the last."""
    mechanism: PrivacyMechanism | None = None
    """What is to be reserved in the privacy ledger."""


class WorkerLifetime(ApiModel):
    """How long one worker of one attempt held its resources; the base of training's cost."""

    worker: str
    """Unique in the run: `attempt/rank`."""
    cpus: float
    """Cores that it held."""
    gpus: float
    """GPUs that it held."""
    started_at: Timestamp
    """From when on."""
    last_seen_at: Timestamp
    """Refreshed at least every ten seconds while the worker lives."""
    finished: bool
    """Whether `last_seen_at` is the end."""


class RunFailure(ApiModel):
    """Why a run ended badly."""

    reason: Literal["InvalidInput", "Refused", "Unavailable", "WorkerLost", "Internal"]
    """What kind of failure; the first three are MoorageErrors."""
    message: str
    """Names the object, the field, the value and the remedy; no traceback (that is in the run's log)."""


class RunReport(ApiModel):
    """The state of a run."""

    version: Literal["moorage.dev/report.v1"] = "moorage.dev/report.v1"
    """Of this document."""
    phase: Phase
    """Where the run is."""
    updated_at: Timestamp
    """When the report was written."""
    attempt: Annotated[int, Field(ge=1)] = 1
    """The attempt that the report is of: its RunConfig's."""
    plan: Plan | None = None
    """From `Planned` on."""
    progress: Progress | None = None
    """From `Training` on."""
    privacy: PrivacySpend | None = None
    """Of the steps executed so far."""
    metrics: dict[str, float] = {}
    """By MetricName; robust accuracy at other radii as `robustAccuracy@RADIUS`."""
    gates: list[GateResult] = []
    """How the model stood at each gate, once evaluated."""
    gates_passed: bool | None = None
    """Whether every gate let it through, once evaluated."""
    model: ModelReference | None = None
    """The artifact, once exported."""
    workers: list[WorkerLifetime] = []
    """Every worker of every attempt."""
    failure: RunFailure | None = None
    """Why the phase is `Failed`."""
