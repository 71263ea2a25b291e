"""Geometry of the ball around each record: steps, random starts and projections, record by record."""

from __future__ import annotations

import torch
from torch import Tensor

from moorage_api.robustness import Norm
from moorage_training.adversarial.draws import Draws


def ascent(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction of steepest ascent with norm 1, for each record; zero where the gradient is."""
    if norm == "Linf":
        return gradient.sign()
    return gradient / _lengths(gradient).clamp_min(1e-12)


def project(delta: Tensor, norm: Norm, radius: float) -> Tensor:
    """The point of each record's ball that is nearest to `delta`."""
    if norm == "Linf":
        return delta.clamp(-radius, radius)
    return delta * (radius / _lengths(delta).clamp_min(1e-12)).clamp(max=1.0)


def draw(like: Tensor, norm: Norm, radius: float, draws: Draws) -> Tensor:
    """A uniform point of each record's ball."""
    if norm == "Linf":
        return (draws.uniform(like) * 2 - 1) * radius
    direction = draws.normal(like)
    share = draws.uniform(like.new_empty((len(like), *[1] * (like.dim() - 1))))
    return direction / _lengths(direction).clamp_min(1e-12) * radius * share ** (1 / max(1, like[0].numel()))


def _lengths(x: Tensor) -> Tensor:
    """L2 norm of each record, shaped to broadcast."""
    lengths: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return lengths.view(-1, *[1] * (x.dim() - 1))
