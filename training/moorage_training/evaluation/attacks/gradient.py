"""White-box attacks: PGD on the exported weights, towards cross-entropy or towards the margin."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from moorage_api.robustness import RobustnessEvaluation
from moorage_training.adversarial.draws import SequenceDraws
from moorage_training.adversarial.pgd import pgd
from moorage_training.adversarial.training_attack import DEFAULT_REACH
from moorage_training.evaluation.attacks.attack import FloatArray, IntArray, Perturb, ScaledSpace
from moorage_training.loss_parts import RecordLoss


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Of each record `[N]` (Madry et al. 2018)."""
    return functional.cross_entropy(logits, y, reduction="none")


def margin_loss(logits: Tensor, y: Tensor) -> Tensor:
    """How far the best other score leads the label's `[N]` (Carlini and Wagner 2017); its gradient never saturates."""
    label = logits.gather(1, y[:, None])
    others = logits.masked_fill(functional.one_hot(y, logits.shape[1]).bool(), -torch.inf)
    return others.amax(dim=1) - label[:, 0]


def gradient_attack(
    network: nn.Module, loss: RecordLoss, settings: RobustnessEvaluation, space: ScaledSpace, *, seed: int, random_start: bool
) -> Perturb:
    """PGD with `settings.steps` steps, as long as in training for the same number, on a GPU where this process has one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.to(device)
    lower, upper = torch.from_numpy(space.lower).to(device), torch.from_numpy(space.upper).to(device)
    attackable = torch.from_numpy(space.attackable).to(device, torch.float32)
    draws = SequenceDraws(seed, device) if random_start else None

    def perturb(x: FloatArray, y: IntArray, radius: float) -> FloatArray:
        adversarial = pgd(
            network,
            torch.from_numpy(x).to(device),
            torch.from_numpy(y).to(device),
            norm=settings.norm,
            radius=radius,
            steps=settings.steps,
            step_size=DEFAULT_REACH * radius / settings.steps,
            lower=lower,
            upper=upper,
            attackable=attackable,
            loss=loss,
            start=draws,
        )
        found: FloatArray = adversarial.cpu().numpy()
        return found

    return perturb
