"""What a run is about to do, decided before any worker starts."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from moorage_api.errors import InvalidInput, Problem
from moorage_api.run_config import RunConfig
from moorage_api.run_report import Plan
from moorage_training.privacy.planning import plan_mechanism


def steps_per_epoch(records: int, batch_size: int) -> int:
    """How many steps see about as many records as there are."""
    return math.ceil(records / batch_size)


def plan_run(config: RunConfig, records: int, evaluation_records: int) -> Plan:
    """Steps and, under privacy, the mechanism. Raises InvalidInput if the settings do not fit the records or the device."""
    settings = config.optimization
    if settings.batch_size > records:
        raise InvalidInput(
            Problem(
                f"is above the {records} training records",
                "optimization",
                "batchSize",
                str(settings.batch_size),
                f"use {records} or less",
            )
        )
    if settings.precision == "Mixed" and config.resources.gpus_per_worker == 0:
        raise InvalidInput(
            Problem(
                "bfloat16 needs a GPU, and the workers have none",
                "optimization",
                "precision",
                "Mixed",
                "use Float32, or give resources.gpusPerWorker",
            )
        )
    _require_batch_statistics(config, records)
    steps = settings.steps if settings.steps is not None else (settings.epochs or 1) * steps_per_epoch(records, settings.batch_size)
    mechanism = plan_mechanism(config.privacy, records, settings.batch_size, steps) if config.privacy else None
    return Plan(records=records, evaluation_records=evaluation_records, steps=steps, mechanism=mechanism)


def _require_batch_statistics(config: RunConfig, records: int) -> None:
    """Batch normalisation has nothing to normalise over in a batch of one."""
    if config.task.model != "ResNet50" or config.privacy is not None:
        return
    settings = config.optimization
    smallest_batch = records // steps_per_epoch(records, settings.batch_size)
    if smallest_batch // config.resources.workers < 2 or settings.max_physical_batch_size < 3:
        raise InvalidInput(
            Problem(
                "is too small: batch normalisation needs two records or more on every worker",
                "optimization",
                "batchSize",
                str(settings.batch_size),
                "use a larger batch or fewer workers",
            )
        )


def fingerprint(config: RunConfig, plan: Plan) -> str:
    """SHA-256 of what makes a training that training: if it differs, an earlier run's steps cannot be continued."""
    fields = {"dataset", "task", "optimization", "privacy", "adversarial"}
    body: dict[str, Any] = config.model_dump(mode="json", include=fields)
    body["optimization"].pop("max_physical_batch_size")
    body["plan"] = plan.model_dump(mode="json")
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
