"""The fast gradient sign method (Goodfellow et al. 2015): one step of full length from the record itself."""

from __future__ import annotations

from torch import Tensor, nn

from moorage_api.robustness import Norm
from moorage_training.adversarial.pgd import pgd
from moorage_training.loss_parts import RecordLoss


def fgsm(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    norm: Norm,
    radius: float,
    lower: Tensor | None,
    upper: Tensor | None,
    attackable: Tensor | None,
    loss: RecordLoss,
) -> Tensor:
    """Scaled records x [N, ...] -> their adversarial versions; under L2 the step goes along the gradient."""
    return pgd(
        network,
        x,
        y,
        norm=norm,
        radius=radius,
        steps=1,
        step_size=radius,
        lower=lower,
        upper=upper,
        attackable=attackable,
        loss=loss,
        start=None,
    )
