"""Run configs and in-process trainings for the tests of the training core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moorage_api.run_config import JobIdentity, ResolvedDataset, RunConfig
from moorage_api.task import Optimization, Task
from moorage_api.training_job import TrainingResources

MakeConfig = Callable[..., RunConfig]


@pytest.fixture
def make_config(tmp_path: Path) -> MakeConfig:
    """A small run on the bundled digits, every field of which can be replaced."""

    def make(**fields: Any) -> RunConfig:
        defaults: dict[str, Any] = {
            "job": JobIdentity(namespace="default", name="digits", uid="u-1", generation=1, tenant="acme"),
            "dataset": ResolvedDataset(dataset="digits", uri="sklearn://digits", format="Bundled"),
            "task": Task(type="TabularClassification", model="Linear"),
            "optimization": Optimization(steps=20, batch_size=64, optimizer="SGD", learning_rate=0.5),
            "resources": TrainingResources(workers=1),
            "folder": str(tmp_path / "run"),
            "output": str(tmp_path / "models"),
        }
        (tmp_path / "run").mkdir(exist_ok=True)
        return RunConfig(**{**defaults, **fields})

    return make
