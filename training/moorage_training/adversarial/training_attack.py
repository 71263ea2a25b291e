"""The attack that adversarial training asks for, with its defaults filled in."""

from __future__ import annotations

from torch import Tensor, nn

from moorage_api.robustness import Adversarial
from moorage_training.adversarial.draws import Draws
from moorage_training.adversarial.fgsm import fgsm
from moorage_training.adversarial.pgd import pgd
from moorage_training.loss_parts import RecordLoss
from moorage_training.preprocessing import Preprocessing

DEFAULT_STEPS = 7
DEFAULT_REACH = 2.5
"""Steps times step size over radius, as Madry et al. chose it: far enough to reach any point of the ball and correct itself."""


def craft(network: nn.Module, x: Tensor, y: Tensor, settings: Adversarial, space: Preprocessing, loss: RecordLoss, draws: Draws) -> Tensor:
    """Scaled records -> their adversarial versions at the network's current weights."""
    if settings.method == "FGSM":
        return fgsm(
            network,
            x,
            y,
            norm=settings.norm,
            radius=settings.radius,
            lower=space.lower,
            upper=space.upper,
            attackable=space.attackable,
            loss=loss,
        )
    steps = settings.steps or DEFAULT_STEPS
    return pgd(
        network,
        x,
        y,
        norm=settings.norm,
        radius=settings.radius,
        steps=steps,
        step_size=settings.step_size or DEFAULT_REACH * settings.radius / steps,
        lower=space.lower,
        upper=space.upper,
        attackable=space.attackable,
        loss=loss,
        start=draws,
    )
