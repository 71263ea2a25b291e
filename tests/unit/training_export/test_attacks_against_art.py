"""The attacks against the Adversarial Robustness Toolbox, on networks trained on the digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from art.attacks.evasion import ProjectedGradientDescentPyTorch, SquareAttack
from art.estimators.classification import PyTorchClassifier
from torch import nn

from moorage_api.robustness import Norm, RobustnessEvaluation
from moorage_training.evaluation.attacks.attack import ScaledSpace
from moorage_training.evaluation.attacks.gradient import cross_entropy, gradient_attack
from moorage_training.evaluation.attacks.square import square
from moorage_training.records import Records
from moorage_training.trained import TrainedModel

PIXELS = ScaledSpace.of((1, 8, 8), torch.zeros(1, 8, 8), torch.ones(1, 8, 8), torch.ones(1, 8, 8))
ORDER = {"Linf": np.inf, "L2": 2}
Trained = Callable[[str, int], TrainedModel]


def prepared(trained: TrainedModel, held_out: Records) -> tuple[PyTorchClassifier, np.ndarray, np.ndarray]:
    x = trained.preprocessing(torch.from_numpy(held_out.x)).numpy()
    classifier = PyTorchClassifier(trained.network, nn.CrossEntropyLoss(), (1, 8, 8), 10, clip_values=(0.0, 1.0), device_type="cpu")
    return classifier, x, held_out.y


def survivors(network: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    with torch.no_grad():
        return float((network(torch.from_numpy(x)).argmax(dim=1).numpy() == y).mean())


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 0.05), ("L2", 0.4)])
@pytest.mark.parametrize(("model", "steps"), [("Linear", 200), ("CNN", 60)])
def test_pgd_is_as_strong_as_art_s(
    train: Trained, digits: tuple[Records, Records], model: str, steps: int, norm: Norm, radius: float
) -> None:
    trained = train(model, steps)
    classifier, x, y = prepared(trained, digits[1].take(np.arange(180)))
    theirs = ProjectedGradientDescentPyTorch(
        classifier, norm=ORDER[norm], eps=radius, eps_step=2.5 * radius / 40, max_iter=40, num_random_init=1, batch_size=512, verbose=False
    ).generate(x, y)
    settings = RobustnessEvaluation(norm=norm, radius=radius, steps=40)
    ours = gradient_attack(trained.network, cross_entropy, settings, PIXELS, seed=0, random_start=True)(x, y, radius)
    found, expected = survivors(trained.network, ours, y), survivors(trained.network, theirs, y)
    assert survivors(trained.network, x, y) > 0.9
    assert expected < 0.85
    assert found == pytest.approx(expected, abs=0.025)


def under_square(trained: TrainedModel, x: np.ndarray, y: np.ndarray, norm: Norm, radius: float) -> float:
    def scores(batch: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return trained.network(torch.from_numpy(batch)).numpy()

    found = square(
        scores,
        x,
        y,
        norm=norm,
        radius=radius,
        lower=PIXELS.lower,
        upper=PIXELS.upper,
        attackable=PIXELS.attackable,
        queries=200,
        rng=np.random.default_rng(0),
    )
    return survivors(trained.network, found, y)


def test_square_is_as_strong_as_art_s_for_the_same_queries(train: Trained, digits: tuple[Records, Records]) -> None:
    trained = train("CNN", 60)
    classifier, x, y = prepared(trained, digits[1].take(np.arange(120)))
    theirs = SquareAttack(classifier, norm=np.inf, eps=0.08, max_iter=200, nb_restarts=1, batch_size=128, verbose=False).generate(x, y)
    ours = under_square(trained, x, y, "Linf", 0.08)
    assert ours < survivors(trained.network, x, y) - 0.2
    assert ours <= survivors(trained.network, theirs, y) + 0.05


def test_square_breaks_images_in_l2(train: Trained, digits: tuple[Records, Records]) -> None:
    """ART's own divides by zero on images as small as these, so there is no oracle but the accuracy without attack."""
    trained = train("CNN", 60)
    _, x, y = prepared(trained, digits[1].take(np.arange(120)))
    assert under_square(trained, x, y, "L2", 0.8) < survivors(trained.network, x, y) - 0.2
