"""Which attacks a configuration asks for, ready to run."""

from __future__ import annotations

import numpy as np
from torch import nn

from moorage_api.robustness import RobustnessEvaluation
from moorage_training.evaluation.attacks.attack import Attack, FloatArray, IntArray, ScaledSpace
from moorage_training.evaluation.attacks.gradient import cross_entropy, gradient_attack, margin_loss
from moorage_training.evaluation.attacks.square import square
from moorage_training.evaluation.served import ServedModel

SQUARE_QUERIES = 500
"""Evaluations that the Square attack may spend on a record at a radius."""
LOSSES = {"PGD": cross_entropy, "Margin": margin_loss}


def attacks_for(settings: RobustnessEvaluation, network: nn.Module, served: ServedModel, space: ScaledSpace, seed: int) -> list[Attack]:
    """The attacks of `settings`, each once, gradient attacks with their random starts. `served` takes scaled input."""
    attacks = []
    for name in dict.fromkeys(settings.attacks):
        if name == "Square":
            attacks.append(_square_attack(settings, served, space, seed))
        else:
            perturb = gradient_attack(network, LOSSES[name], settings, space, seed=seed, random_start=True)
            attacks.append(Attack(name, perturb, settings.restarts))
    return attacks


def sanity_attacks_for(
    settings: RobustnessEvaluation, network: nn.Module, served: ServedModel, space: ScaledSpace, seed: int
) -> list[Attack]:
    """The gradient attacks of `settings` from the records themselves; the Square attack where there is none."""
    gradient = [
        Attack(name, gradient_attack(network, LOSSES[name], settings, space, seed=seed, random_start=False), 1)
        for name in dict.fromkeys(settings.attacks)
        if name in LOSSES
    ]
    return gradient or [_square_attack(settings, served, space, seed)]


def _square_attack(settings: RobustnessEvaluation, served: ServedModel, space: ScaledSpace, seed: int) -> Attack:
    rng = np.random.default_rng(seed)

    def perturb(x: FloatArray, y: IntArray, radius: float) -> FloatArray:
        return square(
            served.logits,
            x,
            y,
            norm=settings.norm,
            radius=radius,
            lower=space.lower,
            upper=space.upper,
            attackable=space.attackable,
            queries=SQUARE_QUERIES,
            rng=rng,
        )

    return Attack("Square", perturb, 1)
