"""Digits, small trained networks, and run configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from moorage_api.artifact import Signature
from moorage_api.run_config import JobIdentity, ResolvedDataset, RunConfig
from moorage_api.task import Optimization, Task
from moorage_training.networks import build_network
from moorage_training.preprocessing import fit_preprocessing
from moorage_training.records import Records
from moorage_training.trained import HistoryPoint, TrainedModel

DIGITS = Signature(input="image", shape=[1, 8, 8], minimum=0.0, maximum=16.0, classes=[str(digit) for digit in range(10)])


@pytest.fixture(autouse=True)
def two_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def digits() -> tuple[Records, Records]:
    """1,437 digits to train on and 360 held out."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    x = bundle.images[order, None].astype(np.float32)
    y = bundle.target[order].astype(np.int64)
    return Records(x[360:], y[360:], DIGITS), Records(x[:360], y[:360], DIGITS)


@pytest.fixture(scope="session")
def train(digits: tuple[Records, Records]) -> Callable[[str, int], TrainedModel]:
    """Fit a network of a kind on the digits for some steps, once a session."""
    made: dict[tuple[str, int], TrainedModel] = {}

    def fit(model: str, steps: int) -> TrainedModel:
        if (model, steps) not in made:
            made[model, steps] = _fit(digits[0], model, steps)
        return made[model, steps]

    return fit


def _fit(records: Records, model: Any, steps: int) -> TrainedModel:
    scaling = fit_preprocessing(records, None, False)
    network = build_network(Task(type="ImageClassification", model=model), DIGITS, scaling.scaled_shape, False)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    x, y = scaling(torch.from_numpy(records.x)), torch.from_numpy(records.y)
    generator = torch.Generator().manual_seed(0)
    history = []
    for step in range(1, steps + 1):
        batch = torch.randint(0, len(y), (128,), generator=generator)
        loss = functional.cross_entropy(network(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            history.append(HistoryPoint(step, loss.item(), None))
    return TrainedModel(network.eval(), scaling, DIGITS, None, history)


@pytest.fixture
def run_config(tmp_path: Path) -> Callable[..., RunConfig]:
    """A configuration whose folders lie in the test's own."""

    def make(**fields: Any) -> RunConfig:
        defaults: dict[str, Any] = {
            "job": JobIdentity(namespace="default", name="digits", uid="0b1c", generation=1, tenant="acme"),
            "dataset": ResolvedDataset(dataset="digits", uri="sklearn://digits", format="Bundled"),
            "task": Task(type="ImageClassification"),
            "optimization": Optimization(steps=100),
            "folder": str(tmp_path / "run"),
            "output": str(tmp_path / "models"),
        }
        return RunConfig(**(defaults | fields))

    return make
