"""Robust accuracy against the closed form that a linear model has, and the sanity check against models that cheat."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from moorage_api.artifact import Signature
from moorage_api.robustness import Norm, RobustnessEvaluation
from moorage_training.evaluation.attacks.attack import ScaledSpace
from moorage_training.evaluation.attacks.select import attacks_for, sanity_attacks_for
from moorage_training.evaluation.robustness import RobustAccuracy, robust_accuracy, sanity_check
from moorage_training.evaluation.served import ServedModel
from moorage_training.export.onnx import export_onnx, network_half

FEATURES, CLASSES, RECORDS = 12, 3, 300
FREE = ScaledSpace.of((FEATURES,), None, None, torch.ones(FEATURES))
RADII = [0.05, 0.1, 0.2, 0.4]


class Unscaled(nn.Module):
    """Preprocessing that leaves the input as it is."""

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        return raw * 1.0


class Rounded(nn.Module):
    """Hides its gradient: what an attack differentiates is flat everywhere."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(torch.round(x * 4) / 4)
        return logits


def linear_case() -> tuple[nn.Linear, np.ndarray, np.ndarray]:
    torch.manual_seed(0)
    network = nn.Linear(FEATURES, CLASSES)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(RECORDS, FEATURES)).astype(np.float32)
    with torch.no_grad():
        y = network(torch.from_numpy(x)).argmax(dim=1).numpy()
    flipped = rng.random(RECORDS) < 0.1
    y[flipped] = (y[flipped] + 1) % CLASSES
    return network, x, y.astype(np.int64)


@dataclass(frozen=True)
class Case:
    network: nn.Module
    served: ServedModel
    x: np.ndarray
    y: np.ndarray


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """honest: linear. hiding: the same behind a flat gradient. categorical: linear in the first half of its input only."""
    linear, x, y = linear_case()
    categorical = copy.deepcopy(linear)
    with torch.no_grad():
        categorical.weight[:, FEATURES // 2 :] = 0.0
        truth = categorical(torch.from_numpy(x)).argmax(dim=1).numpy()
    folder = tmp_path_factory.mktemp("robustness")
    return {
        "honest": Case(linear, serve(linear, folder), x, y),
        "hiding": Case(Rounded(linear), serve(Rounded(linear), folder), x, y),
        "categorical": Case(categorical, serve(categorical, folder), x, truth),
    }


def serve(network: nn.Module, folder: Path) -> ServedModel:
    """The network's half of its export, fed with scaled input."""
    signature = Signature(input="features", shape=[FEATURES], classes=["a", "b", "c"])
    export_onnx(Unscaled(), network, signature, folder / "model.onnx")
    return ServedModel(network_half(folder / "model.onnx"))


def exact(network: nn.Linear, x: np.ndarray, y: np.ndarray, norm: Norm, radius: float) -> float:
    """A linear model's robust accuracy without bounds: margins shrink by radius times the dual norm of the weights' difference."""
    weights, bias = network.weight.detach().numpy().astype(np.float64), network.bias.detach().numpy()
    logits = x @ weights.T + bias
    differences = weights[:, None] - weights[None]
    dual = np.abs(differences).sum(-1) if norm == "Linf" else np.linalg.norm(differences, axis=-1)
    rows = np.arange(len(y))
    worst = logits[rows, y][:, None] - logits - radius * dual[y]
    worst[rows, y] = np.inf
    return float((worst.min(axis=1) > 0).mean())


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_a_linear_model_s_robust_accuracy_is_the_closed_form(cases: dict[str, Case], norm: Norm) -> None:
    case = cases["honest"]
    found = attack(case, RobustnessEvaluation(norm=norm, radius=0.1), RADII)
    for radius in RADII:
        truth = exact(case.network, case.x, case.y, norm, radius)
        assert truth - 1e-9 <= found.worst[radius] <= truth + 0.01
        assert found.by_attack["Margin"][radius] <= truth + 0.02
        assert found.by_attack["Square"][radius] <= truth + (0.02 if norm == "Linf" else 0.1)


def attack(case: Case, settings: RobustnessEvaluation, radii: list[float]) -> RobustAccuracy:
    return robust_accuracy(case.served, attacks_for(settings, case.network, case.served, FREE, 0), case.x, case.y, radii)


def test_figures_are_ordered_as_they_must_be(cases: dict[str, Case]) -> None:
    found = attack(cases["honest"], RobustnessEvaluation(norm="Linf", radius=0.1, steps=5, restarts=1), RADII[::-1])
    assert list(found.worst) == RADII
    worst = [found.clean, *found.worst.values()]
    assert worst == sorted(worst, reverse=True)
    for accuracies in found.by_attack.values():
        assert all(alone >= found.worst[radius] for radius, alone in accuracies.items())


def sanity(case: Case, space: ScaledSpace) -> tuple[bool, float]:
    settings = RobustnessEvaluation(radius=0.1, steps=10)
    attacks = sanity_attacks_for(settings, case.network, case.served, space, 0)
    check = sanity_check(case.served, attacks, case.x, case.y, space, space.covering_radius("Linf"), 0)
    return check.passed, check.accuracy


def test_an_honest_model_passes_the_sanity_check(cases: dict[str, Case]) -> None:
    assert sanity(cases["honest"], FREE) == (True, 0.0)


def test_a_model_that_hides_its_gradient_fails_the_sanity_check(cases: dict[str, Case]) -> None:
    passed, accuracy = sanity(cases["hiding"], FREE)
    assert not passed
    assert accuracy > 0.7


def test_square_breaks_a_model_that_hides_its_gradient(cases: dict[str, Case]) -> None:
    found = attack(cases["hiding"], RobustnessEvaluation(radius=0.5), [0.5])
    assert found.by_attack["Square"][0.5] < found.by_attack["PGD"][0.5] - 0.1
    assert found.worst[0.5] <= found.by_attack["Square"][0.5]


def test_a_model_that_rests_on_categories_is_not_called_a_cheat(cases: dict[str, Case]) -> None:
    """No attack may change a category, so nothing makes this accuracy fall, and its gradients are not masked."""
    numbers_only = ScaledSpace.of((FEATURES,), None, None, torch.tensor([0.0] * 6 + [1.0] * 6))
    assert sanity(cases["categorical"], numbers_only) == (True, 1.0)


def test_hidden_gradients_are_found_also_where_some_coordinates_are_fixed(cases: dict[str, Case]) -> None:
    all_but_one = ScaledSpace.of((FEATURES,), None, None, torch.tensor([0.0] + [1.0] * 11))
    assert sanity(cases["honest"], all_but_one)[0]
    assert not sanity(cases["hiding"], all_but_one)[0]


def test_the_covering_radius_reaches_every_corner() -> None:
    space = ScaledSpace.of((2,), torch.tensor([0.0, -1.0]), torch.tensor([1.0, 1.0]), torch.ones(2))
    assert space.covering_radius("Linf") == 2.0
    assert space.covering_radius("L2") == pytest.approx(np.sqrt(5.0))
    assert ScaledSpace.of((2,), None, None, torch.zeros(2)).covering_radius("L2") == 0.0
