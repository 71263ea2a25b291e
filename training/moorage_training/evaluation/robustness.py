"""Accuracy under attack, by attack and radius, and whether the figures can be trusted.

An example that an attack crafted on the exported weights breaks a record only if the served graph, run by onnxruntime, is
wrong about it. Radii are taken in ascending order; a record broken at one radius is broken at every larger one, since the
same example lies in the larger ball.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moorage_training.evaluation.attacks.attack import Attack, FloatArray, IntArray, ScaledSpace
from moorage_training.evaluation.served import ServedModel

CHUNK_VALUES = 2**22
"""The most input values that are attacked at once; bounds memory for large images."""


@dataclass(frozen=True)
class SanityCheck:
    """What a sound attack achieves when it may go anywhere (Carlini et al. 2019, "On Evaluating Adversarial Robustness").

    accuracy: under gradient attacks from the records themselves at `radius`, a ball that covers the whole input space.
    ceiling: what it must fall to: chance or, where some coordinates may not be perturbed, what random input leaves if that is more.
    """

    radius: float
    accuracy: float
    ceiling: float

    @property
    def passed(self) -> bool:
        """False where gradients are masked: then the attacks are weak and the robust accuracy means little."""
        return self.accuracy <= self.ceiling


@dataclass(frozen=True)
class RobustAccuracy:
    """Accuracy of the attacked records, by radius ascending.

    clean: with no attack. by_attack: under each attack alone. worst: of the records that withstand all attacks.
    """

    records: int
    clean: float
    by_attack: dict[str, dict[float, float]]
    worst: dict[float, float]


def robust_accuracy(model: ServedModel, attacks: list[Attack], x: FloatArray, y: IntArray, radii: list[float]) -> RobustAccuracy:
    """Attack every correctly classified record of `x` `[N, ...]` (scaled), N >= 1, at every radius. `model` takes scaled input."""
    correct = model.logits(x).argmax(axis=1) == y
    by_attack: dict[str, dict[float, float]] = {}
    surviving = {radius: correct.copy() for radius in sorted(radii)}
    for attack in attacks:
        standing = correct.copy()
        by_attack[attack.name] = {}
        for radius, survivors in surviving.items():
            standing &= withstands(model, attack, x, y, standing, radius)
            by_attack[attack.name][radius] = float(standing.mean())
            survivors &= standing
    worst = {radius: float(survivors.mean()) for radius, survivors in surviving.items()}
    return RobustAccuracy(len(x), float(correct.mean()), by_attack, worst)


def withstands(
    model: ServedModel, attack: Attack, x: FloatArray, y: IntArray, standing: npt.NDArray[np.bool_], radius: float
) -> npt.NDArray[np.bool_]:
    """Which of the `standing` records `[N]` no try of the attack breaks."""
    left = standing.copy()
    chunk = max(1, CHUNK_VALUES // max(1, x[0].size))
    for _ in range(attack.tries):
        indices = np.flatnonzero(left)
        for start in range(0, len(indices), chunk):
            some = indices[start : start + chunk]
            proposals = attack.perturb(x[some], y[some], radius)
            left[some] = model.logits(proposals).argmax(axis=1) == y[some]
    return left


def sanity_check(
    model: ServedModel, attacks: list[Attack], x: FloatArray, y: IntArray, space: ScaledSpace, radius: float, seed: int
) -> SanityCheck:
    """Attack without limits; `attacks` must start from the record itself, or a random start hides that nothing moves it."""
    logits = model.logits(x)
    standing = logits.argmax(axis=1) == y
    for attack in attacks:
        standing &= withstands(model, attack, x, y, standing, radius)
    ceiling = 1.0 / logits.shape[1]
    if not space.attackable.all():
        ceiling = max(ceiling, _accuracy_of_noise(model, x, y, space, radius, seed))
    return SanityCheck(radius, float(standing.mean()), ceiling)


def _accuracy_of_noise(model: ServedModel, x: FloatArray, y: IntArray, space: ScaledSpace, radius: float, seed: int) -> float:
    """Accuracy where every attackable coordinate is drawn uniformly from its bounds, or from `radius` around the record."""
    low = np.maximum(space.lower, x - np.float32(radius))
    high = np.minimum(space.upper, x + np.float32(radius))
    noise = np.random.default_rng(seed).random(x.shape, dtype=np.float32)
    noisy = np.where(space.attackable, low + noise * (high - low), x)
    return float((model.logits(noisy).argmax(axis=1) == y).mean())
