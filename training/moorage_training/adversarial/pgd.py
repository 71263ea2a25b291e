"""Projected gradient descent (Madry et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moorage_api.robustness import Norm
from moorage_training.adversarial.ball import ascent, draw, project
from moorage_training.adversarial.draws import Draws
from moorage_training.adversarial.undisturbed import undisturbed
from moorage_training.loss_parts import RecordLoss


def pgd(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    norm: Norm,
    radius: float,
    steps: int,
    step_size: float,
    lower: Tensor | None,
    upper: Tensor | None,
    attackable: Tensor | None,
    loss: RecordLoss,
    start: Draws | None,
) -> Tensor:
    """Scaled records x [N, ...] -> their adversarial versions, detached, within `radius` of x in `norm` and within the bounds.

    Each record's version depends on that record, the weights and its share of `start`'s draws (None: start at x), never on other records:
    losses are summed, and eval mode leaves no layer that mixes records. The last iterate is returned.
    """
    x = x.detach()
    if len(x) == 0:
        return x
    mask = torch.ones_like(x[:1]) if attackable is None else attackable

    def within(candidate: Tensor) -> Tensor:
        if lower is not None:
            candidate = torch.maximum(candidate, lower)
        return candidate if upper is None else torch.minimum(candidate, upper)

    delta = draw(x, norm, radius, start) * mask if start is not None else torch.zeros_like(x)
    with undisturbed(network):
        for _ in range(steps):
            candidate = within(x + delta).requires_grad_(True)
            (gradient,) = torch.autograd.grad(loss(network(candidate), y).sum(), candidate)
            moved = candidate.detach() + step_size * ascent(gradient * mask, norm)
            delta = project((moved - x) * mask, norm, radius)
    return within(x + delta).detach()
